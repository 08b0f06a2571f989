"""PostgreSQL by hand: asyncpg, the customer's row locked, prepared statements, all inserts in one round trip."""

import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import asyncpg

from saifu.store_postgres import POOL_SIZE

from .rows import NOW, READS, UPDATES, rows, wallet_update


class RawPostgres:
    """`post` answers after the commit. Its pool is as large as the gateway's."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str) -> "RawPostgres":
        return cls(await asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE))

    async def post(self, customer_id: str, key: str, number: str) -> None:
        async with self._pool.acquire() as session, session.transaction():
            given = {"customer_id": customer_id, "key": key, "now": NOW}
            found = {name: await _fetch(session, _READS[name], given) for name in READS}
            assert [bool(one) for one in found.values()] == [True, False, True, False], "READS"
            before, _, sequence, *_ = found["wallet"][0]
            await _fetch(session, UPDATES["wallet"], wallet_update(customer_id, before, sequence + 1, NOW))
            ((event_sequence,),) = await _fetch(session, UPDATES["customer"], given)
            new = rows(customer_id, key, number, before, sequence + 1, NOW)
            new["event"]["sequence"] = event_sequence
            sql = _inserts(tuple((table, tuple(row)) for table, row in new.items()))
            await session.execute(sql, *(value for row in new.values() for value in row.values()))

    async def close(self) -> None:
        await self._pool.close()


_READS = {**READS, "customer": READS["customer"] + " FOR UPDATE"}


async def _fetch(session: Any, sql: str, given: Mapping[str, Any]) -> Sequence[Any]:
    text, names = _numbered(sql, tuple(given))
    found: Sequence[Any] = await session.fetch(text, *(given[name] for name in names))
    return found


@lru_cache
def _numbered(sql: str, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """`:name` as `$1`, in the order of first use."""
    used = tuple(sorted((n for n in names if f":{n}" in sql), key=lambda n: sql.index(f":{n}")))
    for place, name in enumerate(used, start=1):
        sql = sql.replace(f":{name}", f"${place}")
    return sql, used


@lru_cache
def _inserts(shape: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    places = itertools.count(1)
    inserts = [
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f'${next(places)}' for _ in columns)})"
        for table, columns in shape
    ]
    *first, last = inserts
    return f"WITH {', '.join(f'step{n} AS ({insert})' for n, insert in enumerate(first))} {last}"
