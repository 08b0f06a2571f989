"""SQLite: one writer that commits in groups, and readers that cannot write.

The writer takes whatever has gathered while the last commit was syncing, runs each unit of work in
a savepoint of its own, commits once at `synchronous=FULL`, and only then answers all. One writer
connection means that nobody starves, nobody meets SQLITE_BUSY, and that SQLite's WAL-reset bug
(3.7.0 to 3.51.2), which needs two connections writing at once, cannot occur.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog
from sqlmodel import SQLModel

from .clock import Clock
from .refusals import OutcomeUnknown, Refusal, Unavailable
from .statements import SQLITE, Prepared, Row, to_sqlite
from .store import Ask, Origin, Signal, Told, Tx, Work, insert_columns, settled
from .store_at_once import AtOnce

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP_SIZE = 64
READERS = 4
BUSY_TIMEOUT_MS = 5_000
FIXED_IN = (3, 51, 3)
MAPPED_BYTES = 1 << 30
"""How much of the file the loop's reader maps instead of copying page by page: a third of the time, at 10 000
customers. The file is never shortened while it is open, which a mapping could not survive."""


class _Connection(aiosqlite.Connection):
    """An aiosqlite connection that can run a whole function in its thread: one hop for many statements."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._thread.daemon = True  # a fault elsewhere must be able to end the process

    async def call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return await self._execute(lambda: function(self._conn))  # type: ignore[no-any-return,no-untyped-call]


class SqliteTx(Tx):
    dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection, now: Any, origin: Origin, position: int = 0) -> None:
        super().__init__(now, origin)
        self._connection = connection
        self.position = position
        self.changed: set[str] = set()

    def next_position(self) -> int:
        self.position += 1
        return self.position

    def _fetch(self, prepared: Prepared, values: list[Any]) -> Iterable[Row]:
        self._count(prepared)
        return self._connection.execute(prepared.sql, values).fetchall()

    def _run(self, prepared: Prepared, values: list[Any]) -> int:
        self._count(prepared)
        return self._connection.execute(prepared.sql, values).rowcount

    def _count(self, prepared: Prepared) -> None:
        self.statements += 1
        if prepared.changes is not None:
            self.changed.add(prepared.changes)

    def _insert(self, rows: list[SQLModel]) -> None:
        by_table: dict[type[SQLModel], list[SQLModel]] = {}
        for row in rows:
            by_table.setdefault(type(row), []).append(row)
        for model, group in by_table.items():
            sql, names = _insert_sql(model)
            self.statements += 1
            self.changed.add(str(model.__tablename__))
            self._connection.executemany(
                sql, [[to_sqlite(row.__dict__.get(name)) for name in names] for row in group]
            )


@lru_cache(maxsize=64)
def _insert_sql(model: type[SQLModel]) -> tuple[str, tuple[str, ...]]:
    table, names = insert_columns(model)
    columns = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})', names  # noqa: S608


@dataclass
class _Command:
    work: Work[Any]
    origin: Origin
    done: "asyncio.Future[Any]"
    outcome: Any = None
    fault: BaseException | None = None
    changed: set[str] = field(default_factory=set)


