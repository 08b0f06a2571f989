"""Documents are made ready once, and refused in words that a client may see."""

from typing import Any

import pytest
from graphql import GraphQLError, OperationType

from saifu.gateway.documents import Documents, Invalid
from saifu.gateway.limits import Limits
from saifu.gateway.requests import Request
from tests.serving.shop import shop

SCHEMA = shop()
SIMPLE = "{ customer(id: 1) { id } }"
TWO = "query A { __typename } mutation B { customerUpdate { id } }"


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA)


def errors(
    documents: Documents, text: str, *, name: str | None = None, verbose: bool = False
) -> list[GraphQLError]:
    with pytest.raises(Invalid) as no:
        documents.operation(Request(text, name=name), verbose=verbose)
    return no.value.errors


def codes(found: list[GraphQLError]) -> list[Any]:
    return [(error.extensions or {})["code"] for error in found]


def test_an_operation_says_what_it_is(documents: Documents) -> None:
    operation = documents.operation(Request(TWO, name="B"), verbose=False)
    assert (operation.kind, operation.name) == (OperationType.MUTATION, "B")
    assert operation.definition in operation.document.definitions
    assert (operation.introspects, operation.memo) == (False, {})
    assert documents.operation(Request(SIMPLE), verbose=False).name is None


def test_a_document_is_made_ready_once(documents: Documents) -> None:
    """SERVING trap 2."""
    first = documents.operation(Request(SIMPLE), verbose=False)
    assert documents.operation(Request(SIMPLE, {"a": 1}), verbose=True) is first
    assert documents.operation(Request(SIMPLE + " "), verbose=False) is not first


def test_a_refused_document_is_refused_once_for_each_kind_of_caller(documents: Documents) -> None:
    first = errors(documents, "{ custome }")
    assert errors(documents, "{ custome }")[0] is first[0]
    assert errors(documents, "{ custome }", verbose=True)[0] is not first[0]


def test_the_document_unused_for_longest_is_forgotten_first() -> None:
    documents = Documents(SCHEMA, Limits(cached_documents=2))
    one, two, three = (Request(f"{{ a{n}: __typename }}") for n in range(3))
    kept, lost = documents.operation(one, verbose=False), documents.operation(two, verbose=False)
    assert documents.operation(one, verbose=False) is kept
    documents.operation(three, verbose=False)
    assert documents.operation(one, verbose=False) is kept
    assert documents.operation(two, verbose=False) is not lost


def test_documents_take_only_so_much_memory() -> None:
    documents = Documents(SCHEMA, Limits(cached_bytes=60_000))
    one = documents.operation(Request("{ __typename }"), verbose=False)
    assert documents.operation(Request("{ __typename }"), verbose=False) is one
    documents.operation(Request(f"{{ __typename }} #{'x' * 12_000}"), verbose=False)
    assert documents.operation(Request("{ __typename }"), verbose=False) is not one


def test_a_flood_of_refused_documents_pushes_no_good_one_out() -> None:
    documents = Documents(SCHEMA, Limits(cached_documents=16))
    good = documents.operation(Request(SIMPLE), verbose=False)
    first = errors(documents, "{ x0 }")[0]
    for number in range(100):
        errors(documents, f"{{ x{number} }}")
    assert documents.operation(Request(SIMPLE), verbose=False) is good
    assert errors(documents, "{ x0 }")[0] is not first


@pytest.mark.parametrize(
    ("text", "name", "code", "message"),
    [
        (
            TWO,
            None,
            "BAD_USER_INPUT",
            "The document has several operations: say which one by `operationName`.",
        ),
        (TWO, "C", "BAD_USER_INPUT", "The document has no operation of that name."),
        (SIMPLE, "C", "BAD_USER_INPUT", "The document has no operation of that name."),
        (
            "fragment F on Query { id }",
            None,
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'id' on type 'Query'.",
        ),
        (
            "{ customer(id: 1) { id }",
            None,
            "GRAPHQL_PARSE_FAILED",
            "Syntax Error: Expected Name, found <EOF>.",
        ),
        ("{ custome }", None, "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'custome' on type 'Query'."),
    ],
)
def test_a_refusal_has_a_code_and_says_why(
    documents: Documents, text: str, name: str | None, code: str, message: str
) -> None:
    """A26."""
    first = errors(documents, text, name=name)[0]
    assert (first.message, first.extensions) == (message, {"code": code, "httpStatus": 400})


def test_a_mistake_is_told_with_its_place(documents: Documents) -> None:
    for text, place in (("{\n  custome\n}", (2, 3)), ("{\n  a(}\n", (2, 5))):
        first = errors(documents, text)[0]
        assert [(at.line, at.column) for at in first.locations or ()] == [place]


def test_what_was_meant_is_told_to_those_who_may_look_at_the_schema(documents: Documents) -> None:
    """A64: fields, arguments and types alike."""
    for text in (
        "{ custome }",
        "{ customer(idd: 1) { id } }",
        "{ ... on Quer { __typename } }",
        "query ($a: I) { customer(id: $a) { id } }",
    ):
        assert not any("Did you mean" in error.message for error in errors(documents, text))
        assert any("Did you mean" in error.message for error in errors(documents, text, verbose=True))


def test_an_answer_lists_few_errors_and_short_ones(documents: Documents) -> None:
    """SERVING trap 9: a name is not echoed at whatever length."""
    found = errors(documents, "{" + " ".join(f"{'x' * 3_000}{number}" for number in range(20)) + "}")
    assert len(found) == Limits().errors
    assert {len(error.message) for error in found} == {300}


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "Money") { name } }',
        "{ ...F } fragment F on Query { ... { ...G } } fragment G on Query { a: __schema { __typename } }",
    ],
)
def test_introspection_is_for_those_who_may(documents: Documents, text: str) -> None:
    """A64."""
    assert documents.operation(Request(text), verbose=True).introspects
    told = errors(documents, text)
    assert codes(told) == ["GRAPHQL_VALIDATION_FAILED"]
    assert "admin keys" in told[0].message


def test_only_the_operation_that_is_run_needs_the_right_to_introspect(documents: Documents) -> None:
    text = "query A { __schema { __typename } } query B { __typename customer(id: 1) { __typename } }"
    assert not documents.operation(Request(text, name="B"), verbose=False).introspects
    assert codes(errors(documents, text, name="A")) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize(
    "text",
    [
        "mutation { a: ledgerEntryCreate { id } b: ledgerEntryCreate { id } }",
        "mutation { ledgerEntryCreate { id } walletTopUp { id } }",
        "mutation { ledgerEntryCreate { id } ledgerEntryCreate { id } }",
        "mutation { ...F ...F } fragment F on Mutation { walletTopUp { id } }",
        "mutation { ...F ...G } fragment F on Mutation { ...G } fragment G on Mutation { walletTopUp { id } }",
        "mutation { walletTopUp @skip(if: true) { id } ... @include(if: false) { walletTopUp { id } } }",
    ],
)
def test_an_operation_moves_money_at_most_once(documents: Documents, text: str) -> None:
    """A61: aliases, fragments and skipped fields count."""
    told = errors(documents, text)
    assert codes(told) == ["BAD_USER_INPUT"]
    assert "send one operation each" in told[0].message


def test_one_movement_of_money_in_each_of_several_operations_is_fine(documents: Documents) -> None:
    text = """mutation A { ...F } mutation B { ...F customerUpdate { id } b: customerUpdate { id } }
              fragment F on Mutation { walletTopUp { id } }"""
    for name in "AB":
        assert documents.operation(Request(text, name=name), verbose=False).moves_money == 1
