"""What an order may look like, whatever the database holds (PM24-PM26)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from saifu import fields
from saifu.checkout import urls
from saifu.refusals import ErrorCode, Refusal, invalid

from .orders import Line, PaymentOrder, Purpose
from .rules import PaymentRules

MAX_PAYMENT_MINOR = 999_999_999_999
MAX_LINES = 100
MAX_QUANTITY = 999_999
MAX_DESCRIPTION = 500
MAX_DESCRIPTOR = 22
_NOT_IN_DESCRIPTOR = frozenset("<>'\"\\")


def well_formed(order: PaymentOrder, rules: PaymentRules) -> PaymentOrder:
    """The order with its texts tidied and its amount known, or what is wrong with it.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED, TOKEN_WITH_CUSTOMER (SR64).
    """
    lines = [_line(given, index) for index, given in enumerate(_lines(order.lines))]
    amount_minor = _amount(order.amount_minor, lines)
    _refuse_instrument(order)
    return replace(
        order,
        amount_minor=amount_minor,
        lines=lines or [Line(_name(order), amount_minor)],
        description=_text(order.description, "description", MAX_DESCRIPTION),
        statement_descriptor=_descriptor(order.statement_descriptor),
        metadata=fields.metadata(order.metadata),
        billing_address=fields.billing_address(order.billing_address),
        return_url=urls.checked(order.return_url, not rules.is_test, "returnUrl"),
    )


def identity(order: PaymentOrder) -> dict[str, Any]:
    """What makes two orders the same (A31): whom, what, how much; descriptions are not part of it."""
    return {
        "customer_id": order.customer_id,
        "currency": order.currency,
        "amount": order.amount_minor,
        "source_id": order.source_id,
        "token": order.token,
        "use_wallet": order.use_wallet or None,
        "purpose": str(order.purpose),
        "on_session": order.on_session or None,
        "retry_of": order.retry_of,
        "lines": _identity_of(order.lines),
    }


def _identity_of(lines: Sequence[Line]) -> list[list[int]] | None:
    """What the lines cost; None where there is one, which the amount says all about."""
    parts = [[line.amount_minor, line.tax_minor, line.quantity] for line in lines]
    return parts if len(parts) > 1 or any(line.tax_minor for line in lines) else None


def _lines(lines: Sequence[Line]) -> Sequence[Line]:
    if len(lines) > MAX_LINES:
        raise invalid(f"A payment has at most {MAX_LINES} lines.", "lines")
    return lines


def _line(given: Line, index: int) -> Line:
    path = ("lines", index)
    if not 1 <= given.amount_minor <= MAX_PAYMENT_MINOR:
        raise invalid(f"A line is of 1 to {MAX_PAYMENT_MINOR} minor units.", *path, "amount")
    if not 0 <= given.tax_minor < given.amount_minor:
        raise invalid("The tax of a line is a part of its amount.", *path, "tax")
    if not 1 <= given.quantity <= MAX_QUANTITY:
        raise invalid(f"A quantity is 1 to {MAX_QUANTITY}.", *path, "quantity")
    name = fields.name(given.name, *path, "name")
    return replace(given, name=name, description=_text(given.description, "lines", MAX_DESCRIPTION))


def _amount(amount_minor: int | None, lines: Sequence[Line]) -> int:
    total = sum(line.amount_minor for line in lines)
    if amount_minor is None and not lines:
        raise invalid("A payment has an amount, or lines that add up to it.", "amount")
    if amount_minor is not None and lines and amount_minor != total:
        raise invalid(f"The lines add up to {total} minor units.", "amount")
    amount_minor = total if amount_minor is None else amount_minor
    if isinstance(amount_minor, bool) or not 1 <= amount_minor <= MAX_PAYMENT_MINOR:
        raise invalid(f"An amount is 1 to {MAX_PAYMENT_MINOR} minor units.", "amount")
    return amount_minor


def _refuse_instrument(order: PaymentOrder) -> None:
    if order.source_id is not None and order.token is not None:
        raise invalid("A charge names a source or a token, not both.", "token")
    if order.token is not None and order.customer_id is not None and not order.checkout_session_id:
        raise Refusal(
            ErrorCode.TOKEN_WITH_CUSTOMER,
            "A token is not charged for a customer: attach it first, then charge the source.",
            ("input", "token"),
        )
    if order.use_wallet and order.customer_id is None:
        raise invalid("Only a customer has a wallet.", "useWallet")
    if order.use_wallet and order.purpose == Purpose.WALLET_TOP_UP:
        raise invalid("A top-up is never paid from the wallet that it fills.", "useWallet")


def _name(order: PaymentOrder) -> str:
    described = (order.description or "").strip()
    return described[: fields.MAX_NAME] if described else "Payment"


def _descriptor(value: str | None) -> str | None:
    text = _text(value, "statementDescriptor", MAX_DESCRIPTOR)
    if text is not None and (text.isdigit() or _NOT_IN_DESCRIPTOR & set(text)):
        raise invalid(
            "A statement descriptor is not only digits, and has none of < > ' \" \\.", "statementDescriptor"
        )
    return text


def _text(value: str | None, field: str, longest: int) -> str | None:
    if value is None:
        return None
    text = value.strip()
    if len(text) > longest or not fields.storable(text):
        raise invalid(f"This text has at most {longest} characters, without NUL.", field)
    return text or None
