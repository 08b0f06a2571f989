// What every script shares: cases that report one line of JSON each, plain requests to prepare data with, and inboxes
// for streams. A script is run as `node script.mjs <url> <key>`.
import { WebSocket } from "ws";

export { WebSocket };
export const [url, key] = process.argv.slice(2);
export const wsUrl = url.replace(/^http/, "ws");
export const headers = { authorization: `Bearer ${key}` };
export const WRONG_KEY = `${key}-not`;

const CASE_WITHIN_MS = 15_000;
const STEP_WITHIN_MS = 5_000;

/** Runs cases one after another, `{name: async () => …}`; a case passes when it does not throw. */
export async function run(cases) {
  for (const [name, play] of Object.entries(cases)) {
    const report = { name, ok: true, detail: "" };
    try {
      await within(CASE_WITHIN_MS, play());
    } catch (error) {
      Object.assign(report, { ok: false, detail: told(error) });
    }
    say(report);
  }
  process.exit(0);
}

/** Asks whoever started the script to do something, such as `restart`, and waits until it is done. */
export async function please(wish) {
  const answer = new Promise((resolve) => process.stdin.once("data", resolve));
  process.stdin.resume();
  say({ please: wish });
  await answer;
  process.stdin.pause();
}

export function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What a stream delivers, to be taken one by one. */
export class Inbox {
  #waiting = [];
  #items = [];

  put = (value) => this.#deliver({ value });
  fail = (error) => this.#deliver({ error });
  end = () => this.#deliver({ ended: true });

  /** The next value; throws what the stream failed with. */
  async take() {
    const { value, error, ended } = await this.#next();
    if (ended) throw new Error("the stream ended");
    if (error !== undefined) throw error;
    return value;
  }

  /** What the stream failed with. */
  async failure() {
    const { value, error, ended } = await this.#next();
    if (error === undefined) throw new Error(`expected a failure: ${ended ? "it ended" : JSON.stringify(value)}`);
    return error;
  }

  /** Waits until the stream has ended well. */
  async ended() {
    const { value, error, ended } = await this.#next();
    if (error !== undefined) throw error;
    if (!ended) throw new Error(`expected the end: ${JSON.stringify(value)}`);
  }

  #deliver(item) {
    const taker = this.#waiting.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  #next() {
    const here = this.#items.shift();
    return here ? here : within(STEP_WITHIN_MS, new Promise((resolve) => this.#waiting.push(resolve)));
  }
}

/** A `fetch` that remembers each exchange: `{method, url, accept, body, status, type, text}`; `text` of short answers. */
export function recorded(exchanges, options = {}) {
  return async (target, init = {}) => {
    const sent = new Headers(init.headers);
    for (const [name, value] of Object.entries(options.headers ?? {})) sent.set(name, value);
    const response = await fetch(target, { ...init, headers: sent });
    const type = response.headers.get("content-type") ?? "";
    exchanges.push({
      method: init.method ?? "GET",
      url: String(target),
      accept: sent.get("accept"),
      body: init.body,
      status: response.status,
      type,
      text: /event-stream|multipart/.test(type) ? "" : await response.clone().text(),
    });
    return response;
  };
}

/** The data of a plain request that must succeed. */
export async function ask(query, variables = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

export async function newCustomer(name = "Aiko") {
  const input = { email: "aiko@example.com", name };
  const query = `mutation ($input: CustomerCreateInput!) {
    customerCreate(input: $input) { customer { id } errors { code } } }`;
  return (await ask(query, { input })).customerCreate.customer.id;
}

let credits = 0;

export function aCredit(customerId, amount) {
  credits += 1;
  return { customerId, currency: "USD", amount, entryType: "CREDIT", idempotencyKey: `credit-${credits}` };
}

export async function credit(customerId, amount) {
  const query = `mutation ($input: LedgerEntryCreateInput!) {
    ledgerEntryCreate(input: $input) { ledgerEntry { id } errors { code } } }`;
  return (await ask(query, { input: aCredit(customerId, amount) })).ledgerEntryCreate.ledgerEntry.id;
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function told(error) {
  const more = error?.cause ? `\ncause: ${told(error.cause)}` : "";
  return error instanceof Error ? `${error.stack}${more}` : `${JSON.stringify(error)} ${String(error)}`;
}
