"""What an execution has begun and not seen the end of.

The execution itself is one coroutine. What it waits for alone, it awaits in place; of several, each coroutine becomes a
task, and whatever ends is told in the order in which it ended. When the execution ends otherwise, so does all of this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any

Done = Callable[[Any], None]
"""Told the value of what was awaited, or the exception it ended with."""


class Waiting:
    """Awaitables with those who want to know their values."""

    __slots__ = ("_ended", "_fresh", "_futures", "_wake")

    def __init__(self) -> None:
        self._fresh: list[tuple[Awaitable[Any], Done]] = []
        self._futures: dict[asyncio.Future[Any], list[Done]] = {}
        self._ended: list[asyncio.Future[Any]] = []
        self._wake: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._fresh or self._futures)

    def add(self, awaitable: Awaitable[Any], done: Done) -> None:
        """Wait for something, from the next call of `some` on."""
        self._fresh.append((awaitable, done))

    async def some(self) -> None:
        """Wait until something has ended, and tell.

        Raises:
            CancelledError: the execution is cancelled, or what it waited for was.
        """
        if len(self._fresh) == 1 and not self._futures:
            await self._alone(*self._fresh.pop())
            return
        self._schedule()
        if not self._ended:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        ended, self._ended = self._ended, []
        for future in ended:
            outcome = _outcome(future)
            for done in self._futures.pop(future):
                done(outcome)

    async def abandon(self) -> None:
        """Stop all that was begun, and wait until it has stopped; tell nobody."""
        for awaitable, _ in self._fresh:
            if isinstance(awaitable, CoroutineType):
                awaitable.close()
        self._fresh.clear()
        tasks = {future for future in self._futures if isinstance(future, asyncio.Task)}
        for task in tasks:
            task.cancel()
        while pending := {task for task in tasks if not task.done()}:
            try:
                await asyncio.wait(pending)
            except asyncio.CancelledError:
                continue  # whoever asks again does not make it faster, and learns of it in the end
        self._futures.clear()

    async def _alone(self, awaitable: Awaitable[Any], done: Done) -> None:
        try:
            outcome: Any = await awaitable
        except Exception as error:  # noqa: BLE001  # it is a field's error, and reported as such
            outcome = error
        done(outcome)

    def _schedule(self) -> None:
        fresh, self._fresh = self._fresh, []
        for awaitable, done in fresh:
            future = _future(awaitable)
            told = self._futures.get(future)
            if told is None:
                self._futures[future] = [done]
                future.add_done_callback(self._end)
            else:
                told.append(done)  # one load that several fields share

    def _end(self, future: asyncio.Future[Any]) -> None:
        self._ended.append(future)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def _future(awaitable: Awaitable[Any]) -> asyncio.Future[Any]:
    if isinstance(awaitable, asyncio.Future):
        return awaitable
    coroutine = awaitable if isinstance(awaitable, CoroutineType) else _awaiting(awaitable)
    return asyncio.get_running_loop().create_task(coroutine)


async def _awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _outcome(future: asyncio.Future[Any]) -> Any:
    """The result of a future, or its exception; one that was cancelled cancels who waited for it."""
    if future.cancelled():
        raise asyncio.CancelledError
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Exception):
        return error
    raise error
