"""Case by case: what graphql-core answers is what a plan answers."""

import asyncio
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    build_schema,
    execute,
    parse,
)
from graphql.pyutils import is_awaitable

from saifu.gateway.execution import Executor

from .differences import equivalent, same, told
from .operations import fields_of, operation

SDL = """
interface Named { name: String }
union Found = Cat | Dog
type Cat implements Named { name: String, lives: Int!, likes: [Found!] }
type Dog implements Named { name: String, barks: Boolean!, friend: Named }
type Box {
  a: Int, b: Float, c: String, d: Boolean, e: ID, must: Int!
  list: [Int], lists: [[Int!]!], box: Box, boxes: [Box!]
}
input Wish { text: String! = "none", many: [Int!] }
type Query {
  box: Box
  boxes: [Box]
  named: [Named]
  found: [Found!]
  echo(wish: Wish, n: Int! = 1, list: [String]): String
}
"""


class Box:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class Cat(Box):
    pass


class Dog(Box):
    pass


def schema_of(marked: bool, **resolvers: Any) -> GraphQLSchema:
    schema = build_schema(SDL)
    for name, function in resolvers.items():
        fields_of(schema, "Query")[name].resolve = function
    for name in ("Named", "Found"):
        kind: Any = schema.type_map[name]
        kind.resolve_type = lambda value, info, kind: type(value).__name__
        if marked:
            kind.extensions = {"typenames": {Cat: "Cat", Dog: "Dog"}}
    return schema


async def by_core(
    schema: GraphQLSchema, text: str, variables: dict[str, Any] | None = None
) -> ExecutionResult:
    result = execute(schema, parse(text), variable_values=variables)
    answer = await result if is_awaitable(result) else result
    assert isinstance(answer, ExecutionResult)
    return answer


async def compared(text: str, variables: dict[str, Any] | None = None, **resolvers: Any) -> ExecutionResult:
    """The answer of a plan, found to be the same as graphql-core's."""
    schema = schema_of(True, **resolvers)
    mine = await Executor(schema).execute(operation(schema, text), variables or {}, None)
    same(mine, await by_core(schema_of(False, **resolvers), text, variables))
    return mine


class Text(str):
    __slots__ = ()


class Printed:
    def __repr__(self) -> str:
        return "printed"

    def __str__(self) -> str:
        return "printed"


LEAVES: list[Any] = [
    None, Undefined, 0, 1, -1, 2**31 - 1, 2**31, -(2**31), True, False, 1.0, 1.5, float("nan"), float("inf"), 10**400,
    "", "text", "12", Text("own"), b"bytes", [], {}, object, Printed(), ValueError("a value"), GraphQLError("an error"),
]  # fmt: skip


@pytest.mark.parametrize("value", LEAVES, ids=repr)
@pytest.mark.parametrize("field", ["a", "b", "c", "d", "e", "must"])
async def test_a_leaf_of_any_kind_is_written_or_refused(value: Any, field: str) -> None:
    answer = await compared(
        f"{{ boxes {{ {field} }} }}", boxes=lambda *_: [Box(**{field: value, "must": value})]
    )
    assert "boxes" in (answer.data or {})


@pytest.mark.parametrize("field", ["list", "lists", "boxes"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: [1], lambda: (1,), lambda: {1}, lambda: deque([1]), lambda: iter([1]), lambda: (i for i in [1]),
        {"a": 1}.values, lambda: {"a": 1}, lambda: "text", lambda: b"1", lambda: 1, lambda: None,
        lambda: [None], lambda: [[None]], lambda: [[1], (2, 3), None], lambda: [[1], range(2)], lambda: range(3),
        lambda: [Box(must=1), None], lambda: [Box(must=None)], lambda: ValueError("no list"),
        lambda: [ValueError("an item")],
    ],
)  # fmt: skip
async def test_a_list_comes_from_anything_that_can_be_gone_through(make: Any, field: str) -> None:
    below = "{ must }" if field == "boxes" else ""
    await compared(
        f"{{ box {{ {field} {below} }} boxes {{ a }} }}",
        box=lambda *_: Box(**{field: make()}),
        boxes=lambda *_: make(),
    )


