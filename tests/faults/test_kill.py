"""T4: the process is killed at any moment, again and again, and nobody's money is lost, doubled or torn."""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

import pytest

from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.faults.checker import check
from tests.faults.readback import read_back
from tests.faults.test_hammer import a_seed
from tests.faults.traffic import Traffic, create_customers, run_clients
from tests.gateway import Gateway
from tests.wire import Wire

CLIENTS = 12
RESTART_WITHIN_S = 20.0  # 2 s where nothing else runs
OBEYS_WITHIN_S = 15.0
DRAIN_TIMEOUT_S = 5
LONGEST_LIFE_S = 1.2


@dataclass
class Record:
    """How the rounds went."""

    restarts_s: list[float] = field(default_factory=list)
    stops_s: list[float] = field(default_factory=list)
    kills: int = 0
    unknowns: int = 0

    def summary(self) -> str:
        return (
            f"{self.kills} kills, {len(self.stops_s)} SIGTERM, {self.unknowns} unknown; "
            f"restart {_spread(self.restarts_s)}, SIGTERM obeyed {_spread(self.stops_s)}"
        )


def _spread(seconds: Iterable[float]) -> str:
    found = sorted(seconds)
    return f"median {median(found):.2f} s, worst {found[-1]:.2f} s" if found else "never"


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(6, id="bounded"),
        pytest.param(30, marks=[pytest.mark.large, pytest.mark.timeout(600)], id="large"),
        pytest.param(200, marks=[pytest.mark.large, pytest.mark.timeout(3_600)], id="nightly"),
    ],
)
async def test_a_process_killed_at_any_moment_loses_doubles_and_tears_nothing(url: str, rounds: int):
    """T4; invariants 4-6, 8 and 9, A31, A32."""
    seed = a_seed()
    chance = random.Random(seed)
    record = Record()
    settings = {"SAIFU_DRAIN_TIMEOUT_S": str(DRAIN_TIMEOUT_S)}
    async with Gateway(url, ADMIN_KEY, environment=settings) as gateway:
        wire = Wire(gateway.port, ADMIN_KEY)
        traffic = Traffic(seed, await create_customers(wire))
        # A quarter are SIGTERM, and however short the run is, some are.
        politely = [number % 4 == 3 for number in range(rounds)]
        chance.shuffle(politely)
        for polite in politely:
            known = len(traffic.journal.resolutions)
            await one_life(gateway, traffic, chance.uniform(0.1, LONGEST_LIFE_S), polite, record)
            await traffic.resolve(wire)
            if polite:
                # What had begun was answered before the end, so what was not answered was not done.
                drained = traffic.journal.resolutions[known:]
                assert [resolution for resolution in drained if resolution.entry_id is not None] == []
        print(f"seed {seed}: {record.summary()}; {traffic.journal.summary()}")
        async with Api.over_network(gateway.http_url, ADMIN_KEY) as api:
            held = await read_back(api, traffic.customers)
        wire.close()
    assert check(traffic.journal, held) == []
    assert record.kills >= rounds * 0.7
    assert record.unknowns >= record.kills, "the kills met no requests under way"
    assert traffic.journal.effects >= rounds * 10
    assert max(record.restarts_s) <= RESTART_WITHIN_S
    assert max(record.stops_s) <= OBEYS_WITHIN_S


async def one_life(gateway: Gateway, traffic: Traffic, for_s: float, polite: bool, record: Record) -> None:
    """Clients at work, then the end of the process under them, then a new one."""
    clients = asyncio.create_task(run_clients(traffic, [gateway.port], ADMIN_KEY, CLIENTS, for_s + 60))
    await asyncio.sleep(for_s)
    began = time.monotonic()
    if polite:
        await gateway.terminate()
        record.stops_s.append(time.monotonic() - began)
    else:
        await gateway.kill()
        record.kills += 1
    await clients
    record.unknowns += len(traffic.journal.unresolved())
    began = time.monotonic()
    await gateway.start()
    record.restarts_s.append(time.monotonic() - began)
