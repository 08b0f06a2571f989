"""W1: a customer with wallets, entries and events, against the same bytes from a plain route and stock Strawberry."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from saifu.clock import SystemClock
from saifu.migrations import upgrade
from saifu.store import Tx, open_store
from tests.builders import a_customer, post
from tests.gateway import Gateway, free_port
from tests.wire import Wire

from . import rivals
from .databases import copy_of, empty
from .load import Measured
from .posts import TOKEN
from .reads import Reads, measure

CLIENTS = 32
CUSTOMERS = 10_000
ASKED_ABOUT = 200
ENTRIES = 12
AT_ONCE = 500
BEGINS = '{"data":{"customer":{"id"'

DASHBOARD = """
query Dashboard($id: ID!) {
  customer(id: $id) {
    id email name createdAt
    wallets { currency balance { amount currency } paidBalance { amount } sequence }
    ledgerEntries(first: 5) {
      nodes { id eventType isCredit amount { amount currency } afterBalance { amount } reason createdAt }
    }
    events(first: 4) { nodes { id type sequence occurredAt } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody to ask: a name for the table, and where it listens."""

    name: str
    port: int


async def compare(console: Console, engine: str, rounds: int, for_s: float) -> None:
    async with prepared(engine, console) as (contestants, bodies):
        found: dict[str, list[Measured]] = {rival.name: [] for rival in contestants}
        steps = [rival for _ in range(rounds) for rival in contestants]
        for rival in track(steps, f"{engine}, dashboard, {rounds} rounds of {for_s:g} s", console=console):
            asked = Reads(rival.port, TOKEN, CLIENTS, for_s, bodies, BEGINS)
            found[rival.name].append(await measure(asked))
    console.print(_table(engine, rounds, for_s, found))


@asynccontextmanager
async def prepared(engine: str, console: Console) -> AsyncIterator[tuple[Sequence[Rival], Sequence[str]]]:
    """The contestants, running, and what to ask them."""
    with tempfile.TemporaryDirectory(prefix="saifu-bench-") as folder:
        async with empty(engine, Path(folder)) as url:
            await upgrade(url)
            with console.status(f"{CUSTOMERS} customers"):
                customers = await populated(url)
            bodies = [json.dumps({"query": DASHBOARD, "variables": {"id": one}}) for one in customers]
            async with copy_of(url) as copied, Gateway(url, TOKEN) as gateway:
                same = Path(folder) / "answer.json"
                same.write_bytes(await _answer(gateway, bodies[0]))
                plain, stock = free_port(), free_port()
                async with (
                    rivals.running("plain", plain, str(same)),
                    rivals.running("stock", stock, copied),
                ):
                    yield (
                        [Rival("plain route", plain), Rival("saifu", gateway.port), Rival("stock", stock)],
                        bodies,
                    )
                await gateway.terminate()


async def populated(url: str) -> list[str]:
    """Fill a database; answers with the customers who have had some life."""
    store = await open_store(url, SystemClock())

    def create(tx: Tx) -> list[str]:
        return [a_customer(tx).id for _ in range(AT_ONCE)]

    def live(customer_id: str, tx: Tx) -> None:
        for number in range(ENTRIES):
            post(tx, customer_id, 10_00 + number, reason=f"Order {number}")

    try:
        customers = [one for _ in range(CUSTOMERS // AT_ONCE) for one in await store.write(create)]
        lively = customers[:: CUSTOMERS // ASKED_ABOUT]
        for one in lively:
            await store.write(partial(live, one))
        # On PostgreSQL events get their place in the log a moment after the commit.
        await asyncio.sleep(1)
    finally:
        await store.close()
    return lively


async def _answer(gateway: Gateway, body: str) -> bytes:
    status, answer = await Wire(gateway.port, TOKEN).post(body.encode())
    assert status == 200, answer
    return answer


def _table(engine: str, rounds: int, for_s: float, found: dict[str, list[Measured]]) -> Table:
    table = Table(title=f"{engine}: dashboard, {CLIENTS} clients, medians of {rounds} rounds of {for_s:g} s")
    for name in (
        "server",
        "requests/s",
        "of the plain route",
        "times stock",
        "p50 ms",
        "p99 ms",
        "clients' CPU",
    ):
        table.add_column(name, justify="right")
    for name, rounds_of in found.items():
        table.add_row(
            name,
            f"{median(one.per_s for one in rounds_of):.0f}",
            _ratio(rounds_of, found["plain route"]),
            _ratio(rounds_of, found["stock"]),
            f"{median(one.p50_ms for one in rounds_of):.1f}",
            f"{median(one.p99_ms for one in rounds_of):.1f}",
            f"{median(one.cpu for one in rounds_of):.0%}",
        )
    return table


def _ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    ratios = [one.per_s / other.per_s for one, other in zip(ours, theirs, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
