"""The feed: following the log. Catching up and listening live are the same code (A50-A54).

One reader per process reads each new row once, keeps the newest in memory and wakes those whom they may concern.
A listener then reads from its own position, out of memory or out of the table; nothing is ever pushed to it, so
there is no seam to lose an event in, and one that does not read costs nobody anything.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from time import monotonic
from typing import Any, TypeVar

import structlog
from sqlalchemy import Integer, bindparam, delete, func
from sqlalchemy.sql import Select
from sqlmodel import col, select

from . import cursors, installation, lookup
from .feed_tail import Tail
from .gathered import Gathered
from .statements import any_of
from .store import Store, Tx
from .tables import Event, LedgerEntry
from .tasks import cancelled, woken

K = TypeVar("K")
V = TypeVar("V")
log = structlog.get_logger(__name__)

POLL_S = 1.0
TAIL_SIZE = 5_000
READ_SIZE = 5_000
BATCH_SIZE = 200
SETTLE_STEPS = 100
SETTLE_STEP_S = 0.02
DROP_SIZE = 5_000
MOST_FOUND = 10_000
"""How many finds are shared: cursors and filters are the clients' to choose, and the log may not grow for days."""

_position = col(Event.position)
_LAST = select(Event).where(_position.is_not(None)).order_by(_position.desc()).limit(1)
_UNSTAMPED = select(func.count(), func.max(col(Event.arrival))).where(_position.is_(None))
_UNSTAMPED_UP_TO = (
    select(col(Event.order_key))
    .where(_position.is_(None), col(Event.arrival) <= bindparam("arrival"))
    .limit(1)
)
_KEPT_FROM = (
    select(Event)
    .where(_position.is_not(None), col(Event.occurred_at) >= bindparam("before"))
    .order_by(_position)
    .limit(1)
)
_FIRST = select(func.min(_position), func.max(_position))
_DROP = delete(Event).where(_position <= bindparam("floor"))


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events somebody listens to: of one customer or (None) of all, of some types or (None) of any."""

    customer_id: str | None = None
    types: frozenset[str] | None = None

    def wants(self, event: Event) -> bool:
        of_customer = self.customer_id is None or event.customer_id == self.customer_id
        return of_customer and (self.types is None or event.type in self.types)


@lru_cache(maxsize=10_000)
def interest_in(customer_id: str | None, types: frozenset[str] | None) -> Interest:
    """One object for all of the same interest: it is a key that is looked up for each of them and each event."""
    return Interest(customer_id, types)


class GapReason(StrEnum):
    """Why a stream has a hole, which is always said and never passed over (ruling 13)."""

    EXPIRED = "EXPIRED"
    SLOW_CONSUMER = "SLOW_CONSUMER"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a read found.

    Attributes:
        events: in the order of the log.
        position: all up to here has been looked at; the next read begins after it.
        more: whether the reader already knows of later rows.
        floor: set when the position asked for lies before what is kept: the events begin after it.
    """

    events: Sequence[Event]
    position: int
    more: bool
    floor: int | None = None


