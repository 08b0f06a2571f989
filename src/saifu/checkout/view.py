"""What the templates are given: everything in words already, nothing that a payer may not see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from saifu.payments.rules import PaymentRules

from . import rows, urls, wording
from .orders import types_offered
from .rows import Purpose
from .standing import Standing, State
from .texts import Words

BACK_AFTER_S = 5
CARD_CHOICE, SEPA_CHOICE, BALANCE_CHOICE = "card", "sepa_debit", "balance"
TEST_CARDS = (
    ("4242 4242 4242 4242", "succeeds"),
    ("5555 5555 5555 4444", "succeeds"),
    ("4000 0000 0000 3220", "confirms"),
    ("4000 0082 6000 3178", "confirms_declines"),
    ("4000 0000 0000 0002", "declines"),
    ("4000 0000 0000 9995", "funds"),
    ("4000 0000 0000 0127", "cvc"),
)
"""Those of payments.md §9 that show each thing the page can do (PM88)."""
_SCHEMES = {"light": "light", "dark": "dark", "system": "light dark"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where and for whom a page is written.

    Attributes:
        path: of the page, with the link's token.
        tokens_at: where the card form sends card data, and the key that Stripe's own form wants; one of them at most.
    """

    words: Words
    path: str
    csrf: str
    tokens_at: str | None = None
    stripe_key: str | None = None

    @property
    def takes_cards(self) -> bool:
        return self.tokens_at is not None or self.stripe_key is not None


