// The checkout page works without this file. With it, card data goes from the form straight to the tokenisation
// endpoint, mistakes are told before anything is sent, and the page follows the payment live.
"use strict";
(() => {
  const POLL_MS = 2500;
  const form = document.getElementById("pay");
  if (form) pays(form);
  const poll = document.body.dataset.poll;
  if (poll && document.body.dataset.page) follows(poll);
  const problem = document.querySelector(".problem[tabindex]");
  if (problem) problem.focus();
  // A page that the browser shows again out of its memory may tell of the past.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  function pays(form) {
    const button = form.querySelector("button.primary");
    if (!button) return;
    const status = form.querySelector(".status");
    const texts = form.dataset;
    const card = texts.stripe ? stripeCard(texts.stripe, document.getElementById("stripe-card")) : null;
    let sending = false;
    form.noValidate = true;
    tidies(form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (sending) return;
      clear(form);
      const wanted = chosen(form);
      if (!check(form, wanted, Boolean(card))) return;
      busy(true);
      try {
        if (wanted === "card") await tokenise();
        form.submit();
      } catch (problem) {
        busy(false);
        const field = form.elements[problem.field] || form.elements.card_number;
        const text = problem.text || texts.failed;
        if (field) tell(field, text);
        else if (card) { document.getElementById("card_number-error").textContent = text; }
        else status.textContent = text;
        if (field) field.focus();
      }
    });

    function busy(now) {
      sending = now;
      button.setAttribute("aria-disabled", String(now));
      button.querySelector(".busy").hidden = !now;
      for (const words of button.querySelectorAll(".words")) words.hidden = now;
      if (now) status.textContent = "";
    }

    async function tokenise() {
      form.elements.token.value = card ? await card.token(form) : await simulated(form, texts);
      // From here on nothing of the page knows the card but the token.
      for (const name of ["card_number", "card_expiry", "card_cvc"]) {
        const field = form.elements[name];
        if (field) field.removeAttribute("name");
      }
    }
  }

  function chosen(form) {
    const covered = form.classList.contains("covered") && form.elements.use_balance?.checked;
    return covered ? "balance" : form.elements.method?.value;
  }

  async function simulated(form, texts) {
    const [month, year] = expiry(form.elements.card_expiry.value);
    const answer = await fetch(texts.tokens, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      credentials: "omit",
      body: JSON.stringify({
        number: digits(form.elements.card_number.value),
        exp_month: month,
        exp_year: year,
        cvc: digits(form.elements.card_cvc.value),
        name: form.elements.card_name?.value || undefined,
      }),
    });
    const body = await answer.json();
    if (answer.ok) return body.id || body.token;
    // The server has the words for it, in the language of the page.
    const places = { INCORRECT_NUMBER: ["card_number", texts.number], INVALID_CARD_NUMBER: ["card_number", texts.number],
      TEST_CARD_REQUIRED: ["card_number", texts.testCard], INVALID_EXPIRY_YEAR: ["card_expiry", texts.expiry],
      INVALID_CVC: ["card_cvc", texts.cvc] };
    const [field, text] = places[body.code || body.error?.code] || ["card_number", texts.failed];
    throw { field, text };
  }

  function stripeCard(key, place) {
    const stripe = window.Stripe(key);
    const style = getComputedStyle(document.body);
    const element = stripe.elements().create("card", { style: { base: {
      color: style.color, fontSize: "16px", fontFamily: style.fontFamily } } });
    element.mount(place);
    return {
      async token(form) {
        const name = form.elements.card_name?.value || undefined;
        const made = await stripe.createPaymentMethod({ type: "card", card: element, billing_details: { name } });
        if (made.error) throw { field: "", text: made.error.message };
        return made.paymentMethod.id;
      },
    };
  }

  function check(form, wanted, hosted) {
    const texts = form.dataset;
    const rules = [["email", (value) => (/^[^@\s]+@[^@\s]+$/.test(value.trim()) ? "" : texts.email)]];
    if (wanted === "card" && !hosted) {
      rules.push(["card_number", (value) => (luhn(digits(value)) ? "" : texts.number)]);
      rules.push(["card_expiry", (value) => (expiry(value) ? "" : texts.expiry)]);
      rules.push(["card_cvc", (value) => (/^\d{3,4}$/.test(value.trim()) ? "" : texts.cvc)]);
    }
    if (wanted === "card") rules.push(["card_name", () => ""]);
    if (wanted === "sepa_debit") {
      rules.push(["iban", (value) => (value.replace(/\s/g, "").length >= 15 ? "" : texts.iban)]);
      rules.push(["account_name", () => ""]);
    }
    let first = null;
    for (const [name, wrong] of rules) {
      const field = form.elements[name];
      if (!field) continue;
      const text = field.value.trim() ? wrong(field.value) : texts.required;
      if (text) { tell(field, text); first = first || field; }
    }
    if (first) first.focus();
    return !first;
  }

  function tell(field, text) {
    field.setAttribute("aria-invalid", "true");
    document.getElementById(`${field.id}-error`).textContent = text;
  }

  function clear(form) {
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    for (const error of form.querySelectorAll(".error")) error.textContent = "";
  }

  function tidies(form) {
    const { card_number: number, card_expiry: date, card_cvc: code } = form.elements;
    number?.addEventListener("input", () => keepCaret(number, digits(number.value).slice(0, 19).replace(/(.{4})(?=.)/g, "$1 ")));
    date?.addEventListener("input", (event) => {
      if (event.inputType?.startsWith("delete")) return;
      let given = digits(date.value).slice(0, 6);
      if (/^[2-9]/.test(given)) given = `0${given}`;
      date.value = given.length > 2 ? `${given.slice(0, 2)} / ${given.slice(2)}` : given.length === 2 ? `${given} / ` : given;
    });
    code?.addEventListener("input", () => { code.value = digits(code.value).slice(0, 4); });
  }

  function keepCaret(field, value) {
    const before = digits(field.value.slice(0, field.selectionStart ?? 0)).length;
    field.value = value;
    let at = 0;
    for (let seen = 0; at < value.length && seen < before; at += 1) if (/\d/.test(value[at])) seen += 1;
    field.setSelectionRange(at, at);
  }

  function digits(text) { return text.replace(/\D/g, ""); }

  function luhn(number) {
    if (number.length < 12 || number.length > 19) return false;
    let sum = 0;
    for (let at = 0; at < number.length; at += 1) {
      let digit = Number(number[number.length - 1 - at]);
      if (at % 2) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
      sum += digit;
    }
    return sum % 10 === 0;
  }

  function expiry(text) {
    const found = /^\s*(\d{1,2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(text);
    if (!found) return null;
    const month = Number(found[1]);
    const year = Number(found[2].length === 2 ? `20${found[2]}` : found[2]);
    return month >= 1 && month <= 12 ? [month, year] : null;
  }

  // The state is asked for; what the stream says is only that it is time to ask.
  function follows(poll) {
    const { session, page, state } = document.body.dataset;
    let asking = false;
    const ask = async () => {
      if (asking) return;
      asking = true;
      try {
        const answer = await fetch(poll, { headers: { accept: "application/json" } });
        if (answer.ok && (await answer.json()).state !== state) location.replace(page);
      } catch { /* the next round asks again */ } finally { asking = false; }
    };
    setInterval(ask, POLL_MS);
    listen(session, page.split("/").pop(), ask).catch(() => {});
  }

  async function listen(session, token, heard) {
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${token}` },
      body: JSON.stringify({
        query: "subscription ($id: ID!) { checkoutSessionUpdated(id: $id) { __typename } }",
        variables: { id: session },
      }),
    });
    if (!answer.ok || !answer.body) return;
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (decoder.decode(value, { stream: true }).includes("event: next")) heard();
    }
  }
})();
