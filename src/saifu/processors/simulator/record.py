"""The simulator's own record: what the world outside has seen, whatever we were told of it. The judge of T9."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from saifu.processors.contract import ChargeState, RefundState
from saifu.store import Tx
from saifu.tables import SimulatorCharge, SimulatorRefund

from .charges import standing
from .refunds import state_at

_CHARGES = select(SimulatorCharge).order_by(col(SimulatorCharge.created_at), col(SimulatorCharge.reference))
_REFUNDS = select(SimulatorRefund).order_by(col(SimulatorRefund.created_at), col(SimulatorRefund.reference))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A charge or a refund as it stands.

    Attributes:
        reference: ours: a payment's or a refund's id. It is here once at most.
        charge_reference: of a refund, the payment's id.
        moved: whether money has moved.
    """

    kind: str
    reference: str
    ref: str
    amount_minor: int
    currency: str
    state: str
    moved: bool
    created_at: datetime
    charge_reference: str | None = None


def record(tx: Tx) -> Sequence[Recorded]:
    """Every charge, then every refund, oldest first."""
    return [
        *(_charge(row, tx.now) for row in tx.all(_CHARGES)),
        *(_refund(row, tx.now) for row in tx.all(_REFUNDS)),
    ]


def _charge(row: SimulatorCharge, now: datetime) -> Recorded:
    state = standing(row, now).state
    moved = state is ChargeState.SUCCEEDED
    return Recorded(
        "charge", row.reference, row.ref, row.amount_minor, row.currency, state, moved, row.created_at
    )


def _refund(row: SimulatorRefund, now: datetime) -> Recorded:
    state = state_at(row, now)
    return Recorded(
        "refund",
        row.reference,
        row.ref,
        row.amount_minor,
        row.currency,
        state,
        state is RefundState.SUCCEEDED,
        row.created_at,
        row.charge_reference,
    )
