"""What a document may hold, at the limit and one beyond it (A61)."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import get_introspection_query

from saifu.gateway.documents import Documents, Invalid
from saifu.gateway.limits import Limits
from saifu.gateway.requests import Request
from tests.serving.hostile import each
from tests.serving.shop import shop

SCHEMA = shop()
ONE_CUSTOMER = "query($skip: Boolean!) {{ customer(id: 1) {{ ...F ...F }} }} fragment F on Customer {{ {} }}"


def refusal(text: str, **limits: int) -> dict[str, Any] | None:
    """The extensions of the first error that a document meets, or None."""
    documents = Documents(SCHEMA, replace(Limits(), **limits))
    try:
        documents.operation(Request(text, name="Q" if "query Q" in text else None), verbose=True)
    except Invalid as no:
        return dict(no.errors[0].extensions or {})
    return None


@pytest.mark.parametrize(
    ("limit", "least", "text"),
    [
        ("document_bytes", 17, "{__typename} # äü"[:15] + "ü"),
        ("lines", 3, "{\n__typename\r\n}"),
        ("operations", 2, "query Q { __typename } query R { __typename }"),
        (
            "fragments",
            2,
            "{ ...F ...G } fragment F on Query { __typename } fragment G on Query { __typename }",
        ),
        ("depth", 3, "{ ...F } fragment F on Query { ... { customer(id: 1) { wallets { id } } } }"),
        ("fields", 5, "{ customer(id: 1) { ...F ...F } } fragment F on Customer { id name }"),
        ("root_fields", 3, "{ __typename ...F ...F } fragment F on Query { ... { enabled } }"),
        ("aliases", 4, "{ customer(id: 1) { ...F ...F } } fragment F on Customer { a: id b: name }"),
        ("alias_letters", 5, "{ customer(id: 1) { ...F } } fragment F on Customer { a: id alias: name }"),
        ("directives", 2, "{ ...F @skip(if: true) } fragment F on Query { __typename @include(if: true) }"),
    ],
)
def test_a_document_at_a_limit_passes_and_one_beyond_is_too_costly(limit: str, least: int, text: str) -> None:
    """A61; fragments count wherever they are spread."""
    assert refusal(text, **{limit: least}) is None
    told = {"code": "QUERY_TOO_COSTLY", "httpStatus": 400, "limit": least - 1, "requested": least}
    assert refusal(text, **{limit: least - 1}) == told


@pytest.mark.parametrize(("depth", "deepest"), [(2, 6), (4, 12), (100, 200)])
def test_fragments_within_one_another_are_bounded_too(depth: int, deepest: int) -> None:
    """They add no field, but whatever walks a document goes down them."""
    half = deepest // 2
    inner = "... { " * (half - 1) + "__typename" + " }" * (half - 1)
    outer = "... { " * (deepest - half - 1)
    text = f"{{ {outer} ...F {'}' * (deepest - half - 1)} }} fragment F on Query {{ {inner} }}"
    assert refusal(text, depth=depth) is None
    told = {"code": "QUERY_TOO_COSTLY", "httpStatus": 400, "limit": deepest, "requested": deepest + 1}
    assert refusal(text.replace("...F", "... { ...F }"), depth=depth) == told


def test_tokens_are_counted_comments_among_them() -> None:
    """The parser stops at the limit, and never learns how many there would have been."""
    assert refusal("{ __typename } # why", tokens=4) is None
    told = {"code": "QUERY_TOO_COSTLY", "httpStatus": 400, "limit": 3}
    assert refusal("{ __typename } # why\n#", tokens=3) == told


def test_fields_that_repeat_each_other_are_compared_only_so_often() -> None:
    text = "{ customer(id: 1) {" + "wallets { currency } " * 20 + "} }"
    assert refusal(text) is None
    assert refusal(text, comparisons=100) == {"code": "QUERY_TOO_COSTLY", "httpStatus": 400}


@pytest.mark.parametrize("count", [18, 30, 150])
def test_fragments_that_double_are_counted_without_being_expanded(count: int) -> None:
    """SERVING trap 1: two to the power of 150 fields could not be walked; the first fragment too much is told."""
    doubling = each(count, lambda n: f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}")
    told = refusal(
        f"{{ ...F0 }} {doubling} fragment F{count} on Query {{ __typename }}", tokens=4_000, depth=100
    )
    assert told == {"code": "QUERY_TOO_COSTLY", "httpStatus": 400, "limit": 2_000, "requested": 2_048}


@pytest.mark.parametrize("count", [1, 2, 150])
def test_fragments_in_a_circle_are_invalid(count: int) -> None:
    circle = each(count, lambda n: f"fragment F{n} on Query {{ ...F{(n + 1) % count} }}")
    told = {"code": "GRAPHQL_VALIDATION_FAILED", "httpStatus": 400}
    assert refusal(f"{{ ...F0 }} {circle}") == told


def test_the_longest_introspection_query_passes() -> None:
    """A64: tools send it as it is; with nine levels of `ofType` it is deeper than people ask."""
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    documents = Documents(SCHEMA)
    operation = documents.operation(Request(text), verbose=True)
    assert 0 < documents.check_cost(operation, {}) <= Limits().cost / 2
