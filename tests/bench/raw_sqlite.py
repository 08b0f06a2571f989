"""SQLite by hand: one writer thread that commits in groups, told by callers who wait for their commit."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from saifu.clock import rfc3339

from .rows import NOW, READS, UPDATES, rows, wallet_update

GROUP_SIZE = 64
TEXT_NOW = rfc3339(NOW)
Command = tuple[str, str, str, "asyncio.Future[None]"]


class RawSqlite:
    """`post` answers after the commit, which is synced as the gateway's is."""

    def __init__(self, path: Path) -> None:
        self._queue: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._position = 0
        self._thread = threading.Thread(target=self._write_forever, daemon=True)
        self._thread.start()

    async def post(self, customer_id: str, key: str, number: str) -> None:
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((customer_id, key, number, done))
        await done

    async def close(self) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write_forever(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=512)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()
        self._position = int(last)
        while (command := self._queue.get()) is not None:
            group = [command]
            while len(group) < GROUP_SIZE and not self._queue.empty():
                waiting = self._queue.get()
                if waiting is None:
                    self._queue.put(None)
                    break
                group.append(waiting)
            fault = None
            try:
                self._commit(connection, group)
            except Exception as raised:  # noqa: BLE001 - whoever waits is told, or would wait for ever
                fault = raised
            self._loop.call_soon_threadsafe(_answer, [done for *_, done in group], fault)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, group: Sequence[Command]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for customer_id, key, number, _ in group:
            connection.execute("SAVEPOINT unit")
            self._post(connection, customer_id, key, number)
            connection.execute("RELEASE unit")
        connection.execute("COMMIT")

    def _post(self, connection: sqlite3.Connection, customer_id: str, key: str, number: str) -> None:
        given = {"customer_id": customer_id, "key": key, "now": TEXT_NOW}
        found = {name: connection.execute(sql, given).fetchall() for name, sql in READS.items()}
        assert [bool(one) for one in found.values()] == [True, False, True, False], "READS"
        before, _, sequence, *_ = found["wallet"][0]
        connection.execute(UPDATES["wallet"], wallet_update(customer_id, before, sequence + 1, TEXT_NOW))
        ((event_sequence,),) = connection.execute(UPDATES["customer"], given).fetchall()
        self._position += 1
        new = rows(customer_id, key, number, before, sequence + 1, TEXT_NOW)
        new["event"].update(sequence=event_sequence, position=self._position)
        for table, row in new.items():
            connection.execute(_insert(table, tuple(row)), row)


def _answer(waiting: Sequence["asyncio.Future[None]"], fault: Exception | None) -> None:
    for done in waiting:
        if fault is None:
            done.set_result(None)
        else:
            done.set_exception(fault)


@lru_cache
def _insert(table: str, columns: tuple[str, ...]) -> str:
    names: Any = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in columns)})"