class SqliteStore:
    """The store over one SQLite file. Open it with `open`, and close it: it holds the file's lock."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.log_grew = Signal()
        self.path = sqlite_path(url)
        self._queue: asyncio.Queue[_Command | None] = asyncio.Queue()
        self._readers: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        self._opened: list[_Connection] = []
        self._position = 0
        self._revisions: Counter[str] = Counter()
        self._lock = hold_lock(self.path)
        self._writer: _Connection
        self._at_once: AtOnce
        self._task: asyncio.Task[None]

    @classmethod
    async def open(cls, url: str, clock: Clock) -> "SqliteStore":
        store = cls(url, clock)
        store._writer = await store._connect(read_only=False)
        store._position = await store._writer.call(_last_position)
        for _ in range(READERS):
            store._readers.put_nowait(await store._connect(read_only=True))
        store._at_once = AtOnce(_open_at_once(store.path), clock)
        store._task = asyncio.create_task(store._write_forever(), name="saifu-writer")
        if sqlite3.sqlite_version_info < FIXED_IN:
            log.debug(
                "sqlite_version",
                version=sqlite3.sqlite_version,
                note="WAL-reset bug avoided by the single writer",
            )
        return store

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    async def write(self, work: Work[T], origin: Origin = Origin()) -> T:
        command = _Command(work, origin, asyncio.get_running_loop().create_future())
        # Once queued the work is the writer's: a caller that goes away does not take it back.
        self._queue.put_nowait(command)
        return await settled(command.done)

    async def read(self, work: Work[T], consistent: bool = False) -> T:
        # one connection, one snapshot: reads here are always consistent
        connection = await self._readers.get()
        try:
            return await settled(asyncio.ensure_future(connection.call(partial(self._read_in_thread, work))))
        finally:
            self._readers.put_nowait(connection)

    async def read_now(self, ask: Ask) -> list[Any]:
        """Ask in the loop's own thread, since the way to a reader's costs more than a bounded statement.

        That is safe because a reader in WAL mode waits for no writer. The rare moment in which SQLite is busy all
        the same (it recovers the log, say) is waited for where waiting belongs: in a reader's thread.
        """
        try:
            return await self._at_once.ask(ask)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY:
                raise
            return await self.read(lambda tx: tx.fetch(*ask(SQLITE, tx.now)))

    def read_soon(self, ask: Ask, told: Told) -> bool:
        self._at_once.tell(ask, told)
        return True

    def revision(self, table: str) -> int | None:
        return self._revisions[table]

    async def close(self) -> None:
        self._queue.put_nowait(None)
        await self._task
        self._at_once.close()
        # The writer last: SQLite folds the log into the file when its last connection closes, which no reader may do.
        for connection in reversed(self._opened):
            await connection.close()
        self._lock.close()

    def _read_in_thread(self, work: Work[T], connection: sqlite3.Connection) -> T:
        connection.execute("BEGIN")
        try:
            return work(SqliteTx(connection, self.clock.now(), Origin()))
        finally:
            connection.execute("COMMIT")

    async def _connect(self, read_only: bool) -> _Connection:
        connection = _Connection(partial(_open_file, self.path, read_only))
        opened = await connection
        assert opened is connection
        self._opened.append(connection)
        return connection

    async def _write_forever(self) -> None:
        while (command := await self._queue.get()) is not None:
            group = [command]
            while len(group) < GROUP_SIZE and not self._queue.empty():
                waiting = self._queue.get_nowait()
                if waiting is None:
                    self._queue.put_nowait(None)
                    break
                group.append(waiting)
            await self._commit(group)

    async def _commit(self, group: list[_Command]) -> None:
        before = self._position
        try:
            self._position = await self._writer.call(partial(self._commit_in_thread, group))
        except Exception as fault:  # noqa: BLE001 - the writer outlives whatever happens to one group
            unknown = fault if isinstance(fault, Refusal) else OutcomeUnknown()
            for command in group:
                command.fault = _undone(command.fault) if command.fault else unknown
            await self._find_position()
        # Also of what failed: a commit whose outcome is unknown may have changed something.
        for command in group:
            self._revisions.update(command.changed)
        for command in group:
            _answer(command)
        if self._position > before:
            self.log_grew()

    async def _find_position(self) -> None:
        """Read the last place again: after an unknown outcome what is in memory may be behind."""
        with suppress(Exception):
            self._position = await self._writer.call(_last_position)

    def _commit_in_thread(self, group: list[_Command], connection: sqlite3.Connection) -> int:
        position = self._position
        try:
            connection.execute("BEGIN IMMEDIATE")
            for command in group:
                position = self._run_in_savepoint(command, connection, position)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _after_failed_commit(connection, error) from error
        return position

    def _run_in_savepoint(self, command: _Command, connection: sqlite3.Connection, position: int) -> int:
        connection.execute("SAVEPOINT unit")
        tx = SqliteTx(connection, self.clock.now(), command.origin, position)
        try:
            command.changed = tx.changed
            command.outcome = command.work(tx)
            tx.flush()
        except BaseException as fault:
            if not connection.in_transaction:
                raise  # the disk is full: SQLite has rolled back the whole group by itself
            connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            command.fault = _definite(fault)
            return position
        connection.execute("RELEASE unit")
        return tx.position


def _answer(command: _Command) -> None:
    if command.done.done():
        return
    if command.fault is None:
        command.done.set_result(command.outcome)
    else:
        command.done.set_exception(command.fault)
        # A caller that went away leaves nobody to read this: it is not lost, the log has it.
        command.done.exception()


def _undone(fault: BaseException) -> BaseException:
    """What a unit that had said no tells when its group is undone: it may have seen what now never was."""
    return Unavailable("The database is full or busy.") if isinstance(fault, Refusal) else fault


def _definite(fault: BaseException) -> BaseException:
    """What a unit of work that was rolled back tells its caller."""
    full = isinstance(fault, sqlite3.Error) and getattr(fault, "sqlite_errorcode", None) in _DEFINITE
    return Unavailable("The database is full or busy.") if full else fault


def _after_failed_commit(connection: sqlite3.Connection, error: sqlite3.Error) -> Refusal:
    """Only a failure that certainly undid the group may be called definite (invariant 5)."""
    log.error("commit_failed", error=str(error), code=getattr(error, "sqlite_errorname", None))
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    definite = getattr(error, "sqlite_errorcode", None) in _DEFINITE and not connection.in_transaction
    return Unavailable("The database is full or busy.") if definite else OutcomeUnknown()


_PRIMARY = 0xFF
"""The part of SQLite's error codes that says what went wrong; the rest says where."""
_DEFINITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite+aiosqlite:///…` URL; four slashes make it absolute."""
    return Path(url.partition(":///")[2])


