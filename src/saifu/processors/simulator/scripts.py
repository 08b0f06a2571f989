"""Scripts: what the next charges come to, whatever their instruments would say (PM96, T9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import bindparam, func, update
from sqlmodel import col, select

from saifu.fields import storable
from saifu.ids import new_id
from saifu.processors.declines import DeclineCode
from saifu.refusals import invalid
from saifu.store import Tx
from saifu.tables import SimulatorScript

from .callbacks import Order
from .outcomes import LATER, SUCCEEDED, Plan, declined, fails_later

ANY = "*"
MOST_WAITING = 1_000
SLOW_FOR = timedelta(seconds=60)
"""How long a slow charge keeps everybody waiting."""

_NEXT = (
    select(SimulatorScript)
    .where(col(SimulatorScript.target) == bindparam("target"), col(SimulatorScript.used_by).is_(None))
    .order_by(col(SimulatorScript.id))
    .limit(1)
    .with_for_update(skip_locked=True)
)
_USE = (
    update(SimulatorScript)
    .where(col(SimulatorScript.id) == bindparam("script_id"))
    .values(used_by=bindparam("reference"))
)
_WAITING = select(func.count(col(SimulatorScript.id))).where(col(SimulatorScript.used_by).is_(None))


class Scripted(StrEnum):
    """What can be scripted besides the decline codes."""

    SUCCEED = "SUCCEED"
    PROCESSING = "PROCESSING"
    PROCESSING_THEN_DECLINED = "PROCESSING_THEN_DECLINED"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    CHARGED_THEN_SILENT = "CHARGED_THEN_SILENT"
    SILENT_NOT_CHARGED = "SILENT_NOT_CHARGED"
    CHARGED_THEN_500 = "CHARGED_THEN_500"
    SLOW = "SLOW"
    DUPLICATE_CALLBACKS = "DUPLICATE_CALLBACKS"
    REVERSED_CALLBACKS = "REVERSED_CALLBACKS"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a scripted outcome does to one charge.

    Attributes:
        plan: what becomes of it; None leaves that to its instrument.
        asks: the customer is asked first, if there.
        is_silent: whoever ordered it is not answered.
        is_made: whether there is a charge.
        replays_fault: the same order again has the same fault, as Stripe stores its 500s.
        waits: how long nobody is told of it.
    """

    plan: Plan | None = None
    asks: bool = False
    is_silent: bool = False
    is_made: bool = True
    replays_fault: bool = False
    waits: timedelta | None = None
    order: Order = Order.NORMAL


NONE = Effect()
EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        Scripted.SUCCEED: Effect(SUCCEEDED),
        Scripted.PROCESSING: Effect(LATER),
        Scripted.PROCESSING_THEN_DECLINED: Effect(fails_later(DeclineCode.GENERIC_DECLINE)),
        Scripted.ACTION_REQUIRED: Effect(asks=True),
        Scripted.CHARGED_THEN_SILENT: Effect(SUCCEEDED, is_silent=True),
        Scripted.SILENT_NOT_CHARGED: Effect(is_silent=True, is_made=False),
        Scripted.CHARGED_THEN_500: Effect(SUCCEEDED, is_silent=True, replays_fault=True),
        Scripted.SLOW: Effect(is_silent=True, waits=SLOW_FOR),
        Scripted.DUPLICATE_CALLBACKS: Effect(order=Order.TWICE),
        Scripted.REVERSED_CALLBACKS: Effect(order=Order.REVERSED),
        **{code: Effect(declined(code)) for code in DeclineCode},
    }
)
assert EFFECTS.keys() == {*Scripted, *DeclineCode}


def queue(tx: Tx, target: str | None, outcomes: Sequence[str]) -> None:
    """Have the next charges come to these, in order; of one instrument, or of any that has none of its own waiting.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, an outcome that there is not, or more than 1000 waiting.
    """
    unknown = [outcome for outcome in outcomes if outcome not in EFFECTS]
    if unknown or not outcomes:
        raise invalid(f"An outcome is a decline code or one of {', '.join(Scripted)}.", "outcomes")
    if target is not None and not storable(target):
        raise invalid("There is no such source.", "sourceId")
    if (tx.first(_WAITING) or 0) + len(outcomes) > MOST_WAITING:
        raise invalid(f"At most {MOST_WAITING} outcomes wait at once.", "outcomes")
    for outcome in outcomes:
        tx.insert(
            SimulatorScript(
                id=new_id("scr"), target=target or ANY, outcome=outcome, used_by=None, created_at=tx.now
            )
        )


def next_effect(tx: Tx, instrument_ref: str, reference: str) -> Effect:
    """What is scripted for a charge that is about to be made, used up by it."""
    for target in (instrument_ref, ANY):
        waiting = tx.first(_NEXT, target=target)
        if waiting is not None:
            tx.run(_USE, script_id=waiting.id, reference=reference)
            return EFFECTS[waiting.outcome]
    return NONE
