"""PostgreSQL: many processes, row locks under READ COMMITTED, retries where the database asks for them.

The lock that matters is the customer's row: everything of one customer is done one after the other,
and customers do not wait for each other (W38, W39). Events get their place in the whole log after
the commit, from whichever process holds the sequencer's advisory lock: a number drawn inside the
transaction would let a reader step over rows that commit late.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
import structlog
from sqlalchemy.util import await_, greenlet_spawn
from sqlmodel import SQLModel

from .clock import Clock
from .postgres_sessions import Sessions
from .refusals import OutcomeUnknown, Unavailable
from .statements import POSTGRESQL, Prepared, Row
from .store import Ask, Origin, Signal, Told, Tx, Work, insert_columns, settled
from .tasks import cancelled, woken

T = TypeVar("T")
log = structlog.get_logger(__name__)

POOL_SIZE = 12
ATTEMPTS = 8
POLL_S = 1.0
CLOSE_TIMEOUT_S = 10.0
STAMP_LIMIT = 2_000
INSERT_LIMIT = 1_000
"""Rows per statement: PostgreSQL takes 32 767 parameters, and the widest table has 22 columns."""
CHANNEL = "saifu_log"
OWN_CONSTRAINTS = frozenset(
    {
        *(
            "ledger_entry_sequence",
            "idempotency_record_pkey",
            "event_pkey",
            "event_order_pkey",
            "wallet_pkey",
        ),
        *("payment_live_for", "payment_attempt_pkey", "processor_callback_pkey"),
    }
)
"""A duplicate here means that another transaction was quicker, not that the request is wrong."""

_SETTINGS = {
    "application_name": "saifu",
    "timezone": "UTC",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
}
_CONNECTION: Mapping[str, Any] = {
    "server_settings": _SETTINGS,
    "statement_cache_size": 512,
    "command_timeout": 30,
    "timeout": 10,
}
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
_BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    TimeoutError,
)
"""What is tried again by whoever asked, not by us. Look for these first: a TimeoutError is an OSError too."""

_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

_STAMP_LOCK = "SELECT pg_advisory_xact_lock(7367270, 1)"
_STAMP = f"""
    UPDATE event SET position = base.position + fresh.place
    FROM (SELECT order_key, sequence, row_number() OVER (ORDER BY arrival) AS place
          FROM event WHERE position IS NULL ORDER BY arrival LIMIT {STAMP_LIMIT}) AS fresh,
         (SELECT greatest(coalesce((SELECT max(position) FROM event), 0),
                          coalesce((SELECT log_floor FROM installation), 0)) AS position) AS base
    WHERE event.order_key = fresh.order_key AND event.sequence = fresh.sequence
