"""Background tasks: how they wait, and how they end."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)

INSIST_S = 0.5
GIVE_UP_AFTER = 20
CLOSE_WITHIN_S = 10.0


async def woken(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for a wake-up, or for so long without one.

    Not `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that arrives in the very
    step in which the wait is over.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return


async def cancelled(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and see them end, insisting where a library swallows the first request."""
    waiting = set(tasks)
    for _ in range(GIVE_UP_AFTER):
        for task in waiting:
            task.cancel()
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=INSIST_S)
        if not waiting:
            return
    log.error("tasks_would_not_end", task=", ".join(sorted(task.get_name() for task in waiting)))


class Undisturbed:
    """Runs work in tasks of their own: a client that hangs up changes nothing about the money."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Awaitable[object]) -> None:
        """Begin some work that nobody waits for."""
        self._keep(asyncio.create_task(_done(work)))

    async def run(self, work: Awaitable[T]) -> T:
        """The result of `work`, which goes on to its end also when the caller is cancelled."""
        task = asyncio.create_task(_done(work))
        self._keep(task)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let what is under way finish; what does not is found by the job of whoever comes next."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN_S)

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _done(work: Awaitable[T]) -> T:
    return await work
