"""Payment rows: how they are read, what events show of them, and how they change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, literal_column, update
from sqlmodel import col, select

from saifu.clock import rfc3339
from saifu.fields import storable
from saifu.ids import new_id
from saifu.paging import Listing
from saifu.processors.declines import DECLINES, DeclineCode
from saifu.refusals import ErrorCode, Refusal
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Instant, Payment, PaymentAttempt

from .orders import Line

_TABLE = Payment.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    *("status", "wallet_minor", "source_minor", "source_id", "processor", "processor_ref"),
    *("payment_method", "instrument_json", "three_ds_json", "error_code", "raw_code", "outcome_unknown"),
    *("needs_review_at", "action_json", "customer_json", "billing_json", "refunded_minor", "refunding_minor"),
    *("expires_at", "succeeded_at", "description", "lines_json", "metadata_json"),
)
"""What of a payment may change: never how much was ordered, and no amount once it is terminal (PM4). Copies of the
person, and what was written about it, change when that person is deleted."""

_BY_ID = select(Payment).where(col(Payment.id) == bindparam("payment_id"))
_LOCKED = _BY_ID.with_for_update()
_LIVE_FOR = select(Payment).where(
    col(Payment.pays_for) == bindparam("pays_for"),
    col(Payment.status).not_in([literal_column("'failed'"), literal_column("'cancelled'")]),
)
_ATTEMPTS = (
    select(PaymentAttempt)
    .where(any_of(col(PaymentAttempt.payment_id), "payment_ids"))
    .order_by(col(PaymentAttempt.payment_id), col(PaymentAttempt.number))
)
# One statement for every change: what stays the same is written again.
_SAVE = (
    update(Payment)
    .where(col(Payment.id) == bindparam("payment_id"))
    .values(
        {
            **{name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS},
            "updated_at": bindparam("to_updated_at", type_=Instant()),
            "version": col(Payment.version) + 1,
        }
    )
)

LISTING: Listing[Payment] = Listing(
    Payment,
    orders={"CREATED_AT": [col(Payment.created_at), col(Payment.id)]},
    filters={
        "customer_id": col(Payment.customer_id) == bindparam("customer_id"),
        "statuses": any_of(col(Payment.status), "statuses"),
        "purpose": col(Payment.purpose) == bindparam("purpose"),
        "currency": col(Payment.currency) == bindparam("currency"),
        "source_id": col(Payment.source_id) == bindparam("source_id"),
        "checkout_session_id": col(Payment.checkout_session_id) == bindparam("checkout_session_id"),
        "needs_review": col(Payment.needs_review_at).is_not(None),
        "created_at_gte": col(Payment.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(Payment.created_at) <= bindparam("created_at_lte"),
    },
    parent=col(Payment.customer_id),
)


def get(tx: Tx, payment_id: str) -> Payment | None:
    """The payment, not locked."""
    return tx.first(_BY_ID, payment_id=payment_id) if storable(payment_id) else None


def existing(tx: Tx, payment_id: str) -> Payment:
    """The payment, not locked.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = get(tx, payment_id)
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such payment.", ("input", "paymentId"))
    return found


def locked(tx: Tx, payment_id: str) -> Payment:
    """The payment, locked until the commit. Its customer and then its source were locked before it.

    Raises:
        Refusal: NOT_FOUND.
    """
    existing(tx, payment_id)
    found = tx.first(_LOCKED, payment_id=payment_id)
    assert found is not None, "a payment is never deleted (PM4)"
    return found


def live_for(tx: Tx, pays_for: str) -> Payment | None:
    """The one payment for something that is live or has succeeded (invariant 11)."""
    return tx.first(_LIVE_FOR, pays_for=pays_for)


def attempts(tx: Tx, payment_ids: list[str]) -> dict[str, list[PaymentAttempt]]:
    """Every call to a processor about these payments, oldest first."""
    found: dict[str, list[PaymentAttempt]] = {payment_id: [] for payment_id in payment_ids}
    for attempt in tx.all(_ATTEMPTS, payment_ids=payment_ids):
        found[attempt.payment_id].append(attempt)
    return found


def save(tx: Tx, payment: Payment, changes: Mapping[str, Any]) -> Payment:
    """Change columns of a payment whose lock the caller holds; answers with the row as it is then."""
    assert changes.keys() <= set(_COLUMNS), changes.keys()
    columns = {name: getattr(payment, name) for name in _COLUMNS} | dict(changes)
    tx.run(
        _SAVE,
        payment_id=payment.id,
        to_updated_at=max(tx.now, payment.updated_at),
        **{f"to_{name}": value for name, value in columns.items()},
    )
    saved = get(tx, payment.id)
    assert saved is not None
    return saved


