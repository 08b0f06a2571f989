"""Calls to a processor about a payment, each recorded before it is made (RELIABILITY §3.4)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import Integer, bindparam, func, literal_column, null, update
from sqlmodel import col, select

from saifu.ids import new_id
from saifu.processors.contract import ChargeState
from saifu.store import Tx
from saifu.tables import Instant, PaymentAttempt


class AttemptKind(StrEnum):
    """What the processor was asked to do."""

    CHARGE = "charge"
    CANCEL = "cancel"
    GIVE_BACK = "give_back"
    """Return what was approved after the payment had ended otherwise (PM19)."""


class AttemptState(StrEnum):
    """What is known of a call."""

    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    PROCESSING = "processing"
    ACTION_REQUIRED = "action_required"
    NOT_FOUND = "not_found"
    CANCELLED = "cancelled"
    NEEDS_REVIEW = "needs_review"


ANSWER_WITHIN = timedelta(seconds=60)
"""How long a call may be under way before the recovery job asks what became of it."""
SETTLING = timedelta(seconds=60)
"""How long after a call a charge may still turn up at the processor; only then is the call made again."""
REVIEW_AFTER = timedelta(hours=23)
"""From when on people have to look. Processors forget keys after a day, so nothing is sent again after this."""

_FIRST_LOOK = timedelta(seconds=30)
_RAREST_LOOK = timedelta(hours=1)
_DOUBLINGS = 10
_LOOKS: Mapping[AttemptState, timedelta] = MappingProxyType(
    {
        AttemptState.ACTION_REQUIRED: timedelta(minutes=1),
        AttemptState.PROCESSING: timedelta(minutes=15),
        AttemptState.NEEDS_REVIEW: _RAREST_LOOK,
    }
)
"""How soon the processor is asked again while a call stands like this; callbacks usually come first."""

ANSWERED: Mapping[ChargeState, AttemptState] = MappingProxyType(
    {state: AttemptState(state.value) for state in ChargeState}
)

_TABLE = PaymentAttempt.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    *("state", "processor_ref", "decline_code", "raw_code", "looks", "deadline_at", "next_look_at"),
    "answered_at",
)
_OF_PAYMENT = (
    select(PaymentAttempt)
    .where(col(PaymentAttempt.payment_id) == bindparam("payment_id"))
    .order_by(col(PaymentAttempt.number))
)
_DUE = (
    select(func.min(col(PaymentAttempt.next_look_at)), col(PaymentAttempt.payment_id))
    .where(
        col(PaymentAttempt.next_look_at).is_not(None),
        col(PaymentAttempt.next_look_at) <= bindparam("now", type_=Instant()),
    )
    .group_by(col(PaymentAttempt.payment_id))
    .order_by(literal_column("1"))
    .limit(bindparam("limit", type_=Integer))
)
_SAVE = (
    update(PaymentAttempt)
    .where(
        col(PaymentAttempt.payment_id) == bindparam("of_payment"),
        col(PaymentAttempt.number) == bindparam("of_number"),
    )
    .values({name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS})
)
_END = (
    update(PaymentAttempt)
    .where(
        col(PaymentAttempt.payment_id) == bindparam("of_payment"),
        col(PaymentAttempt.number) == bindparam("of_number"),
    )
    .values(next_look_at=null())
)


def of_payment(tx: Tx, payment_id: str) -> list[PaymentAttempt]:
    """Every call about a payment, oldest first."""
    return tx.all(_OF_PAYMENT, payment_id=payment_id)


def latest(tx: Tx, payment_id: str, kind: AttemptKind) -> PaymentAttempt | None:
    """The last call of a kind, if there was any."""
    return next((each for each in reversed(of_payment(tx, payment_id)) if each.kind == kind), None)


def due(tx: Tx, limit: int) -> list[str]:
    """Payments about which the processor is to be asked by now, those that wait longest first."""
    return [payment_id for _, payment_id in tx.all(_DUE, now=tx.now, limit=limit)]


def begin(
    tx: Tx, payment_id: str, kind: AttemptKind, at_once: bool = True, order_json: str | None = None
) -> PaymentAttempt:
    """Record a call before it is made. Whoever calls holds the payment's lock.

    Args:
        at_once: the caller makes the call; otherwise the recovery job does, when it runs next.
        order_json: of a charge, what the processor is told.
    """
    attempt_id = new_id("pat")
    deadline_at = tx.now + ANSWER_WITHIN
    return tx.insert(
        PaymentAttempt(
            payment_id=payment_id,
            number=len(of_payment(tx, payment_id)) + 1,
            id=attempt_id,
            kind=kind.value,
            state=AttemptState.SUBMITTING.value,
            # A charge goes out under the payment's own id, however often it is sent (W46).
            reference=attempt_id if kind is AttemptKind.GIVE_BACK else payment_id,
            processor_ref=None,
            decline_code=None,
            raw_code=None,
            order_json=order_json,
            looks=0,
            sent_at=tx.now,
            deadline_at=deadline_at,
            next_look_at=deadline_at if at_once else tx.now,
            answered_at=None,
        )
    )


def stands(tx: Tx, attempt: PaymentAttempt, state: AttemptState, **known: Any) -> None:
    """Record how a call stands, and when the processor is to be asked again."""
    changes = {
        "answered_at": tx.now,
        **known,
        "state": state.value,
        "next_look_at": _next_look(tx, attempt, state),
    }
    _save(tx, attempt, changes)


def ended(tx: Tx, attempt: PaymentAttempt) -> None:
    """Nobody has to ask about this call any more."""
    tx.run(_END, of_payment=attempt.payment_id, of_number=attempt.number)


def looked(tx: Tx, attempt: PaymentAttempt) -> None:
    """The processor is being asked: nobody else needs to for a while."""
    state = AttemptState(attempt.state)
    _save(tx, attempt, {"looks": attempt.looks + 1, "next_look_at": _next_look(tx, attempt, state)})


def settled(tx: Tx, payment_id: str) -> None:
    """Nobody has to ask about the charge of this payment any more: it has ended."""
    for attempt in of_payment(tx, payment_id):
        if attempt.next_look_at is not None and attempt.kind != AttemptKind.GIVE_BACK:
            ended(tx, attempt)


def _save(tx: Tx, attempt: PaymentAttempt, changes: Mapping[str, Any]) -> None:
    columns = {name: getattr(attempt, name) for name in _COLUMNS} | dict(changes)
    tx.run(
        _SAVE,
        of_payment=attempt.payment_id,
        of_number=attempt.number,
        **{f"to_{name}": value for name, value in columns.items()},
    )


def _next_look(tx: Tx, attempt: PaymentAttempt, state: AttemptState) -> datetime | None:
    if state in (AttemptState.SUBMITTING, AttemptState.UNKNOWN):
        # Twice as long each time: whoever does not answer is not asked to death.
        return tx.now + min(_FIRST_LOOK * (1 << min(attempt.looks, _DOUBLINGS)), _RAREST_LOOK)
    pause = _LOOKS.get(state)
    return None if pause is None else tx.now + pause