class Feed:
    """Follows the log of a store. Start it before use and stop it before the store is closed.

    Attributes:
        read_at: when the log was last read, on the process's monotonic clock.
        seen: how many events were read since the start, by type.
        entries: the ledger entries that events tell of, read once for all who listen.
    """

    def __init__(self, store: Store, tail_size: int = TAIL_SIZE, poll_s: float = POLL_S) -> None:
        self._store = store
        self._tail = Tail(tail_size)
        self._poll_s = poll_s
        self._grew = asyncio.Event()
        self._advancing = asyncio.Lock()
        self._listeners: dict[str | None, set[Listener]] = {}
        # What was found since the tail last grew: those who wait together at its end read the same.
        self._found: dict[tuple[int, Interest, int], Batch] = {}
        self._counted: dict[tuple[int, Interest], int] = {}
        self._task: asyncio.Task[None] | None = None
        self.read_at = monotonic()
        self.seen: Counter[str] = Counter()
        self.entries = Gathered(self._entries)

    @property
    def head(self) -> int:
        """The newest position this process has seen."""
        return self._tail.head

    @property
    def listeners(self) -> int:
        return sum(len(group) for group in self._listeners.values())

    async def start(self) -> None:
        self._tail.begin(await self._store.read(last_position))
        self._store.log_grew.listeners.append(self._grew.set)
        self._task = asyncio.create_task(self._follow_forever(), name="saifu-feed")

    async def stop(self) -> None:
        with suppress(ValueError):
            self._store.log_grew.listeners.remove(self._grew.set)
        await cancelled([self._task] if self._task else [])

    async def now(self) -> int:
        """A position that is not before anything whose commit was answered before the call."""
        unstamped, arrival = await self._store.read(unstamped_events)
        for _ in range(SETTLE_STEPS if unstamped else 0):
            if not await self._store.read(lambda tx: _any_unstamped(tx, arrival)):
                break
            await asyncio.sleep(SETTLE_STEP_S)
        await self._advance()
        return self.head

    async def position_after(self, after: str) -> int:
        """Where a stream resumes that passes `after`; -1 stands for the first event kept.

        Raises:
            Refusal: the cursor is not ours, or names a place that the log has not reached.
        """
        if after == cursors.BEGINNING:
            return -1
        position = cursors.position_of(after)
        if position > self.head and position > await self._store.read(last_position):
            raise cursors.unusable("This cursor is beyond the end of the event log.")
        return position

    async def read(self, after: int, interest: Interest, limit: int = BATCH_SIZE) -> Batch:
        """The next events of interest after a position."""
        if self._tail.covers(after):
            key = (after, interest, limit)
            found = self._found.get(key)
            if found is None:
                found = self._read_tail(after, interest, limit)
                _keep(self._found, key, found)
            return found
        head = self.head  # before the query: all up to here is visible to it
        events, floor = await self._store.read(lambda tx: _read_table(tx, after, head, interest, limit))
        full = len(events) == limit
        position = max(events[-1].position or 0 if full else head, floor, after)
        kept = [event for event in events if (event.position or 0) > floor]
        gap = floor if 0 <= after < floor else None
        return Batch(kept, position, full or position < self.head, gap)

    def behind(self, position: int, interest: Interest) -> int:
        """How many events of interest wait beyond a position, as far as memory reaches."""
        if position >= self.head:
            return 0
        key = (position, interest)
        count = self._counted.get(key)
        if count is None:
            waiting = self._tail.after(position, interest.customer_id)
            count = sum(1 for event in waiting if interest.wants(event))
            _keep(self._counted, key, count)
        return count

    @contextmanager
    def listen(self, interest: Interest) -> Iterator["Listener"]:
        """Somebody who is woken when there may be something of interest. Listen first, then read."""
        listener = Listener()
        group = self._listeners.setdefault(interest.customer_id, set())
        group.add(listener)
        try:
            yield listener
        finally:
            group.discard(listener)
            if not group and self._listeners.get(interest.customer_id) is group:
                del self._listeners[interest.customer_id]

    async def _entries(self, ids: list[str]) -> dict[str, LedgerEntry]:
        return await self._store.read(lambda tx: lookup.by_ids(tx, LedgerEntry, ids))

    def _read_tail(self, after: int, interest: Interest, limit: int) -> Batch:
        events: list[Event] = []
        for event in self._tail.after(after, interest.customer_id):
            if interest.wants(event):
                events.append(event)
                if len(events) == limit:
                    position = event.position
                    assert position is not None
                    return Batch(events, position, position < self.head)
        return Batch(events, max(self.head, after), more=False)

    async def _follow_forever(self) -> None:
        while True:
            await woken(self._grew, self._poll_s)
            self._grew.clear()
            try:
                while await self._advance():
                    pass
            except Exception as fault:  # noqa: BLE001 - the feed outlives whatever happens to the database
                log.warning("feed_paused", error=type(fault).__name__)
                await asyncio.sleep(self._poll_s)

    async def _advance(self) -> bool:
        """Read what is new, once for all listeners; answers whether there may be more."""
        async with self._advancing:
            head = self.head
            events = await self._store.read(
                lambda tx: tx.all(_statement(Interest(), False), after=head, limit=READ_SIZE)
            )
            self.read_at = monotonic()
            if events:
                self._tail.add(events)
                self._found.clear()
                self._counted.clear()
                self.seen.update(event.type for event in events)
                self._wake(events)
            return len(events) == READ_SIZE

    def _wake(self, events: Sequence[Event]) -> None:
        for customer_id in {event.customer_id for event in events} | {None}:
            for listener in self._listeners.get(customer_id, ()):
                listener.wake()


