"""The raw database under the same number of clients, in a process of its own.

`python -m bench.raw` reads one JSON object from standard input and writes one `Measured` to standard output.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import uvloop

from saifu.store_postgres import postgres_dsn
from saifu.store_sqlite import sqlite_path

from .load import WARM_UP_S, Measured, measured
from .raw_postgres import RawPostgres
from .raw_sqlite import RawSqlite


class Raw(Protocol):
    async def post(self, customer_id: str, key: str, number: str) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RawOrders:
    """Which database, by how many, for how long; customers' ids are used in turn."""

    url: str
    clients: int
    for_s: float
    customers: Sequence[str]
    prefix: str


async def _opened(url: str) -> Raw:
    if url.startswith("sqlite"):
        return RawSqlite(sqlite_path(url))
    return await RawPostgres.open(postgres_dsn(url))


async def _run(orders: RawOrders) -> Measured:
    raw = await _opened(orders.url)
    numbers = itertools.count()
    latencies: list[float] = []
    measuring_from = time.monotonic() + WARM_UP_S
    until = measuring_from + orders.for_s
    cpu = time.process_time()

    async def client() -> None:
        while (began := time.monotonic()) < until:
            number = next(numbers)
            customer_id = orders.customers[number % len(orders.customers)]
            await raw.post(customer_id, f"{orders.prefix}-{number}", f"{orders.prefix}{number:018d}")
            answered_at = time.monotonic()
            if measuring_from <= answered_at < until:
                latencies.append(answered_at - began)

    async with asyncio.timeout(orders.for_s + 30), asyncio.TaskGroup() as group:
        for _ in range(orders.clients):
            group.create_task(client())
    used = (time.process_time() - cpu) / (WARM_UP_S + orders.for_s)
    await raw.close()
    return measured(latencies, orders.for_s, used)


def main() -> None:
    print(json.dumps(asdict(uvloop.run(_run(RawOrders(**json.load(sys.stdin)))))))


async def measure_raw(orders: RawOrders) -> Measured:
    """Run it in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.raw"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    async with asyncio.timeout(orders.for_s + 60):
        answer, _ = await process.communicate(json.dumps(asdict(orders)).encode())
    if process.returncode:
        raise RuntimeError(f"the raw database ended with {process.returncode}")
    return Measured(**json.loads(answer))


if __name__ == "__main__":
    main()