@dataclass(frozen=True, slots=True)
class Entered:
    """What a form held that could not be taken: it is shown again, except for card data."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: Mapping[str, str] | None = None


def page(standing: Standing, place: Place, rules: PaymentRules) -> dict[str, Any]:
    """What every page of a session has."""
    theme = rows.options(standing.session)["theme"]
    return {
        **bare(place.words, rules, theme),
        "path": place.path,
        "state": standing.state.value,
        "session_id": standing.session.id,
        "cancel_url": standing.session.cancel_url,
    }


def bare(words: Words, rules: PaymentRules, theme: str = "system") -> dict[str, Any]:
    """What every page has, also one of no session."""
    return {
        "lang": words.language,
        "theme": theme,
        "color_scheme": _SCHEMES[theme],
        "business": rules.business_name,
        "initial": rules.business_name[:1].upper(),
        "contact": rules.business_contact,
        "test_mode": rules.is_test,
        "state": "gone",
        "cancel_url": None,
    }


def heading(standing: Standing, words: Words, rules: PaymentRules) -> str:
    """What the visitor is here for, in one line."""
    purpose = Purpose(standing.session.purpose)
    if purpose is Purpose.PAYMENT:
        return words("pay_heading", business=rules.business_name)
    return words("top_up_heading" if purpose is Purpose.TOP_UP else "mandate_heading")


def summary(standing: Standing, words: Words, rules: PaymentRules) -> dict[str, Any]:
    """What is to be paid, and for what."""
    session = standing.session
    mandate = session.purpose == Purpose.MANDATE
    shows = rows.options(session)["show_order_details"]

    def amount(amount_minor: int) -> str:
        return words.amount(amount_minor, session.currency)

    return {
        "heading": heading(standing, words, rules),
        "amount": "" if mandate else amount(session.total_minor),
        "text": words("mandate_lead", business=rules.business_name) if mandate else "",
        "tax": amount(session.tax_minor) if session.tax_minor else "",
        "lines": [
            {
                "name": line["name"],
                "description": line["description"],
                "pieces": _pieces(words, line, session.currency),
                "amount": amount(line["amount"]),
            }
            for line in (rows.lines(session) if shows else ())
        ],
    }


def form(standing: Standing, place: Place, rules: PaymentRules, entered: Entered) -> dict[str, Any]:
    """The form of an open session."""
    session, words = standing.session, place.words
    types = [kind for kind in _types(standing) if kind != CARD_CHOICE or place.takes_cards]
    wallet = _wallet(standing, place, entered)
    choices = _choices(standing, words, types, entered)
    covers_all = bool(wallet) and standing.split is not None and not standing.split.source_minor
    payable = bool(choices) or covers_all
    return {
        "csrf": place.csrf,
        "attempt": session.attempts + 1,
        "tokens_at": place.tokens_at,
        "stripe_key": place.stripe_key,
        "types": types,
        "choices": choices,
        "payable": payable,
        "wallet": wallet,
        "covers_all": covers_all,
        "total_minor": session.total_minor,
        "asks_payer": session.customer_id is None,
        "asks_name": rows.options(session)["require_cardholder_name"],
        "offers_keeping": session.verified and session.purpose != Purpose.MANDATE,
        "mandate_text": words("mandate_text", business=rules.business_name),
        "button": _button(standing, words),
        "filled": {"email": "", "account_name": "", "keep": "", **entered.values},
        "errors": dict(entered.errors),
        "problem": _problem(standing, words, rules, entered, payable),
        "test_cards": _test_cards(words) if place.tokens_at else [],
        "failed_return": back(standing) if standing.payment is not None else None,
        "give_up": words("return_unpaid", business=rules.business_name),
    }


def message(standing: Standing, place: Place, rules: PaymentRules, onward: bool) -> dict[str, Any]:
    """A page without a form. With `onward` the visitor is taken to the bank at once."""
    state, words = standing.state, place.words
    said = _done(standing, words, rules) if state is State.DONE else _told(state, words, rules)
    return {**_NOTHING, **said, **_leading(standing, place, rules, onward)}


def plain(words: Words, key: str, **values: str) -> dict[str, Any]:
    """A message of no session: `gone`, `back`."""
    found = {"heading": words(f"{key}_heading"), "text": words(f"{key}_text", **values)}
    return {**_NOTHING, "kind": "plain", **found}


def back(standing: Standing) -> str | None:
    """Where the visitor goes afterwards, with what came of it (PM80)."""
    session, payment = standing.session, standing.payment
    if session.return_url is None:
        return None
    outcome = {"status": payment.status if payment else "succeeded"}
    if payment is not None:
        outcome["payment_id"] = payment.id
    if session.source_id is not None and payment is None:
        outcome["source_id"] = session.source_id
    email = standing.customer.email if standing.customer else rows.visitor(session).get("email")
    if email:
        outcome["email"] = email
    return urls.with_outcome(session.return_url, outcome)


def _leading(standing: Standing, place: Place, rules: PaymentRules, onward: bool) -> dict[str, Any]:
    """Where a message leads: to the bank, back to the shop, or nowhere."""
    words, state, url = place.words, standing.state, back(standing)
    if state is State.ACTION:
        bank = _bank(standing)
        return {
            "link": {"url": bank, "text": words("action_link")},
            "forward": {"url": bank, "after_s": 0} if onward else None,
            "give_up": words("action_give_up"),
            "csrf": place.csrf,
        }
    if url is None or state in (State.WAITING, State.EXPIRED):
        return {"note": words("may_close") if state in (State.DONE, State.ACCEPTED) else ""}
    after_s = 0 if rows.options(standing.session)["redirect_immediately"] else BACK_AFTER_S
    return {
        "link": {"url": url, "text": words("return_to", business=rules.business_name)},
        "forward": {"url": url, "after_s": after_s},
        "note": words("returning"),
    }


def _bank(standing: Standing) -> str:
    action = orjson.loads(standing.payment.action_json or "{}") if standing.payment else {}
    return str(action.get("url") or "")


def _done(standing: Standing, words: Words, rules: PaymentRules) -> dict[str, Any]:
    if standing.payment is None:
        return {"kind": "good", "heading": words("saved_heading"), "text": words("saved_text")}
    return {
        "kind": "good",
        "heading": words("success_heading"),
        "text": words("success_text", business=rules.business_name),
        "facts": _facts(standing, words),
        "shows_amount": True,
    }


def _facts(standing: Standing, words: Words) -> list[dict[str, str]]:
    payment = standing.payment
    assert payment is not None
    facts = [{"name": words("reference"), "value": payment.id}]
    if payment.wallet_minor:
        value = words.amount(payment.wallet_minor, payment.currency)
        facts.append({"name": words("from_balance"), "value": value})
    if payment.instrument_json:
        detail = orjson.loads(payment.instrument_json)
        shown = wording.instrument(words, detail["type"], detail)
        facts.append({"name": words("paid_by"), "value": shown})
    return facts


_NOTHING: Mapping[str, Any] = {
    "kind": "plain", "facts": [], "link": None, "forward": None, "give_up": None, "csrf": "", "note": "",
    "waits": False, "shows_amount": False,
}  # fmt: skip


class _Said(NamedTuple):
    """A message that says the same whatever was paid: its sign, and the keys of its heading and its text."""

    kind: str
    heading: str
    text: str
    waits: bool = False


_SAID: Mapping[State, _Said] = {
    State.ACTION: _Said("wait", "action_heading", "action_text", waits=True),
    State.WAITING: _Said("wait", "waiting_heading", "waiting_text", waits=True),
    State.ACCEPTED: _Said("good", "accepted_heading", "accepted_text"),
    State.FAILED: _Said("bad", "failed_heading", "failed_text"),
    State.EXHAUSTED: _Said("bad", "exhausted_heading", "failed_text"),
    State.EXPIRED: _Said("plain", "expired_heading", "expired_text"),
}
assert _SAID.keys() == set(State) - {State.OPEN, State.DONE}


def _told(state: State, words: Words, rules: PaymentRules) -> dict[str, Any]:
    said = _SAID[state]
    text = words(said.text, business=rules.business_name)
    return {"kind": said.kind, "heading": words(said.heading), "text": text, "waits": said.waits}


def _problem(
    standing: Standing, words: Words, rules: PaymentRules, entered: Entered, payable: bool
) -> Mapping[str, str] | None:
    """What stands above the form: what is wrong with it, or why the last attempt was none."""
    if not payable:
        text = words("problem_unavailable_text", business=rules.business_name)
        return wording.problem(words, "problem_unavailable", text)
    if entered.problem is not None or standing.payment is None:
        return entered.problem
    return wording.of_payment(words, standing.payment)


def _types(standing: Standing) -> list[str]:
    session = standing.session
    allowed = rows.options(session)["allowed_types"]
    types = types_offered(Purpose(session.purpose), session.currency, tuple(allowed) if allowed else None)
    # What no instrument can be asked for, the balance pays alone (W45).
    charged = session.purpose == Purpose.MANDATE or standing.whole is not None or bool(_rest(standing))
    return types if charged else []


def _rest(standing: Standing) -> int:
    return standing.split.source_minor if standing.split else 0


def _choices(standing: Standing, words: Words, types: list[str], entered: Entered) -> list[dict[str, Any]]:
    saved = [{"value": row.id, **wording.source(words, row)} for row in standing.saved]
    new = {CARD_CHOICE: "new_card" if saved else "card", SEPA_CHOICE: "sepa_debit"}
    offered = [*saved, *({"value": kind, "label": words(new[kind]), "note": ""} for kind in types)]
    wanted = entered.values.get("method")
    chosen = next((each["value"] for each in offered if each["value"] == wanted), None)
    first = chosen or (offered[0]["value"] if offered else None)
    return [{**each, "chosen": each["value"] == first} for each in offered]


def _wallet(standing: Standing, place: Place, entered: Entered) -> dict[str, Any] | None:
    """The balance, where it could pay something (PM74)."""
    split, words, currency = standing.split, place.words, standing.session.currency
    if split is None or not split.wallet_minor:
        return None
    alone = not split.source_minor
    shown = split.wallet_minor if alone else split.source_minor
    return {
        "used": not entered.values or entered.values.get("use_balance") == "yes",
        "available": words("balance_available", amount=words.amount(standing.balance_minor, currency)),
        "pays": words.amount(split.wallet_minor, currency),
        "rest": words.amount(split.source_minor, currency),
        "rest_minor": split.source_minor,
        "button": words("pay_with_balance" if alone else "pay", amount=words.amount(shown, currency)),
    }


def _button(standing: Standing, words: Words) -> str:
    session = standing.session
    if session.purpose == Purpose.MANDATE:
        return words("save_method")
    return words("pay", amount=words.amount(session.total_minor, session.currency))


def _pieces(words: Words, line: Mapping[str, Any], currency: str) -> str:
    if line["quantity"] == 1:
        return ""
    price = words.amount(line["unit_amount"], currency)
    return words("pieces", quantity=line["quantity"], price=price)


def _test_cards(words: Words) -> list[dict[str, str]]:
    return [{"number": number, "result": words(f"test_result_{result}")} for number, result in TEST_CARDS]
