"""The clients of a benchmark, in a process of their own so that what they cost can be told from what they measure.

`python -m bench.load` reads one JSON object from standard input (`Orders`) and writes one to standard output
(`Measured`). Each client has one keep-alive connection and posts again as soon as it has its answer.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from tests.faults.contract import POST
from tests.wire import Wire

WARM_UP_S = 0.3
DONE = b'"errors":[]'


@dataclass(frozen=True, slots=True)
class Orders:
    """What to send, where and for how long; wallets are customers' ids, used in turn."""

    port: int
    token: str
    clients: int
    for_s: float
    customers: Sequence[str]
    prefix: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it. `cpu` is the share of one core that the measuring itself took."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu: float


class Clients:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._numbers = itertools.count()
        self._latencies: list[float] = []
        self._measuring_from = 0.0

    async def run(self) -> Measured:
        orders = self._orders
        self._measuring_from = time.monotonic() + WARM_UP_S
        until = self._measuring_from + orders.for_s
        cpu = time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(orders.clients):
                group.create_task(self._client(until))
        used = (time.process_time() - cpu) / (WARM_UP_S + orders.for_s)
        return measured(self._latencies, orders.for_s, used)

    async def _client(self, until: float) -> None:
        wire = Wire(self._orders.port, self._orders.token)
        sent_at = time.monotonic()
        while sent_at < until:
            status, answer = await wire.post(self._request(next(self._numbers)))
            answered_at = time.monotonic()
            if status != 200 or DONE not in answer:
                raise RuntimeError(f"{status} {answer.decode(errors='replace')}")
            if self._measuring_from <= answered_at < until:
                self._latencies.append(answered_at - sent_at)
            sent_at = answered_at
        wire.close()

    def _request(self, number: int) -> bytes:
        customers = self._orders.customers
        return _TEMPLATE % (customers[number % len(customers)].encode(), self._orders.prefix.encode(), number)


_TEMPLATE = (
    b'{"query":%s,"variables":{"input":{"customerId":"%%s","currency":"USD","amount":100,"entryType":"CREDIT",'
    b'"idempotencyKey":"%%s-%%d"}}}' % json.dumps(POST).encode().replace(b"%", b"%%")
)


def measured(latencies_s: list[float], for_s: float, cpu: float) -> Measured:
    """Rate and latencies of what was answered while measuring."""
    if not latencies_s:
        raise RuntimeError(f"nothing was answered within {for_s:g} s: the machine is too busy to measure")
    ordered = sorted(latencies_s)
    p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    return Measured(len(ordered) / for_s, p50 * 1e3, p99 * 1e3, cpu)


def main() -> None:
    orders = Orders(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(Clients(orders).run()))))


async def measure(orders: Orders) -> Measured:
    """Run the clients in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    async with asyncio.timeout(orders.for_s + 60):
        answer, _ = await process.communicate(json.dumps(asdict(orders)).encode())
    if process.returncode:
        raise RuntimeError(f"the clients ended with {process.returncode}")
    return Measured(**json.loads(answer))


if __name__ == "__main__":
    main()
