"""Calls to the outside that go on when whoever asked for them goes away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from saifu.jobs import Run
from saifu.processors.contract import OutcomeUnknown
from saifu.refusals import Refusal

T = TypeVar("T")
log = structlog.get_logger(__name__)

CALL_TIMEOUT_S = 50.0
"""How long one call to a processor may take: less than the minute after which a job takes over."""
CLOSE_WITHIN_S = 10.0
SIDE_BY_SIDE = 8
BATCH = 200


class Undisturbed:
    """Runs work in tasks of their own: a client that hangs up changes nothing about the money."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    async def run(self, work: Awaitable[T]) -> T:
        """The result of `work`, which goes on to its end also when the caller is cancelled."""

        async def working() -> T:
            return await work

        task = asyncio.create_task(working())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let what is under way finish; what does not is found by the job of whoever comes next."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN_S)


async def asked(call: Awaitable[T], object_id: str) -> T:
    """What a processor answers.

    Raises:
        OutcomeUnknown: whatever kept its answer from us.
        Refusal: it certainly did not do what it was asked to.
    """
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call
    except (OutcomeUnknown, Refusal):
        raise
    except TimeoutError as fault:
        raise OutcomeUnknown("no answer in time") from fault
    except Exception as fault:
        log.exception("processor_call_failed", object_id=object_id)
        raise OutcomeUnknown("the call failed") from fault


async def each(ids: Iterable[str], work: Callable[[str], Awaitable[object]], job: str, batch: int) -> Run:
    """Do each of these, a few side by side; one that fails is logged and does not stop the others."""
    waiting = list(ids)
    failed = 0
    for start in range(0, len(waiting), SIDE_BY_SIDE):
        some = waiting[start : start + SIDE_BY_SIDE]
        outcomes = await asyncio.gather(*[work(one) for one in some], return_exceptions=True)
        for one, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                failed += 1
                log.error("job_item_failed", job=job, object_id=one, exc_info=outcome)
    # What fails stays due: without this the next run would follow at once, for ever.
    return Run(len(waiting) - failed, more=len(waiting) == batch and not failed)
