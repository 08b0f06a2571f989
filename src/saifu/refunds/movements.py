"""Which lots the ledger entries of an object moved, and by how much."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, literal_column
from sqlmodel import col, select

from saifu.ledger.entries import EntryType, Funding
from saifu.ledger.lots import Drawn
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import LedgerEntry, Lot, LotMovement

KINDS = (
    *(EntryType.REFUND, EntryType.REFUND_REVERSAL, EntryType.DISPUTE, EntryType.DISPUTE_REVERSAL),
    *(EntryType.TOP_UP, EntryType.TOP_UP_REVERSAL),
)
"""What the index of entries by their object holds. A payment's debit and its reversal have one of their own."""
INDEXED = col(LedgerEntry.entry_type).in_([literal_column(f"'{kind}'") for kind in KINDS])
"""The index's own condition, written out: without it no planner would use the index."""

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
        INDEXED,
        col(LedgerEntry.reference_id) == bindparam("object_id"),
        any_of(col(LedgerEntry.entry_type), "kinds"),
    )
    .order_by(col(LedgerEntry.sequence), col(LotMovement.lot_id))
)
_ENTRY = (
    select(LedgerEntry)
    .where(
        INDEXED,
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


def outstanding(tx: Tx, object_id: str, kinds: Iterable[EntryType]) -> list[Drawn]:
    """What entries of these of the `KINDS` have drawn from each lot, less what they gave it, in the entries' order.

    Args:
        object_id: what the entries refer to.
    """
    drawn: dict[str, Drawn] = {}
    for row in (_Moved(*found) for found in tx.all(_MOVED, object_id=object_id, kinds=list(kinds))):
        before = drawn[row.lot_id].outstanding_minor if row.lot_id in drawn else 0
        sign = -1 if row.is_credit else 1
        drawn[row.lot_id] = Drawn(row.lot_id, Funding(row.funding), before + sign * row.amount_minor)
    return list(drawn.values())


def entry_of(tx: Tx, object_id: str, kind: EntryType) -> LedgerEntry | None:
    """The first entry of this kind, one of the `KINDS`, that refers to an object; None when there is none."""
    return tx.first(_ENTRY, object_id=object_id, kind=kind)
