"""Refunds: one for each reference, and never more than the charge (§9, the two cards whose refunds take time)."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.processors.contract import (
    CallbackKind,
    ChargeState,
    RefundAnswer,
    RefundOrder,
    RefundReport,
    RefundState,
)
from saifu.store import Tx
from saifu.tables import SimulatorCharge, SimulatorRefund

from . import callbacks, disputes, instruments
from .callbacks import About, Notice
from .cards import Card, Refunding
from .charges import CHARGES, standing
from .house import House
from .shelf import Shelf

TAKES = timedelta(seconds=5)
"""How long a refund is pending where it is."""

REFUNDS = Shelf(SimulatorRefund, "reference", "state")
_OF_CHARGE = select(SimulatorRefund).where(
    col(SimulatorRefund.charge_reference) == bindparam("charge_reference")
)
_BY_REF = select(SimulatorRefund).where(col(SimulatorRefund.ref) == bindparam("ref"))
_NEXT: dict[Refunding, RefundState | None] = {
    Refunding.AT_ONCE: None,
    Refunding.LATER: RefundState.SUCCEEDED,
    Refunding.FAILS_LATER: RefundState.FAILED,
}
assert _NEXT.keys() == set(Refunding)


def order(tx: Tx, house: House, given: RefundOrder) -> SimulatorRefund:
    """Make a refund unless this reference has one."""
    charge = CHARGES.locked(tx, given.charge_reference)
    known = REFUNDS.get(tx, given.reference)
    if known is not None:
        return known
    reason = "charge_not_found" if charge is None else _no(tx, charge, given)
    next_state = None if charge is None or reason else _next(tx, charge)
    state = RefundState.FAILED if reason else RefundState.PENDING if next_state else RefundState.SUCCEEDED
    row = tx.insert(
        SimulatorRefund(
            reference=given.reference,
            ref=house.name("re", given.reference),
            charge_reference=given.charge_reference,
            amount_minor=given.amount_minor,
            currency=given.currency,
            state=state.value,
            next_state=next_state.value if next_state else None,
            due_at=tx.now + TAKES if next_state else None,
            failure_reason=reason,
            network_reference=None if reason else house.name("arn", given.reference).upper(),
            created_at=tx.now,
        )
    )
    about = About(CallbackKind.REFUND, row.reference, row.ref)
    callbacks.plan(tx, house, about, [Notice("created", tx.now), Notice("settled", row.due_at or tx.now)])
    if not reason:
        _close_inquiries(tx, house, given.charge_reference)
    return row


def find(tx: Tx, ref: str, now: datetime) -> RefundReport | None:
    """A refund by its name here."""
    row = tx.first(_BY_REF, ref=ref)
    if row is None:
        return None
    return RefundReport(row.ref, row.charge_reference, row.amount_minor, row.currency, answer(row, now))


def _no(tx: Tx, charge: SimulatorCharge, given: RefundOrder) -> str | None:
    """Why a charge cannot be refunded; None where it can."""
    if standing(charge, tx.now).state is not ChargeState.SUCCEEDED:
        return "charge_not_succeeded"
    if given.currency != charge.currency:
        return "currency_mismatch"
    if any(row.stage != disputes.STAGES[0] for row in disputes.open_ones(tx, charge.reference)):
        return "charge_disputed"
    held = sum(
        row.amount_minor
        for row in tx.all(_OF_CHARGE, charge_reference=charge.reference)
        if state_at(row, tx.now) is not RefundState.FAILED
    )
    exceeds = given.amount_minor <= 0 or held + given.amount_minor > charge.amount_minor
    return "amount_exceeds_charge" if exceeds else None


def _next(tx: Tx, charge: SimulatorCharge) -> RefundState | None:
    instrument = instruments.INSTRUMENTS.get(tx, charge.instrument_ref)
    behaviour = instruments.behaviour_of(instrument) if instrument else None
    return _NEXT[behaviour.refunding] if isinstance(behaviour, Card) else None


def _close_inquiries(tx: Tx, house: House, charge_reference: str) -> None:
    """A refund is an answer to an inquiry (PM49)."""
    for row in disputes.open_ones(tx, charge_reference):
        disputes.end(tx, house, row.ref, disputes.CANCELLED)


def state_at(row: SimulatorRefund, now: datetime) -> RefundState:
    """How a refund stands: what is due by then has happened."""
    is_due = row.next_state is not None and row.due_at is not None and row.due_at <= now
    return RefundState(row.next_state if is_due and row.next_state else row.state)


def answer(row: SimulatorRefund, now: datetime) -> RefundAnswer:
    state = state_at(row, now)
    has_failed = state is RefundState.FAILED
    return RefundAnswer(
        state,
        row.ref,
        failure_reason=(row.failure_reason or "declined_by_bank") if has_failed else None,
        network_reference=None if has_failed else row.network_reference,
        network_reference_type="acquirer_reference_number"
        if row.network_reference and not has_failed
        else None,
    )
