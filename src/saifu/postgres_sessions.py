"""Sessions for single statements, beside the pool.

A pool makes sure that whoever gets a session finds it clean, which costs as much as a small statement. What is only
ever asked one statement at a time, outside of transactions, leaves nothing to clean up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

MOST_SESSIONS = 8
WAIT_S = 10.0


class Sessions:
    """A few sessions, opened when they are first needed; the one used last is used again first."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._idle: list[Any] = []
        self._free = asyncio.Semaphore(MOST_SESSIONS)
        self._closed = False

    async def fetch(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Every row of one statement.

        Raises:
            TimeoutError: all sessions were busy for `WAIT_S`.
            asyncpg.PostgresError, OSError: as the driver says it.
        """
        if self._free.locked():
            async with asyncio.timeout(WAIT_S):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            return await self._fetch(await self._session(), sql, values)
        finally:
            self._free.release()

    async def _session(self) -> Any:
        if self._closed:
            raise asyncpg.InterfaceError("the store is closed")
        return self._idle.pop() if self._idle else await self._connect()

    async def _fetch(self, session: Any, sql: str, values: Sequence[Any]) -> list[Any]:
        try:
            rows: list[Any] = await session.fetch(sql, *values)
        except BaseException:
            # Cancelled, lost, or refused by the server: whichever it was, a new session is sure to be clean.
            session.terminate()
            raise
        if self._closed:
            session.terminate()
        else:
            self._idle.append(session)
        return rows

    def drop_idle(self) -> None:
        """Forget the sessions that are not in use: where one was lost, the others most likely are too."""
        while self._idle:
            self._idle.pop().terminate()

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close(timeout=WAIT_S)
