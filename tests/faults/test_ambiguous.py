"""T9: a processor that says nothing, says it late, twice or wrongly, and a gateway that is killed meanwhile.

Nobody is charged twice, nothing is given up on a guess, and in the end our books and the outside world's agree.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest

from saifu.processors.simulator.scripts import Scripted
from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.faults.aftermath import aftermath
from tests.faults.test_charges_killed import CREATE
from tests.faults.test_hammer import a_seed
from tests.gateway import Gateway

CUSTOMERS = 10
CLIENTS = 8
PATIENCE_S = 60.0
SETTLED_WITHIN = timedelta(hours=1)
AMBIGUOUS = (
    Scripted.CHARGED_THEN_SILENT,
    Scripted.SILENT_NOT_CHARGED,
    Scripted.CHARGED_THEN_500,
    Scripted.SLOW,
    Scripted.DUPLICATE_CALLBACKS,
    Scripted.REVERSED_CALLBACKS,
    Scripted.PROCESSING,
    Scripted.PROCESSING_THEN_DECLINED,
)
SCRIPT = """
mutation ($outcomes: [SimulatorOutcomeInput!]!) { simulatorScript(input: {outcomes: $outcomes}) {
  queued errors { code message } } }
"""
CREDIT = """
mutation ($customer: ID!) { ledgerEntryCreate(input: {customerId: $customer, currency: "USD", amount: 20000,
    entryType: CREDIT, idempotencyKey: "deposit"}) { errors { code } } }
"""
CHARGE = """
mutation ($customer: ID!, $amount: MinorUnits!, $wallet: Boolean!, $key: String!) {
  paymentCreate(input: {customerId: $customer, currency: "USD", amount: $amount, useWallet: $wallet,
      idempotencyKey: $key}) {
    replayed payment { id status outcomeUnknown } errors { code message } } }
"""


@dataclass
class Till:
    """What clients were told, by idempotency key: the ids of payments, every one of them the same."""

    told: dict[str, set[str]] = field(default_factory=dict)
    unknown: int = 0
    lost: int = 0
    kills: int = 0


@pytest.mark.parametrize(
    ("payments", "lives"),
    [
        pytest.param(60, 3, id="bounded"),
        pytest.param(200, 8, marks=[pytest.mark.large, pytest.mark.timeout(900)], id="large"),
    ],
)
async def test_an_ambiguous_processor_charges_once_whatever_dies(url: str, payments: int, lives: int):
    """T9; invariants 11, 12 and 20: every payment has ended within an hour of the last crash."""
    seed = a_seed()
    chance = random.Random(seed)
    till = Till()
    async with Gateway(url, ADMIN_KEY) as gateway:
        customers = await _customers(gateway, chance, payments)
        keys = [f"order_{number}" for number in range(payments)]
        for life in range(lives):
            share = keys[life::lives]
            asking = asyncio.create_task(_ask_all(gateway, customers, share, till))
            # In the middle of it, however fast the machine is: some have their answer, and others never get theirs.
            enough = len(till.told) + chance.randint(1, len(share) // 2)
            while len(till.told) < enough and not asking.done():
                await asyncio.sleep(0.001)
            await gateway.kill()
            till.kills += 1
            await asking
            await gateway.start()

    async with aftermath(url) as after:
        took = await after.settle()
        # Whoever lost an answer asks again, with the same key, as one does.
        async with after.api() as api:
            for key in keys:
                await _ask(api, customers, key, till)
        took = max(took, await after.settle())
        ended = await after.check()
        made = {each.id for each in await after.payments()}
    print(f"seed {seed}: {dict(ended)}, {till.unknown} unknown, {till.lost} lost, {till.kills} kills, {took}")
    assert took <= SETTLED_WITHIN
    assert till.told.keys() == set(keys)
    assert all(len(ids) == 1 for ids in till.told.values()), "one key, two payments"
    assert set().union(*till.told.values()) == made, "a payment that nobody asked for"
    # It has to have been hard.
    assert till.kills == lives
    assert till.lost
    assert till.unknown >= payments // 10
    assert ended["succeeded"] >= payments // 4


async def _customers(gateway: Gateway, chance: random.Random, payments: int) -> list[str]:
    async with Api.over_network(gateway.http_url, ADMIN_KEY) as api:
        found = []
        for _ in range(CUSTOMERS):
            created = (await api.execute(CREATE, source="tok_visa"))["customerCreate"]
            found.append(created["customer"]["id"])
            await api.execute(CREDIT, customer=found[-1])
        outcomes = [{"outcome": chance.choice(AMBIGUOUS).name} for _ in range(payments)]
        scripted = (await api.execute(SCRIPT, outcomes=outcomes))["simulatorScript"]
        assert scripted == {"queued": payments, "errors": []}
    return found


async def _ask_all(gateway: Gateway, customers: list[str], keys: list[str], till: Till) -> None:
    waiting = list(keys)
    async with Api.over_network(gateway.http_url, ADMIN_KEY) as api, asyncio.timeout(PATIENCE_S):

        async def client() -> None:
            while waiting:
                await _ask(api, customers, waiting.pop(), till)

        await asyncio.gather(*[client() for _ in range(CLIENTS)])


async def _ask(api: Api, customers: list[str], key: str, till: Till) -> None:
    # What is asked for under a key is always the same: it follows from the key.
    number = int(key.removeprefix("order_"))
    wanted = {"customer": customers[number % CUSTOMERS], "amount": 500 + number, "wallet": number % 3 == 0}
    try:
        paid = (await api.execute(CHARGE, **wanted, key=key))["paymentCreate"]
    except httpx.TransportError:
        till.lost += 1
        return
    codes = Counter(error["code"] for error in paid["errors"])
    assert codes.keys() <= {"PAYMENT_DECLINED"}, codes
    till.told.setdefault(key, set()).add(paid["payment"]["id"])
    till.unknown += paid["payment"]["outcomeUnknown"]
