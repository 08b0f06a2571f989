"""A customer's answer is the same, told by one statement or by the resolvers of each field (PERFORMANCE W1)."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from graphql import GraphQLObjectType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, update
from sqlmodel import col

from resolvers.context import Caller, CallerKind
from saifu.keys import Scope
from saifu.ledger.entries import EntryType
from saifu.selections import shapes
from saifu.selections.building import Shape
from saifu.statements import SQLITE, prepared
from saifu.store import Ask, Tx, Work
from saifu.store_sqlite import sqlite_path
from saifu.tables import Customer
from schema import schema
from tests.builders import a_customer
from tests.lively import SHOWN, House, a_house
from tests.selections import Answers, told


@pytest.fixture(scope="module")
def house(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with a_house(template_url, tmp_path_factory.mktemp("whole")) as house:
        yield house


# Selections


FIRST = st.sampled_from(["", "first: 1", "first: 3", "first: 100"])
ORDERS = {"ledgerEntries": "CREATED_AT", "events": "CURSOR"}
NARROW = {
    "ledgerEntries": st.sampled_from(["", 'currency: "USD"', 'currency: "CHF"', "currency: null"]),
    "events": st.sampled_from(["", "types: [WALLET_BALANCE_CHANGED, CUSTOMER_BLOCKED]", "types: []"]),
}


@st.composite
def arguments(draw: st.DrawFn, name: str) -> str:
    if name == "wallet":
        return f'(currency: "{draw(st.sampled_from([*SHOWN, "EUR", "CHF"]))}")'
    if name not in ORDERS:
        return ""
    order = draw(st.sampled_from(["", f"orderBy: {ORDERS[name]}_ASC"]))
    given = " ".join(filter(None, (draw(FIRST), order, draw(NARROW[name]))))
    return f"({given})" if given else ""


@st.composite
def picked(draw: st.DrawFn, shape: Shape) -> str:
    """Some of what a shape offers, in any order, some of it twice under other names."""
    names = draw(st.lists(st.sampled_from(["__typename", *shape.parts]), min_size=1, max_size=9))
    fields = []
    for number, name in enumerate(names):
        part = shape.parts.get(name)
        below = f" {{ {draw(picked(part.shape))} }}" if part and part.shape else ""
        given = draw(arguments(name)) if part else ""
        fields.append(f"{name if names.index(name) == number else f'a{number}: {name}'}{given}{below}")
    return " ".join(fields)


def everything(shape: Shape) -> str:
    fields = ["__typename"]
    for name, part in shape.parts.items():
        given = '(currency: "USD")' if name == "wallet" else ""
        fields.append(f"{name}{given} {{ {everything(part.shape)} }}" if part.shape else name)
    return " ".join(fields)


def asking(selection: str) -> str:
    return f"query ($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"


WHO = st.sampled_from(["rich", "rich", "plain", "blocked", "gone"])


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(selection=picked(shapes.CUSTOMER), who=WHO)
def test_any_selection_is_told_alike(house: House, selection: str, who: str) -> None:
    result, at_once = house.both(Answers(asking(selection), {"id": house.ids[who]}))
    assert result.errors is None
    assert at_once == told(result.data["customer"])


@pytest.mark.parametrize("who", ["rich", "plain", "blocked", "gone"])
def test_everything_together_is_told_alike(house: House, who: str) -> None:
    result, at_once = house.both(Answers(asking(everything(shapes.CUSTOMER)), {"id": house.ids[who]}))
    assert result.errors is None
    assert at_once == told(result.data["customer"])


def test_there_is_an_entry_and_an_event_of_nearly_every_kind(house: House) -> None:
    """What is not there is not compared: the data above must stay as lively as it is."""
    query = asking("ledgerEntries(first: 100) { nodes { eventType } } events(first: 100) { nodes { type } }")
    seen: dict[str, set[str]] = {"eventType": set(), "type": set()}
    for customer_id in house.ids.values():
        result, _ = house.both(Answers(query, {"id": customer_id}))
        for connection in (result.data["customer"] or {}).values():
            for node in connection["nodes"]:
                for name, value in node.items():
                    seen[name].add(value)
    assert seen["eventType"] == {kind.name for kind in EntryType}
    assert len(seen["type"]) >= 7, seen["type"]


def test_what_is_declared_is_what_the_schema_has(house: House) -> None:
    """What one statement cannot tell is written down here, so that a new field is a decision."""
    left: dict[str, set[str]] = {}

    def compare(shape: Shape) -> None:
        kind = schema.core.type_map[shape.typename]
        assert isinstance(kind, GraphQLObjectType)
        assert shape.parts.keys() <= kind.fields.keys()
        left[shape.typename] = kind.fields.keys() - shape.parts.keys()
        for part in shape.parts.values():
            if part.shape:
                compare(part.shape)

    compare(shapes.CUSTOMER)
    assert {name: fields for name, fields in left.items() if fields} == {
        "Customer": {
            "invoices",
            "payments",
            "sources",
            "defaultSource",
            "totalBalanceUsd",
            "totalBalanceUsdMissing",
        },
        "Wallet": {"customer", "entries", "lots", "balanceAt"},
        "LedgerEntry": {"lots", "wallet", "customer"},
        "Event": {"object", "customer"},
    }


@pytest.mark.parametrize("field", ["totalBalanceUsd { amount }", "wallets { customer { id } }"])
def test_what_is_not_declared_is_not_covered(field: str) -> None:
    assert Answers(asking(f"id {field}"), {"id": "cus_0"}).whole is None


def test_more_fields_than_the_databases_can_put_into_one_object_are_not_covered(house: House) -> None:
    def wide(fields: int) -> Answers:
        return Answers(asking(" ".join(f"a{n}: email" for n in range(fields))), {"id": house.ids["rich"]})

    result, at_once = house.both(wide(50))
    assert at_once == told(result.data["customer"])
    assert wide(51).whole is None


# Who asks


def a_key(*scopes: Scope) -> Caller:
    return Caller(CallerKind.API_KEY, "key_2", frozenset(scopes))


CALLERS = {
    "admin": a_key(Scope.ADMIN),
    "nothing": a_key(),
    "customers": a_key(Scope.CUSTOMERS_READ),
    "wallets": a_key(Scope.WALLETS_READ),
    "events": a_key(Scope.EVENTS_READ),
    "customers and wallets": a_key(Scope.CUSTOMERS_READ, Scope.WALLETS_READ),
    "customers and events": a_key(Scope.CUSTOMERS_READ, Scope.EVENTS_READ),
    "who may write": a_key(Scope.CUSTOMERS_WRITE, Scope.WALLETS_WRITE),
    "all three": a_key(Scope.CUSTOMERS_READ, Scope.WALLETS_READ, Scope.EVENTS_READ),
    "own session": "rich",
    "another's session": "plain",
    "nobody's session": "nobody",
}
FIELDS = [
    "id email",
    "wallets { balance { amount } }",
    'wallet(currency: "USD") { sequence }',
    "ledgerEntries { nodes { id } }",
    "events { nodes { id } }",
    "id wallets { id } events { totalCount }",
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("who", CALLERS)
def test_a_caller_is_told_as_much_by_both_ways_and_no_more(house: House, who: str, field: str) -> None:
    """A40, A41, A27: wherever a resolver refuses or finds nothing, one statement says nothing at all."""
    caller = CALLERS[who]
    if isinstance(caller, str):
        caller = Caller(CallerKind.CUSTOMER_SESSION, "cse_1", customer_id=house.ids[caller])
    assert isinstance(caller, Caller)
    answers = Answers(asking(field), {"id": house.ids["rich"]})
    assert house.both(answers)[1] is not None, (
        "an admin was told, and what was made for that is still at hand"
    )
    result, at_once = house.both(answers, caller)
    seen = result.errors is None and result.data["customer"] is not None
    assert at_once == (told(result.data["customer"]) if seen else None)


def test_what_was_made_under_other_settings_is_not_used(house: House) -> None:
    answers = Answers(
        asking('wallets { currency } wallet(currency: "JPY") { id }'), {"id": house.ids["rich"]}
    )
    house.both(answers)
    only_one = house.settings.model_copy(update={"currencies": ("INR",), "business_id": "other"})
    result, at_once = replace(house, settings=only_one).both(answers)
    assert result.data["customer"] == {"wallets": [{"currency": "INR"}], "wallet": None}
    assert at_once == told(result.data["customer"])


def test_a_customer_that_is_not_there_is_left_to_the_resolvers(house: House) -> None:
    for unknown in ("cus_0", "", "\0", "a' OR '1'='1"):
        result, at_once = house.both(Answers(asking("id wallets { id }"), {"id": unknown}))
        assert at_once is None
        assert result.data == {"customer": None} or result.errors


# Pages


PAGES = ["first: 0", "first: 101", "first: -1", "last: 2", "first: 2, last: 2", 'after: "x"', 'before: "x"']


@pytest.mark.parametrize("page", [*PAGES, "filter: {eventType: REFUND}"])
def test_any_page_but_a_first_one_is_left_to_the_resolvers(house: House, page: str) -> None:
    _, at_once = house.both(
        Answers(asking(f"ledgerEntries({page}) {{ nodes {{ id }} }}"), {"id": house.ids["rich"]})
    )
    assert at_once is None


def test_a_cursor_of_one_way_is_good_for_the_other(house: House) -> None:
    rich = {"id": house.ids["rich"]}
    shown = asking("ledgerEntries(first: 4) { nodes { id } pageInfo { hasNextPage endCursor } }")
    connection = json.loads(house.both(Answers(shown, rich))[1] or "")["ledgerEntries"]
    assert connection["pageInfo"]["hasNextPage"] is True
    beyond = asking(f'ledgerEntries(after: "{connection["pageInfo"]["endCursor"]}") {{ nodes {{ id }} }}')
    result, _ = house.both(Answers(beyond, rich))
    everyone, _ = house.both(Answers(asking("ledgerEntries(first: 100) { nodes { id } }"), rich))
    rest = result.data["customer"]["ledgerEntries"]["nodes"]
    assert connection["nodes"] + rest[:16] == everyone.data["customer"]["ledgerEntries"]["nodes"][:20]


def counted(house: House, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """How many statements each read took, and in which way it was read."""
    counts: list[tuple[str, int]] = []
    read, read_now = house.store.read, house.store.read_now

    async def counting(work: Work[Any], consistent: bool = False) -> Any:
        def observed(tx: Tx) -> Any:
            answer = work(tx)
            counts.append(("read", tx.statements))
            return answer

        return await read(observed, consistent)

    async def counting_now(ask: Ask) -> Any:
        counts.append(("read_now", 1))
        return await read_now(ask)

    monkeypatch.setattr(house.store, "read", counting)
    monkeypatch.setattr(house.store, "read_now", counting_now)
    return counts


DASHBOARD = """id email wallets { currency balance { amount currency } nextExpiry { amount { amount } expiresAt } }
  ledgerEntries(first: $n) { nodes { id eventType amount { amount } createdAt } pageInfo { endCursor hasNextPage } }
  events(first: $n) { nodes { id type occurredAt } }"""


@pytest.mark.parametrize("size", [1, 10, 100])
def test_a_dashboard_is_one_statement_however_long_its_lists_are(
    house: House, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """PERFORMANCE: the number of statements is constant."""
    answers = Answers(asking(DASHBOARD).replace("$n", str(size)), {"id": house.ids["rich"]})
    assert answers.whole is not None
    ctx = house.context()
    assert house.runner.run(answers.whole(ctx, answers.values)) is None
    counts = counted(house, monkeypatch)
    assert house.runner.run(answers.whole(ctx, answers.values)) is not None
    assert counts == [("read_now", 1)]


LONG = " ".join(
    f"{name}: events(first: {size}) {{ nodes {{ id }} }}" for name, size in (("a", 100), ("b", 100), ("c", 1))
)


@pytest.mark.parametrize("field", ["events { totalCount }", LONG])
def test_what_may_take_long_is_not_read_in_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    answers = Answers(asking(field), {"id": house.ids["rich"]})
    counts = counted(house, monkeypatch)
    assert house.runner.run(answers.at_once(house.context())) is not None
    assert counts == [("read", 1)]


def test_a_customer_with_very_many_lots_is_told_of_out_of_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W75: a part of the lots would tell a wrong balance."""
    answers = Answers(
        asking("wallets { balance { amount } nextExpiry { expiresAt } }"), {"id": house.ids["rich"]}
    )
    result, _ = house.both(answers)
    monkeypatch.setattr(shapes, "MOST_LOTS", 3)
    counts = counted(house, monkeypatch)
    assert answers.whole is not None
    at_once = house.runner.run(answers.whole(house.context(), answers.values))
    assert told(json.loads(at_once or "")) == told(result.data["customer"])
    assert counts == [("read_now", 1), ("read", 1)]