class Listener:
    """One who waits for the log to grow; an `asyncio.Event` would be ten times as large."""

    __slots__ = ("_grew", "_waiter")

    def __init__(self) -> None:
        self._grew = False
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        self._grew = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Until it was woken, now or since it last waited; only one may wait at a time."""
        if not self._grew:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        self._grew = False


def _keep(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= MOST_FOUND:
        known.clear()
    known[key] = value


def last_position(tx: Tx) -> int:
    """The newest position in the log; the floor remembers it when all has been dropped."""
    newest = tx.first(_LAST)
    return max((newest and newest.position) or 0, installation.log_floor(tx))


def unstamped_events(tx: Tx) -> tuple[int, int | None]:
    """How many committed events have no position yet (PostgreSQL), and the last of them by arrival."""
    found = tx.first(_UNSTAMPED)
    assert found is not None
    return found[0], found[1]


def drop_old_events(tx: Tx, before: datetime, limit: int = DROP_SIZE) -> int:
    """Drop events that happened before an instant, oldest first, and raise the floor in the same transaction.

    Always keeps the newest event and whatever follows the first event that is young enough, so that what
    is kept has no hole. Answers how many were dropped; `limit` means that there may be more.
    """
    first, last = tx.first(_FIRST) or (None, None)
    if first is None or last is None:
        return 0
    kept_from = tx.first(_KEPT_FROM, before=before)
    kept_position = (kept_from and kept_from.position) or last
    floor = min(kept_position - 1, last - 1, first + limit - 1)
    if floor < first:
        return 0
    installation.raise_log_floor(tx, floor)
    return tx.run(_DROP, floor=floor)


def _any_unstamped(tx: Tx, arrival: int | None) -> bool:
    return tx.first(_UNSTAMPED_UP_TO, arrival=arrival) is not None


def _read_table(tx: Tx, after: int, head: int, interest: Interest, limit: int) -> tuple[list[Event], int]:
    given: dict[str, Any] = {}
    if interest.customer_id is not None:
        given["customer_id"] = interest.customer_id
    if interest.types is not None:
        given["types"] = sorted(interest.types)
    events = tx.all(_shape(interest), after=after, head=head, limit=limit, **given)
    # The floor is read after the rows: had they been dropped in between, it would have risen above `after`.
    return events, installation.log_floor(tx)


def _shape(interest: Interest) -> Any:
    return _statement(
        Interest(
            "" if interest.customer_id is not None else None,
            frozenset() if interest.types is not None else None,
        ),
        True,
    )


@lru_cache(maxsize=16)
def _statement(shape: Interest, bounded: bool) -> Any:
    statement: Select[Any] = select(Event).where(_position > bindparam("after"))
    if bounded:
        statement = statement.where(_position <= bindparam("head"))
    if shape.customer_id is not None:
        statement = statement.where(col(Event.customer_id) == bindparam("customer_id"))
    if shape.types is not None:
        statement = statement.where(any_of(col(Event.type), "types"))
    return statement.order_by(_position).limit(bindparam("limit", type_=Integer))
