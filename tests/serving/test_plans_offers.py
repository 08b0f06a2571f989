"""Selections that are offered whole: answered at once where the house takes them, and as ever where it does not."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from graphql import GraphQLResolveInfo, GraphQLSchema, build_schema

from saifu.gateway.documents import Documents
from saifu.gateway.execution import Executor
from saifu.gateway.plans.offers import Offered
from saifu.gateway.requests import Request
from saifu.gateway.written import Written, encoded

SDL = """
interface Named { name: String! }
type Book implements Named { name: String!  pages(from: Int! = 1): Int!  author: Author!  sequel: Named }
type Author implements Named { name: String!  born: Int }
type Query { book(id: ID!): Book  other: String }
type Mutation { book(id: ID!): Book }
"""


class House:
    """Takes every offer, and answers with what it was told to; notes what it was asked."""

    def __init__(self, answer: bytes | Exception | None = b'{"name":"whole"}', takes: bool = True) -> None:
        self.answer = answer
        self.takes = takes
        self.offered: list[Offered] = []
        self.asked: list[tuple[Any, Sequence[Any]]] = []
        self.resolved = 0

    def schema(self) -> GraphQLSchema:
        schema = build_schema(SDL)
        for root in (schema.query_type, schema.mutation_type):
            assert root is not None
            root.fields["book"].resolve = self._resolve
            root.fields["book"].extensions["whole"] = self._whole
        return schema

    def _resolve(self, _source: Any, _info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
        self.resolved += 1
        return {"name": "resolved", "pages": 7, "author": {"name": "Aiko", "born": 1990}}

    def _whole(self, selection: Offered) -> Any:
        self.offered.append(selection)

        async def whole(context: Any, values: Sequence[Any]) -> bytes | None:
            self.asked.append((context, values))
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return whole if self.takes else None


async def asked(house: House, document: str, *, times: int = 1, **variables: Any) -> Any:
    """The answer as a client would read it, the last of several."""
    schema = house.schema()
    executor = Executor(schema)
    operation = Documents(schema).operation(Request(document, variables, None, None, None), verbose=True)
    for _ in range(times):
        result = await executor.execute(operation, variables, "context")
    errors = [error.message for error in result.errors or ()]
    return orjson.loads(encoded({"data": result.data, "errors": errors}))


def shown(selection: Offered) -> Any:
    return {one.key: (one.name, one.index, shown(one)) for one in selection.selections}


async def test_what_the_house_answers_is_the_field_s_value_and_no_resolver_is_called() -> None:
    house = House()
    answer = await asked(house, "query ($id: ID!) { b: book(id: $id) { name } other }", id="1")
    assert answer == {"data": {"b": {"name": "whole"}, "other": None}, "errors": []}
    assert house.resolved == 0


async def test_where_the_house_declines_the_resolvers_answer() -> None:
    house = House(answer=None)
    answer = await asked(house, "{ book(id: 1) { name author { born } } }")
    assert answer == {"data": {"book": {"name": "resolved", "author": {"born": 1990}}}, "errors": []}
    assert (len(house.asked), house.resolved) == (1, 1)


async def test_where_the_house_fails_the_resolvers_answer() -> None:
    house = House(answer=RuntimeError("no database"))
    answer = await asked(house, "{ book(id: 1) { name } }")
    assert answer == {"data": {"book": {"name": "resolved"}}, "errors": []}


async def test_an_offer_is_made_once_for_an_operation_and_asked_every_time() -> None:
    house = House()
    await asked(house, "{ book(id: 1) { name } }", times=3)
    assert (len(house.offered), len(house.asked)) == (1, 3)
    untaken = House(takes=False)
    await asked(untaken, "{ book(id: 1) { name } }", times=3)
    assert (len(untaken.offered), len(untaken.asked), untaken.resolved) == (1, 0, 3)


async def test_the_selection_is_merged_and_every_field_has_its_own_number() -> None:
    house = House()
    document = """
    query ($id: ID!, $from: Int) {
      book(id: $id) { __typename ...Rest author { name } pages(from: $from) }
      book(id: $id) { ... on Named { title: name } author { born } }
    }
    fragment Rest on Book { name first: pages }
    """
    await asked(house, document, id="7")
    (selection,) = house.offered
    assert (selection.name, selection.index) == ("book", 0)
    assert shown(selection) == {
        "__typename": ("__typename", 1, {}),
        "name": ("name", 2, {}),
        "first": ("pages", 3, {}),
        "author": ("author", 4, {"name": ("name", 5, {}), "born": ("born", 6, {})}),
        "pages": ("pages", 7, {}),
        "title": ("name", 8, {}),
    }
    ((context, values),) = house.asked
    assert context == "context"
    assert [values[index] for index in (0, 3, 7)] == [{"id": "7"}, {"from": 1}, {"from": 1}]


@pytest.mark.parametrize(
    "document",
    [
        "{ book(id: 1) { name sequel { name } } }",
        "mutation { book(id: 1) { name } }",
        "{ other }",
    ],
    ids=["an abstract type in it", "a mutation", "no mark"],
)
async def test_what_cannot_be_told_whole_is_not_offered(document: str) -> None:
    house = House()
    await asked(house, document)
    assert house.offered == []


async def test_a_wrong_argument_is_the_field_s_error_as_ever() -> None:
    house = House()
    document = "query ($from: Int) { book(id: 1) { name pages(from: $from) } }"
    answer = await asked(house, document, **{"from": None})  # type: ignore[arg-type]
    assert answer["data"] == {"book": None}
    assert len(answer["errors"]) == 1
    assert (house.asked, house.resolved) == ([], 1)


async def test_the_house_is_given_the_arguments_of_each_request() -> None:
    house = House()
    schema = house.schema()
    executor = Executor(schema)
    document = "query ($id: ID!, $from: Int! = 3) { book(id: $id) { pages(from: $from) again: pages } }"
    operation = Documents(schema).operation(Request(document), verbose=True)
    for variables in ({"id": "1", "from": 7}, {"id": "2"}, {"id": "3", "from": 8}, {"id": 4, "from": 9}):
        await executor.execute(operation, variables, "context")
    given = [[values[0]["id"], values[1]["from"], values[2]["from"]] for _, values in house.asked]
    assert given == [["1", 7, 1], ["2", 3, 1], ["3", 8, 1], ["4", 9, 1]]


def test_what_was_written_already_is_passed_on_byte_for_byte() -> None:
    assert encoded({"data": Written(b'{ "a":1.50 }')}) == b'{"data":{ "a":1.50 }}'


def test_an_answer_that_has_to_be_written_by_another_writer_keeps_what_was_written_already() -> None:
    """An error's text may echo half a surrogate pair, which orjson refuses."""
    written = encoded({"data": Written(b'{"a":[1,null]}'), "errors": ["\ud800"]})
    assert written == b'{"data": {"a": [1, null]}, "errors": ["\\ud800"]}'
    with pytest.raises(TypeError, match="object"):
        encoded({"data": object()})
