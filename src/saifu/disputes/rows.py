"""Dispute rows: how they are read, what events show of them, and how they change."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Integer, bindparam, case, update
from sqlmodel import col, select

from saifu.clock import rfc3339
from saifu.fields import storable
from saifu.paging import Listing
from saifu.refusals import ErrorCode, Refusal
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Dispute, Instant

from .transitions import DisputeStage, DisputeStatus, money_is_out, status_at

_TABLE = Dispute.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    *("stage", "status", "reason", "evidence_json", "respond_by", "asked", "next_look_at", "wallet_minor"),
    "wallet_shortfall_minor",
)

_BY_ID = select(Dispute).where(col(Dispute.id) == bindparam("dispute_id"))
_LOCKED = _BY_ID.with_for_update()
_AT_PROCESSOR = (
    select(Dispute)
    .where(
        col(Dispute.processor) == bindparam("processor"),
        col(Dispute.processor_ref) == bindparam("processor_ref"),
    )
    .with_for_update()
)
_OF_PAYMENTS = (
    select(Dispute)
    .where(any_of(col(Dispute.payment_id), "payment_ids"))
    .order_by(col(Dispute.created_at), col(Dispute.id))
)
_NOW = bindparam("as_of", type_=Instant())
_LATE = (
    (col(Dispute.status) == DisputeStatus.DISPUTE_OPENED)
    & col(Dispute.asked).is_(None)
    & (col(Dispute.respond_by) <= _NOW)
)
_EXPIRED = (
    select(col(Dispute.id))
    .where(_LATE)
    .order_by(col(Dispute.respond_by))
    .limit(bindparam("batch", type_=Integer))
)
_ASKED = (
    select(col(Dispute.id))
    .where(col(Dispute.next_look_at) <= bindparam("now", type_=Instant()))
    .order_by(col(Dispute.next_look_at))
    .limit(bindparam("batch", type_=Integer))
)
_CLAIM = (
    update(Dispute)
    .where(
        col(Dispute.id) == bindparam("dispute_id"),
        col(Dispute.next_look_at) <= bindparam("now", type_=Instant()),
    )
    .values(next_look_at=bindparam("until", type_=Instant()))
)
# One statement for every change: what stays the same is written again.
_SAVE = (
    update(Dispute)
    .where(col(Dispute.id) == bindparam("dispute_id"))
    .values(
        {
            **{name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS},
            "updated_at": bindparam("to_updated_at", type_=Instant()),
            "version": col(Dispute.version) + 1,
        }
    )
)

LISTING: Listing[Dispute] = Listing(
    Dispute,
    orders={"CREATED_AT": [col(Dispute.created_at), col(Dispute.id)]},
    filters={
        "customer_id": col(Dispute.customer_id) == bindparam("customer_id"),
        "payment_id": col(Dispute.payment_id) == bindparam("payment_id"),
        # A deadline that has passed counts, whether or not a job has seen it (PM53).
        "statuses": any_of(
            case((_LATE, DisputeStatus.DISPUTE_EXPIRED), else_=col(Dispute.status)), "statuses"
        ),
        "stages": any_of(col(Dispute.stage), "stages"),
        "created_at_gte": col(Dispute.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(Dispute.created_at) <= bindparam("created_at_lte"),
        # The instant that `statuses` wants; by itself it lets all through.
        "as_of": _NOW.is_not(None),
    },
    parent=col(Dispute.payment_id),
)


def get(tx: Tx, dispute_id: str) -> Dispute | None:
    """The dispute, not locked."""
    return tx.first(_BY_ID, dispute_id=dispute_id) if storable(dispute_id) else None


def existing(tx: Tx, dispute_id: str) -> Dispute:
    """The dispute, not locked.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = get(tx, dispute_id)
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such dispute.", ("input", "disputeId"))
    return found


def locked(tx: Tx, dispute_id: str) -> Dispute:
    """The dispute, of which we know that it is there, locked after its customer and its payment."""
    found = tx.first(_LOCKED, dispute_id=dispute_id)
    assert found is not None, f"no dispute {dispute_id}"
    return found


