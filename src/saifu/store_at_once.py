"""SQLite asked in the event loop's own thread: whatever is asked in one turn of the loop is answered in one go.

One snapshot serves all of them, taken after the last was asked, and so no older than any of them may expect. That
spares each the locks of its own, and a statement that follows its like runs in two thirds of the time.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .statements import Row, to_sqlite

MOST_IN_A_TURN = 64
"""More of them wait for the next turn, so that others have theirs."""

_AS_IT_IS = frozenset({str, int, float, bytes, bool, type(None)})


class AtOnce:
    """A reading connection that waits for nobody.

    Args:
        connection: one that begins and ends nothing by itself.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._asked: list[tuple[str, list[Any], asyncio.Future[list[Row]]]] = []

    async def ask(self, sql: str, values: Sequence[Any]) -> list[Row]:
        """The rows of a statement.

        Raises:
            sqlite3.Error: what SQLite has against it.
        """
        loop = asyncio.get_running_loop()
        rows: asyncio.Future[list[Row]] = loop.create_future()
        given = [value if type(value) in _AS_IT_IS else to_sqlite(value) for value in values]
        self._asked.append((sql, given, rows))
        if len(self._asked) == 1:
            loop.call_soon(self._answer)
        return await rows

    def close(self) -> None:
        self._connection.close()

    def _answer(self) -> None:
        asked, self._asked = self._asked[:MOST_IN_A_TURN], self._asked[MOST_IN_A_TURN:]
        if self._asked:
            asyncio.get_running_loop().call_soon(self._answer)
        try:
            self._connection.execute("BEGIN")
            for sql, given, rows in asked:
                self._tell(sql, given, rows)
            self._connection.execute("COMMIT")
        except Exception as fault:  # noqa: BLE001 - nobody may wait for ever, whatever has happened
            for _, _, rows in asked:
                if not rows.done():
                    rows.set_exception(fault)
            with suppress(sqlite3.Error):
                self._connection.rollback()

    def _tell(self, sql: str, given: list[Any], rows: asyncio.Future[list[Row]]) -> None:
        if rows.done():
            return  # whoever was cancelled meanwhile does not wait any more
        try:
            found = self._connection.execute(sql, given).fetchall()
        except Exception as fault:  # noqa: BLE001 - it is theirs who asked
            rows.set_exception(fault)
        else:
            rows.set_result(found)
