"""Subscriptions: a source by graphql-core's rules, and a plan for each of its events."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, build_schema, parse, subscribe
from graphql.pyutils import is_awaitable

from saifu.gateway.execution import Executor

from .differences import same
from .operations import fields_of, operation

SDL = """
type Query { unused: Int }
type Tick { number: Int!, name: String, later: String }
type Subscription { ticks(from: Int! = 0): Tick, strict: Int! }
"""


class Tick:
    def __init__(self, number: Any) -> None:
        self.number = number
        self.name = f"tick {number}"


def clock(source: Callable[..., Any], resolve: Callable[..., Any] | None = None) -> GraphQLSchema:
    schema = build_schema(SDL)
    fields = fields_of(schema, "Subscription")
    fields["ticks"].subscribe = fields["strict"].subscribe = source
    fields["ticks"].resolve = fields["strict"].resolve = resolve or (lambda payload, info, **_: payload)

    async def later(tick: Tick, info: Any) -> str:
        await asyncio.sleep(0)
        return f"{info.root_value.name}, later"

    fields_of(schema, "Tick")["later"].resolve = later
    return schema


async def begun(schema: GraphQLSchema, text: str, **variables: Any) -> Any:
    return await Executor(schema).subscribe(operation(schema, text), variables, None)


async def begun_by_core(schema: GraphQLSchema, text: str, **variables: Any) -> Any:
    result = subscribe(schema, parse(text), variable_values=variables)
    return await result if is_awaitable(result) else result


async def to_the_end(stream: Any) -> tuple[list[ExecutionResult], Exception | None]:
    found: list[ExecutionResult] = []
    try:
        async for result in stream:
            found.append(result)  # noqa: PERF401  # what came before an error counts
    except ValueError as error:
        return found, error
    return found, None


async def three(root: Any, info: Any, **arguments: Any) -> AsyncGenerator[Any, None]:
    for number in range(3):
        yield Tick(number + arguments.get("from", 0))


async def odd(root: Any, info: Any, **_: Any) -> AsyncGenerator[Any, None]:
    for number in (1, None, "wrong", 4):
        yield Tick(number)


@pytest.mark.parametrize("source", [three, odd])
async def test_each_event_is_answered_as_by_graphql_core(source: Callable[..., Any]) -> None:
    text = "subscription($n: Int!) { ticks(from: $n) { number later name } }"
    mine, _ = await to_the_end(await begun(clock(source), text, n=5))
    theirs, _ = await to_the_end(await begun_by_core(clock(source), text, n=5))
    assert len(mine) == len(theirs) > 0
    for one, other in zip(mine, theirs, strict=True):
        same(one, other)


async def _coroutine(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def raising(*_: Any, **__: Any) -> Any:
    raise ValueError("no source")


@pytest.mark.parametrize(
    "source",
    [
        raising,
        lambda *_, **__: None,
        lambda *_, **__: [1],
        lambda *_, **__: ValueError("returned"),
        lambda *_, **__: _coroutine(ValueError("late")),
        lambda *_, **__: _coroutine(3),
    ],
)
async def test_a_source_that_does_not_come_is_a_result_with_errors(source: Callable[..., Any]) -> None:
    text = "subscription { ticks { number } }"
    mine, theirs = await begun(clock(source), text), await begun_by_core(clock(source), text)
    assert isinstance(mine, ExecutionResult)
    same(mine, theirs)


async def test_wrong_variables_are_a_result_with_errors() -> None:
    text = "subscription($n: Int!) { ticks(from: $n) { number } }"
    mine, theirs = await begun(clock(three), text, n="x"), await begun_by_core(clock(three), text, n="x")
    assert isinstance(mine, ExecutionResult)
    same(mine, theirs)


async def test_a_source_that_fails_ends_the_stream_with_its_error() -> None:
    async def failing(*_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        yield Tick(1)
        raise ValueError("gone")

    found, error = await to_the_end(await begun(clock(failing), "subscription { ticks { number } }"))
    assert [result.data for result in found] == [{"ticks": {"number": 1}}]
    assert str(error) == "gone"


class Source:
    """A source that is not a generator: it is open from the beginning."""

    def __init__(self) -> None:
        self.is_closed = False
        self.asked = asyncio.Event()

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> Tick:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None:
        self.is_closed = True
        raise ValueError("closing fails")


async def test_closing_a_stream_closes_its_source_though_nobody_listened() -> None:
    source = Source()
    stream = await begun(clock(lambda *_, **__: source), "subscription { ticks { number } }")
    await stream.aclose()
    await stream.aclose()
    assert source.is_closed
    assert [result async for result in stream] == []


async def test_a_listener_that_is_cancelled_closes_its_source() -> None:
    source = Source()
    stream = await begun(clock(lambda *_, **__: source), "subscription { ticks { number } }")
    listening = asyncio.ensure_future(anext(stream))
    await source.asked.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert source.is_closed


async def test_throwing_into_a_stream_closes_its_source() -> None:
    for thrown in (ValueError("stop"), ValueError):
        source = Source()
        stream = await begun(
            clock(lambda *_, source=source, **__: source), "subscription { ticks { number } }"
        )
        with pytest.raises(ValueError):
            await stream.athrow(thrown)
        assert source.is_closed


async def test_a_source_generator_ends_where_it_waits_when_its_stream_is_closed() -> None:
    ended: list[int] = []

    async def source(*_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        try:
            for number in range(10):
                yield Tick(number)
        finally:
            ended.append(number)

    stream = await begun(clock(source), "subscription { ticks { number } }")
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    assert ended == [1]


async def test_one_event_can_be_executed_without_a_stream() -> None:
    schema = clock(raising)
    wanted = operation(schema, "subscription($n: Int! = 0) { ticks(from: $n) { number later } }")
    executor = Executor(schema)
    answer = await executor.event(wanted, {}, None, Tick(7))
    assert answer == ExecutionResult({"ticks": {"number": 7, "later": "tick 7, later"}}, None)
    refused = await executor.event(wanted, {"n": "x"}, None, Tick(7))
    assert refused.data is None
    assert refused.errors


async def test_all_listeners_of_a_document_share_its_plan() -> None:
    schema = clock(three)
    wanted, executor = operation(schema, "subscription { ticks { number } }"), Executor(schema)
    streams = [await executor.subscribe(wanted, {}, None) for _ in range(3)]
    for stream in streams:
        found, _ = await to_the_end(stream)
        assert len(found) == 3
    (kept,) = wanted.memo.values()
    assert kept.plans == 1
