"""Every mutation as a client would write it, and its answer."""

import re
from functools import cache
from typing import Any

from graphql import build_schema

from tests.client import Api
from tests.gateway import ROOT

_ERRORS = """
  replayed
  errors {
    __typename code message path httpStatus retryable moneyMovement
    ... on InsufficientFundsError {
      balance { amount currency } requested { amount } shortfall { amount currency }
    }
    ... on IdempotencyKeyReusedError { mismatchedFields }
    ... on StaleVersionError { currentVersion }
    ... on PaymentDeclinedError { declineCode userMessage nextAttemptAt }
    ... on TransitionNotAllowedError { from to }
  }
"""
_CUSTOMER = """customer {
  id email name phoneNumber metadata preferredLocale blockedAt anonymisedAt version
  billingAddress { country city state street zipcode }
}"""
_WALLET = "wallet { id balance { amount } lowBalanceThreshold { amount } sequence version }"
_SOURCE = """source {
  id type status usage flow customerId isDefault duplicateOf statementDescriptor metadata version amount { amount }
  currency owner { name } mandate { status reference } redirect { url status } codeVerification { attemptsRemaining }
  card { brand last4 expYear } bankAccount { last4 country }
}"""
_HOLDING = f"""{_SOURCE} customer {{
  id version defaultSource {{ id }} sources {{ nodes {{ id isDefault status customer {{ id }} }} totalCount }}
}}"""
_CHECKOUT = """checkoutSession {
  id status purpose currency verified attempts paymentId sourceId returnUrl cancelUrl expiresAt completedAt metadata
  totalAmount { amount currency } tax { amount } paymentStatus customer { id }
  lines { name quantity amount { amount } unitAmount { amount } tax { amount } }
}"""
_REFUND = """refund {
  id status destination amount { amount currency } tax { amount } sourceAmount { amount } walletAmount { amount }
  isPartial reason failureReason voidedAt metadata items { itemId amount { amount } tax { amount } } version
}"""
_DISPUTE = """dispute {
  id status stage amount { amount currency } walletAmount { amount } walletShortfall { amount }
  evidence { stage text } respondBy version
}"""
_PAYMENT = """payment {
  id status purpose customerId sourceId paymentMethod paymentProvider outcomeUnknown actionUrl retryOfId version
  totalAmount { amount currency } walletAmount { amount } sourceAmount { amount } tax { amount }
  errorCode errorMessage decline { type userError autoRetryable customerMessage }
  card { lastFour network } lines { itemId name quantity amount { amount } tax { amount } }
  attempts { number kind state declineCode rawCode }
}"""
_SELECTIONS = {
    "customerCreate": _CUSTOMER,
    "customerUpdate": _CUSTOMER,
    "customerDelete": _CUSTOMER,
    "customerBlock": _CUSTOMER,
    "customerUnblock": _CUSTOMER,
    "sourceCreate": f"{_SOURCE} clientSecret",
    "sourceUpdate": _SOURCE,
    "sourceVerify": _SOURCE,
    "sourceAttach": _HOLDING,
    "sourceDetach": f"{_HOLDING} affectedSubscriptions",
    "customerSessionCreate": "customerSession { id customerId expiresAt customer { name } } token",
    "ledgerEntryCreate": """ledgerEntry {
      id sequence isCredit eventType reason funding expiresAt idempotencyKey metadata hash contraAccount
      amount { amount currency } beforeBalance { amount } afterBalance { amount } actor { type id }
      lots { amount { amount } lot { id status } }
    } """
    + _WALLET,
    "walletUpdate": _WALLET,
    **dict.fromkeys(("paymentCreate", "paymentRetry", "paymentCancel", "walletTopUp"), _PAYMENT),
    "lotUpdateExpiry": "lot { id expiresAt status }",
    "documentLinkCreate": "document { id } htmlUrl pdfUrl expiresAt",
    "documentLinksRevoke": "document { id }",
    "checkoutSessionCreate": _CHECKOUT + " checkoutUrl token",
    "checkoutSessionExpire": _CHECKOUT,
    "refundCreate": _REFUND,
    "refundVoid": _REFUND,
    "disputeAccept": _DISPUTE,
    "disputeChallenge": _DISPUTE,
    "simulatorScript": "queued",
    "apiKeyCreate": "apiKey { id name prefix scopes revokedAt } secret",
    "apiKeyRevoke": "apiKey { id revokedAt }",
}
MUTATIONS = tuple(_SELECTIONS)
_CHANGES = build_schema((ROOT / "schema/schema.graphql").read_text()).mutation_type
_DESCRIBED = _CHANGES.fields if _CHANGES else {}


def document(mutation: str) -> str:
    kind = mutation[0].upper() + mutation[1:] + "Input"
    return (
        f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {_SELECTIONS[mutation]} {_ERRORS} }} }}"
    )


async def change(client: Api, mutation: str, **given: Any) -> Any:
    """The payload of a mutation, refused or not, with a code that its description names (A8)."""
    payload = (await client.execute(document(mutation), input=given))[mutation]
    codes = {error["code"] for error in payload["errors"]}
    assert codes <= named(mutation), f"{mutation} does not name {codes - named(mutation)}"
    return payload


@cache
def named(mutation: str) -> frozenset[str]:
    """The error codes that a mutation's description names, with those of another that it refers to."""
    words = re.findall(r"`(\w+)`", _DESCRIBED[mutation].description or "")
    others = [named(word) for word in words if word in _DESCRIBED and word != mutation]
    return frozenset(words).union(*others)


async def done(client: Api, mutation: str, **given: Any) -> Any:
    """The payload of a mutation that must not be refused."""
    payload = await change(client, mutation, **given)
    assert payload["errors"] == []
    return payload


async def refused(client: Api, mutation: str, **given: Any) -> Any:
    """The one error of a mutation that must be refused; its objects are null."""
    payload = await change(client, mutation, **given)
    (error,) = payload["errors"]
    assert [name for name, value in payload.items() if name not in {"errors", "replayed"} and value] == []
    assert payload["replayed"] is False
    return error


async def a_new_customer(client: Api, **given: Any) -> str:
    payload = await done(client, "customerCreate", **{"email": "aiko@example.com", "name": "Aiko", **given})
    return str(payload["customer"]["id"])


def an_entry(customer_id: str, **given: Any) -> dict[str, Any]:
    """The input of a credit of 50.00 USD, but for what is given."""
    return {
        "customerId": customer_id,
        "currency": "USD",
        "amount": 5000,
        "entryType": "CREDIT",
        "idempotencyKey": "deposit_pay_1",
        **given,
    }
