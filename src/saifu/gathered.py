"""Loads for many who want the same at about the same time: one statement, whoever asks."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Gathered(Generic[K, V]):
    """Gathers what is asked for in one turn of the loop, and remembers nothing afterwards.

    Args:
        load: the values of keys; a key that has none is left out.
    """

    def __init__(self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._load = load
        self._asked: dict[K, asyncio.Future[V | None]] = {}
        self._loading: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The value of a key, read after the call; the same object for all who ask together."""
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.get_running_loop().create_future()
            if len(self._asked) == 1:
                task = asyncio.create_task(self._answer())
                self._loading.add(task)
                task.add_done_callback(self._loading.discard)
        # Whoever goes away takes nobody along.
        return await asyncio.shield(asked)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        asked, self._asked = self._asked, {}
        try:
            found = await self._load(list(asked))
        except Exception as fault:  # noqa: BLE001 - it is theirs who asked
            for future in asked.values():
                future.set_exception(fault)
                # Looked at, should nobody be waiting any more.
                future.exception()
        else:
            for key, future in asked.items():
                future.set_result(found.get(key))