class Breaking:
    """Breaks after one item."""

    def __iter__(self) -> Iterator[Any]:
        yield Box(a=1)
        raise ValueError("no more")


async def test_an_iterator_that_breaks_is_the_error_of_its_list() -> None:
    answer = await compared("{ boxes { a } box { a } }", boxes=lambda *_: Breaking(), box=lambda *_: Box(a=1))
    assert answer.data == {"boxes": None, "box": {"a": 1}}


async def test_lists_may_be_asynchronous_and_hold_awaitables() -> None:
    async def later(value: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    async def stream(*_: Any) -> Any:
        yield Box(a=1)
        yield None
        await asyncio.sleep(0)
        yield Box(a="wrong")

    def mixed(*_: Any) -> Any:
        return [later(Box(a=1)), Box(a=2), later(None), later(ValueError("late"))]

    for boxes in (stream, mixed):
        schema = schema_of(True, boxes=boxes)
        mine = await Executor(schema).execute(operation(schema, "{ boxes { a } }"), {}, None)
        equivalent(mine, await by_core(schema, "{ boxes { a } }"))
        assert mine.errors


class Lazy:
    """A source that has methods for fields."""

    a = 3

    def c(self, info: Any) -> str:
        return f"of {info.field_name}"

    async def e(self, info: Any) -> str:
        await asyncio.sleep(0)
        return "later"

    @property
    def b(self) -> float:
        raise ValueError("in a property")


@pytest.mark.parametrize(
    "source", [Lazy(), {"a": 3, "c": lambda info: "called", "b": 1}, 7, "text", (), object()]
)
async def test_a_field_without_a_resolver_is_an_item_an_attribute_or_a_method(source: Any) -> None:
    answer = await compared("{ box { e a x: c c b d } }", box=lambda *_: source)
    assert list((answer.data or {})["box"]) == ["e", "a", "x", "c", "b", "d"]


CATS = [
    Cat(name="Tom", lives=9, likes=[Dog(name="Rex", barks=True)]),
    Dog(name="Rex", barks=True, friend=Cat(name=None, lives=1)),
]

DOCUMENTS = [
    "{ named { __typename name } }",
    "{ named { kind: __typename ... on Cat { lives name } ... on Dog { barks } name } }",
    """{ named { ... on Named { name } ...C ...C } }
       fragment C on Cat { likes { ...D __typename } } fragment D on Dog { barks }""",
    "{ found { ... on Dog { friend { name ... on Cat { lives } } } ... on Cat { likes { ... on Named { name } } } } }",
    "{ __typename a: __typename named { __typename } }",
    "{ named { ... on Dog { friend { ... on Dog { barks } } } } }",
    "{ named { ... { name } ... @include(if: true) { n: name } ... on Cat @skip(if: true) { lives } } }",
]


@pytest.mark.parametrize("text", DOCUMENTS)
async def test_fragments_are_merged_for_each_object_type(text: str) -> None:
    answer = await compared(text, named=lambda *_: CATS, found=lambda *_: CATS)
    assert answer.errors is None


@pytest.mark.parametrize("stranger", [Box(name="?"), None, 3, "Cat", ValueError("no cat")])
async def test_an_object_of_an_unknown_class_is_an_error_of_its_place(stranger: Any) -> None:
    await compared(
        "{ named { name } found { __typename } }",
        named=lambda *_: [*CATS, stranger],
        found=lambda *_: [stranger],
    )


SWITCHES = """query($a: Boolean!, $b: Boolean = true) {
  box { a @skip(if: $a) c @include(if: $b) d @skip(if: $a) @include(if: $b) }
}"""


async def test_switches_choose_a_plan_each_time() -> None:
    box = Box(a=1, c="c", d=True)
    schema = schema_of(True, box=lambda *_: box)
    wanted = operation(schema, SWITCHES)
    for variables in (
        {"a": a, **b} for a in (True, False) for b in ({}, {"b": True}, {"b": False}, {"b": None})
    ):
        mine = await Executor(schema).execute(wanted, variables, None)
        same(mine, await by_core(schema, SWITCHES, variables))


async def test_an_operation_with_many_switches_keeps_few_plans() -> None:
    names = [f"s{i}" for i in range(8)]
    fields = " ".join(f"a{i}: a @skip(if: ${name})" for i, name in enumerate(names))
    text = f"query({' '.join(f'${name}: Boolean!' for name in names)}) {{ box {{ {fields} }} }}"
    schema = schema_of(True, box=lambda *_: Box(a=1))
    executor, wanted = Executor(schema), operation(schema, text)
    for number in range(60):
        given = {name: bool(number >> i & 1) for i, name in enumerate(names)}
        answer = await executor.execute(wanted, given, None)
        assert list((answer.data or {})["box"]) == [
            f"a{i}" for i, name in enumerate(names) if not given[name]
        ]
    (kept,) = wanted.memo.values()
    assert kept.plans <= 16


@pytest.mark.parametrize(
    "variables",
    [{}, {"w": None}, {"w": {}}, {"w": {"text": None}}, {"w": {"text": "t", "many": 3}}, {"w": {"other": 1}},
     {"n": "x"}, {"n": None}, {"n": 2**31}, {"n": 5, "l": "one"}, {"l": [None, "a"]}, {"l": [1]}],
)  # fmt: skip
async def test_variables_are_coerced_or_refused_as_by_graphql_core(variables: dict[str, Any]) -> None:
    text = "query($w: Wish, $n: Int! = 4, $l: [String]) { echo(wish: $w, n: $n, list: $l) }"
    await compared(text, variables, echo=lambda *_, **arguments: repr(sorted(arguments.items())))


async def test_simple_variables_are_refused_too() -> None:
    schema = build_schema("type Query { f(a: String, b: ID!, c: Int): String }")
    fields_of(schema, "Query")["f"].resolve = lambda *_, **given: repr(sorted(given.items()))
    text = "query($a: String, $b: ID!, $c: Int) { f(a: $a, b: $b, c: $c) }"
    wanted = operation(schema, text)
    cases: list[dict[str, Any]] = [
        {"a": "x", "b": "y", "c": 3}, {"b": 3}, {"b": "y", "c": None}, {"a": 1, "b": "y"}, {}, {"b": "y", "c": True},
        {"a": "x", "b": "y", "c": 2**31}, {"a": "x", "b": "y", "c": 3, "z": 1},
    ]  # fmt: skip
    for case in cases:
        same(await Executor(schema).execute(wanted, case, None), await by_core(schema, text, case))


async def test_no_more_than_fifty_errors_in_variables_are_told() -> None:
    text = "query($w: Wish, $n: Int! = 4, $l: [String]) { echo(wish: $w, n: $n, list: $l) }"
    answer = await compared(text, {"l": [1] * 80})
    assert len(answer.errors or ()) == 51


async def test_names_of_the_schema_can_be_left_out_of_what_is_said_of_variables() -> None:
    schema = schema_of(True)
    wanted = operation(schema, "query($w: Wish) { echo(wish: $w) }")
    given = {"w": {"txet": "t"}}
    shown = await Executor(schema).execute(wanted, given, None)
    hidden = await Executor(schema).execute(wanted, given, None, hide_suggestions=True)
    assert "Did you mean" in (shown.errors or [])[0].message
    assert "Did you mean" not in (hidden.errors or [])[0].message


class Shade(Enum):
    DARK = "d"
    LIGHT = "l"


@pytest.mark.parametrize("value", [Shade.DARK, Shade.LIGHT, "d", "DARK", 3, None, [], "x", "y"])
async def test_enums_are_written_by_name_and_scalars_by_their_own_rule(value: Any) -> None:
    def own(value: Any) -> Any:
        if value == "x":
            raise ValueError("not this one")
        return None if value == "y" else f"<{value}>"

    shade = GraphQLEnumType("Shade", {**{one.name: one for one in Shade}, "THREE": 3})
    scalar = GraphQLScalarType("Own", coerce_output_value=own)
    kinds: dict[str, Any] = {
        "shade": shade,
        "own": scalar,
        "shades": GraphQLList(shade),
        "owns": GraphQLList(scalar),
    }
    item = GraphQLObjectType("Item", {name: GraphQLField(kind) for name, kind in kinds.items()})
    source = Box(shade=value, own=value, shades=[value, value], owns=[value])
    schema = GraphQLSchema(
        GraphQLObjectType("Query", {"item": GraphQLField(item, resolve=lambda *_: source)})
    )
    for text in ("{ item { shade } }", "{ item { own } }", "{ item { shades } }", "{ item { owns } }"):
        wanted = operation(schema, text)
        for _ in range(2):  # the second time the member is known
            same(await Executor(schema).execute(wanted, {}, None), await by_core(schema, text))


async def test_marks_alone_resolve_a_field_however_it_is_executed() -> None:
    """A field needs no resolver beside its mark, also where graphql-core completes it or runs the operation."""

    async def batch(sources: Any, context: Any, arguments: Any) -> list[Any]:
        return [f"b{source.n}" for source in sources]

    marks: dict[str, dict[str, Any]] = {
        "x": {"attribute": "n"},
        "y": {"read": lambda source: source.n + "!"},
        "z": {"batch": batch},
    }
    fields = {name: GraphQLField(GraphQLString, extensions=mark) for name, mark in marks.items()}
    item = GraphQLObjectType("Item", {**fields, "bad": GraphQLField(GraphQLString)})
    source = Box(n="1", bad=[])
    schema = GraphQLSchema(
        GraphQLObjectType("Query", {"item": GraphQLField(item, resolve=lambda *_: source)})
    )
    for text in (
        "{ item { x y z } }",
        "{ item { x y z bad } }",
        "{ item { x y z } __schema { description } }",
    ):
        answer = await Executor(schema).execute(operation(schema, text), {}, None)
        assert {key: (answer.data or {})["item"][key] for key in "xyz"} == {"x": "1", "y": "1!", "z": "b1"}


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ box { a } __type(name: "Box") { name fields { name } } }',
        "query @experimental_disableErrorPropagation { box { must a } }",
        "{ box { ...F(x: 1) } } fragment F($x: Int) on Box { a }",
    ],
)
async def test_what_no_plan_covers_is_run_by_graphql_core(text: str) -> None:
    schema = schema_of(True, box=lambda *_: Box(a=1, must=None))
    document = parse(text, experimental_fragment_arguments=True)
    wanted = operation(schema, document)
    result = execute(schema, document)
    assert isinstance(result, ExecutionResult)
    same(await Executor(schema).execute(wanted, {}, None), result)


async def test_a_document_too_big_for_a_plan_is_answered_all_the_same() -> None:
    fields = " ".join(f"a{i}: box {{ x: a y: c z: d }}" for i in range(800))
    answer = await compared(f"{{ {fields} }}", box=lambda *_: Box(a=1, c="c", d=True))
    assert len(answer.data or {}) == 800


async def test_keys_that_are_words_of_python_are_only_keys() -> None:
    text = "{ class: box { None: a def: c s: d calls: e path: a } }"
    answer = await compared(text, box=lambda *_: Box(a=1, c="c", d=True, e="e"))
    assert list((answer.data or {})["class"]) == ["None", "def", "s", "calls", "path"]


async def test_an_error_is_shown_at_each_place_where_its_field_stands() -> None:
    text = "{\n  box { must }\n  ...F\n}\nfragment F on Query { box { must a } }"
    answer = await compared(text, box=lambda *_: Box(must=None, a=1))
    assert [told(error)[2] for error in answer.errors or ()] == [((2, 9), (5, 29))]
