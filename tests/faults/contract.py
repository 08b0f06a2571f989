"""The public contract as the fault tests speak it: documents, and what their answers mean."""

import time
from collections.abc import Mapping
from typing import Any

from tests.faults.journal import (
    Acked,
    Attempt,
    Entry,
    Intent,
    NeverSent,
    Outcome,
    Post,
    Refused,
    Unclassified,
    Unknown,
)
from tests.wire import Lost, NotSent, Wire

ENTRY = """
    id sequence isCredit amount { amount currency } beforeBalance { amount } afterBalance { amount } idempotencyKey
"""

POST = f"""
mutation ($input: LedgerEntryCreateInput!) {{ ledgerEntryCreate(input: $input) {{
  ledgerEntry {{ {ENTRY} }} replayed
  errors {{ code message httpStatus retryable moneyMovement
    ... on InsufficientFundsError {{ balance {{ amount }} requested {{ amount }} shortfall {{ amount }} }} }} }} }}
"""

WALLET = """
query ($customerId: ID!, $currency: Currency!) {
  wallet(customerId: $customerId, currency: $currency) { sequence balance { amount } } }
"""

OPERATION = """
query ($key: String!, $customerId: ID!) {
  operation(idempotencyKey: $key, customerId: $customerId) { mutation result { id } } }
"""

CUSTOMER = """
mutation ($input: CustomerCreateInput!) { customerCreate(input: $input) {
  customer { id wallets { balance { amount currency } } } replayed errors { code message } } }
"""

ANYTIME = frozenset({"SERVICE_UNAVAILABLE"})
"""Refusals that any request may meet: the gateway says that it could not, and that nothing was done."""

ACCEPTABLE: Mapping[Intent, frozenset[str]] = {
    Intent.FRESH: ANYTIME | {"INSUFFICIENT_WALLET_FUNDS"},
    Intent.DOUBLE: ANYTIME | {"INSUFFICIENT_WALLET_FUNDS"},
    Intent.REPEAT: ANYTIME,
    Intent.REUSE: ANYTIME | {"IDEMPOTENCY_KEY_REUSED"},
    Intent.RACE: ANYTIME | {"INSUFFICIENT_WALLET_FUNDS", "IDEMPOTENCY_KEY_REUSED"},
    Intent.RESOLVE: ANYTIME | {"INSUFFICIENT_WALLET_FUNDS", "IDEMPOTENCY_KEY_REUSED"},
}
"""The refusals that each kind of request may get. A predicate for all of them would hide errors."""
assert ACCEPTABLE.keys() == set(Intent)

UNKNOWN_CODE = "OUTCOME_UNKNOWN"


async def send(wire: Wire, post: Post, intent: Intent) -> Attempt:
    """Send a post once and write down what came of it."""
    sent_at = time.monotonic()
    outcome: Outcome
    try:
        status, body = await wire.execute(POST, **post.variables())
        outcome = judge(post, intent, status, body)
    except NotSent:
        outcome = NeverSent()
    except Lost as lost:
        outcome = Unknown(str(lost))
    return Attempt(post, intent, sent_at, time.monotonic(), outcome)


def judge(post: Post, intent: Intent, status: int, body: Any) -> Outcome:
    """What an answer says; `Unclassified` when it is none that this request may get."""
    try:
        payload = body["data"]["ledgerEntryCreate"]
        errors, entry = payload["errors"], payload["ledgerEntry"]
        if status != 200 or body.get("errors") or len(errors) > 1 or bool(errors) == bool(entry):
            return Unclassified(f"{status} {body}")
        return _refusal(post, intent, errors[0]) if errors else _acknowledgement(post, intent, payload)
    except (KeyError, TypeError) as fault:
        return Unclassified(f"{status} {body} ({fault!r})")


def _acknowledgement(post: Post, intent: Intent, payload: Mapping[str, Any]) -> Outcome:
    entry, replayed = entry_of(post.customer_id, payload["ledgerEntry"]), bool(payload["replayed"])
    if not entry.is_of(post):
        return Unclassified(f"another entry than asked for: {entry}")
    if intent is Intent.REUSE or (intent is Intent.REPEAT and not replayed):
        return Unclassified(f"a known key posted again: {entry}")
    return Acked(entry, replayed)


def _refusal(post: Post, intent: Intent, error: Mapping[str, Any]) -> Outcome:
    code, movement = error["code"], error["moneyMovement"]
    if code == UNKNOWN_CODE and movement == "UNKNOWN":
        return Unknown(code)
    short = code == "INSUFFICIENT_WALLET_FUNDS"
    if movement != "NONE" or code not in ACCEPTABLE[intent] or (short and not _short(post, error)):
        return Unclassified(str(error))
    return Refused(code, error["balance"]["amount"] if short else None)


def _short(post: Post, error: Mapping[str, Any]) -> bool:
    balance, requested, shortfall = (error[n]["amount"] for n in ("balance", "requested", "shortfall"))
    return not post.is_credit and requested == post.amount_minor and shortfall == requested - balance > 0


def entry_of(customer_id: str, node: Mapping[str, Any]) -> Entry:
    """A `LedgerEntry` of the contract, selected with `ENTRY`."""
    return Entry(
        id=node["id"],
        customer_id=customer_id,
        currency=node["amount"]["currency"],
        sequence=node["sequence"],
        is_credit=node["isCredit"],
        amount_minor=node["amount"]["amount"],
        before_minor=node["beforeBalance"]["amount"],
        after_minor=node["afterBalance"]["amount"],
        key=node["idempotencyKey"],
    )
