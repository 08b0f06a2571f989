import asyncio
from collections.abc import Mapping

import pytest

from saifu.gathered import Gathered


class Shelf:
    """Counts how often it is asked, and for what."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gathered = Gathered(self.load)

    async def load(self, keys: list[str]) -> Mapping[str, list[str]]:
        self.asked.append(keys)
        await asyncio.sleep(0)
        if "broken" in keys:
            raise LookupError("the shelf broke")
        return {key: [key] for key in keys if key != "missing"}


async def test_those_who_ask_together_are_answered_by_one_load_and_get_the_same():
    shelf = Shelf()
    first, second, other, missing = await asyncio.gather(
        *map(shelf.gathered.get, ["one", "one", "two", "missing"])
    )
    assert shelf.asked == [["one", "two", "missing"]]
    assert first is second
    assert (first, other, missing) == (["one"], ["two"], None)


async def test_nothing_is_remembered():
    shelf = Shelf()
    assert await shelf.gathered.get("one") is not await shelf.gathered.get("one")
    assert shelf.asked == [["one"], ["one"]]


async def test_who_asks_while_a_load_is_under_way_gets_what_is_read_afterwards():
    shelf = Shelf()
    early = asyncio.create_task(shelf.gathered.get("one"))
    while not shelf.asked:
        await asyncio.sleep(0)
    late = await shelf.gathered.get("one")
    assert late is not await early
    assert len(shelf.asked) == 2


async def test_one_who_goes_away_takes_nobody_along():
    shelf = Shelf()
    leaving, staying = (asyncio.create_task(shelf.gathered.get("one")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == ["one"]


async def test_a_load_that_fails_fails_for_all_who_asked_and_for_nobody_after():
    shelf = Shelf()
    answers = await asyncio.gather(*map(shelf.gathered.get, ["one", "broken"]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError, LookupError]
    assert await shelf.gathered.get("one") == ["one"]
    alone = asyncio.create_task(shelf.gathered.get("broken"))
    await asyncio.sleep(0)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
