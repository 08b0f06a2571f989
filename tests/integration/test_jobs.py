"""What runs without a request: bounded, repeatable, and one failure stops nothing else."""

import asyncio
from datetime import timedelta

from saifu import jobs, wallets
from saifu.clock import ManualClock
from saifu.jobs import Job, Jobs, Run
from saifu.store import open_store
from tests.builders import RULES
from tests.desk import Desk, a_desk


async def a_lot_that_lasts(store, clock, days: int) -> Desk:
    desk = await a_desk(store)
    await desk.credit(100, expires_at=clock.now() + timedelta(days=days))
    return desk


async def test_the_standard_jobs_do_what_is_due(store, clock):
    """W75, W76, W79, CU12."""
    one, two = await a_lot_that_lasts(store, clock, 10), await a_lot_that_lasts(store, clock, 20)
    runner = Jobs(store, jobs.standard(RULES))
    assert {name: run.done for name, run in (await runner.run_once(clock.now())).items()} == {
        "expiry": 0,
        "expiry_notices": 0,
        "wallet_backfill": 0,
    }
    clock.advance(timedelta(days=15))
    ran = await runner.run_once(clock.now())
    assert (ran["expiry"], ran["expiry_notices"]) == (Run(1), Run(1))
    assert [entry.entry_type for entry in await one.entries()] == ["merchant_adjustment", "expiry"]
    assert [kind for kind, _ in await two.events()] == ["wallet.balance_changed", "wallet.funds_expiring"]


async def test_money_expires_in_the_ledger_within_a_minute(store, clock):
    """W75: the job runs at least once a minute."""
    desk = await a_lot_that_lasts(store, clock, 1)
    runner = Jobs(store, jobs.standard(RULES))
    clock.advance(timedelta(days=1) - timedelta(microseconds=1))
    await runner.run_once(clock.now())
    assert len(await desk.entries()) == 1
    for _ in range(60):
        await runner.run_once(clock.advance(timedelta(seconds=1)))
    assert len(await desk.entries()) == 2


async def test_a_job_is_not_run_before_it_is_due_again(store, clock):
    counted = []

    async def count(_) -> Run:
        counted.append(clock.now())
        return Run(0)

    runner = Jobs(store, [Job("count", timedelta(seconds=10), count)])
    start = clock.now()
    for _ in range(25):
        await runner.run_once(clock.now())
        clock.advance(timedelta(seconds=1))
    assert [at - start for at in counted] == [
        timedelta(seconds=0),
        timedelta(seconds=10),
        timedelta(seconds=20),
    ]


async def test_one_failing_job_stops_no_other_and_is_tried_again(store, clock):
    """It is logged with its name, and stays due."""
    tried = []

    async def fail(_) -> Run:
        tried.append("fail")
        raise RuntimeError("broken")

    async def work(_) -> Run:
        tried.append("work")
        return Run(1)

    runner = Jobs(
        store, [Job("broken", timedelta(seconds=5), fail), Job("sound", timedelta(seconds=5), work)]
    )
    assert await runner.run_once(clock.now()) == {"sound": Run(1)}
    await runner.run_once(clock.advance(timedelta(seconds=5)))
    assert tried == ["fail", "work"] * 2


async def test_one_failing_wallet_stops_no_other(store, clock, monkeypatch):
    bad, good = await a_lot_that_lasts(store, clock, 1), await a_lot_that_lasts(store, clock, 2)
    clock.advance(timedelta(days=3))
    sweep = wallets.sweep

    def failing(tx, customer_id, currency, rules):
        if customer_id == bad.customer_id:
            raise RuntimeError("this wallet is broken")
        return sweep(tx, customer_id, currency, rules)

    monkeypatch.setattr(wallets, "sweep", failing)
    assert await jobs.expire(store, RULES) == Run(1, more=False)
    assert len(await good.entries()) == 2
    assert len(await bad.entries()) == 1


async def test_more_than_a_run_may_do_follows_at_once(store, clock, monkeypatch):
    """Bounded, and not late for it."""
    monkeypatch.setattr(jobs, "BATCH", 2)
    desks = [await a_lot_that_lasts(store, clock, 1) for _ in range(5)]
    clock.advance(timedelta(days=2))
    runner = Jobs(store, [Job("expiry", timedelta(minutes=1), lambda store: jobs.expire(store, RULES))])
    runs = [(await runner.run_once(clock.now())).get("expiry") for _ in range(4)]
    assert runs == [Run(2, more=True), Run(2, more=True), Run(1), None]
    assert [len(await desk.entries()) for desk in desks] == [2] * 5


async def test_the_backfill_goes_on_until_no_wallet_is_missing(store, monkeypatch):
    """CU12."""
    monkeypatch.setattr(jobs, "BATCH", 3)
    desks = [await a_desk(store) for _ in range(4)]
    rules = desks[0].ruled(currencies=("USD", "INR", "EUR")).rules
    assert await jobs.open_missing(store, rules) == Run(3, more=True)
    assert await jobs.open_missing(store, rules) == Run(1)
    assert await jobs.open_missing(store, rules) == Run(0)


async def test_jobs_in_two_processes_do_everything_once(store, url, clock):
    """Whoever comes second finds nothing left to do."""
    desks = [await a_lot_that_lasts(store, clock, 1) for _ in range(6)]
    clock.advance(timedelta(days=1))
    if url.startswith("sqlite"):
        runs = await asyncio.gather(*[jobs.expire(store, RULES) for _ in range(2)])
    else:
        second = await open_store(url, ManualClock(clock.now()))
        try:
            runs = await asyncio.gather(*[jobs.expire(one, RULES) for one in (store, second)])
        finally:
            await second.close()
    assert sum(run.done for run in runs) == 6
    for desk in desks:
        assert [entry.entry_type for entry in await desk.entries()] == ["merchant_adjustment", "expiry"]
        assert (await desk.verdict()).intact


async def test_running_jobs_stop_cleanly_at_the_end_of_what_they_began(store, settings, clock):
    desk = await a_lot_that_lasts(store, clock, 1)
    clock.advance(timedelta(days=1))
    finished = asyncio.Event()

    async def slow(_) -> Run:
        await asyncio.sleep(0.05)
        finished.set()
        return Run(1)

    async with jobs.running(store, settings, [Job("slow", timedelta(days=1), slow)]):
        async with asyncio.timeout(5):
            while len(await desk.entries()) < 2:
                await asyncio.sleep(0.005)
    assert finished.is_set()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "saifu-jobs"]


async def test_a_job_that_hangs_is_cut_off(store, settings, monkeypatch):
    """Stopping has a bound."""
    monkeypatch.setattr(jobs, "STOP_TIMEOUT_S", 0.05)
    began = asyncio.Event()

    async def hang(_) -> Run:
        began.set()
        await asyncio.Event().wait()
        return Run(0)

    async with asyncio.timeout(5):
        async with jobs.running(store, settings, [Job("hang", timedelta(days=1), hang)]):
            await began.wait()


def test_the_rules_come_from_the_settings(settings):
    rules = wallets.Rules.of(settings)
    assert rules == wallets.Rules(("USD", "INR"), {}, None, 7, 7)
