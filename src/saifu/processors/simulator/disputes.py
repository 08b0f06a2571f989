"""Disputes: they open by themselves, are answered, decided, withdrawn and escalated (payments.md §6)."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.processors.contract import CallbackKind, DisputeReport
from saifu.refusals import ErrorCode, Refusal, TransitionNotAllowed, invalid
from saifu.store import Tx
from saifu.tables import SimulatorCharge, SimulatorDispute

from . import callbacks
from .callbacks import About, Notice
from .cards import Disputed
from .house import House
from .shelf import Shelf

OPENS_AFTER = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(days=4)
"""How long the merchant has to answer (PM53)."""

DECIDES_AFTER = timedelta(seconds=5)
WON, LOST, CANCELLED = "won", "lost", "cancelled"
STAGES = ("pre_dispute", "dispute", "pre_arbitration")
EVIDENCE = {"winning_evidence": WON, "losing_evidence": LOST}
"""What decides a dispute, as in Stripe's tests (PM59c); any other text leaves it open."""

DISPUTES = Shelf(
    SimulatorDispute,
    "ref",
    *("stage", "outcome", "next_outcome", "due_at", "opens_at", "respond_by"),
)
_OF_CHARGE = select(SimulatorDispute).where(
    col(SimulatorDispute.charge_reference) == bindparam("charge_reference")
)


def open_by_itself(
    tx: Tx, house: House, charge: SimulatorCharge, disputed: Disputed, opens_at: datetime
) -> SimulatorDispute:
    """Have a dispute open at an instant; a charge has one at most."""
    ref = house.name("dp", charge.reference)
    known = DISPUTES.get(tx, ref)
    if known is not None:
        return known
    callbacks.plan(tx, house, _about(ref, charge.reference), [Notice("opened", opens_at)])
    return tx.insert(
        SimulatorDispute(
            ref=ref,
            charge_reference=charge.reference,
            amount_minor=charge.amount_minor,
            currency=charge.currency,
            stage=disputed.stage,
            reason=disputed.reason,
            outcome=LOST if disputed.is_final else None,
            next_outcome=None,
            due_at=None,
            is_final=disputed.is_final,
            opens_at=opens_at,
            respond_by=None if disputed.is_final else opens_at + ANSWER_WITHIN,
        )
    )


def outcome_at(row: SimulatorDispute, now: datetime) -> str | None:
    """won, lost or cancelled; None while it is open."""
    is_due = row.next_outcome is not None and row.due_at is not None and row.due_at <= now
    return row.next_outcome if is_due else row.outcome


def report(row: SimulatorDispute, now: datetime) -> DisputeReport:
    return DisputeReport(
        row.ref,
        row.charge_reference,
        row.amount_minor,
        row.currency,
        row.stage,
        row.reason,
        outcome_at(row, now),
        row.respond_by,
    )


def open_ones(tx: Tx, charge_reference: str) -> list[SimulatorDispute]:
    """The disputes of a charge that are open now."""
    rows = tx.all(_OF_CHARGE, charge_reference=charge_reference)
    return [row for row in rows if row.opens_at <= tx.now and outcome_at(row, tx.now) is None]


def get(tx: Tx, ref: str, now: datetime) -> SimulatorDispute | None:
    row = DISPUTES.get(tx, ref)
    return row if row is not None and row.opens_at <= now else None


def submit(tx: Tx, house: House, ref: str, text: str) -> DisputeReport:
    """Take evidence; the bank decides a little later.

    Raises:
        Refusal: NOT_FOUND, or DISPUTE_NOT_CHALLENGEABLE, it is decided.
    """
    row = _open(tx, ref)
    decision = EVIDENCE.get(text.strip())
    if decision is not None:
        decided_at = tx.now + DECIDES_AFTER
        row = DISPUTES.save(tx, row, next_outcome=decision, due_at=decided_at)
        notices = [Notice(f"{row.stage}_decided", decided_at)]
        callbacks.plan(tx, house, _about(ref, row.charge_reference), notices)
    return report(row, tx.now)


def end(tx: Tx, house: House, ref: str, outcome: str) -> DisputeReport:
    """The merchant accepts, or the customer withdraws.

    Raises:
        Refusal: NOT_FOUND, or DISPUTE_NOT_CHALLENGEABLE, it is decided.
    """
    row = _open(tx, ref)
    callbacks.plan(tx, house, _about(ref, row.charge_reference), [Notice(f"{row.stage}_{outcome}", tx.now)])
    return report(DISPUTES.save(tx, row, outcome=outcome, next_outcome=None, due_at=None), tx.now)


def escalate(tx: Tx, house: House, ref: str) -> DisputeReport:
    """Raise the stage: it is open again, with a new deadline (PM58).

    Raises:
        Refusal: NOT_FOUND.
        TransitionNotAllowed: there is no higher stage.
    """
    row = _locked(tx, ref)
    higher = STAGES[STAGES.index(row.stage) + 1 :]
    if row.is_final or not higher:
        raise TransitionNotAllowed("The dispute", row.stage, "any higher stage")
    callbacks.plan(tx, house, _about(ref, row.charge_reference), [Notice(f"{higher[0]}_opened", tx.now)])
    opened = {"outcome": None, "next_outcome": None, "due_at": None, "respond_by": tx.now + ANSWER_WITHIN}
    return report(DISPUTES.save(tx, row, stage=higher[0], **opened), tx.now)


def stage(given: str) -> str:
    """A stage that there is.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS.
    """
    if given not in STAGES:
        raise invalid(f"A stage is one of {', '.join(STAGES)}.", "stage")
    return given


def _about(ref: str, charge_reference: str) -> About:
    return About(CallbackKind.DISPUTE, charge_reference, ref)


def _locked(tx: Tx, ref: str) -> SimulatorDispute:
    row = DISPUTES.locked(tx, ref)
    if row is None or tx.now < row.opens_at:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such dispute.", ("input", "disputeId"))
    return row


def _open(tx: Tx, ref: str) -> SimulatorDispute:
    row = _locked(tx, ref)
    if outcome_at(row, tx.now) is not None:
        raise Refusal(
            ErrorCode.DISPUTE_NOT_CHALLENGEABLE, "The bank has decided this dispute.", ("input", "disputeId")
        )
    return row
