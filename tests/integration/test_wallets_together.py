"""Many at once: the same wallet, the same key, several wallets (W37-W39)."""

import asyncio
from collections import Counter
from datetime import timedelta

from saifu import wallets
from saifu.clock import ManualClock
from saifu.refusals import IdempotencyKeyReused, InsufficientFunds
from saifu.store import open_store
from tests.builders import RULES
from tests.desk import Desk, a_desk


async def test_of_ten_parallel_debits_two_fit(store):
    """W38: 10 × 100 on 250: exactly 2 succeed, 8 are refused, 50 is left."""
    desk = await a_desk(store)
    await desk.credit(250)
    outcomes = await asyncio.gather(*[desk.debit(100) for _ in range(10)], return_exceptions=True)
    assert Counter(type(one).__name__ for one in outcomes) == {"Posted": 2, "InsufficientFunds": 8}
    assert (await desk.view()).balance_minor == 50
    assert (await desk.verdict()).intact


async def test_of_twenty_with_one_key_one_writes(store):
    """W37: the losers wait for the winner and get its entry."""
    desk = await a_desk(store)
    posted = await asyncio.gather(*[desk.credit(100, "same") for _ in range(20)])
    assert Counter(one.replayed for one in posted) == {False: 1, True: 19}
    assert len({one.entry.id for one in posted}) == 1
    assert [entry.amount_minor for entry in await desk.entries()] == [100]
    assert len(await desk.events()) == 1


async def test_of_two_requests_under_one_key_one_wins_and_the_others_are_told(store):
    """W37, W32."""
    desk = await a_desk(store)
    outcomes = await asyncio.gather(
        *[desk.credit(100 + n % 2, "same") for n in range(20)], return_exceptions=True
    )
    (entry,) = await desk.entries()
    fits = [one for n, one in enumerate(outcomes) if 100 + n % 2 == entry.amount_minor]
    other = [one for n, one in enumerate(outcomes) if 100 + n % 2 != entry.amount_minor]
    assert {type(one) for one in fits} == {wallets.Posted}
    assert {type(one) for one in other} == {IdempotencyKeyReused}


async def test_many_wallets_at_once_end_as_if_one_after_the_other(store):
    """W38, W39: what was acknowledged adds up, entry by entry and event by event."""
    desks = [await a_desk(store) for _ in range(3)]
    desks += [Desk(store, desks[0].customer_id, "INR")]

    async def a_client(number: int) -> Counter[str]:
        told: Counter[str] = Counter()
        for step in range(12):
            desk = desks[(number + step) % len(desks)]
            amount = 1 + (number * 7 + step * 3) % 50
            try:
                await desk.manual("CREDIT" if (number + step) % 3 else "DEBIT", amount)
                told["ok"] += 1
            except InsufficientFunds:
                told["short"] += 1
        return told

    told = sum(await asyncio.gather(*[a_client(number) for number in range(10)]), Counter())
    assert told["ok"] + told["short"] == 120
    assert told["ok"] == sum([len(await desk.entries()) for desk in desks])
    for desk in desks:
        entries, events = await desk.entries(), await desk.events("wallet.balance_changed")
        own = [data["id"] for _, data in events if data["currency"] == desk.currency]
        assert own == [entry.id for entry in entries]
        assert (await desk.verdict()).intact


async def test_two_processes_sweep_one_lot_once(store, url, clock):
    """W76: each opens the database for itself, as far as the engine lets it."""
    desk = await a_desk(store)
    await desk.credit(100, expires_at=clock.now() + timedelta(days=1))
    clock.advance(timedelta(days=1))
    if url.startswith("sqlite"):
        swept = await asyncio.gather(*[desk.sweep() for _ in range(5)])
    else:
        second = await open_store(url, ManualClock(clock.now()))
        try:
            other = Desk(second, desk.customer_id, rules=RULES)
            swept = await asyncio.gather(*[one.sweep() for _ in range(5) for one in (desk, other)])
        finally:
            await second.close()
    assert sum(len(one) for one in swept) == 1
    assert [entry.entry_type for entry in await desk.entries()] == ["merchant_adjustment", "expiry"]
