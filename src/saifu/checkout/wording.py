"""What a payer reads of declines, refusals and instruments (PM32, PM87)."""

from collections.abc import Mapping
from typing import Any

import orjson

from saifu.processors.declines import DECLINES, DeclineCode
from saifu.refusals import ErrorCode, Refusal
from saifu.tables import Payment, Source

from .texts import Words

_DECLINES: Mapping[DeclineCode, str] = {
    DeclineCode.AUTHENTICATION_FAILURE: "decline_authentication",
    DeclineCode.AUTHENTICATION_REQUIRED: "decline_authentication",
    DeclineCode.AUTHENTICATION_TIMEOUT: "decline_authentication",
    DeclineCode.CARD_VELOCITY_EXCEEDED: "decline_limit",
    DeclineCode.CUSTOMER_CANCELLED: "problem_cancelled_text",
    DeclineCode.EXPIRED_CARD: "decline_expired",
    DeclineCode.INCORRECT_CVC: "decline_cvc",
    DeclineCode.INCORRECT_NUMBER: "decline_number",
    DeclineCode.INSUFFICIENT_FUNDS: "decline_funds",
    DeclineCode.INVALID_CARD_NUMBER: "decline_number",
    DeclineCode.INVALID_CVC: "decline_cvc",
    DeclineCode.INVALID_EXPIRY_YEAR: "decline_expired",
    DeclineCode.ISSUER_UNAVAILABLE: "decline_later",
    DeclineCode.LIMIT_EXCEEDED: "decline_limit",
    DeclineCode.NETWORK_ERROR: "decline_later",
    DeclineCode.NETWORK_TIMEOUT: "decline_later",
    DeclineCode.ORDER_CREATION_FAILED: "decline_later",
    DeclineCode.PAYMENT_METHOD_PROVIDER_DECLINED: "decline_method",
    DeclineCode.PAYMENT_METHOD_UNSUPPORTED: "decline_method",
    DeclineCode.PROCESSING_ERROR: "decline_later",
    DeclineCode.PROVIDER_UNSUPPORTED: "decline_method",
    DeclineCode.REENTER_TRANSACTION: "decline_later",
    DeclineCode.TRY_AGAIN_LATER: "decline_later",
    DeclineCode.UNKNOWN_ERROR: "decline_later",
}
"""What a payer reads of a decline; every other, and every one that is masked, is the plain one (PM32)."""
assert not any(DECLINES[code].masked for code in _DECLINES)

FIELDS: Mapping[str, tuple[str, str]] = {
    "INCORRECT_NUMBER": ("card_number", "error_number"),
    "INVALID_CARD_NUMBER": ("card_number", "error_number"),
    "TEST_CARD_REQUIRED": ("card_number", "error_test_card"),
    "INVALID_EXPIRY_YEAR": ("card_expiry", "error_expiry"),
    "INVALID_CVC": ("card_cvc", "error_cvc"),
    "INVALID_BANK_ACCOUNT_IBAN": ("iban", "error_iban"),
    "INVALID_OWNER_NAME": ("account_name", "error_required"),
}
"""Which field a code is about, and what is said beneath it."""

_BRANDS = {
    "visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "discover": "Discover",
    "diners": "Diners Club", "jcb": "JCB", "unionpay": "UnionPay", "rupay": "RuPay",
}  # fmt: skip
_CENTURY = 2000


def decline(words: Words, code: str | None) -> str:
    """A decline in words."""
    return words(_DECLINES.get(DeclineCode(code), "decline_generic") if code else "decline_generic")


def problem(words: Words, heading: str, text: str | None = None) -> dict[str, str]:
    """What stands above the form."""
    return {"heading": words(heading), "text": text or ""}


def of_payment(words: Words, payment: Payment) -> dict[str, str]:
    """Why the last attempt was none."""
    if payment.status == "cancelled":
        return problem(words, "problem_cancelled", words("problem_cancelled_text"))
    return problem(words, "problem_declined", decline(words, payment.error_code))


def of_refusal(words: Words, refusal: Refusal) -> dict[str, str]:
    """Why something could not even be tried."""
    if refusal.manner.retryable or refusal.code is ErrorCode.TOO_MANY_REQUESTS:
        return problem(words, "problem_declined", words("error_connection"))
    return problem(words, "problem_method", words("problem_method_text"))


def source(words: Words, row: Source) -> dict[str, str]:
    """A saved instrument as a payer knows it."""
    detail = orjson.loads(row.detail_json or "{}")
    return {"label": instrument(words, row.type, detail), "note": _expiry(words, detail)}


def instrument(words: Words, kind: str, detail: Mapping[str, Any]) -> str:
    """Such as "Visa ending in 4242"."""
    last4 = detail.get("last4") or "····"
    if kind != "card":
        return words("account_ending", last4=last4)
    brand = str(detail.get("brand") or "")
    return words("card_ending", brand=_BRANDS.get(brand, brand.title() or words("card")), last4=last4)


def _expiry(words: Words, detail: Mapping[str, Any]) -> str:
    year, month = detail.get("exp_year"), detail.get("exp_month")
    if not year or not month:
        return ""
    year = int(year)
    return words("expires", date=words.month(year if year >= _CENTURY else _CENTURY + year, int(month)))
