"""Which lots the ledger entries of an object moved, and by how much."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.ledger.entries import EntryType, Funding
from saifu.ledger.lots import Drawn
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Instant, LedgerEntry, Lot, LotMovement

# The ledger of a customer is read from the object's own beginning on: its entries are never older.
_MOVED = (
    select(LedgerEntry.is_credit, LotMovement.lot_id, Lot.funding, LotMovement.amount_minor)
    .join(
        LotMovement,
        (col(LotMovement.customer_id) == col(LedgerEntry.customer_id))
        & (col(LotMovement.entry_id) == col(LedgerEntry.id)),
    )
    .join(
        Lot,
        (col(Lot.customer_id) == col(LotMovement.customer_id)) & (col(Lot.id) == col(LotMovement.lot_id)),
    )
    .where(
        col(LedgerEntry.customer_id) == bindparam("customer_id"),
        col(LedgerEntry.created_at) >= bindparam("since", type_=Instant()),
        col(LedgerEntry.reference_id) == bindparam("object_id"),
        any_of(col(LedgerEntry.entry_type), "kinds"),
    )
    .order_by(col(LedgerEntry.sequence), col(LotMovement.lot_id))
)
_ENTRY = (
    select(LedgerEntry)
    .where(
        col(LedgerEntry.customer_id) == bindparam("customer_id"),
        col(LedgerEntry.created_at) >= bindparam("since", type_=Instant()),
        col(LedgerEntry.reference_id) == bindparam("object_id"),
        col(LedgerEntry.entry_type) == bindparam("kind"),
    )
    .order_by(col(LedgerEntry.sequence))
)


class _Moved(NamedTuple):
    is_credit: bool
    lot_id: str
    funding: str
    amount_minor: int


def outstanding(
    tx: Tx, customer_id: str, object_id: str, since: datetime, kinds: Iterable[EntryType]
) -> list[Drawn]:
    """What entries of these kinds have drawn from each lot, less what they gave it; in the order of the entries.

    Args:
        object_id: what the entries refer to; `since` is when it was made.
    """
    drawn: dict[str, Drawn] = {}
    for row in _moved(tx, customer_id, object_id, since, kinds):
        before = drawn[row.lot_id].outstanding_minor if row.lot_id in drawn else 0
        sign = -1 if row.is_credit else 1
        drawn[row.lot_id] = Drawn(row.lot_id, Funding(row.funding), before + sign * row.amount_minor)
    return list(drawn.values())


def _moved(
    tx: Tx, customer_id: str, object_id: str, since: datetime, kinds: Iterable[EntryType]
) -> list[_Moved]:
    rows = tx.all(_MOVED, customer_id=customer_id, object_id=object_id, since=since, kinds=list(kinds))
    return [_Moved(*row) for row in rows]


def entry_of(
    tx: Tx, customer_id: str, object_id: str, since: datetime, kind: EntryType
) -> LedgerEntry | None:
    """The first entry of this kind that refers to an object; None when there is none."""
    return tx.first(_ENTRY, customer_id=customer_id, object_id=object_id, since=since, kind=kind)
