"""What a payment took from a wallet, lot by lot, and has not got back (W48, W59)."""

from sqlalchemy import bindparam, literal_column
from sqlmodel import col, select

from saifu.ledger.entries import Funding
from saifu.ledger.lots import Drawn, LotState, draw_order
from saifu.lookup import by_ids
from saifu.refunds.movements import INDEXED
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import LedgerEntry, Lot, LotMovement, Payment, Refund

# The types are written out: the indexes that find these entries know only those types.
_OF_PAYMENT = select(LedgerEntry).where(
    col(LedgerEntry.reference_id) == bindparam("payment_id"),
    col(LedgerEntry.entry_type).in_([literal_column("'payment'"), literal_column("'payment_reversal'")]),
)
_REFUNDS = select(col(Refund.id)).where(col(Refund.payment_id) == bindparam("payment_id"))
_OF_REFUNDS = select(LedgerEntry).where(
    INDEXED,
    any_of(col(LedgerEntry.reference_id), "refund_ids"),
    col(LedgerEntry.entry_type).in_([literal_column("'refund'"), literal_column("'refund_reversal'")]),
)
_MOVEMENTS = select(LotMovement).where(
    col(LotMovement.customer_id) == bindparam("customer_id"), any_of(col(LotMovement.entry_id), "entries")
)


def debit_of(tx: Tx, payment_id: str) -> LedgerEntry | None:
    """The one debit of a payment (W51); None when the wallet paid nothing of it."""
    return next((entry for entry in tx.all(_OF_PAYMENT, payment_id=payment_id) if not entry.is_credit), None)


def drawn_lots(tx: Tx, payment: Payment) -> list[Drawn]:
    """What the payment took from which lots and has not got back, in the order in which it drew (W70).

    Whoever asks holds the customer's lock. A lot that got everything back is still there, with 0 outstanding.
    """
    debit = debit_of(tx, payment.id)
    if debit is None:
        return []
    signs = {entry.id: -1 if entry.is_credit else 1 for entry in _entries(tx, payment)}
    movements = tx.all(_MOVEMENTS, customer_id=debit.customer_id, entries=list(signs))
    outstanding = {each.lot_id: 0 for each in movements if each.entry_id == debit.id}
    for each in movements:
        # A refund to the wallet also makes a lot of its own (W60), which the payment never drew from.
        if each.lot_id in outstanding:
            outstanding[each.lot_id] += signs[each.entry_id] * each.amount_minor
    return [Drawn(lot.id, lot.funding, outstanding[lot.id]) for lot in _in_order(tx, list(outstanding))]


def _in_order(tx: Tx, lot_ids: list[str]) -> list[LotState]:
    found = by_ids(tx, Lot, lot_ids).values()
    states = [
        LotState(
            lot.id,
            Funding(lot.funding),
            lot.original_minor,
            lot.remaining_minor,
            lot.expires_at,
            lot.created_at,
        )
        for lot in found
    ]
    return sorted(states, key=draw_order)


def _entries(tx: Tx, payment: Payment) -> list[LedgerEntry]:
    refund_ids = tx.all(_REFUNDS, payment_id=payment.id)
    of_refunds = tx.all(_OF_REFUNDS, refund_ids=refund_ids) if refund_ids else []
    return [*tx.all(_OF_PAYMENT, payment_id=payment.id), *of_refunds]