def line(given: Line) -> dict[str, Any]:
    """A line as `lines_json` holds it, with an id of its own."""
    return {
        "id": given.id or new_id("itm"),
        "name": given.name,
        "description": given.description,
        "quantity": given.quantity,
        "unit_amount": given.amount_minor if given.unit_minor is None else given.unit_minor,
        "amount": given.amount_minor,
        "tax": given.tax_minor,
        "tax_rate_bps": given.tax_rate_bps,
        "tax_inclusive": given.tax_inclusive,
    }


def lines(payment: Payment) -> list[dict[str, Any]]:
    """What was paid for: `id`, `name`, `description`, `quantity`, `unit_amount`, `amount` (with tax), `tax`.

    Also `tax_rate_bps`, where a rate was named, and `tax_inclusive`: whether `unit_amount` holds its tax.
    """
    found: list[dict[str, Any]] = orjson.loads(payment.lines_json)
    return found


def loaded(value: str | None) -> Any:
    """What a nullable JSON column holds."""
    return None if value is None else orjson.loads(value)


def refundable_minor(payment: Payment) -> int:
    """What has neither been given back nor is on its way back (PM43)."""
    if payment.status != "succeeded":
        return 0
    return payment.total_minor - payment.refunded_minor - payment.refunding_minor


def refund_status(payment: Payment) -> str | None:
    """`partial` or `full`, by the refunds that succeeded; None while there is none."""
    if not payment.refunded_minor:
        return None
    return "full" if payment.refunded_minor == payment.total_minor else "partial"


def told_to_customers(code: str | None) -> DeclineCode | None:
    """A decline as a customer may read it: never what would help a thief (PM32)."""
    if code is None:
        return None
    known = DeclineCode(code)
    return DeclineCode.GENERIC_DECLINE if DECLINES[known].masked else known


def decline(code: str | None) -> dict[str, Any] | None:
    """How a decline is to be taken (PM30): `type`, `user_error`, `auto_retryable`, `customer_message`."""
    if code is None:
        return None
    known = DECLINES[DeclineCode(code)]
    return {
        "type": known.type.value,
        "user_error": known.customer_can_fix,
        "auto_retryable": known.auto_retry,
        "customer_message": known.shown_as,
    }


def snapshot(payment: Payment) -> dict[str, Any]:
    """A payment as events carry it (EV2): the whole record in snake_case.

    A customer's own session reads the log too, so a masked decline is masked here; `Payment.errorCode` tells the
    merchant which it was (PM32). Where the customer confirms it is a secret of the two, and only in `Payment.actionUrl`
    (EV5).
    """
    code = told_to_customers(payment.error_code)
    return {
        "payment_id": payment.id,
        "status": payment.status,
        "purpose": payment.purpose,
        "currency": payment.currency,
        **_amounts(payment),
        "customer": loaded(payment.customer_json),
        "billing": loaded(payment.billing_json),
        "source_id": payment.source_id,
        "payment_method": payment.payment_method,
        "instrument": loaded(payment.instrument_json),
        "three_ds": loaded(payment.three_ds_json),
        "error_code": code,
        "decline": decline(code),
        "outcome_unknown": payment.outcome_unknown,
        "retry_of": payment.retry_of,
        "retry_attempt": payment.retry_attempt,
        "checkout_session_id": payment.checkout_session_id,
        "lines": lines(payment),
        "payment_provider": payment.processor,
        "description": payment.description,
        "statement_descriptor": payment.statement_descriptor,
        "metadata": orjson.loads(payment.metadata_json),
        "created_at": rfc3339(payment.created_at),
        "updated_at": rfc3339(payment.updated_at),
        "succeeded_at": _instant(payment.succeeded_at),
        "version": payment.version,
    }


def _amounts(payment: Payment) -> dict[str, Any]:
    return {
        "total_amount": payment.total_minor,
        "tax": payment.tax_minor,
        "wallet_amount": payment.wallet_minor,
        "source_amount": payment.source_minor,
        "settlement_currency": payment.currency,
        "settlement_amount": payment.total_minor,
        "settlement_tax": payment.tax_minor,
        "amount_refunded": payment.refunded_minor,
        "amount_refundable": refundable_minor(payment),
        "refund_status": refund_status(payment),
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else rfc3339(value)
