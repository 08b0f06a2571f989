"""One event, many listeners: it is executed once for all who would get the same, and for nobody else."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, Self

import pytest
from graphql import GraphQLError, GraphQLSchema, build_schema

from saifu.gateway import sharing
from saifu.gateway.documents import Documents
from saifu.gateway.requests import Request
from saifu.gateway.service import Answer, Service
from tests.serving.socket_house import House

SDL = """
type Query { nothing: Int }
type Tick { number: Int!  slow: Int!  seen: String  broken: Int }
type Subscription { ticks(of: Int): Tick!  own(of: Int): Tick! }
"""


@dataclass(eq=False)
class Tick:
    number: int


class Clockwork(House):
    """Ticks for all who listen; a context is what its caller may see."""

    def __init__(self) -> None:
        super().__init__()
        self.executed: list[tuple[str, int]] = []
        self._listeners: list[asyncio.Queue[Tick]] = []

    def sharing_key(self, context: Any) -> str | None:
        return None if context == "nobody else" else str(context).partition(" ")[0]

    def tick(self, number: int) -> None:
        event = Tick(number)
        for listener in self._listeners:
            listener.put_nowait(event)

    def schema(self) -> GraphQLSchema:
        schema = build_schema(SDL)
        assert schema.subscription_type
        for each in schema.subscription_type.fields.values():
            each.subscribe = self._ticks
            each.resolve = lambda event, _info, **_: event
        schema.subscription_type.fields["ticks"].extensions["shared"] = True
        fields: Mapping[str, Any] = schema.get_type("Tick").fields  # type: ignore[union-attr]
        fields["number"].resolve = self._number
        fields["slow"].resolve = self._slow
        fields["seen"].resolve = lambda _event, info: info.context
        fields["broken"].resolve = self._broken
        return schema

    async def _ticks(self, _root: Any, _info: Any, of: int = 0) -> AsyncGenerator[Tick, None]:
        queue: asyncio.Queue[Tick] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    def _number(self, event: Tick, info: Any) -> int:
        self.executed.append((info.context, event.number))
        return event.number

    async def _slow(self, event: Tick, info: Any) -> int:
        with self._noted(f"slow for {info.context}"):
            await self.go.wait()
        return event.number

    def _broken(self, event: Tick, info: Any) -> None:
        raise GraphQLError(f"broken for {info.context}")


class Crowd:
    """Listeners, each with its own stream of answers; the next answer of each is being waited for."""

    def __init__(self, house: Clockwork) -> None:
        self.house = house
        schema = house.schema()
        self._service = Service(schema, house, Documents(schema))
        self._stack = AsyncExitStack()
        self.waiting: list[asyncio.Task[Answer]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self.waiting:
            each.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)
        await self._stack.aclose()

    async def listen(self, context: str, document: str, **variables: Any) -> None:
        """One more, whose next answer is waited for in `waiting`."""
        request = Request(document, variables)
        answers = await self._service.subscribe(self._service.begin(request, context), request, context)
        assert not isinstance(answers, Answer)
        await self._stack.enter_async_context(aclosing(answers))
        self.waiting.append(asyncio.ensure_future(anext(answers)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def told(waiting: "list[asyncio.Task[Answer]]") -> list[Answer]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*waiting)


async def test_an_event_is_executed_and_written_once_for_all_who_get_the_same() -> None:
    async with Crowd(Clockwork()) as crowd:
        for name in range(50):
            await crowd.listen(f"all {name}", "subscription { ticks { number } }")
        crowd.house.tick(7)
        answers = await told(crowd.waiting)
        assert crowd.house.executed == [("all 0", 7)]
        assert len({id(answer.encoded()) for answer in answers}) == 1
        assert answers[0].encoded() == b'{"data":{"ticks":{"number":7}}}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("all", "{ number }", "ticks", {}), ("some", "{ number }", "ticks", {})),
        (("nobody else", "{ number }", "ticks", {}), ("nobody else", "{ number }", "ticks", {})),
        (("all", "{ number }", "ticks", {"of": 1}), ("all", "{ number }", "ticks", {"of": 2})),
        (("all", "{ number }", "ticks", {}), ("all", "{ number seen }", "ticks", {})),
        (("all", "{ number }", "own", {}), ("all", "{ number }", "own", {})),
    ],
    ids=["others see more", "alike with nobody", "other variables", "another operation", "not marked"],
)
async def test_who_might_get_something_else_is_answered_alone(one: Any, other: Any) -> None:
    async with Crowd(Clockwork()) as crowd:
        for context, selection, field, variables in (one, other):
            document = f"subscription ($of: Int) {{ {field}(of: $of) {selection} }}"
            await crowd.listen(context, document, **variables)
        crowd.house.tick(7)
        answers = await told(crowd.waiting)
        assert len(crowd.house.executed) == 2
        assert answers[0] is not answers[1]


async def test_who_comes_while_an_answer_is_being_made_waits_for_it() -> None:
    async with Crowd(Clockwork()) as crowd:
        for name in range(3):
            await crowd.listen(f"all {name}", "subscription { ticks { slow } }")
        crowd.house.tick(7)
        await crowd.house.until("slow for all 0 began")
        crowd.house.go.set()
        answers = await told(crowd.waiting)
        assert {answer.encoded() for answer in answers} == {b'{"data":{"ticks":{"slow":7}}}'}
        assert crowd.house.log == ["slow for all 0 began", "slow for all 0 ended"]


async def test_an_answer_whose_maker_goes_away_is_made_by_the_others() -> None:
    async with Crowd(Clockwork()) as crowd:
        for name in ("maker", "other"):
            await crowd.listen(f"all {name}", "subscription { ticks { slow } }")
        maker, other = crowd.waiting
        crowd.house.tick(7)
        await crowd.house.until("slow for all maker began")
        maker.cancel()
        await crowd.house.until("slow for all other began")
        crowd.house.go.set()
        assert (await told([other]))[0].data == {"ticks": {"slow": 7}}


async def test_one_who_goes_away_while_waiting_takes_nobody_along() -> None:
    async with Crowd(Clockwork()) as crowd:
        for name in range(3):
            await crowd.listen(f"all {name}", "subscription { ticks { slow } }")
        maker, leaver, stayer = crowd.waiting
        crowd.house.tick(7)
        await crowd.house.until("slow for all 0 began")
        leaver.cancel()
        crowd.house.go.set()
        answers = await told([maker, stayer])
        assert answers[0] is answers[1]


async def test_an_answer_with_an_error_is_for_one_alone() -> None:
    """It may name the request it happened in."""
    async with Crowd(Clockwork()) as crowd:
        for name in range(3):
            await crowd.listen(f"all {name}", "subscription { ticks { broken } }")
        crowd.house.tick(7)
        texts = {answer.errors[0]["message"] for answer in await told(crowd.waiting)}
        assert texts == {f"broken for all {name}" for name in range(3)}


async def test_an_answer_is_not_kept_for_those_who_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "KEPT_S", 0.0)
    channel: sharing.Channel[Answer] = sharing.Channel()
    made: list[Answer] = []

    async def make(_event: Any) -> Answer:
        made.append(Answer(True))
        return made[-1]

    event = object()
    with channel, channel:
        first = await channel.answer(event, make)
        assert await channel.answer(event, make) is first
        while len(made) == 1:
            await asyncio.sleep(0)
            await channel.answer(event, make)
    assert len(made) == 2
