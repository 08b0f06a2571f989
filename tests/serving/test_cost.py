"""What operations cost, counted by hand (A61)."""

from typing import Any

import pytest

from saifu.gateway.cost import LARGEST_COST
from saifu.gateway.documents import Documents, Invalid
from saifu.gateway.limits import Limits
from saifu.gateway.requests import Request
from tests.serving.hostile import each
from tests.serving.shop import shop

SCHEMA = shop()


def cost(text: str, **variables: Any) -> int:
    return Documents(SCHEMA).operation(Request(text), verbose=True).cost(variables)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ __typename enabled }", 0),
        ("{ customer(id: 1) { id name } }", 1),
        # Any leaf can be told again under another name, by every object.
        ("{ customer(id: 1) { id a: id b: id c: __typename } }", 1 + 3),
        ("{ customers(first: 5) { nodes { id a: id b: id } } }", 1 + 5 * 3),
        ("{ a: customer(id: 1) { id } b: customer(id: 1) { id } }", 2),
        # The connection, and each of its nodes.
        ("{ customers(first: 5) { nodes { id } } }", 1 + 5),
        ("{ customers(last: 5) { edges { node { id } } } }", 1 + 5 * 2),
        ("{ customers(first: 5) { nodes { id } edges { cursor } } }", 1 + 5 + 5),
        ("{ customers(first: 5) { nodes { id } pageInfo { endCursor } totalCount } }", 1 + 5 + 1),
        ("{ customers { nodes { id } } }", 1 + 20),
        ("{ customers(first: null) { nodes { id } } }", 1 + 20),
        ("{ customers(first: 0) { nodes { id } } }", 1),
        ("{ customers(first: 2, last: 7) { nodes { id } } }", 1 + 7),
        ("{ customers(first: -2) { nodes { id } } }", 1 + 20),
        (
            "{ customers(first: 2) { nodes { ledgerEntries(last: 3) { nodes { id } } } } }",
            1 + 2 * (1 + 1 + 3),
        ),
        # A list with a page of its own, and one whose length nobody tells.
        ("{ newest(first: 4) { id } }", 4),
        ("{ newest { id } }", 3),
        ("{ find { __typename } }", 10),
        # Where the object has no list of its own, all below it is there so often.
        ("{ page(first: 4) { inside { customers { id } } } }", 4 * (1 + 1 + 10)),
        # What the house says: 3 wallets, and 7 points for each friend.
        ("{ customer(id: 1) { wallets { id balance { amount } } } }", 1 + 3 * 2),
        ("{ customer(id: 1) { friends { id } } }", 1 + 10 * 7),
        ("{ nodes(ids: [1, 2, 3]) { id } }", 3),
        ("{ nodes(ids: 1) { id } }", 1),
        ("{ nodes(ids: []) { id } }", 0),
        # The dearest of objects that exclude each other; an interface excludes nothing.
        ("{ node(id: 1) { ... on Customer { wallets { id } } ... on Wallet { customer { id } } } }", 1 + 3),
        ("{ node(id: 1) { ... on Wallet { balance { amount } } ... on Wallet { customer { id } } } }", 1 + 2),
        ("{ node(id: 1) { ... on Node { ... on Wallet { customer { id } } } ... on Wallet { id } } }", 1 + 1),
        (
            "{ find { ... on Customer { wallets { id } } ... { ... on Entry { customer { id } } } } }",
            10 * (1 + 3 + 1),
        ),
        ("subscription { events { customer { id } } }", 2),
    ],
)
def test_an_operation_costs_its_objects(text: str, points: int) -> None:
    """A61."""
    assert cost(text) == points


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (7, 8),
        (7.0, 8),
        (0, 1),
        (None, 21),
        (-1, 21),
        (True, 21),
        ("7", 21),
        ([7], 21),
        ({}, 21),
        (0.5, 21),
        (float("inf"), 21),
        (float("nan"), 21),
        (10**40, 1 + 10**9),
    ],
)
def test_a_page_s_size_may_come_from_a_variable_of_whatever_kind(value: object, points: int) -> None:
    """Its type is checked later: what can never be taken counts as absent."""
    assert cost("query ($n: Int) { customers(first: $n) { nodes { id } } }", n=value) == points