def hold_lock(path: Path) -> Any:
    """Hold the lock that keeps a second process from writing the same file (released when it ends).

    Raises:
        BlockingIOError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.with_name(path.name + ".lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise
    os.truncate(handle.fileno(), 0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _open_file(path: Path, read_only: bool) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}{'?mode=ro' if read_only else ''}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, cached_statements=512, check_same_thread=False
    )
    for pragma in _PRAGMAS_READER if read_only else _PRAGMAS_WRITER:
        connection.execute(f"PRAGMA {pragma}")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    assert synchronous == 2, "money is only safe at synchronous=FULL"  # noqa: PLR2004 - SQLite's number for FULL
    return connection


def _open_at_once(path: Path) -> sqlite3.Connection:
    """The reader of the loop's own thread: it waits for nothing, and finds most pages where the system keeps them."""
    connection = _open_file(path, read_only=True)
    for pragma in _PRAGMAS_AT_ONCE:
        connection.execute(f"PRAGMA {pragma}")
    (nested,) = connection.execute(_NESTED_JSON).fetchone()
    assert nested == '{"a":[true]}', f"this SQLite forgets what is JSON, and would quote it: {nested}"
    return connection


_PRAGMAS_WRITER = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "secure_delete=ON",  # what is erased is gone from the file (CU54), also where SQLite's build says otherwise
)
# Whole answers are nested like this (`selections`); SQLite promises less than it has always done.
_NESTED_JSON = (
    "SELECT json_object('a', (SELECT json_group_array(iif(x, json('true'), 0)) FROM (SELECT 1 AS x LIMIT 1)))"
)
_PRAGMAS_AT_ONCE = ("busy_timeout=0", f"mmap_size={MAPPED_BYTES}")
_PRAGMAS_READER = ("query_only=ON", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}")


def _last_position(connection: sqlite3.Connection) -> int:
    """The last place given in the log; the floor remembers it when old events have been dropped."""
    return int(
        connection.execute(
            "SELECT max(coalesce((SELECT max(position) FROM event), 0), "
            "coalesce((SELECT log_floor FROM installation), 0))"
        ).fetchone()[0]
    )
