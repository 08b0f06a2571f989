"""Hostile documents are refused by a code, quickly, or are harmless (A61)."""

from time import process_time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from saifu.gateway.documents import LONGEST_MESSAGE, Documents, Invalid
from saifu.gateway.limits import Limits
from saifu.gateway.requests import Request
from tests.serving.hostile import HOSTILE, each
from tests.serving.shop import shop

SCHEMA = shop()
CODES = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COSTLY", "BAD_USER_INPUT"}
HONEST = (
    "{"
    + each(
        40,
        lambda n: (
            f'a{n}: customer(id: "{n}") {{ id name wallets {{ id currency balance {{ amount currency }} }} }}'
        ),
    )
    + "}"
)
SLOWER_AT_MOST = 8
TRIES = 5


def outcome(text: str, variables: dict[str, Any] | None = None, *, verbose: bool = False) -> str | None:
    """The code with which documents that have seen nothing yet refuse a text, or None."""
    documents = Documents(SCHEMA)
    try:
        operation = documents.operation(Request(text, variables), verbose=verbose)
        documents.check_cost(operation, variables or {})
    except Invalid as no:
        return code_of(no)
    return None


def code_of(no: Invalid) -> str:
    assert 1 <= len(no.errors) <= Limits().errors
    assert all(len(error.message) <= LONGEST_MESSAGE for error in no.errors)
    codes = {(error.extensions or {})["code"] for error in no.errors}
    assert codes <= CODES
    return str(codes.pop())


def took_s(text: str, *, verbose: bool) -> float:
    """Processor time: what others do on this machine does not count."""
    started = process_time()
    outcome(text, verbose=verbose)
    return process_time() - started


@pytest.fixture(scope="module")
def honest_s() -> float:
    """How long an honest document takes that is about half as large as the limits allow."""
    assert outcome(HONEST) is None
    return min(took_s(HONEST, verbose=False) for _ in range(TRIES))


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_by_its_code_or_harmless(name: str) -> None:
    """A61."""
    text, code = HOSTILE[name]
    assert outcome(text) == code


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_costs_little_more_time_than_an_honest_one(
    name: str, verbose: bool, honest_s: float
) -> None:
    """A61; suggestions are dear, so both ways."""
    text, _ = HOSTILE[name]
    assert any(took_s(text, verbose=verbose) <= SLOWER_AT_MOST * honest_s for _ in range(TRIES))


WORDS = (
    '{ } { } { } ( ) [ ] : = ! $ @ & | , # ... " """ "x" \\u 1 -1 1e9 query mutation subscription fragment F on Query '
    "Customer Node Found null customers customer nodes edges node id first ids wallets friends $n Int __typename "
    "__schema __type types fields ledgerEntryCreate @skip(if:true) true"
)
STRANGE = ("\n", "\r", "\ufeff", "\x00", "\ud800")
BELOW = (
    "id|wallets{id}|friends{...G}|...G|...on Customer{id}|...on Node{id}|ledgerEntries(last:$n){nodes{id}}"
)
ROOTS = "customers(first:$n){nodes{...F}}|customers(last:3){edges{node{...G}}}|page(first:$n){inside{customers{...F}}}"
MORE_ROOTS = (
    "find{...F ...on Wallet{customer{...F}} ...on Entry{lots{id}}}|newest{...F}|enabled|__typename|@a|}"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.sampled_from([*WORDS.split(), *STRANGE]), max_size=60))
@settings(max_examples=300, deadline=None)
def test_words_in_any_order_are_refused_by_a_code_or_run(words: list[str]) -> None:
    for verbose in (False, True):
        assert outcome(" ".join(words), verbose=verbose) in {None, *CODES}


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_refused_by_a_code_or_runs(text: str) -> None:
    for around in (text, f"{{ {text} }}", f'{{ customer(id: "{text}") {{ id }} }}'):
        assert outcome(around) in {None, *CODES}


@given(
    st.lists(st.sampled_from(f"{ROOTS}|{MORE_ROOTS}".split("|")), max_size=5),
    st.lists(st.sampled_from(BELOW.split("|")), max_size=4),
    JSON,
    JSON,
)
@example([], ["id"], float("inf"), None)
@example([], ["id"], 10**40, {"a": 1})
@settings(max_examples=400, deadline=None)
def test_any_pieces_with_any_variables_are_refused_by_a_code_or_run(
    roots: list[str], below: list[str], number: object, ids: object
) -> None:
    text = (
        f"query($n:Int,$i:[ID!]!){{newest(first:$n){{...F}} nodes(ids:$i){{...F}} {' '.join(roots)}}}"
        f"fragment F on Customer{{{' '.join(below)}}} fragment G on Customer{{name wallets{{id}}}}"
    )
    assert outcome(text, {"n": number, "i": ids}, verbose=True) in {None, *CODES}
