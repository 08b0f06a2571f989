"""A customer's answer is the same, told by one statement or by the resolvers of each field (PERFORMANCE W1)."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from graphql import GraphQLObjectType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, update
from sqlmodel import col

from resolvers.context import Caller, CallerKind, Context
from saifu import customers, locks, wallets
from saifu.clock import ManualClock
from saifu.customers import CustomerChange, Identifier, NewCustomer
from saifu.feed import Feed
from saifu.keys import Scope
from saifu.ledger.entries import EntryType, Funding
from saifu.posting import Posting, Rules
from saifu.selections import shapes
from saifu.selections.building import Shape
from saifu.settings import Settings
from saifu.statements import SQLITE, prepared
from saifu.store import Ask, Store, Tx, Work, open_store
from saifu.store_sqlite import sqlite_path
from saifu.tables import Customer
from schema import schema
from tests.builders import CURRENCIES, RULES, a_customer, post
from tests.databases import copy_of
from tests.selections import Answers, told

BEGIN = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
SHOWN = (*CURRENCIES, "JPY")
"""What is enabled now. Nobody has a row in the last one yet, and some have one in EUR, which is not."""
USED = replace(RULES, currencies=(*CURRENCIES, "EUR"), thresholds={"USD": 50_00})
ODD = {
    "emoji": "🎌 財布",
    "rtl": "مرحبا",
    "line": "a\u2028b",
    "quote": '"\\\t\x7f',
    "float": 1.5,
    "yes": True,
    "no": 0,
}

POSTINGS = [
    Posting(EntryType.TOP_UP, True, 9_007_199_254, Funding.PAID, reference_id="pay_1", reason="Ünïcode “✓”"),
    Posting(EntryType.TOP_UP_REVERSAL, False, 100, reference_id="ref_1"),
    Posting(EntryType.PAYMENT, False, 2_000, reference_id="pay_2", metadata=ODD),
    Posting(EntryType.PAYMENT_REVERSAL, True, 700, reference_id="pay_2"),
    Posting(EntryType.REFUND, True, 300, reference_id="ref_2"),
    Posting(EntryType.REFUND_REVERSAL, False, 200, reference_id="ref_2"),
    Posting(EntryType.DISPUTE, False, 150, reference_id="dsp_1"),
    Posting(EntryType.DISPUTE_REVERSAL, True, 150, reference_id="dsp_1"),
    Posting(EntryType.MERCHANT_ADJUSTMENT, False, 1, reason="line\nbreak", key="k"),
]


def months(number: float) -> timedelta:
    return timedelta(days=30 * number, microseconds=120 * int(number))


@dataclass
class House:
    """Customers of every kind, and one instant: `rich` has lots that are over, soon over, and over in 9999."""

    store: Store
    clock: ManualClock
    settings: Settings
    runner: asyncio.Runner
    ids: dict[str, str]

    def context(self, caller: Caller | None = None) -> Context:
        admin = Caller(CallerKind.API_KEY, "key_1", frozenset({Scope.ADMIN}))
        rules = Rules.of(self.settings)
        feed = Feed(self.store)
        return Context(self.store, self.clock, self.settings, rules, feed, caller or admin, "req_1")

    def write(self, work: Any) -> Any:
        return self.runner.run(self.store.write(work))

    def both(self, answers: Answers, caller: Caller | None = None) -> tuple[Any, str | None]:
        """The ordinary result, and what one statement says."""
        ctx = self.context(caller)
        return self.runner.run(answers.ordinary(ctx)), self.runner.run(answers.at_once(ctx))


@pytest.fixture(scope="module")
def house(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    clock = ManualClock(BEGIN)
    with copy_of(template_url, tmp_path_factory.mktemp("whole")) as url, asyncio.Runner() as runner:
        store = runner.run(open_store(url, clock))
        given = {
            "database_url": url,
            "currencies": SHOWN,
            "mode": "test",
            "admin_key": "sk_test_" + "a1B2c3D4" * 5,
        }
        made = House(store, clock, Settings.model_validate(given), runner, {})
        _fill(made)
        yield made
        runner.run(store.close())


def _fill(house: House) -> None:
    new = NewCustomer(
        "Ai@example.com", "愛子 “Ai”", "+4917012345", ODD, "ja", {"country": "DE", "city": "Köln"}
    )
    rich = house.write(lambda tx: customers.create(tx, new, CURRENCIES).value).id
    for posting in POSTINGS:
        house.clock.advance(timedelta(hours=1, microseconds=12_300))
        house.write(lambda tx, one=posting: wallets.post(tx, locks.lock(tx, rich), "USD", one, USED))
    for number, currency in enumerate(("USD", "INR", "USD", "EUR")):
        for funding in ("paid", "promotional"):
            lot = (rich, currency, funding, house.clock.now() + months(number + 1))
            house.write(lambda tx, lot=lot: _lot(tx, *lot))
    house.write(lambda tx: _lot(tx, rich, "USD", "paid", datetime(9999, 12, 31, 23, 59, 59, 999_998, UTC)))
    house.write(lambda tx: wallets.set_threshold(tx, rich, "INR", 5_000, None, None, USED))
    house.clock.advance(months(1))
    house.write(lambda tx: wallets.sweep(tx, rich, "USD", USED))
    house.write(lambda tx: wallets.notices(tx, rich, "INR", USED))
    house.write(lambda tx: post(tx, rich, -100, "INR"))
    house.clock.advance(months(1))  # INR has expired by now, and nobody has swept it
    plain, blocked, gone = (house.write(a_customer).id for _ in range(3))
    house.write(lambda tx: post(tx, gone, 500, metadata={"a": "b"}))
    house.write(
        lambda tx: customers.update(tx, plain, CustomerChange(metadata={}, billing_address=None, name="P"))
    )
    house.write(lambda tx: customers.block(tx, Identifier(customer_id=blocked), "because", "notes"))
    house.write(lambda tx: customers.delete(tx, gone, forfeit_wallet_balance=True))
    house.ids = {"rich": rich, "plain": plain, "blocked": blocked, "gone": gone, "nobody": "cus_0"}
    house.runner.run(_stamped(house))


def _lot(tx: Tx, customer_id: str, currency: str, funding: str, expires_at: datetime) -> None:
    entry = wallets.ManualEntry(
        customer_id=customer_id,
        currency=currency,
        entry_type="CREDIT",
        amount_minor=1_111,
        reason=None,
        idempotency_key=f"{currency}{funding}{expires_at}",
        funding=funding,
        expires_at=expires_at,
        metadata={},
    )
    wallets.post_manual(tx, entry, USED)


async def _stamped(house: House) -> None:
    """PostgreSQL gives events their places a moment after the commit."""
    query = "query ($id: ID!) { customer(id: $id) { events(first: 1) { nodes { type } } } }"
    async with asyncio.timeout(20):
        while True:
            result = await Answers(query, {"id": house.ids["gone"]}).ordinary(house.context())
            assert result.data is not None, result.errors
            if result.data["customer"]["events"]["nodes"] == [{"type": "CUSTOMER_DELETED"}]:
                return
            await asyncio.sleep(0.02)


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
        "Customer": {"totalBalanceUsd", "totalBalanceUsdMissing"},
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
    result, at_once = house.both(Answers(asking(field), {"id": house.ids["rich"]}), caller)
    seen = result.errors is None and result.data["customer"] is not None
    assert at_once == (told(result.data["customer"]) if seen else None)


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