# Time, and what is wrong in the database


def test_money_is_gone_at_the_instant_it_expires_by_both_ways(house: House) -> None:
    """W75: whether or not somebody has swept it."""
    balances = "balance { amount } promotionalBalance { amount } paidBalance { amount }"
    selection = asking(f"wallets {{ {balances} nextExpiry {{ amount {{ amount }} expiresAt }} }}")
    answers = Answers(selection, {"id": house.ids["rich"]})
    now, told_so_far = house.clock.now(), set()
    (usd, *_) = house.both(answers)[0].data["customer"]["wallets"]
    ends = datetime.fromisoformat(usd["nextExpiry"]["expiresAt"])
    try:
        for off in (-1, 0, 1):
            house.clock.move_to(ends + timedelta(microseconds=off))
            result, at_once = house.both(answers)
            assert at_once == told(result.data["customer"])
            told_so_far.add(at_once)
    finally:
        house.clock.move_to(now)
    assert len(told_so_far) == 2


def test_a_value_that_nobody_knows_is_the_resolvers_to_explain(house: House) -> None:
    other = house.write(a_customer).id
    set_locale = (
        update(Customer).where(col(Customer.id) == bindparam("of")).values(preferred_locale=bindparam("to"))
    )
    house.write(lambda tx: tx.run(set_locale, of=other, to="tlh"))
    result, at_once = house.both(Answers(asking("id preferredLocale"), {"id": other}))
    assert result.errors
    assert at_once is None


@pytest.mark.sqlite_only
def test_no_table_is_read_from_end_to_end(house: House) -> None:
    answers = Answers(asking(everything(shapes.CUSTOMER)), {"id": house.ids["rich"]})
    house.both(answers)
    assert answers.whole is not None
    ((choices, _),) = answers.whole._statements.items()
    statement = prepared(shapes.customer_statement(answers.selection, dict(choices)), SQLITE)
    with closing(sqlite3.connect(sqlite_path(house.store.url))) as database:
        plan = database.execute(
            f"EXPLAIN QUERY PLAN {statement.sql}", [None] * len(statement.names)
        ).fetchall()
    steps = [row[3] for row in plan]
    assert [step for step in steps if step.startswith("SCAN") and step.split()[1] in TABLES] == []
    assert sum(step.startswith("SEARCH") for step in steps) >= 8, steps


TABLES = ("customer", "wallet", "ledger_entry", "lot", "event")
