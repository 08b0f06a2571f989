"""What becomes of payments without a request: outcomes asked for, actions that ran out, alarms (§3.4, PM19c)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import Integer, bindparam, literal_column
from sqlmodel import col, select

from saifu.jobs import Job, Run, each
from saifu.processors.contract import OutcomeUnknown
from saifu.store import Store, Tx
from saifu.tables import Instant, Payment

from . import alarms, attempts, cancelling
from .asking import Asking
from .attempts import AttemptKind

BATCH = 200

# The condition is written out as the index has it.
_WAITING_TOO_LONG = (
    select(col(Payment.id))
    .where(
        col(Payment.expires_at).is_not(None),
        col(Payment.status).not_in(
            [literal_column("'succeeded'"), literal_column("'failed'"), literal_column("'cancelled'")]
        ),
        col(Payment.expires_at) <= bindparam("now", type_=Instant()),
    )
    .order_by(col(Payment.expires_at))
    .limit(bindparam("limit", type_=Integer))
)


class Recovery:
    """Brings payments on whose outcome nobody waits any more to an end, or to people's notice."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def jobs(self) -> list[Job]:
        return [
            Job("payment_recovery", timedelta(seconds=30), self.recover),
            Job("payment_actions", timedelta(seconds=15), self.expire),
        ]

    async def recover(self, store: Store) -> Run:
        """Ask about every call that is past its deadline, has no answer, or is still under way."""
        due = await store.read(lambda tx: attempts.due(tx, BATCH))
        return await each(due, partial(self._resume, store), "payment_recovery", BATCH)

    async def expire(self, store: Store) -> Run:
        """Give up payments whose customer did not complete an action in time (W49, PM71)."""
        due = await store.read(lambda tx: tx.all(_WAITING_TOO_LONG, now=tx.now, limit=BATCH))
        return await each(due, partial(self._give_up, store), "payment_actions", BATCH)

    async def _resume(self, store: Store, payment_id: str) -> bool:
        """Whether everything that was to be asked was answered."""
        kinds = await store.write(lambda tx: _due_kinds(tx, payment_id))
        ask: dict[AttemptKind, Callable[[str], Awaitable[object]]] = {
            AttemptKind.CHARGE: self._asking.look,
            AttemptKind.CANCEL: self._asking.cancel,
            AttemptKind.GIVE_BACK: self._asking.give_back,
        }
        try:
            for kind in kinds:
                await ask[kind](payment_id)
        except OutcomeUnknown:
            return False
        return True

    async def _give_up(self, store: Store, payment_id: str) -> bool:
        to_send = await store.write(lambda tx: cancelling.expired(tx, payment_id))
        try:
            if to_send:
                await self._asking.cancel(payment_id)
        except OutcomeUnknown:
            return False
        return True


def _due_kinds(tx: Tx, payment_id: str) -> list[AttemptKind]:
    """What is to be asked about a payment now; on the way an outcome that is overdue is shown to people."""
    alarms.raise_due(tx, payment_id)
    due = [
        each
        for each in attempts.of_payment(tx, payment_id)
        if each.next_look_at is not None and each.next_look_at <= tx.now
    ]
    return list(dict.fromkeys(AttemptKind(each.kind) for each in due))