"""  # noqa: S608 - the only value is our own constant


class _Session(asyncpg.Connection):
    def get_reset_query(self) -> str:
        """Nothing to reset: no unit of work leaves a setting, a cursor or a session lock behind."""
        return ""


class PostgresTx(Tx):
    """Runs inside a greenlet, so that a plain function can wait for the driver and for nothing else."""

    dialect = POSTGRESQL

    def __init__(self, session: Any, now: Any, origin: Origin) -> None:
        super().__init__(now, origin)
        self._session = session
        self.added_events = False

    def next_position(self) -> None:
        self.added_events = True

    def _fetch(self, prepared: Prepared, values: list[Any]) -> Iterable[Row]:
        self.statements += 1
        return await_(self._session.fetch(prepared.sql, *values))

    def _run(self, prepared: Prepared, values: list[Any]) -> int:
        self.statements += 1
        return _count(await_(self._session.execute(prepared.sql, *values)))

    def _insert(self, rows: list[SQLModel]) -> None:
        """All rows of all tables in one round trip: the row lock is held for one trip less per table."""
        for start in range(0, len(rows), INSERT_LIMIT):
            self._insert_some(rows[start : start + INSERT_LIMIT])

    def _insert_some(self, rows: list[SQLModel]) -> None:
        by_table: dict[type[SQLModel], list[SQLModel]] = {}
        for row in rows:
            by_table.setdefault(type(row), []).append(row)
        self.statements += 1
        sql, columns = _insert_sql(tuple((model, len(group)) for model, group in by_table.items()))
        values = [
            row.__dict__.get(name)
            for (model, group), names in zip(by_table.items(), columns, strict=True)
            for row in group
            for name in names
        ]
        await_(self._session.execute(sql, *values))


@lru_cache(maxsize=1024)
def _insert_sql(shape: tuple[tuple[type[SQLModel], int], ...]) -> tuple[str, list[tuple[str, ...]]]:
    place = iter(range(1, 100_000))
    inserts, columns = [], []
    for model, count in shape:
        table, names = insert_columns(model)
        rows = ", ".join(f"({', '.join(f'${next(place)}' for _ in names)})" for _ in range(count))
        inserts.append(f'INSERT INTO "{table.name}" ({", ".join(names)}) VALUES {rows}')  # noqa: S608
        columns.append(names)
    *first, last = inserts
    together = ", ".join(f"step{n} AS ({insert})" for n, insert in enumerate(first))
    return (f"WITH {together} {last}" if first else last), columns


def _count(tag: str) -> int:
    """The number of rows in a command tag such as `UPDATE 3`."""
    return int(tag.rpartition(" ")[2])


class PostgresStore:
    """The store over a PostgreSQL database; any number of processes may open the same one.

    `stamped` is signalled when this process has given events their places, for whoever tells the others.
    """

    def __init__(self, url: str, clock: Clock, pool: Any) -> None:
        self.url = url
        self.clock = clock
        self.log_grew = Signal()
        self.stamped = Signal()
        self._pool = pool
        self._sessions = Sessions(lambda: asyncpg.connect(postgres_dsn(url), **_CONNECTION))
        self._unstamped = asyncio.Event()
        self._running: set[asyncio.Task[Any]] = set()
        self._background = [
            asyncio.create_task(self._stamp_forever(), name="saifu-sequencer"),
            asyncio.create_task(self._listen_forever(), name="saifu-listen"),
        ]

    @classmethod
    async def open(cls, url: str, clock: Clock) -> "PostgresStore":
        pool = await asyncpg.create_pool(
            postgres_dsn(url),
            min_size=2,
            max_size=POOL_SIZE,
            connection_class=_Session,
            **_CONNECTION,
        )
        async with pool.acquire() as session:
            durable = await session.fetchval("SHOW synchronous_commit")
        assert durable != "off", "money is only safe when synchronous_commit is not off"
        return cls(url, clock, pool)

    @property
    def waiting(self) -> int:
        return len(self._running)

    async def write(self, work: Work[T], origin: Origin = Origin()) -> T:
        return await settled(self._spawn(self._write(work, origin)))

    async def read(self, work: Work[T], consistent: bool = False) -> T:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if consistent else None
        return await self._answered(lambda: self._read(work, begin))

    async def read_now(self, ask: Ask) -> list[Any]:
        prepared, values = ask(POSTGRESQL, self.clock.now())
        rows = await self._answered(lambda: self._sessions.fetch(prepared.sql, values))
        return [prepared.shape(row) for row in rows]

    def read_soon(self, ask: Ask, told: Told) -> bool:
        return False

    async def _answered(self, query: Callable[[], Awaitable[T]]) -> T:
        """What a query says; asked again where the connection was lost, since it changes nothing."""
        for attempt in range(2):
            try:
                return await query()
            except _BUSY as fault:
                log.warning("database_busy", error=str(fault))
                break
            except _LOST as lost:
                self._sessions.drop_idle()
                log.warning("read_lost_its_connection", error=str(lost), attempt=attempt)
        raise Unavailable("The database cannot be reached.")

    def revision(self, table: str) -> int | None:
        return None

    async def close(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=10)
        await cancelled(self._background)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._sessions.close()
                await self._pool.close()
        except TimeoutError:
            log.warning("connections_dropped", note="some were still busy when the store was closed")
            self._pool.terminate()

    def _spawn(self, work: Awaitable[T]) -> "asyncio.Task[T]":
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # When the caller has gone away nobody reads the outcome; asking for it here keeps asyncio quiet.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _write(self, work: Work[T], origin: Origin) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(work, origin)
            except _BUSY as fault:
                log.warning("database_busy", error=str(fault))
                break
            except (*_AGAIN, *_LOST, asyncpg.UniqueViolationError) as fault:
                if (
                    isinstance(fault, asyncpg.UniqueViolationError)
                    and fault.constraint_name not in OWN_CONSTRAINTS
                ):
                    raise
                log.info("transaction_retried", error=type(fault).__name__, attempt=attempt)
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter
        raise Unavailable("The database is busy or cannot be reached.")

    async def _once(self, work: Work[T], origin: Origin) -> T:
        session = await self._pool.acquire(timeout=10)
        try:
            return await self._attempt(session, work, origin)
        finally:
            await self._give_back(session)

    async def _give_back(self, session: Any) -> None:
        """Return a session to the pool. That this fails says nothing of what was committed: it must not run again."""
        try:
            await self._pool.release(session)
        except (*_LOST, *_BUSY) as lost:
            log.warning("connection_dropped", error=str(lost))

    async def _attempt(self, session: Any, work: Work[T], origin: Origin) -> T:
        await session.execute("BEGIN")
        tx = PostgresTx(session, self.clock.now(), origin)
        try:
            result: T = await greenlet_spawn(_complete, work, tx)
        except BaseException:
            await _undo(session)
            raise
        try:
            answer = await session.execute("COMMIT")
        except (*_LOST, asyncpg.QueryCanceledError) as lost:
            log.error("commit_outcome_unknown", error=str(lost))
            raise OutcomeUnknown from lost
        # PostgreSQL answers ROLLBACK, and no error, where a statement had failed and the work went on.
        assert answer == "COMMIT", f"a commit was answered with {answer}"
        if tx.added_events:
            self._unstamped.set()
        return result

    async def _read(self, work: Work[T], begin: str | None) -> T:
        async with self._pool.acquire(timeout=10) as session:
            if begin:
                await session.execute(begin)
            try:
                result: T = await greenlet_spawn(work, PostgresTx(session, self.clock.now(), Origin()))
                return result
            finally:
                if begin:
                    await session.execute("COMMIT")

    async def _stamp_forever(self) -> None:
        while True:
            await woken(self._unstamped, POLL_S)
            self._unstamped.clear()
            try:
                while await self._stamp() == STAMP_LIMIT:
                    pass
            except Exception as fault:  # noqa: BLE001 - without a sequencer no event of anybody is ever delivered
                log.warning("sequencer_paused", error=str(fault))
                await asyncio.sleep(POLL_S)

    async def _stamp(self) -> int:
        async with self._pool.acquire(timeout=10) as session:
            if not await session.fetchval("SELECT EXISTS (SELECT FROM event WHERE position IS NULL)"):
                return 0
            async with session.transaction():
                await session.execute(_STAMP_LOCK)
                stamped = _count(await session.execute(_STAMP))
            if stamped:
                await session.execute(f"NOTIFY {CHANNEL}")
                self.stamped()
        return stamped

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen_until_lost()
            except Exception as fault:  # noqa: BLE001 - whatever it is, it is tried again
                log.warning("wake_ups_paused", error=str(fault))
            await asyncio.sleep(POLL_S)

    async def _listen_until_lost(self) -> None:
        session = await asyncpg.connect(postgres_dsn(self.url), server_settings=_SETTINGS, timeout=10)
        lost = asyncio.Event()
        session.add_termination_listener(lambda _: lost.set())
        try:
            await session.add_listener(CHANNEL, lambda *_: self.log_grew())
            self.log_grew()  # whatever was announced while nobody listened
            await lost.wait()
        finally:
            session.terminate()


async def _undo(session: Any) -> None:
    """Roll back; where even that is not answered, the session is dropped, and the server rolls back."""
    try:
        await session.execute("ROLLBACK")
    except _LOST:
        session.terminate()


def _complete(work: Callable[[Tx], T], tx: Tx) -> T:
    result = work(tx)
    tx.flush()
    return result


def postgres_dsn(url: str) -> str:
    """asyncpg's own spelling of a `postgresql+asyncpg://…` URL."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