def at_processor(tx: Tx, processor: str, processor_ref: str) -> Dispute | None:
    """The dispute that a processor calls so, locked after its customer and its payment."""
    return tx.first(_AT_PROCESSOR, processor=processor, processor_ref=processor_ref)


def of_payments(tx: Tx, payment_ids: Iterable[str]) -> dict[str, list[Dispute]]:
    """Every dispute of each payment, the oldest first; one statement for all."""
    found: dict[str, list[Dispute]] = {payment_id: [] for payment_id in payment_ids}
    for dispute in tx.all(_OF_PAYMENTS, payment_ids=list(found)):
        found[dispute.payment_id].append(dispute)
    return found


def overdue(tx: Tx, batch: int) -> list[str]:
    """The ids of disputes that nobody has answered in time, the longest overdue first (PM53)."""
    return tx.all(_EXPIRED, as_of=tx.now, batch=batch)


def asked(tx: Tx, batch: int) -> list[str]:
    """The ids of disputes whose processor is to be asked again."""
    return tx.all(_ASKED, now=tx.now, batch=batch)


def claim(tx: Tx, dispute_id: str, until: datetime) -> bool:
    """Take a dispute whose processor is to be asked for oneself, until then; False when somebody else has."""
    return tx.run(_CLAIM, dispute_id=dispute_id, now=tx.now, until=until) == 1


def status_of(dispute: Dispute, now: datetime) -> DisputeStatus:
    """How it stands at an instant (PM53)."""
    return status_at(DisputeStatus(dispute.status), dispute.respond_by, dispute.asked, now)


def is_out(dispute: Dispute) -> bool:
    """Whether what it is about has left the merchant; a deadline that passes does not change that."""
    return money_is_out(DisputeStage(dispute.stage), DisputeStatus(dispute.status))


def evidence(dispute: Dispute) -> list[dict[str, Any]]:
    """What was submitted, one for each stage: `stage`, `text`, `submitted_at`."""
    found: list[dict[str, Any]] = orjson.loads(dispute.evidence_json)
    return found


def save(tx: Tx, dispute: Dispute, changes: Mapping[str, Any]) -> Dispute:
    """Change columns of a dispute whose lock the caller holds; answers with the row as it is then."""
    assert changes.keys() <= set(_COLUMNS), changes.keys()
    columns = {name: getattr(dispute, name) for name in _COLUMNS} | dict(changes)
    tx.run(
        _SAVE,
        dispute_id=dispute.id,
        to_updated_at=max(tx.now, dispute.updated_at),
        **{f"to_{name}": value for name, value in columns.items()},
    )
    return existing(tx, dispute.id)


def snapshot(dispute: Dispute) -> dict[str, Any]:
    """A dispute as events carry it (EV2), `amount` as a string as in the SDK (payments.md §6).

    Of the evidence it says when there was some: customers read their own events, and the text is the merchant's.
    """
    return {
        "dispute_id": dispute.id,
        "payment_id": dispute.payment_id,
        "customer_id": dispute.customer_id,
        "amount": str(dispute.amount_minor),
        "amount_minor": dispute.amount_minor,
        "currency": dispute.currency,
        "dispute_stage": dispute.stage,
        "dispute_status": dispute.status,
        "reason": dispute.reason,
        "remarks": dispute.remarks,
        "evidence": [
            {"stage": each["stage"], "submitted_at": each["submitted_at"]} for each in evidence(dispute)
        ],
        "respond_by": None if dispute.respond_by is None else rfc3339(dispute.respond_by),
        "wallet_amount": dispute.wallet_minor,
        "wallet_shortfall": dispute.wallet_shortfall_minor,
        "is_resolved_by_rdr": dispute.is_resolved_by_rdr,
        "created_at": rfc3339(dispute.created_at),
        "updated_at": rfc3339(dispute.updated_at),
        "version": dispute.version,
    }
