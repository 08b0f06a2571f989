"""W2: ledger posts through GraphQL over HTTP, against the raw database doing the same work."""

import itertools
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from saifu.migrations import upgrade
from tests.faults.traffic import create_customers
from tests.gateway import Gateway
from tests.wire import Wire

from .databases import copy_of, empty
from .load import Measured, Orders, measure
from .raw import RawOrders, measure_raw

TOKEN = f"sk_test_{secrets.token_hex(24)}"
CLIENTS = (1, 16, 64)
MANY = 1_000
SHOWN = 12
SAMPLER = Path(__file__).with_name("sampler.py")


@dataclass
class Cell:
    """One combination of wallets and clients, and what was measured of it, round by round."""

    wallets: int
    clients: int
    gateway: list[Measured] = field(default_factory=list)
    raw: list[Measured] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """Two databases with the same customers: one behind a gateway, one bare."""

    gateway: Gateway
    raw_url: str
    customers: Sequence[str]

    async def measure(self, cell: Cell, for_s: float, prefix: str) -> None:
        """One round of a cell: the bare database, then the gateway."""
        customers = self.customers[: cell.wallets]
        cell.raw.append(
            await measure_raw(RawOrders(self.raw_url, cell.clients, for_s, customers, f"r{prefix}"))
        )
        cell.gateway.append(await self.load(cell.clients, for_s, customers, f"g{prefix}"))

    async def load(self, clients: int, for_s: float, customers: Sequence[str], prefix: str) -> Measured:
        return await measure(Orders(self.gateway.port, TOKEN, clients, for_s, customers, prefix))


@asynccontextmanager
async def prepared(engine: str, wrapper: Sequence[str] = ()) -> AsyncIterator[Bench]:
    """A gateway with `MANY` customers, and a copy of its database as it was before the first post."""
    with tempfile.TemporaryDirectory(prefix="saifu-bench-") as folder:
        async with empty(engine, Path(folder)) as url:
            await upgrade(url)
            async with Gateway(url, TOKEN) as gateway:
                wire = Wire(gateway.port, TOKEN)
                customers = await create_customers(wire, MANY)
                await gateway.terminate()
            async with copy_of(url) as raw_url, Gateway(url, TOKEN, wrapper=wrapper) as gateway:
                yield Bench(gateway, raw_url, customers)
                await gateway.terminate()


async def compare(console: Console, engine: str, rounds: int, for_s: float) -> None:
    cells = [Cell(wallets, clients) for wallets in (1, MANY) for clients in CLIENTS]
    async with prepared(engine) as bench:
        steps = [(number, cell) for number in range(rounds) for cell in cells]
        for number, cell in track(steps, f"{engine}, {rounds} rounds of {for_s:g} s", console=console):
            await bench.measure(cell, for_s, f"{number}-{cell.wallets}-{cell.clients}")
    console.print(_table(engine, rounds, for_s, cells))


async def where_time_goes(console: Console, engine: str, for_s: float) -> None:
    """Sample the gateway while 64 clients post to many wallets."""
    with tempfile.TemporaryDirectory(prefix="saifu-bench-") as folder:
        report = Path(folder) / "report.json"
        wrapper = (sys.executable, str(SAMPLER), str(report))
        async with prepared(engine, wrapper) as bench:
            bench.gateway.process.send_signal(signal.SIGUSR2)
            measured = await bench.load(CLIENTS[-1], for_s, bench.customers, "profile")
            bench.gateway.process.send_signal(signal.SIGUSR2)
        found = orjson.loads(report.read_bytes())
    table = Table(title=f"{engine}: where the time goes, {CLIENTS[-1]} clients, {MANY} wallets")
    for name in ("thread", "module"):
        table.add_column(name)
    table.add_column("share of samples", justify="right")
    for thread, shares in found["shares"].items():
        for module, share in itertools.islice(shares.items(), SHOWN):
            table.add_row(thread, module, f"{share:.1%}")
    console.print(table, f"{found['samples']} samples at {measured.per_s:.0f} posts/s", sep="\n")


def _table(engine: str, rounds: int, for_s: float, cells: Sequence[Cell]) -> Table:
    table = Table(title=f"{engine}: ledger posts, medians of {rounds} interleaved rounds of {for_s:g} s")
    for name in ("wallets", "clients", "gateway/s", "raw/s", "ratio", "p50 ms", "p99 ms", "clients' CPU"):
        table.add_column(name, justify="right")
    for cell in cells:
        gateway, raw = _median(cell.gateway, lambda m: m.per_s), _median(cell.raw, lambda m: m.per_s)
        ratios = [ours.per_s / bare.per_s for ours, bare in zip(cell.gateway, cell.raw, strict=True)]
        table.add_row(
            "1 hot" if cell.wallets == 1 else str(cell.wallets),
            str(cell.clients),
            f"{gateway:.0f}",
            f"{raw:.0f}",
            f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            f"{_median(cell.gateway, lambda m: m.p50_ms):.1f}",
            f"{_median(cell.gateway, lambda m: m.p99_ms):.1f}",
            f"{_median(cell.gateway, lambda m: m.cpu):.0%}",
        )
    return table


def _median(measured: Sequence[Measured], of: Callable[[Measured], float]) -> float:
    return median(of(one) for one in measured)
