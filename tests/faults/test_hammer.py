"""T2 and T3: many clients at once, two hot wallets, doubled requests, keys used again for something else."""

import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

import pytest

from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.faults.checker import check
from tests.faults.journal import Intent, Journal, Refused
from tests.faults.readback import read_back
from tests.faults.traffic import Traffic, create_customers, run_clients
from tests.gateway import Gateway
from tests.wire import Wire

CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Size:
    """How long to hammer, and how many entries must have been made for the run to mean anything."""

    for_s: float
    least_acked: int
    at_most_s: float


BOUNDED = pytest.param(Size(8, 400, 60), id="bounded")
LARGE = pytest.param(Size(30, 2_000, 180), marks=[pytest.mark.large, pytest.mark.timeout(300)], id="large")
LARGE_ON_THREE = pytest.param(
    Size(60, 2_000, 360), marks=[pytest.mark.large, pytest.mark.timeout(600)], id="large"
)


def a_seed() -> int:
    """`SAIFU_TEST_SEED` repeats what a run sent."""
    return int(os.environ.get("SAIFU_TEST_SEED") or random.SystemRandom().randrange(1_000_000))


async def hammer(gateways: Sequence[Gateway], size: Size) -> Journal:
    """Hammer, read everything back, and fail on every difference or on too little exercise."""
    seed = a_seed()
    wire = Wire(gateways[0].port, ADMIN_KEY)
    traffic = Traffic(seed, await create_customers(wire))
    wire.close()
    ports = [gateway.port for gateway in gateways]
    await run_clients(traffic, ports, ADMIN_KEY, CLIENTS, **asdict(size))
    journal = traffic.journal
    print(f"seed {seed}: {journal.summary()}")
    async with Api.over_network(gateways[-1].http_url, ADMIN_KEY) as api:
        held = await read_back(api, traffic.customers)
    assert check(journal, held) == []
    exercised(journal, size)
    return journal


def exercised(journal: Journal, size: Size) -> None:
    """It was a hammer: enough was done, and everything that is dangerous was done."""
    assert journal.effects >= size.least_acked
    intents = [attempt.intent for attempt in journal.attempts]
    assert intents.count(Intent.DOUBLE) >= size.least_acked // 20
    assert intents.count(Intent.REUSE) + intents.count(Intent.RACE) >= size.least_acked // 50
    assert journal.unresolved() == [], "nothing died, so every request has an answer"
    codes = {a.outcome.code for a in journal.attempts if isinstance(a.outcome, Refused)}
    assert codes >= {"INSUFFICIENT_WALLET_FUNDS", "IDEMPOTENCY_KEY_REUSED"}
    wallets = {acked.entry.wallet for _, acked in journal.acked}
    assert len(wallets) == 12  # six customers, two currencies
    assert journal.reads


@pytest.mark.sqlite_only
@pytest.mark.parametrize("size", [BOUNDED, LARGE])
async def test_one_process_keeps_every_promise_under_32_clients(url: str, size: Size):
    """T2; invariants 1-5 and 7-9, W37, W38."""
    async with Gateway(url, ADMIN_KEY) as gateway:
        await hammer([gateway], size)


@asynccontextmanager
async def three_and_a_worker(url: str) -> AsyncIterator[list[Gateway]]:
    async with AsyncExitStack() as stack:
        gateways = [Gateway(url, ADMIN_KEY, ("serve", "--no-jobs")) for _ in range(3)]
        for gateway in gateways:
            await stack.enter_async_context(gateway)
        worker = Gateway(url, ADMIN_KEY, ("work",))
        stack.push_async_exit(worker)
        await worker.start(ready=False)
        yield gateways
        assert worker.process.returncode is None, f"the worker ended by itself:\n{worker.log}"


@pytest.mark.postgres
@pytest.mark.parametrize("size", [BOUNDED, LARGE_ON_THREE])
async def test_three_processes_keep_every_promise_under_32_clients(url: str, size: Size):
    """T3; as T2, and no client ever sees that the database asked for a retry: `UNCLASSIFIED` would be found."""
    async with three_and_a_worker(url) as gateways:
        await hammer(gateways, size)
        for gateway in gateways:
            assert "Traceback" not in gateway.log
