"""The door for what processors tell us of their own accord (S18).

A callback is a hint and nothing more: it is written down once, answered, and then the object that it names is asked
for at the processor. So it does not matter in which order they come, or how often.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Integer, bindparam, update
from sqlmodel import col, select

from saifu.jobs import Job, Run
from saifu.processors.contract import Callback, CallbackKind
from saifu.processors.registry import Processors
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Store, Tx
from saifu.tables import Instant, ProcessorCallback
from saifu.tasks import Undisturbed

log = structlog.get_logger(__name__)

Handler = Callable[[ProcessorCallback], Awaitable[object]]
"""Asks for the object that a callback names, and applies what it learns. It can be repeated; it raises when nobody
answers, and answers False where the object may yet appear."""

BATCH = 200
MOST_TRIES = 30
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS = 8

_BY_ID = select(ProcessorCallback).where(
    col(ProcessorCallback.processor) == bindparam("processor"),
    col(ProcessorCallback.event_id) == bindparam("event_id"),
)
_DUE = (
    select(ProcessorCallback)
    .where(
        col(ProcessorCallback.next_try_at).is_not(None),
        col(ProcessorCallback.next_try_at) <= bindparam("now", type_=Instant()),
    )
    .order_by(col(ProcessorCallback.next_try_at), col(ProcessorCallback.event_id))
    .limit(bindparam("limit", type_=Integer))
)
_TRIED = (
    update(ProcessorCallback)
    .where(
        col(ProcessorCallback.processor) == bindparam("of_processor"),
        col(ProcessorCallback.event_id) == bindparam("of_event"),
    )
    .values(
        tries=col(ProcessorCallback.tries) + 1,
        next_try_at=bindparam("to_next_try_at", type_=Instant()),
        handled_at=bindparam("to_handled_at", type_=Instant()),
    )
)


class CallbackFlow:
    """Takes callbacks in, and sees that each is followed up.

    Args:
        handlers: what follows a callback, by the kind of object that it names.
    """

    def __init__(
        self, store: Store, processors: Processors, handlers: Mapping[CallbackKind, Handler]
    ) -> None:
        self._store = store
        self._processors = processors
        self._handlers = handlers
        self._undisturbed = Undisturbed()

    async def receive(self, processor_name: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take in what a request says; answers how much of it was new. It is followed up after the answer.

        Raises:
            ForgedCallback: it was not the processor who signed it, or too long ago.
            Refusal: NOT_FOUND, there is no such processor here.
        """
        processor = self._processors.named(processor_name)
        if processor is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such processor here.")
        said = processor.callbacks(headers, body, self._store.clock.now())
        new = await self._store.write(lambda tx: _stored(tx, processor_name, said))
        for row in new:
            self._undisturbed.start(self._follow_up(row))
        return len(new)

    def jobs(self) -> list[Job]:
        return [Job("processor_callbacks", timedelta(seconds=15), self.handle_due)]

    async def handle_due(self, store: Store) -> Run:
        """Follow up what was not, because a processor was silent or a process died."""
        due = await store.read(lambda tx: tx.all(_DUE, now=tx.now, limit=BATCH))
        for row in due:
            await self._follow_up(row)
        return Run(len(due), more=len(due) == BATCH)

    async def close(self) -> None:
        """Let what is under way finish; the rest is still due."""
        await self._undisturbed.close()

    async def _follow_up(self, row: ProcessorCallback) -> None:
        try:
            handled = await self._handled(row)
            await self._store.write(lambda tx: _tried(tx, row, handled))
        except Exception:  # it stays due, and the job comes back to it
            log.exception("callback_not_followed_up", processor=row.processor, kind=row.kind)

    async def _handled(self, row: ProcessorCallback) -> bool:
        handler = self._handlers.get(CallbackKind(row.kind))
        try:
            found = None if handler is None else await handler(row)
        except Refusal as refusal:
            # Somebody else's object, as in an account that two installations share, is none of ours.
            not_ours = refusal.code is ErrorCode.NOT_FOUND
            log.warning(
                "callback_not_ours" if not_ours else "callback_refused", code=refusal.code, **_named(row)
            )
            return not_ours
        except Exception:
            log.exception("callback_failed", processor=row.processor, kind=row.kind)
            return False
        return found is not False


def _stored(tx: Tx, processor: str, said: Sequence[Callback]) -> list[ProcessorCallback]:
    """Write down what is new; the same event twice is one (S18)."""
    new = {each.event_id: each for each in said if not _known(tx, processor, each)}
    return [tx.insert(_row(tx, processor, each)) for each in new.values()]


def _known(tx: Tx, processor: str, callback: Callback) -> bool:
    return tx.first(_BY_ID, processor=processor, event_id=callback.event_id) is not None


def _row(tx: Tx, processor: str, callback: Callback) -> ProcessorCallback:
    return ProcessorCallback(
        processor=processor,
        event_id=callback.event_id,
        kind=callback.kind.value,
        reference=callback.reference,
        processor_ref=callback.processor_ref,
        tries=0,
        received_at=tx.now,
        # It is followed up at once; this is for when that does not come to an end.
        next_try_at=tx.now + _FIRST_PAUSE,
        handled_at=None,
    )


def _named(row: ProcessorCallback) -> dict[str, str | None]:
    """Of which object a callback speaks, for people who look for it at the processor."""
    return {"processor": row.processor, "kind": row.kind, "object_id": row.processor_ref}


def _tried(tx: Tx, row: ProcessorCallback, handled: bool) -> None:
    tries = row.tries + 1
    given_up = not handled and tries >= MOST_TRIES
    if given_up:
        log.error("callback_given_up", processor=row.processor, kind=row.kind)
    pause = min(_FIRST_PAUSE * (1 << min(tries, _DOUBLINGS)), _LONGEST_PAUSE)
    tx.run(
        _TRIED,
        of_processor=row.processor,
        of_event=row.event_id,
        to_next_try_at=None if handled or given_up else tx.now + pause,
        to_handled_at=tx.now if handled else None,
    )
