"""Background tasks: how they wait, and how they end."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

INSIST_S = 0.5
GIVE_UP_AFTER = 20


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
