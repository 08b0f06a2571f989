"""What happens without a request: expiry, notices, and wallets that a new currency calls for.

Each job is bounded, can be run again at any moment, and can run in several processes at once: what is due is
found by a query, and each wallet is then done under its customer's lock, where whoever comes second finds
nothing left to do. Jobs make things appear promptly; that they are right does not depend on them (W75).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from . import wallets
from .posting import Decided, Rules
from .store import Store
from .tasks import cancelled, woken
from .wallet_views import WalletKey

Item = TypeVar("Item", str, WalletKey)
log = structlog.get_logger(__name__)

BATCH = 500
"""How many things one run does at most; when there are more, the next run follows at once."""
SIDE_BY_SIDE = 8
TICK_S = 1.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did: `done` things, and whether more of them wait."""

    done: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due again and again.

    Attributes:
        every: how long after a run the next one follows; with `more` it follows at the next tick.
        run: does it, at the instant of the store's clock.
    """

    name: str
    every: timedelta
    run: Callable[[Store], Awaitable[Run]]


def standard(rules: Rules) -> list[Job]:
    """The jobs that every installation has."""
    return [
        Job("expiry", timedelta(seconds=15), partial(expire, rules=rules)),
        Job("expiry_notices", timedelta(minutes=1), partial(give_notice, rules=rules)),
        Job("wallet_backfill", timedelta(hours=1), partial(open_missing, rules=rules)),
    ]


async def expire(store: Store, rules: Rules) -> Run:
    """Sweep the wallets that hold expired money, at least once a minute (W75, W76)."""
    due = await store.read(lambda tx: wallets.due(tx, BATCH))
    return await each(
        due, lambda key: store.write(lambda tx: len(wallets.sweep(tx, *key, rules))), "expiry", BATCH
    )


async def give_notice(store: Store, rules: Rules) -> Run:
    """Announce what expires soon (W79)."""
    due = await store.read(lambda tx: wallets.notices_due(tx, rules, BATCH))
    return await each(
        due, lambda key: store.write(lambda tx: wallets.notices(tx, *key, rules)), "expiry_notices", BATCH
    )


async def open_missing(store: Store, rules: Rules) -> Run:
    """Open the wallets that customers lack in a currency enabled since (CU12)."""
    opened = await store.write(lambda tx: wallets.backfill(tx, rules.currencies, BATCH))
    return Run(opened, more=opened == BATCH)


async def each(items: Sequence[Item], work: Callable[[Item], Awaitable[object]], job: str, batch: int) -> Run:
    """Do each of these, a few side by side; one that fails is logged and does not stop the others.

    `work` answers how much it did: None is one thing, and False says that it stays due.
    """
    done = still_due = 0
    for start in range(0, len(items), SIDE_BY_SIDE):
        some = items[start : start + SIDE_BY_SIDE]
        outcomes = await asyncio.gather(*map(work, some), return_exceptions=True)
        for item, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                log.error("job_item_failed", job=job, object_id=_named(item), exc_info=outcome)
            stays = outcome is False or isinstance(outcome, BaseException)
            still_due += stays
            done += 0 if stays else outcome if isinstance(outcome, int) else 1
    # What stays due would otherwise have the next run follow at once, for ever.
    return Run(done, more=len(items) == batch and not still_due)


def _named(item: str | WalletKey) -> str:
    return item if isinstance(item, str) else "_".join(item)


@dataclass
class Jobs:
    """Runs jobs when they are due, one after the other, until it is stopped."""

    store: Store
    jobs: Sequence[Job]
    _due: dict[str, datetime] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    async def run_once(self, now: datetime) -> dict[str, Run]:
        """Run what is due by `now`; a job that fails is logged, and tried again when it is due next."""
        due = [job for job in self.jobs if self._due.get(job.name, now) <= now]
        return {job.name: run for job in due if (run := await self._run(job, now)) is not None}

    async def _run(self, job: Job, now: datetime) -> Run | None:
        self._due[job.name] = now + job.every
        try:
            run = await job.run(self.store)
        except Exception:
            log.exception("job_failed", job=job.name)
            return None
        if run.more:
            self._due[job.name] = now
        if run.done:
            log.info("job_ran", job=job.name, done=run.done, more=run.more)
        return run

    async def run_forever(self) -> None:
        """Look every second, by the store's clock, for what is due; returns after `stop`, at the end of a run."""
        while not self._stopping.is_set():
            await self.run_once(self.store.clock.now())
            await woken(self._stopping, TICK_S)

    def start(self) -> None:
        assert self._task is None, "these jobs are running already"
        self._task = asyncio.create_task(self.run_forever(), name="saifu-jobs")

    async def stop(self) -> None:
        """Let what has begun finish, within `STOP_TIMEOUT_S`; every wallet is a transaction of its own."""
        self._stopping.set()
        if self._task is None:
            return
        _, unfinished = await asyncio.wait({self._task}, timeout=STOP_TIMEOUT_S)
        if unfinished:
            log.warning("jobs_cut_off", after_s=STOP_TIMEOUT_S)
        await cancelled(unfinished)


@asynccontextmanager
async def running(store: Store, settings: Decided, more: Sequence[Job] = ()) -> AsyncIterator[Jobs]:
    """Within it the standard jobs run, and `more` besides; leaving it lets what has begun finish."""
    jobs = Jobs(store, [*standard(Rules.of(settings)), *more])
    jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop()
