"""SQLite asked in the event loop's own thread: whatever is asked in one turn of the loop is answered in one go.

One snapshot serves all of them, taken after the last was asked, and so no older than any of them may expect. That
spares each the locks of its own, and a statement that follows its like runs in two thirds of the time.
"""

import asyncio
import sqlite3
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from .clock import Clock
from .statements import SQLITE
from .store import Ask, Told

log = structlog.get_logger(__name__)

MOST_IN_A_TURN = 64
"""More of them wait for the next turn, so that others have theirs."""


class AtOnce:
    """A reading connection that waits for nobody.

    Args:
        connection: one that begins and ends nothing by itself.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._clock = clock
        self._asked: list[tuple[Ask, Told]] = []

    async def ask(self, ask: Ask) -> list[Any]:
        """The rows of a statement.

        Raises:
            sqlite3.Error: what SQLite has against it.
        """
        rows: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

        def told(answer: list[Any] | Exception) -> None:
            if rows.done():
                return  # whoever was cancelled meanwhile does not wait any more
            if isinstance(answer, Exception):
                rows.set_exception(answer)
            else:
                rows.set_result(answer)

        self.tell(ask, told)
        return await rows

    def tell(self, ask: Ask, told: Told) -> None:
        """Have somebody told the rows of a statement, or what SQLite has against it, at the end of this turn."""
        self._asked.append((ask, told))
        if len(self._asked) == 1:
            asyncio.get_running_loop().call_soon(self._answer)

    def close(self) -> None:
        self._connection.close()

    def _answer(self) -> None:
        asked, self._asked = self._asked[:MOST_IN_A_TURN], self._asked[MOST_IN_A_TURN:]
        if self._asked:
            asyncio.get_running_loop().call_soon(self._answer)
        for (_, told), answer in zip(asked, self._answers([ask for ask, _ in asked]), strict=True):
            try:
                told(answer)
            except Exception:  # the others are to be told all the same
                log.exception("answer_was_not_taken")

    def _answers(self, asked: list[Ask]) -> list[list[Any] | Exception]:
        try:
            self._connection.execute("BEGIN")
            now = self._clock.now()
            answers = [self._rows(ask, now) for ask in asked]
            self._connection.execute("COMMIT")
        except Exception as fault:  # noqa: BLE001 - nobody may wait for ever, whatever has happened
            with suppress(sqlite3.Error):
                self._connection.rollback()
            return [fault] * len(asked)
        return answers

    def _rows(self, ask: Ask, now: datetime) -> list[Any] | Exception:
        try:
            prepared, values = ask(SQLITE, now)
            rows = self._cursor.execute(prepared.sql, values).fetchall()
            return rows if prepared.shape is tuple else [prepared.shape(row) for row in rows]
        except Exception as fault:  # noqa: BLE001 - it is theirs who asked
            return fault
