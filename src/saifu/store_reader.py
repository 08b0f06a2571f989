"""Reading a database from beside the processes that own it: takes no lock, stamps nothing, cannot write.

This is how `saifu ledger verify` looks at a database that a running server holds the lock of.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Protocol, TypeVar

import asyncpg
from sqlalchemy.util import greenlet_spawn

from .clock import Clock
from .store import Origin, Work
from .store_postgres import PostgresTx, postgres_dsn
from .store_sqlite import BUSY_TIMEOUT_MS, SqliteTx, sqlite_path

T = TypeVar("T")


class Reader(Protocol):
    """What a reader can do: run queries that all see one snapshot."""

    async def read(self, work: Work[T]) -> T: ...


class _SqliteReader:
    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def read(self, work: Work[T]) -> T:
        return await asyncio.to_thread(self._read, work)

    def _read(self, work: Work[T]) -> T:
        self._connection.execute("BEGIN")
        try:
            return work(SqliteTx(self._connection, self._clock.now(), Origin()))
        finally:
            self._connection.execute("ROLLBACK")


class _PostgresReader:
    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def read(self, work: Work[T]) -> T:
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            result: T = await greenlet_spawn(work, PostgresTx(self._connection, self._clock.now(), Origin()))
            return result


@asynccontextmanager
async def open_reader(url: str, clock: Clock) -> AsyncIterator[Reader]:
    """A reader of the database that a URL names; closed afterwards. A SQLite file must exist."""
    if url.startswith("sqlite"):
        address = f"{sqlite_path(url).absolute().as_uri()}?mode=ro"
        with closing(
            sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        ) as connection:
            connection.execute("PRAGMA query_only=ON")
            connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            yield _SqliteReader(connection, clock)
        return
    session = await asyncpg.connect(
        postgres_dsn(url), server_settings={"application_name": "saifu"}, timeout=10
    )
    try:
        yield _PostgresReader(session, clock)
    finally:
        await session.close()
