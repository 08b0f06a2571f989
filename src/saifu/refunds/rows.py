"""Refund rows: how they are read, what events show of them, and how they change."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Integer, bindparam, update
from sqlmodel import col, select

from saifu.clock import rfc3339
from saifu.fields import storable
from saifu.paging import Listing
from saifu.refusals import ErrorCode, Refusal
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Instant, Refund

from .amounts import ItemRefund
from .split import Shares


class RefundStatus(StrEnum):
    """How a refund stands (payments.md §5). `review`, a check by hand, is made by nothing here and so is no member."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Destination(StrEnum):
    """Where the money of a refund goes (W56)."""

    ORIGINAL = "ORIGINAL"
    WALLET = "WALLET"


class NetworkReferenceType(StrEnum):
    """What kind of number a customer's bank can search for (payments.md §5)."""

    ACQUIRER_REFERENCE_NUMBER = "acquirer_reference_number"
    SYSTEM_TRACE_AUDIT_NUMBER = "system_trace_audit_number"
    RETRIEVAL_REFERENCE_NUMBER = "retrieval_reference_number"
    OTHER = "other"


_TABLE = Refund.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    *("amount_minor", "wallet_minor", "status", "is_partial", "failure_reason", "processor_ref"),
    *("network_reference", "network_reference_type", "voided_at", "looks"),
    *("next_look_at", "deadline_at", "needs_review_at"),
)

_BY_ID = select(Refund).where(col(Refund.id) == bindparam("refund_id"))
_LOCKED = _BY_ID.with_for_update()
_OF_PAYMENTS = (
    select(Refund)
    .where(any_of(col(Refund.payment_id), "payment_ids"))
    .order_by(col(Refund.created_at), col(Refund.id))
)
_DUE = (
    select(col(Refund.id))
    .where(col(Refund.next_look_at) <= bindparam("now", type_=Instant()))
    .order_by(col(Refund.next_look_at))
    .limit(bindparam("batch", type_=Integer))
)
_CLAIM = (
    update(Refund)
    .where(
        col(Refund.id) == bindparam("refund_id"),
        col(Refund.next_look_at) <= bindparam("now", type_=Instant()),
    )
    .values(next_look_at=bindparam("until", type_=Instant()), looks=col(Refund.looks) + 1)
)
# One statement for every change: what stays the same is written again.
_SAVE = (
    update(Refund)
    .where(col(Refund.id) == bindparam("refund_id"))
    .values(
        {
            **{name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS},
            "updated_at": bindparam("to_updated_at", type_=Instant()),
            "version": col(Refund.version) + 1,
        }
    )
)

LISTING: Listing[Refund] = Listing(
    Refund,
    orders={"CREATED_AT": [col(Refund.created_at), col(Refund.id)]},
    filters={
        "customer_id": col(Refund.customer_id) == bindparam("customer_id"),
        "payment_id": col(Refund.payment_id) == bindparam("payment_id"),
        "statuses": any_of(col(Refund.status), "statuses"),
        "created_at_gte": col(Refund.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(Refund.created_at) <= bindparam("created_at_lte"),
    },
    parent=col(Refund.payment_id),
)


def get(tx: Tx, refund_id: str) -> Refund | None:
    """The refund, not locked."""
    return tx.first(_BY_ID, refund_id=refund_id) if storable(refund_id) else None


def existing(tx: Tx, refund_id: str) -> Refund:
    """The refund, not locked.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = get(tx, refund_id)
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such refund.", ("input", "refundId"))
    return found


def locked(tx: Tx, refund_id: str) -> Refund:
    """The refund, of which we know that it is there, locked after its customer and its payment."""
    found = tx.first(_LOCKED, refund_id=refund_id)
    assert found is not None, f"no refund {refund_id}"
    return found


def of_payments(tx: Tx, payment_ids: Iterable[str]) -> dict[str, list[Refund]]:
    """Every refund of each payment, the oldest first; one statement for all."""
    found: dict[str, list[Refund]] = {payment_id: [] for payment_id in payment_ids}
    for refund in tx.all(_OF_PAYMENTS, payment_ids=list(found)):
        found[refund.payment_id].append(refund)
    return found


def counting(refunds: Iterable[Refund]) -> list[Refund]:
    """Those that take something of what can be refunded: under way, or done and not taken back (PM43, W62)."""
    return [refund for refund in refunds if refund.status != RefundStatus.FAILED and refund.voided_at is None]


def shares(refund: Refund) -> Shares:
    """The refund by who had paid the money."""
    return Shares(refund.of_source_minor, refund.amount_minor - refund.of_source_minor)


def items(refund: Refund) -> list[ItemRefund]:
    """What of which lines it returns; empty when it was of a sum."""
    return [ItemRefund(each["id"], each["amount"], each["tax"]) for each in orjson.loads(refund.items_json)]


def due(tx: Tx, batch: int) -> list[str]:
    """The ids of refunds at whose processor it is time to look, the longest overdue first."""
    return tx.all(_DUE, now=tx.now, batch=batch)


def claim(tx: Tx, refund_id: str, until: datetime) -> bool:
    """Take a refund that is due for oneself, until then; False when somebody else has."""
    return tx.run(_CLAIM, refund_id=refund_id, now=tx.now, until=until) == 1


def save(tx: Tx, refund: Refund, changes: Mapping[str, Any]) -> Refund:
    """Change columns of a refund whose lock the caller holds; answers with the row as it is then."""
    assert changes.keys() <= set(_COLUMNS), changes.keys()
    columns = {name: getattr(refund, name) for name in _COLUMNS} | dict(changes)
    tx.run(
        _SAVE,
        refund_id=refund.id,
        to_updated_at=max(tx.now, refund.updated_at),
        **{f"to_{name}": value for name, value in columns.items()},
    )
    return existing(tx, refund.id)


def snapshot(refund: Refund) -> dict[str, Any]:
    """A refund as events carry it (EV2): the whole record in snake_case."""
    return {
        "refund_id": refund.id,
        "payment_id": refund.payment_id,
        "customer_id": refund.customer_id,
        "amount": refund.amount_minor,
        "tax": refund.tax_minor,
        "source_amount": refund.source_minor,
        "wallet_amount": refund.wallet_minor,
        "currency": refund.currency,
        "destination": refund.destination,
        "status": refund.status,
        "is_partial": refund.is_partial,
        "reason": refund.reason,
        "failure_reason": refund.failure_reason,
        "items": [
            {"item_id": item.item_id, "amount": item.amount_minor, "tax": item.tax_minor}
            for item in items(refund)
        ],
        "metadata": orjson.loads(refund.metadata_json),
        "network_reference": refund.network_reference,
        "network_reference_type": refund.network_reference_type,
        "voided_at": None if refund.voided_at is None else rfc3339(refund.voided_at),
        "created_at": rfc3339(refund.created_at),
        "updated_at": rfc3339(refund.updated_at),
        "version": refund.version,
    }
