"""W3: listeners on websockets, against a bare broadcaster: what one holds in memory, and how soon an event is there."""

import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from saifu.migrations import upgrade
from tests.faults.traffic import create_customers
from tests.gateway import Gateway, free_port
from tests.wire import Wire

from .audience import Heard, Seats, hear
from .databases import empty
from .posts import TOKEN

COUNT = 1_000
EVENTS = 10
PER_S = 200.0
SETTINGS = {
    "SAIFU_SOCKETS_PER_CREDENTIAL": "100000",
    "SAIFU_SOCKETS_PER_ADDRESS": "100000",
    "SAIFU_RATE_PER_KEY": "0",
}


@dataclass(frozen=True, slots=True)
class Server:
    """What is listened to."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one server: all listening to one customer, and each to its own."""

    together: Heard
    alone: Heard


@asynccontextmanager
async def prepared(engine: str, count: int) -> AsyncIterator[tuple[list[Server], list[str]]]:
    """A broadcaster, and a gateway with a customer for each listener."""
    with tempfile.TemporaryDirectory(prefix="saifu-bench-") as folder:
        async with empty(engine, Path(folder)) as url, broadcaster() as floor:
            await upgrade(url)
            async with Gateway(url, TOKEN, environment=SETTINGS) as gateway:
                wire = Wire(gateway.port, TOKEN)
                customers = await create_customers(wire, count)
                wire.close()
                yield [floor, Server("gateway", gateway.port, gateway.process.pid)], customers
                await gateway.terminate()


@asynccontextmanager
async def broadcaster() -> AsyncIterator[Server]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.broadcaster", str(port)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield Server("bare broadcaster", port, process.pid)
    finally:
        process.kill()
        await process.wait()


async def listen(server: Server, customers: Sequence[str], for_s: float, prefix: str) -> Round:
    one = [customers[0]] * len(customers)
    together = await hear(Seats(server.port, server.pid, TOKEN, one, EVENTS, None, f"{prefix}-together"))
    posts = int(PER_S * for_s)
    alone = await hear(Seats(server.port, server.pid, TOKEN, customers, posts, PER_S, f"{prefix}-alone"))
    return Round(together, alone)


async def compare(console: Console, engine: str, rounds: int, for_s: float, count: int = COUNT) -> None:
    async with prepared(engine, count) as (servers, customers):
        heard: dict[str, list[Round]] = {server.name: [] for server in servers}
        steps = list(itertools.product(range(rounds), servers))
        for number, server in track(steps, f"{engine}, {rounds} rounds, {count} listeners", console=console):
            heard[server.name].append(await listen(server, customers, for_s, f"{server.name[:1]}{number}"))
    console.print(_table(engine, rounds, count, heard))


def _table(engine: str, rounds: int, count: int, heard: dict[str, list[Round]]) -> Table:
    table = Table(title=f"{engine}: {count} listeners, medians of {rounds} interleaved rounds")
    for name in (
        "",
        "KiB each",
        "one event to all, ms",
        "ratio",
        "own events: after answer ms",
        "after post ms",
    ):
        table.add_column(name, justify="right" if name else "left")
    floor = _spread(next(iter(heard.values())))
    for name, all_rounds in heard.items():
        # Of memory the first round counts: what was freed once is there to be used again.
        table.add_row(
            name,
            f"{all_rounds[0].together.kib_per_listener:.1f}",
            f"{_spread(all_rounds):.1f}",
            f"{_spread(all_rounds) / floor:.2f}",
            _percentiles([each.alone.after_answer_ms for each in all_rounds]),
            _percentiles([each.alone.after_post_ms for each in all_rounds]),
        )
    table.caption = "p50 / p99; the poster's answer and the event both leave after the commit"
    return table


def _spread(rounds: Sequence[Round]) -> float:
    # The first event of a round meets a document that nobody has run yet.
    return median(median(each.together.spreads_ms[1:]) for each in rounds)


def _percentiles(rounds: Sequence[Sequence[float]]) -> str:
    ordered = [sorted(delays) for delays in rounds]
    p50, p99 = (
        median(delays[int(len(delays) * share)] for delays in ordered if delays) for share in (0.5, 0.99)
    )
    return f"{p50:.2f} / {p99:.2f}"
