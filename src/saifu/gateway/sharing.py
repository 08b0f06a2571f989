"""One answer for all who would get the same: an event is executed and written once, however many listen to it.

Two listeners get the same answer to an event when they sent the same operation with the same variables, may see the
same, and the field says of itself that nothing else goes into its answer (`"shared": True` in its `extensions`). An
answer is kept for as long as it takes to tell all of them, and never given to an event that came later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar
from weakref import WeakValueDictionary

from .documents import Operation
from .written import encoded

KEPT_S = 0.1


class Answered(Protocol):
    @property
    def errors(self) -> Sequence[Any]: ...


A = TypeVar("A", bound=Answered)


class Channel(Generic[A]):
    """Those who listen alike. Hold on to it while listening, and enter it."""

    __slots__ = ("__weakref__", "_answers", "_listeners")

    def __init__(self) -> None:
        self._answers: dict[int, _Shared[A]] = {}
        self._listeners = 0

    def __enter__(self) -> Self:
        self._listeners += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._listeners -= 1

    def known(self, event: Any) -> A | None:
        """The answer to an event, where somebody has made it."""
        shared = self._answers.get(id(event))
        return None if shared is None else shared.answer

    async def answer(self, event: Any, make: Callable[[Any], Awaitable[A]]) -> A:
        """The answer to an event, an object that all listeners are given; made by whoever asks first."""
        if self._listeners <= 1:
            return await make(event)
        shared = self._answers.get(id(event))
        if shared is None:
            return await self._first(event, make)
        answer = shared.answer or await shared.made()
        # Without one it was not for others, or its maker went away before it was done.
        return answer or await make(event)

    async def _first(self, event: Any, make: Callable[[Any], Awaitable[A]]) -> A:
        if not self._answers:
            asyncio.get_running_loop().call_later(KEPT_S, self._answers.clear)
        shared = self._answers[id(event)] = _Shared(event)
        try:
            answer = await make(event)
        except BaseException:
            shared.give(None)
            raise
        # An error may name the request it happened in.
        shared.give(None if answer.errors else answer)
        return answer


class _Shared(Generic[A]):
    """An answer that is there, or being made."""

    __slots__ = ("_event", "_waiting", "answer", "is_over")

    def __init__(self, event: Any) -> None:
        # Kept, so that its id is nobody else's.
        self._event = event
        self.answer: A | None = None
        self.is_over = False
        self._waiting: list[asyncio.Future[None]] = []

    async def made(self) -> A | None:
        """The answer once it is made; None when there is none for others."""
        if not self.is_over:
            over = asyncio.get_running_loop().create_future()
            self._waiting.append(over)
            await over
        return self.answer

    def give(self, answer: A | None) -> None:
        self.answer = answer
        self.is_over = True
        for each in self._waiting:
            if not each.done():
                each.set_result(None)
        self._waiting.clear()


class Channels(Generic[A]):
    """The channels of one service."""

    def __init__(self) -> None:
        self._channels: WeakValueDictionary[Hashable, Channel[A]] = WeakValueDictionary()

    def of(self, operation: Operation, variables: Mapping[str, Any], visibility: Hashable) -> Channel[A]:
        """Where those listen who sent this operation and may see the same."""
        key = (operation, encoded(variables), visibility)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel()
        return channel
