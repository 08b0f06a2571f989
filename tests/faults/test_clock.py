"""T8, the parts that apply: expiry is exact and the ledger keeps its order, however the clock jumps."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from saifu.clock import ManualClock
from tests.client import Api, Served
from tests.conftest import ADMIN_KEY
from tests.faults.test_hammer import a_seed
from tests.faults.traffic import create_customers
from tests.wire import Wire

POST = """
mutation ($input: LedgerEntryCreateInput!) { ledgerEntryCreate(input: $input) {
  wallet { balance { amount } } errors { code ... on InsufficientFundsError { balance { amount } } } } }
"""

WALLET = """
query ($id: ID!) { wallet(customerId: $id, currency: "USD") { balance { amount } } }
"""

LEDGER = """
query ($id: ID!, $after: String) { customer(id: $id) {
  ledgerEntries(currency: "USD", orderBy: CREATED_AT_ASC, first: 100, after: $after) {
    nodes { sequence createdAt expiresAt eventType isCredit amount { amount } afterBalance { amount } }
    pageInfo { hasNextPage endCursor } } } }
"""

JUMPS = (
    timedelta(hours=-2),
    timedelta(days=40),
    timedelta(seconds=-1),
    timedelta(microseconds=1),
    timedelta(days=1),
    timedelta(days=-3),
    timedelta(0),
)


@pytest.fixture
async def api(server: Served) -> AsyncIterator[Api]:
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        yield client


@pytest.fixture
async def customer_id(server: Served) -> str:
    wire = Wire(server.port, ADMIN_KEY)
    (created,) = await create_customers(wire, 1)
    wire.close()
    return created


async def post(api: Api, customer_id: str, amount: int, key: str, **more: Any) -> Any:
    """A credit, or a debit when the amount is negative."""
    request = {
        "customerId": customer_id,
        "currency": "USD",
        "amount": abs(amount),
        "entryType": "CREDIT" if amount > 0 else "DEBIT",
        "idempotencyKey": key,
        **more,
    }
    return (await api.execute(POST, input=request))["ledgerEntryCreate"]


async def balance(api: Api, customer_id: str) -> int:
    return int((await api.execute(WALLET, id=customer_id))["wallet"]["balance"]["amount"])


async def ledger(api: Api, customer_id: str) -> list[Any]:
    """Every entry in the order in which they are listed, the oldest first."""
    found: list[Any] = []
    after = None
    while True:
        data = await api.execute(LEDGER, id=customer_id, after=after)
        page = data["customer"]["ledgerEntries"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def assert_ordered(entries: list[Any]) -> None:
    """Numbers have no gap in the listed order, instants never go back, nothing expired before its time."""
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    instants = [datetime.fromisoformat(entry["createdAt"]) for entry in entries]
    assert all(earlier <= later for earlier, later in pairwise(instants))
    for entry, at in zip(entries, instants, strict=True):
        if entry["eventType"] == "EXPIRY":
            assert at >= datetime.fromisoformat(entry["expiresAt"])


async def test_a_clock_that_goes_back_gives_nothing_back_that_was_swept(
    api: Api, customer_id: str, clock: ManualClock
):
    """W74-W76; T8: −2 h creates nothing, and what comes after it does not get an earlier instant."""
    ends_at = clock.now() + timedelta(hours=1)
    await post(api, customer_id, 1_000, "bonus", funding="PROMOTIONAL", expiresAt=ends_at.isoformat())
    clock.move_to(ends_at - timedelta(microseconds=1))
    assert await balance(api, customer_id) == 1_000
    clock.move_to(ends_at)
    assert await balance(api, customer_id) == 0

    await post(api, customer_id, 70, "deposit")  # the write sweeps: 1 000 is gone for good
    clock.advance(timedelta(hours=-2))
    assert await balance(api, customer_id) == 70
    short = await post(api, customer_id, -71, "charge")
    assert short["errors"][0]["balance"]["amount"] == 70
    paid = await post(api, customer_id, -70, "charge")
    assert paid["wallet"]["balance"]["amount"] == 0

    entries = await ledger(api, customer_id)
    assert [entry["eventType"] for entry in entries][1] == "EXPIRY"
    assert_ordered(entries)
    assert datetime.fromisoformat(entries[-1]["createdAt"]) == ends_at

    clock.advance(timedelta(days=40))
    assert await balance(api, customer_id) == 0
    assert await ledger(api, customer_id) == entries


@dataclass
class Lot:
    """A lot of the oracle; `number` says how old it is."""

    number: int
    promotional: bool
    expires_at: datetime | None
    left: int

    @property
    def place(self) -> tuple[bool, float, bool, int]:
        """Draw order: the earliest expiry first and none last, promotional before paid, the oldest first (W70)."""
        expiry = 0.0 if self.expires_at is None else self.expires_at.timestamp()
        return (self.expires_at is None, expiry, not self.promotional, self.number)

    def spendable(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass
class Oracle:
    """A wallet as plain numbers: what the rules of W70-W76 leave of each credit."""

    lots: list[Lot] = field(default_factory=list)
    credits: int = 0

    def balance(self, now: datetime) -> int:
        return sum(lot.left for lot in self.lots if lot.spendable(now))

    def credit(self, amount: int, promotional: bool, expires_at: datetime | None, now: datetime) -> None:
        self._sweep(now)
        self.credits += 1
        self.lots.append(Lot(self.credits, promotional, expires_at, amount))

    def debit(self, amount: int, now: datetime) -> bool:
        """Whether there was enough; a refused debit leaves everything, sweeping included, undone."""
        if amount > self.balance(now):
            return False
        self._sweep(now)
        for lot in sorted(self.lots, key=lambda lot: lot.place):
            taken = min(lot.left, amount)
            lot.left -= taken
            amount -= taken
        return True

    def _sweep(self, now: datetime) -> None:
        self.lots = [lot for lot in self.lots if lot.left and lot.spendable(now)]


@pytest.mark.parametrize("walk", range(3))
async def test_a_wallet_holds_what_the_oracle_says_after_every_jump(
    walk: int, api: Api, customer_id: str, clock: ManualClock
):
    """W70-W76 against an independent model, read after every step, over jumps of −2 h, +40 d and others."""
    seed = a_seed() + walk
    print(f"seed {seed - walk}, walk {walk}")
    chance, oracle = random.Random(seed), Oracle()
    # What chance may leave out: something that certainly expires, though nobody writes until much later.
    ends_at = clock.now() + timedelta(hours=1)
    oracle.credit(500, promotional=True, expires_at=ends_at, now=clock.now())
    await post(api, customer_id, 500, f"{seed}", funding="PROMOTIONAL", expiresAt=ends_at.isoformat())
    clock.advance(timedelta(hours=2))
    assert await balance(api, customer_id) == oracle.balance(clock.now()) == 0
    for step in range(30):
        jump = chance.choice(JUMPS) if chance.random() < 0.5 else timedelta(minutes=chance.randrange(90))
        now = clock.advance(jump)
        assert await balance(api, customer_id) == oracle.balance(now)
        if chance.random() < 0.55:
            await credit(api, customer_id, oracle, chance, now, f"{seed}-{step}")
        else:
            amount = chance.randint(1, 600)
            done = oracle.debit(amount, now)
            answer = await post(api, customer_id, -amount, f"{seed}-{step}")
            assert [error["code"] for error in answer["errors"]] == (
                [] if done else ["INSUFFICIENT_WALLET_FUNDS"]
            )
        assert await balance(api, customer_id) == oracle.balance(now)
    entries = await ledger(api, customer_id)
    assert_ordered(entries)
    assert len(entries) >= 12
    assert "EXPIRY" in {entry["eventType"] for entry in entries}


async def credit(
    api: Api, customer_id: str, oracle: Oracle, chance: random.Random, now: datetime, key: str
) -> None:
    amount, promotional = chance.randint(1, 900), chance.random() < 0.5
    lasts = chance.choice(
        (None, timedelta(hours=1), timedelta(hours=3), timedelta(days=2), timedelta(days=39))
    )
    expires_at = None if lasts is None else now + lasts
    oracle.credit(amount, promotional, expires_at, now)
    answer = await post(
        api,
        customer_id,
        amount,
        key,
        funding="PROMOTIONAL" if promotional else "PAID",
        expiresAt=None if expires_at is None else expires_at.isoformat(),
    )
    assert answer["errors"] == []
