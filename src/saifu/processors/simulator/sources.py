"""Sources that have no token: bank debits, redirects and transfers (sources.md §2, PM93)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import orjson

from saifu.processors.contract import CallbackKind, Pending, SourceOrder
from saifu.processors.declines import DeclineCode
from saifu.refusals import ErrorCode, Refusal
from saifu.sources import iban
from saifu.store import Tx
from saifu.tables import SimulatorInstrument

from . import callbacks
from . import house as houses
from .accounts import IBANS, IDEAL, TRANSFER, UPI_IDS, US_ACCOUNTS
from .house import House, hashed
from .instruments import CHARGEABLE, INSTRUMENTS, PENDING, instrument
from .tokens import declined

SECONDS = timedelta(seconds=3)
"""After which `…_chargeable@example.com` is chargeable by itself (PM93)."""

DEFAULT_TRANSFER_MINOR = 100_000
ROUTING_NUMBER = "110000000"
_BY_ITSELF = re.compile(r"(?:(?:.*_)?(?P<amount>[0-9]{1,12})|.*)_chargeable@example\.com", re.IGNORECASE)
_BANK_CODES: Mapping[str, slice] = MappingProxyType({"DE": slice(4, 12), "AT": slice(4, 9)})


@dataclass(frozen=True, slots=True)
class Made:
    """What becomes of an order: how it behaves, how it begins, and what may be shown of it."""

    behaviour: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    status: str = PENDING
    number: str | None = None
    has_page: bool = False
    receives: bool = False


def create(tx: Tx, house: House, order: SourceOrder, page_url: Callable[[str], str]) -> Pending:
    """Begin a source; the same reference gets the same one.

    Args:
        page_url: makes the address of a page from its token.

    Raises:
        Refusal: PAYMENT_METHOD_UNSUPPORTED, INVALID_BANK_ACCOUNT_IBAN, UNSUPPORTED_PAYMENT_CURRENCY,
            TEST_CARD_REQUIRED for an account that might be real, INVALID_REQUEST_PARAMETERS.
        Declined: INVALID_UPI_ID.
    """
    ref = house.name("src", order.reference)
    houses.lock(tx)
    row = INSTRUMENTS.get(tx, ref) or _made(tx, house, ref, order)
    token = house.page_token(ref)
    return Pending(
        ref,
        orjson.loads(row.detail_json),
        redirect_url=page_url(token) if row.page_hash else None,
        receiver_address=_address(ref) if row.type == "ach_credit_transfer" else None,
        fingerprint=row.fingerprint,
    )


def _made(tx: Tx, house: House, ref: str, order: SourceOrder) -> SimulatorInstrument:
    make = _MAKERS.get(order.type)
    if make is None:
        raise Refusal(
            ErrorCode.PAYMENT_METHOD_UNSUPPORTED,
            f"The simulator has no {order.type}; it has card, {', '.join(_MAKERS)}.",
            ("input", "type"),
        )
    made = make(order)
    itself = _BY_ITSELF.fullmatch(str(order.owner.get("email") or "")) if made.status == PENDING else None
    columns: dict[str, Any] = {
        "status": made.status,
        "detail_json": orjson.dumps(made.detail).decode(),
        "fingerprint": house.fingerprint(f"{order.type}:{made.number}") if made.number else None,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "return_url": order.return_url,
        "page_hash": hashed(house.page_token(ref)) if made.has_page else None,
    }
    if itself and (made.has_page or made.receives):
        columns |= {"next_status": CHARGEABLE, "due_at": tx.now + SECONDS}
        about = callbacks.About(CallbackKind.SOURCE, order.reference, ref)
        callbacks.plan(tx, house, about, [callbacks.Notice(CHARGEABLE, tx.now + SECONDS)])
    if itself and made.receives:
        columns["received_minor"] = int(itself["amount"] or DEFAULT_TRANSFER_MINOR)
    plain = instrument(ref, order.reference, order.type, made.behaviour, tx.now)
    return tx.insert(SimulatorInstrument(**{**plain, **columns}))


def _sepa_debit(order: SourceOrder) -> Made:
    _only(order, "EUR")
    number = iban.checked(order.given.get("iban", ""))
    account = IBANS.get(number)
    if account is None:
        raise _not_published("iban")
    detail = {"country": number[:2], "bank_code": number[_BANK_CODES[number[:2]]], "last4": number[-4:]}
    return Made(account.slug, detail, CHARGEABLE, number)


def _ach_debit(order: SourceOrder) -> Made:
    _only(order, "USD")
    account = US_ACCOUNTS.get(order.given.get("account_number", ""))
    if account is None:
        raise _not_published("accountNumber")
    detail = {
        "country": "US",
        "bank_name": "Simulated Bank",
        "routing_number": ROUTING_NUMBER,
        "last4": account.number[-4:],
    }
    return Made(account.slug, detail, number=account.number)


def _ideal(order: SourceOrder) -> Made:
    _only(order, "EUR")
    return Made(IDEAL.slug, {"bank": "simulated"}, has_page=True)


def _upi(order: SourceOrder) -> Made:
    _only(order, "INR")
    if _country(order.owner) != "IN":
        raise Refusal(
            ErrorCode.PAYMENT_METHOD_UNSUPPORTED, "UPI is for customers in India.", ("input", "owner")
        )
    account = UPI_IDS.get(order.given.get("vpa", "").strip().lower())
    if account is None:
        raise declined(DeclineCode.INVALID_UPI_ID, "vpa")
    return Made(account.slug, {"handle": "upi"}, number=account.number, has_page=True)


def _ach_credit_transfer(order: SourceOrder) -> Made:
    _only(order, "USD")
    detail = {"bank_name": "Simulated Bank", "routing_number": ROUTING_NUMBER}
    return Made(TRANSFER.slug, detail, receives=True)


_MAKERS: Mapping[str, Callable[[SourceOrder], Made]] = MappingProxyType(
    {
        "sepa_debit": _sepa_debit,
        "ach_debit": _ach_debit,
        "ideal": _ideal,
        "upi": _upi,
        "ach_credit_transfer": _ach_credit_transfer,
    }
)


def _only(order: SourceOrder, currency: str) -> None:
    if order.currency not in (None, currency):
        raise Refusal(
            ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY,
            f"A source of type {order.type} is in {currency}.",
            ("input", "currency"),
        )


def _not_published(name: str) -> Refusal:
    return Refusal(
        ErrorCode.TEST_CARD_REQUIRED,
        "Only published test accounts are taken here. Nothing was kept of this one.",
        ("input", name),
    )


def _country(owner: Mapping[str, Any]) -> str | None:
    address = owner.get("address") or {}
    return address.get("country")


def _address(ref: str) -> str:
    """Where the money is sent to: routing number and an account that nobody has."""
    return f"{ROUTING_NUMBER}-{ref[-12:].upper()}"
