"""Charges: decided when they are ordered, once for each reference, by instrument, situation and script."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.checkout.urls import with_outcome
from saifu.processors.contract import CallbackKind, Charge, ChargeAnswer, ChargeSeen, ChargeState
from saifu.processors.declines import DeclineCode
from saifu.store import Tx
from saifu.tables import Instant, SimulatorCharge, SimulatorInstrument

from . import callbacks, disputes, instruments, outcomes, scripts
from .callbacks import About, Notice, Order
from .cards import Card
from .house import House, hashed
from .house import lock as lock_house
from .instruments import CHARGEABLE, INSTRUMENTS
from .outcomes import Plan, Situation
from .scripts import Effect
from .shelf import Shelf

THREE_DS_VERSION = "2.2.0"

CHARGES = Shelf(
    SimulatorCharge,
    "reference",
    *("state", "code", "raw_code", "next_state", "next_code", "due_at", "three_ds_status", "updated_at"),
)
_SINCE = (
    select(SimulatorCharge)
    .where(col(SimulatorCharge.created_at) >= bindparam("since", type_=Instant()))
    .order_by(col(SimulatorCharge.created_at), col(SimulatorCharge.reference))
)
_OF_PAGE = select(SimulatorCharge).where(col(SimulatorCharge.page_hash) == bindparam("page_hash"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a charge stands at an instant: what is due by then has happened."""

    state: ChargeState
    code: DeclineCode | None
    three_ds_status: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What whoever ordered a charge gets to hear: the charge, or nothing."""

    charge: SimulatorCharge | None


def order(tx: Tx, house: House, charge: Charge) -> Told:
    """Make a charge unless this reference has one."""
    instrument = INSTRUMENTS.locked(tx, charge.instrument_ref)
    if instrument is None:
        lock_house(tx)
    known = CHARGES.get(tx, charge.reference)
    if known is not None:
        return Told(None if known.replays_fault or is_kept_back(known, tx.now) else known)
    effect = scripts.next_effect(tx, charge.instrument_ref, charge.reference)
    if not effect.is_made:
        return Told(None)
    plan, raw_code = _planned(instrument, charge, effect, tx.now)
    row = _insert(tx, house, charge, plan, raw_code, effect)
    planned(tx, house, row, plan, instrument, effect.order)
    return Told(None if effect.is_silent else row)


def _planned(
    instrument: SimulatorInstrument | None, charge: Charge, effect: Effect, now: datetime
) -> tuple[Plan, str | None]:
    """What becomes of a charge, and what the bank calls it if that is not our own word."""
    if instrument is None:
        return outcomes.declined(DeclineCode.INVALID_REQUEST), "no_such_instrument"
    if instruments.status_at(instrument, now) != CHARGEABLE:
        return outcomes.declined(DeclineCode.INVALID_REQUEST), "instrument_not_chargeable"
    if effect.plan is not None:
        return effect.plan, None
    behaviour = instruments.behaviour_of(instrument)
    situation = Situation(
        charge.on_session,
        instrument.is_set_up,
        instruments.has_expired(instrument, now),
        charge.billing_country,
    )
    if effect.asks:
        return outcomes.asked(situation), None
    if isinstance(behaviour, Card):
        return outcomes.of_card(behaviour, situation), None
    return outcomes.settled(behaviour), None


def _insert(
    tx: Tx, house: House, charge: Charge, plan: Plan, raw_code: str | None, effect: Effect
) -> SimulatorCharge:
    is_asked = plan.state is ChargeState.ACTION_REQUIRED
    ref = house.name("ch", charge.reference)
    columns: dict[str, Any] = {
        "reference": charge.reference,
        "ref": ref,
        "instrument_ref": charge.instrument_ref,
        "amount_minor": charge.amount_minor,
        "currency": charge.currency,
        "answers_at": tx.now + effect.waits if effect.waits else None,
        "replays_fault": effect.replays_fault,
        "page_hash": hashed(house.page_token(ref)) if is_asked else None,
        "return_url": charge.return_url,
        "three_ds_status": None,
        "created_at": tx.now,
        **stored(plan, tx.now),
    }
    columns["raw_code"] = raw_code or columns["raw_code"]
    return tx.insert(SimulatorCharge(**columns))


def stored(plan: Plan, now: datetime) -> dict[str, Any]:
    """A plan as columns."""
    return {
        "state": plan.state.value,
        "code": plan.code,
        "raw_code": plan.code.lower() if plan.code else None,
        "next_state": plan.later.value if plan.later else None,
        "next_code": plan.later_code,
        "due_at": now + plan.after if plan.after else None,
        "updated_at": now,
    }


def planned(
    tx: Tx,
    house: House,
    row: SimulatorCharge,
    plan: Plan,
    instrument: SimulatorInstrument | None,
    order: Order = Order.NORMAL,
) -> None:
    """Have told what a charge comes to, and its dispute opened where its card has one."""
    told_at = max(tx.now, row.answers_at or tx.now)
    settles_at = max(told_at, row.due_at or tx.now)
    about = About(CallbackKind.CHARGE, row.reference, row.ref)
    callbacks.plan(tx, house, about, [Notice(plan.state, told_at), Notice("settled", settles_at)], order)
    succeeds_at = outcomes.succeeds_at(plan, tx.now)
    disputed = instruments.behaviour_of(instrument).dispute if instrument else None
    if disputed is not None and succeeds_at is not None:
        delay = timedelta(0) if disputed.is_final else disputes.OPENS_AFTER
        disputes.open_by_itself(tx, house, row, disputed, succeeds_at + delay)


def is_kept_back(row: SimulatorCharge, now: datetime) -> bool:
    """Whether nobody is told of it yet."""
    return row.answers_at is not None and now < row.answers_at


def standing(row: SimulatorCharge, now: datetime) -> Standing:
    if row.next_state is None or row.due_at is None or now < row.due_at:
        code = DeclineCode(row.code) if row.code else None
        return Standing(ChargeState(row.state), code, row.three_ds_status)
    code = DeclineCode(row.next_code) if row.next_code else None
    failed = "failed" if row.state == ChargeState.ACTION_REQUIRED else row.three_ds_status
    return Standing(ChargeState(row.next_state), code, failed)


def answer(row: SimulatorCharge, now: datetime, action_url: str | None) -> ChargeAnswer:
    stands = standing(row, now)
    raw_code = row.raw_code or (stands.code.lower() if stands.code else None)
    return ChargeAnswer(
        stands.state,
        row.ref,
        code=stands.code,
        raw_code=raw_code,
        action_url=action_url if stands.state is ChargeState.ACTION_REQUIRED else None,
        three_ds=three_ds(row, stands),
    )


def three_ds(row: SimulatorCharge, stands: Standing) -> dict[str, str | None] | None:
    """What payments.md §1 shows of a 3DS; None where nobody was asked."""
    if row.page_hash is None:
        return None
    return {"status": stands.three_ds_status, "flow": "challenge", "version": THREE_DS_VERSION}


def since(tx: Tx, at: datetime) -> list[ChargeSeen]:
    """Every charge that was made since then, the oldest first."""
    return [
        ChargeSeen(row.reference, row.ref, row.amount_minor, row.currency, standing(row, tx.now).state)
        for row in tx.all(_SINCE, since=at)
    ]


def cancel(tx: Tx, house: House, reference: str) -> SimulatorCharge | None:
    """Give up a charge that waits for its customer; any other stays as it is."""
    row = CHARGES.locked(tx, reference)
    if row is None or standing(row, tx.now).state is not ChargeState.ACTION_REQUIRED:
        return row
    return resettle(tx, house, row, Plan(ChargeState.CANCELLED))


def confirm(tx: Tx, house: House, row: SimulatorCharge, plan: Plan | None, status: str) -> SimulatorCharge:
    """The customer has answered the bank (PM94). `plan` None leaves what follows to the card."""
    instrument = INSTRUMENTS.locked(tx, row.instrument_ref)
    assert instrument is not None, "only an instrument that there is asks"
    if plan is None:
        plan = outcomes.settled(instruments.behaviour_of(instrument))
        INSTRUMENTS.save(tx, instrument, is_set_up=True)
    changed = resettle(tx, house, row, plan, three_ds_status=status)
    if plan.state is not ChargeState.DECLINED:
        planned(tx, house, changed, plan, instrument)
    return changed


def resettle(tx: Tx, house: House, row: SimulatorCharge, plan: Plan, **more: Any) -> SimulatorCharge:
    changed = CHARGES.save(tx, row, **stored(plan, tx.now), **more)
    about = About(CallbackKind.CHARGE, row.reference, row.ref)
    callbacks.plan(tx, house, about, [Notice(f"became_{plan.state}", tx.now)])
    return changed


def of_page(tx: Tx, page_hash: str) -> SimulatorCharge | None:
    return tx.first(_OF_PAGE, page_hash=page_hash)


def return_address(row: SimulatorCharge, now: datetime) -> str | None:
    """Where the customer goes after the page, with what a page of ours would say (PM80)."""
    said = {"payment_id": row.reference, "status": _STATUSES[standing(row, now).state]}
    return with_outcome(row.return_url, said) if row.return_url else None


_STATUSES = {
    ChargeState.SUCCEEDED: "succeeded",
    ChargeState.DECLINED: "failed",
    ChargeState.PROCESSING: "processing",
    ChargeState.ACTION_REQUIRED: "requires_customer_action",
    ChargeState.CANCELLED: "cancelled",
}
assert _STATUSES.keys() == set(ChargeState)
