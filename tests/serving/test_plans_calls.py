"""How resolvers are called by a plan: together for a level, at most once each, and never left behind."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLResolveInfo, GraphQLSchema, build_schema, execute, parse
from graphql.pyutils import is_awaitable
from strawberry.dataloader import DataLoader

from saifu.gateway.execution import Executor

from .differences import same
from .operations import fields_of, operation

SDL = """
type Query { shelf: Shelf, shelves: [Shelf!]!, one: String, other: String, strict: String! }
type Mutation { first: Shelf, second: String, strict: String! }
type Shelf { name: String, books: [Book!]!, size(unit: String = "cm", least: Int): Int, owner: Person!, maybe: Person }
type Book { title: String!, author: Person, pages: Int! }
type Person { name: String!, shelf: Shelf }
"""


class Row:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def library(**resolvers: Callable[..., Any]) -> GraphQLSchema:
    """The schema with resolvers by `Type__field`, and batches by `Type__field__batch`."""
    schema = build_schema(SDL)
    for name, function in resolvers.items():
        kind, field, *mark = name.split("__")
        definition = fields_of(schema, kind)[field]
        if mark:
            definition.extensions = {mark[0]: function}
        else:
            definition.resolve = function
    return schema


async def run(schema: GraphQLSchema, text: str, context: Any = None, **variables: Any) -> ExecutionResult:
    return await Executor(schema).execute(operation(schema, text), variables, context)


async def by_core(schema: GraphQLSchema, text: str, context: Any = None, **variables: Any) -> ExecutionResult:
    result = execute(schema, parse(text), context_value=context, variable_values=variables)
    answer = await result if is_awaitable(result) else result
    assert isinstance(answer, ExecutionResult)
    return answer


def shelves(*_: Any) -> list[Row]:
    return [Row(name=f"s{i}", books=[Row(title=f"b{i}{j}", pages=j) for j in range(2)]) for i in range(3)]


async def test_a_batch_is_called_once_for_all_objects_of_its_level() -> None:
    calls: list[tuple[list[str], Any, dict[str, Any]]] = []

    async def authors(books: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Row]:
        calls.append(([book.title for book in books], context, arguments))
        return [Row(name=f"author of {book.title}") for book in books]

    schema = library(Query__shelves=shelves, Book__author__batch=authors)
    answer = await run(schema, "{ shelves { books { author { name } title } } }", context="ctx")
    titles = [f"b{i}{j}" for i in range(3) for j in range(2)]
    assert calls == [(titles, "ctx", {})]
    assert answer.errors is None
    assert [book for shelf in answer.data["shelves"] for book in shelf["books"]] == [  # type: ignore[index]
        {"author": {"name": f"author of {title}"}, "title": title} for title in titles
    ]


@pytest.mark.parametrize("wrong", [[], [None, None], [1] * 7])
async def test_a_batch_of_a_wrong_length_is_an_error_for_each_of_its_objects(wrong: list[Any]) -> None:
    async def sizes(found: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Any]:
        return wrong

    schema = library(Query__shelves=shelves, Shelf__size__batch=sizes)
    answer = await run(schema, "{ shelves { size } }")
    assert answer.data == {"shelves": [{"size": None}] * 3}
    assert [error.path for error in answer.errors or ()] == [["shelves", i, "size"] for i in range(3)]


async def test_an_exception_in_a_batch_is_the_error_of_its_object_alone() -> None:
    async def owners(found: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Any]:
        return [Row(name="Ada"), ValueError("lost"), Row(name=None)]

    async def owner(shelf: Row, info: Any) -> Any:
        return (await owners([], None, {}))[int(shelf.name[1])]

    text = "{ shelves { name maybe { name } } }"
    answer = await run(library(Query__shelves=shelves, Shelf__maybe__batch=owners), text)
    same(answer, await by_core(library(Query__shelves=shelves, Shelf__maybe=owner), text))
    assert [error.path for error in answer.errors or ()] == [
        ["shelves", 1, "maybe"],
        ["shelves", 2, "maybe", "name"],
    ]


async def test_what_a_batch_raises_is_the_error_of_all_its_objects() -> None:
    async def owners(found: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Any]:
        raise ValueError("down")

    answer = await run(
        library(Query__shelves=shelves, Shelf__maybe__batch=owners), "{ shelves { maybe { name } } }"
    )
    assert answer.data == {"shelves": [{"maybe": None}] * 3}
    assert [error.message for error in answer.errors or ()] == ["down"] * 3


async def test_loaders_see_all_objects_of_a_level_at_once() -> None:
    loads: list[list[Any]] = []

    async def load(keys: list[Any]) -> list[Row]:
        loads.append(keys)
        await asyncio.sleep(0)
        return [Row(name=key, shelf=None) for key in keys]

    loader = DataLoader(load_fn=load, cache=False)

    async def author(book: Row, info: Any) -> Any:
        return await loader.load(book.title)

    async def owner(shelf: Row, info: Any) -> Any:
        return await loader.load(shelf.name)

    schema = library(
        Query__shelves=shelves,
        Book__author=author,
        Shelf__owner=owner,
        Shelf__maybe=lambda s, i: loader.load(s.name),
    )
    answer = await run(schema, "{ shelves { owner { name } maybe { name } books { author { name } } } }")
    assert answer.errors is None
    assert [sorted(keys) for keys in loads] == [
        sorted(["s0", "s1", "s2"] * 2 + [f"b{i}{j}" for i in range(3) for j in range(2)])
    ]


async def test_resolvers_of_a_level_run_beside_one_another() -> None:
    barrier = asyncio.Barrier(3)

    async def meet(*_: Any) -> str:
        await barrier.wait()
        return "met"

    schema = library(Query__one=meet, Query__other=meet, Query__strict=meet)
    answer = await asyncio.wait_for(run(schema, "{ one other strict }"), timeout=5)
    assert answer.data == {"one": "met", "other": "met", "strict": "met"}


async def test_what_is_below_a_fast_field_does_not_wait_for_a_slow_one() -> None:
    reached = asyncio.Event()

    async def slow(*_: Any) -> str:
        await reached.wait()
        return "slow"

    async def size(*_: Any, **__: Any) -> int:
        await asyncio.sleep(0)
        reached.set()
        return 3

    async def shelf(*_: Any) -> Row:
        await asyncio.sleep(0)
        return Row()

    schema = library(Query__one=slow, Query__shelf=shelf, Shelf__size=size)
    answer = await asyncio.wait_for(run(schema, "{ one shelf { size } }"), timeout=5)
    assert answer.data == {"one": "slow", "shelf": {"size": 3}}


def seen(info: GraphQLResolveInfo[Any]) -> Mapping[str, Any]:
    """What of an info can be compared between two executions."""
    names = (
        "field_name",
        "return_type",
        "parent_type",
        "path",
        "fragments",
        "root_value",
        "operation",
        "variable_values",
    )
    found = {name: getattr(info, name) for name in names}
    return found | {"nodes": list(info.field_nodes), "context": info.context, "signal": info.abort_signal}


async def test_a_resolver_is_told_what_graphql_core_tells_it() -> None:
    infos: list[Mapping[str, Any]] = []

    def size(shelf: Row, info: GraphQLResolveInfo[Any], **arguments: Any) -> int:
        infos.append({**seen(info), "arguments": arguments})
        return 1

    schema = library(Query__shelves=shelves, Query__shelf=lambda *_: Row(), Shelf__size=size)
    text = """query Named($n: Int = 7) { shelves { ...S big: size(unit: "m") } shelf { size(least: $n) } }
              fragment S on Shelf { books { pages } big: size(unit: "m") }"""
    same(await run(schema, text, "ctx"), await by_core(schema, text, "ctx"))
    mine, theirs = infos[: len(infos) // 2], infos[len(infos) // 2 :]
    key = str
    assert sorted(mine, key=key) == sorted(theirs, key=key)
    assert len(mine) == 4


async def test_a_resolver_is_called_once_for_each_object_though_its_value_has_to_be_completed_again() -> None:
    calls: list[str] = []

    def books(shelf: Row, info: Any) -> Any:
        calls.append(shelf.name)
        return [Row(title="fine", pages=1), Row(title=None, pages=1)] if shelf.name == "s1" else []

    async def size(shelf: Row, info: Any, **_: Any) -> int:
        calls.append(f"size of {shelf.name}")
        return 1

    schema = library(Query__shelves=shelves, Shelf__books=books, Shelf__size=size)
    text = "{ shelves { name books { title } size } }"
    answer = await run(schema, text)
    assert sorted(calls) == ["s0", "s1", "s2", "size of s0", "size of s1", "size of s2"]
    assert answer.data is None
    assert [error.path for error in answer.errors or ()] == [["shelves", 1, "books", 1, "title"]]


async def test_arguments_are_coerced_once_for_all_objects_and_fail_for_each() -> None:
    schema = library(Query__shelves=shelves, Shelf__size=lambda *_, **arguments: len(arguments))
    text = "query($n: Int, $u: String) { shelves { size(least: $n, unit: $u) } }"
    for variables in ({}, {"n": None}, {"n": 3, "u": "m"}, {"u": None}):
        same(await run(schema, text, **variables), await by_core(schema, text, **variables))


async def test_mutations_follow_one_another_each_with_all_that_is_below_it() -> None:
    order: list[str] = []

    def noting(name: str, value: Any) -> Callable[..., Awaitable[Any]]:
        async def resolve(*_: Any, **__: Any) -> Any:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")
            return value

        return resolve

    schema = library(
        Mutation__first=noting("first", Row(name="s")),
        Mutation__second=noting("second", "2"),
        Shelf__size=noting("size", 4),
    )
    answer = await run(schema, "mutation { first { size name } second again: first { size } }")
    assert answer.data == {"first": {"size": 4, "name": "s"}, "second": "2", "again": {"size": 4}}
    first, second = (
        ["first begins", "first ends", "size begins", "size ends"],
        ["second begins", "second ends"],
    )
    assert order == [*first, *second, *first]


async def test_after_a_mutation_that_may_not_fail_has_failed_nothing_else_runs() -> None:
    """As in graphql-core: there is no data left to put it in."""
    called: list[str] = []

    def failing(*_: Any) -> str:
        raise ValueError("no")

    schema = library(Mutation__strict=failing, Mutation__second=lambda *_: called.append("second"))
    text = "mutation { second strict late: second }"
    same(await run(schema, text), await by_core(schema, text))
    assert called == ["second", "second"]  # once by each executor


async def test_an_execution_that_is_cancelled_leaves_nothing_running() -> None:
    begun, ended = asyncio.Barrier(6), []

    async def forever(*_: Any, **__: Any) -> str:
        await begun.wait()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)
        return ""

    schema = library(Query__one=forever, Query__other=forever, Query__shelves=shelves, Shelf__size=forever)
    task = asyncio.ensure_future(run(schema, "{ one other shelves { size books { title } } }"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True] * 5
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_resolver_that_is_cancelled_cancels_the_execution_and_what_runs_beside_it() -> None:
    ended: list[str] = []

    async def cancelled(*_: Any) -> str:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    async def forever(*_: Any) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("other")
        return ""

    with pytest.raises(asyncio.CancelledError):
        await run(library(Query__one=cancelled, Query__other=forever), "{ one other }")
    assert ended == ["other"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_property_that_is_cancelled_is_no_error_of_a_field() -> None:
    class Odd:
        @property
        def name(self) -> str:
            raise asyncio.CancelledError

    async def other(*_: Any) -> str:
        await asyncio.sleep(0)
        return ""

    with pytest.raises(asyncio.CancelledError):
        await run(library(Query__shelf=lambda *_: Odd(), Query__other=other), "{ other shelf { name } }")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_that_makes_siblings_useless_does_not_leave_them_behind() -> None:
    ended: list[str] = []

    def failing(*_: Any) -> str:
        raise ValueError("no")

    async def slow(*_: Any) -> str:
        await asyncio.sleep(0)
        ended.append("slow")
        return ""

    answer = await run(
        library(Query__one=slow, Query__strict=failing, Query__other=slow), "{ one strict other }"
    )
    assert answer.data is None
    assert [error.message for error in answer.errors or ()] == ["no"]
    assert ended == ["slow", "slow"]


async def test_what_an_execution_held_is_free_as_soon_as_it_has_ended() -> None:
    """No cycle keeps an answer in memory until the garbage is collected."""

    async def authors(books: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Row]:
        return [Row(name="a") for _ in books]

    async def size(*_: Any, **__: Any) -> int:
        return 3

    schema = library(Query__shelves=shelves, Book__author__batch=authors, Shelf__size=size)
    context = Row()
    freed = weakref.ref(context)
    gc.disable()
    try:
        await run(schema, "{ shelves { size books { author { name } } } }", context)
        del context
        assert freed() is None
    finally:
        gc.enable()


WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


async def test_resolvers_see_the_variables_of_their_context_and_do_not_see_each_others() -> None:
    async def told(*_: Any) -> str:
        before = WHO.get()
        WHO.set("somebody else")
        await asyncio.sleep(0)
        return before

    WHO.set("me")
    answer = await run(library(Query__one=told, Query__other=told), "{ one other }")
    assert answer.data == {"one": "me", "other": "me"}


async def test_a_resolver_may_use_timeouts_and_task_groups() -> None:
    async def value(text: str) -> str:
        await asyncio.sleep(0)
        return text

    async def careful(*_: Any) -> str:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            found = group.create_task(value("found"))
        return found.result()

    answer = await run(library(Query__one=careful, Query__other=careful), "{ one other }")
    assert answer.data == {"one": "found", "other": "found"}


async def test_the_helpers_of_an_info_gather_and_track() -> None:
    tracked: list[str] = []

    async def track() -> None:
        await asyncio.sleep(0)
        tracked.append("done")

    async def one(_: Any, info: GraphQLResolveInfo[Any]) -> str:
        async def part(text: str) -> str:
            return text

        info.async_helpers.track([track(), "no awaitable"])
        return "".join(await info.async_helpers.gather([part("a"), part("b")]))

    answer = await run(library(Query__one=one), "{ one }")
    assert answer.data == {"one": "ab"}
    assert tracked == ["done"]


BOXED = """
type Query { boxed: [Boxed!]! }
union Boxed = Red | Blue
type Red { inside: Inside }
type Blue { inside: Inside, other: Int }
type Inside { called: Int!, kept: Int }
"""


class Red(Row):
    pass


class Blue(Row):
    pass


async def test_nulls_find_their_way_through_objects_in_which_nothing_is_called() -> None:
    """Which of its types an object is must be known once something below it has failed."""
    inside = [Row(kept=i) for i in range(4)]
    boxed = [Red(inside=inside[0]), Blue(inside=inside[1]), Red(inside=inside[2]), Blue(inside=inside[3])]

    async def called(source: Row, info: Any) -> int:
        if source.kept % 2:
            raise ValueError(f"at {source.kept}")
        return 1

    def schema_of(marks: dict[str, Any]) -> GraphQLSchema:
        schema = build_schema(BOXED)
        fields_of(schema, "Query")["boxed"].resolve = lambda *_: boxed
        fields_of(schema, "Inside")["called"].resolve = called
        union: Any = schema.type_map["Boxed"]
        union.resolve_type = lambda value, *_: type(value).__name__
        union.extensions = marks
        return schema

    text = "{ boxed { ... on Red { a: inside { called kept } } ... on Blue { other b: inside { called kept } } } }"
    answer = await run(schema_of({"typenames": {Red: "Red", Blue: "Blue"}}), text)
    same(answer, await by_core(schema_of({}), text))
    assert [error.path for error in answer.errors or ()] == [["boxed", i, "b", "called"] for i in (1, 3)]
