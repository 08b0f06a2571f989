"""Whatever can be awaited may be a value: futures that are shared, objects of one's own, elements of a batch."""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, build_schema, execute, parse
from graphql.pyutils import is_awaitable

from saifu.gateway.execution import Executor

from .differences import same
from .operations import fields_of, operation

SDL = """
type Query { rows: [Row!]!, one: Row }
type Row { number: Int!, name: String, strict: String!, row: Row }
"""


class Row:
    def __init__(self, number: int) -> None:
        self.number = number


class Own:
    """An awaitable that is neither a coroutine nor a future."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self.value


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def rows_of(**resolvers: Any) -> GraphQLSchema:
    schema = build_schema(SDL)
    fields_of(schema, "Query")["rows"].resolve = lambda *_: [Row(i) for i in range(3)]
    for name, resolve in resolvers.items():
        fields_of(schema, "Row")[name].resolve = resolve
    return schema


async def run(schema: GraphQLSchema, text: str) -> ExecutionResult:
    return await Executor(schema).execute(operation(schema, text), {}, None)


async def by_core(schema: GraphQLSchema, text: str) -> ExecutionResult:
    result = execute(schema, parse(text))
    answer = await result if is_awaitable(result) else result
    assert isinstance(answer, ExecutionResult)
    return answer


@pytest.mark.parametrize("field", ["name", "row { number }"])
async def test_several_objects_may_wait_for_one_future(field: str) -> None:
    """As with a loader that remembers: it hands out the same future for the same key."""
    shared = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(shared.set_result, Row(7) if "row" in field else "shared")
    name = field.split(maxsplit=1)[0]
    answer = await run(rows_of(**{name: lambda *_: shared}), f"{{ rows {{ {field} again: {field} }} }}")
    assert answer.errors is None
    value: Any = {"number": 7} if "row" in field else "shared"
    assert answer.data == {"rows": [{name: value, "again": value}] * 3}


async def test_a_future_that_fails_is_the_error_of_all_who_wait_for_it() -> None:
    shared = asyncio.get_running_loop().create_future()
    shared.set_exception(ValueError("no"))
    schema = rows_of(name=lambda *_: shared)
    same(await run(schema, "{ rows { number name } }"), await by_core(schema, "{ rows { number name } }"))


async def test_a_future_that_is_cancelled_cancels_the_execution() -> None:
    shared = asyncio.get_running_loop().create_future()
    shared.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run(rows_of(name=lambda *_: shared), "{ rows { number name } }")


async def test_tasks_and_awaitables_of_ones_own_are_awaited() -> None:
    def name(row: Row, info: Any) -> Any:
        kinds = (Own, lambda text: asyncio.ensure_future(later(text)), later)
        return kinds[row.number](("own", "task", "coroutine")[row.number])

    answer = await run(rows_of(name=name), "{ rows { name } }")
    assert answer.data == {"rows": [{"name": "own"}, {"name": "task"}, {"name": "coroutine"}]}


async def test_one_awaitable_alone_is_awaited_too() -> None:
    for value in (Own(Row(1)), later(Row(1)), asyncio.ensure_future(later(Row(1)))):
        schema = rows_of()
        fields_of(schema, "Query")["one"].resolve = lambda *_, value=value: value
        assert (await run(schema, "{ one { number } }")).data == {"one": {"number": 1}}


async def test_elements_of_a_batch_may_be_still_to_come() -> None:
    async def names(rows: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Any]:
        return [later("late"), later(ValueError("late, and wrong")), "now"]

    schema = rows_of()
    fields_of(schema, "Row")["name"].extensions = {"batch": names}
    answer = await run(schema, "{ rows { name } }")
    assert answer.data == {"rows": [{"name": "late"}, {"name": None}, {"name": "now"}]}
    assert [(error.message, error.path) for error in answer.errors or ()] == [
        ("late, and wrong", ["rows", 1, "name"])
    ]


async def test_a_batch_below_a_batch_knows_where_its_errors_stand() -> None:
    async def rows(found: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Row]:
        return [Row(10 * row.number) for row in found]

    async def names(found: Sequence[Row], context: Any, arguments: dict[str, Any]) -> list[Any]:
        return [None if row.number == 10 else [] if row.number == 20 else "fine" for row in found]

    schema = rows_of()
    fields_of(schema, "Row")["row"].extensions = {"batch": rows}
    fields_of(schema, "Row")["strict"].extensions = fields_of(schema, "Row")["name"].extensions = {
        "batch": names
    }
    answer = await run(schema, "{ rows { row { number strict name } } }")
    assert answer.data == {
        "rows": [{"row": {"number": 0, "strict": "fine", "name": "fine"}}, {"row": None}, {"row": None}]
    }
    assert [error.path for error in answer.errors or ()] == [["rows", i, "row", "strict"] for i in (1, 2)]


async def test_a_generator_is_a_list_and_not_an_awaitable() -> None:
    schema = rows_of()
    fields_of(schema, "Query")["rows"].resolve = lambda *_: (Row(i) for i in range(2))
    assert (await run(schema, "{ rows { number } }")).data == {"rows": [{"number": 0}, {"number": 1}]}