def test_a_variable_that_is_absent_has_its_default_or_the_argument_s() -> None:
    assert cost("query ($n: Int = 6) { customers(first: $n) { nodes { id } } }") == 1 + 6
    assert cost("query ($n: Int) { newest(first: $n) { id } }") == 3
    assert cost("query ($n: Int) { customers(first: $n) { nodes { id } } }") == 1 + 20


@pytest.mark.parametrize(("ids", "points"), [([1, 2], 2), ([], 0), ("one", 1), (None, 0), ({"a": 1}, 1)])
def test_a_list_of_arguments_counts_its_elements(ids: object, points: int) -> None:
    assert cost("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids) == points


def test_a_fragment_costs_the_same_wherever_it_is_spread() -> None:
    text = """query ($n: Int) { a: customer(id: 1) { ...F } b: customer(id: 2) { ...F } node(id: 1) { ...F } }
              fragment F on Customer { ledgerEntries(first: $n) { nodes { ...G } } }
              fragment G on Entry { amount { amount } }"""
    assert cost(text, n=4) == 3 * (1 + 1 + 4 * 2)


def test_a_connection_s_size_reaches_its_lists_through_fragments() -> None:
    text = "{ customers(first: 4) { ...F } } fragment F on CustomerConnection { nodes { id } pageInfo { __typename } }"
    assert cost(text) == 1 + 4 + 1


def test_each_request_counts_with_its_own_variables() -> None:
    operation = Documents(SCHEMA).operation(
        Request(
            "query ($n: Int) { customers(first: $n) { ...F } } fragment F on CustomerConnection { nodes { id } }"
        ),
        verbose=True,
    )
    assert [operation.cost({"n": n}) for n in (1, 50, 2)] == [2, 51, 3]


def test_a_cost_stays_a_number_that_json_can_carry() -> None:
    inner = "ledgerEntries(first: 999999999) { nodes { customer { " * 5 + "id" + " } } }" * 5
    text = f"{{ customer(id: 1) {{ {inner} }} }}"
    assert cost(text) == LARGEST_COST


def test_an_operation_beyond_the_limit_is_too_costly() -> None:
    """A61."""
    documents = Documents(SCHEMA, Limits(cost=100))
    operation = documents.operation(
        Request("query ($n: Int) { customers(first: $n) { nodes { id } } }"), verbose=False
    )
    assert documents.check_cost(operation, {"n": 99}) == 100
    with pytest.raises(Invalid) as no:
        documents.check_cost(operation, {"n": 100})
    assert no.value.errors[0].extensions == {
        "code": "QUERY_TOO_COSTLY",
        "httpStatus": 400,
        "limit": 100,
        "requested": 101,
    }


def test_fragments_spread_many_times_are_priced_once() -> None:
    """Each spreads the next twice: 2⁴ places of the last one's list."""
    count = 4
    fragments = each(
        count,
        lambda n: (
            f"""fragment F{n} on Customer {{ a: ledgerEntries {{ ...G{n} }} b: ledgerEntries {{ ...G{n} }} }}
                      fragment G{n} on EntryConnection {{ nodes {{ customer {{ ...F{n + 1} }} }} }}"""
        ),
    )
    last = f"fragment F{count} on Customer {{ newest: ledgerEntries(first: $n) {{ nodes {{ id }} }} }}"
    expected = 1 + 2
    for _ in range(count):
        expected = 2 * (1 + 20 * (1 + 1 + expected))
    assert cost(f"query ($n: Int) {{ customer(id: 1) {{ ...F0 }} }} {fragments} {last}", n=2) == 1 + expected
