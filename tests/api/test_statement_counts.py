"""However large a page, the number of SQL statements is the same (A7, CU37)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from saifu.disputes import opening
from saifu.documents import issuing
from saifu.payments import attempts
from saifu.payments.attempts import AttemptKind
from saifu.processors.contract import DisputeReport
from saifu.refunds.rows import Destination
from saifu.settings import Settings
from saifu.store import Store, Tx
from tests.builders import a_customer, post
from tests.cashier import a_source
from tests.client import Api
from tests.documents import PAYMENT_RULES, a_line, a_payment, a_refund

T = TypeVar("T")

FEED = "saifu-feed"
"""The task that reads the log once a second by itself; it belongs to no request."""


@contextmanager
def counted(store: Store) -> Iterator[list[int]]:
    """How many statements each read took, in order."""
    counts: list[int] = []
    read = store.read

    async def counting(work: Callable[[Tx], T], consistent: bool = False) -> T:
        task = asyncio.current_task()
        if task is not None and task.get_name() == FEED:
            return await read(work, consistent)

        def observed(tx: Tx) -> T:
            before = tx.statements
            answer = work(tx)
            counts.append(tx.statements - before)
            return answer

        return await read(observed, consistent)

    store.read = counting  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        store.read = read  # type: ignore[method-assign]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A hundred of everything in a hundred of everything costs more than is allowed by default."""
    return settings.model_copy(update={"max_cost": 1_000_000})


@pytest.fixture
async def a_hundred(store: Store) -> None:
    """A hundred customers, each with entries in two currencies, some of them with an expiry to come."""

    def fill(tx: Tx) -> None:
        for number in range(100):
            customer = a_customer(tx)
            post(tx, customer.id, 500)
            post(tx, customer.id, -200 - number)
            post(tx, customer.id, 700, "INR")
            a_source(tx, customer.id)
            moved(tx, customer.id)

    await store.write(fill)


def moved(tx: Tx, customer_id: str) -> None:
    """A payment of a customer with everything that can hang on it, and one that is under way."""
    first = a_payment(tx, customer_id, wallet=100, status="processing")
    lines = [a_line("Tea"), a_line("Cup")]
    payment = a_payment(tx, customer_id, wallet=200, lines=lines, retry_of=first.id)
    attempts.begin(tx, payment.id, AttemptKind.CHARGE)
    issuing.paid(tx, payment, PAYMENT_RULES)
    for reason in ("cracked", "late"):
        parts = {"source": 1_00, "of_source_minor": 1_00, "wallet": 10}
        back = a_refund(tx, payment, **parts, destination=Destination.ORIGINAL, reason=reason)
        issuing.refunded(tx, back, payment, PAYMENT_RULES)
    report = DisputeReport(f"dp_{payment.id}", payment.id, 300, payment.currency, "pre_dispute", None)
    opening.apply(tx, payment.processor, report, PAYMENT_RULES.wallet)


QUERIES: dict[str, str] = {
    "customers alone": "customers(first: $n) { nodes { id name } }",
    "customers counted": "customers(first: $n) { nodes { id } totalCount }",
    "wallets": "customers(first: $n) { nodes { wallets { balance { amount } nextExpiry { expiresAt } } } }",
    "one wallet each": 'customers(first: $n) { nodes { wallet(currency: "USD") { balance { amount } } } }',
    "totals in dollars": "customers(first: $n) { nodes { totalBalanceUsd { amount } totalBalanceUsdMissing } }",
    "wallets and back": "customers(first: $n) { nodes { wallets { customer { wallets { id } } } } }",
    "ledgers": "customers(first: $n) { nodes { ledgerEntries(first: 2) { totalCount nodes { id } } } }",
    "ledgers of wallets": "customers(first: $n) { nodes { wallets { entries(first: 2) { totalCount nodes { "
    "amount { amount } lots { lot { id } } wallet { id } customer { name } } } } } }",
    "lots of wallets": "customers(first: $n) { nodes { wallets { lots(first: 2, spendable: true) { totalCount nodes { "
    "originEntry { id } wallet { id } } } } } }",
    "past balances": "customers(first: $n) { nodes { wallets { "
    'balanceAt(asOf: "2026-01-10T00:00:00Z") { amount } } } }',
    "events": "customers(first: $n) { nodes { events(first: 2, types: [WALLET_BALANCE_CHANGED]) { totalCount nodes { "
    "object { id ... on LedgerEntry { lots { amount { amount } } } } } } } }",
    "the ledger": "ledgerEntries(first: $n) { totalCount nodes { "
    "wallet { id } customer { name } lots { lot { id } } } }",
    "the log": "events(first: $n, filter: {types: [WALLET_BALANCE_CHANGED]}) { totalCount nodes { customer { name } "
    "object { id ... on LedgerEntry { wallet { id } } } } }",
    "the audit log": "auditLog(first: $n) { totalCount nodes { id } }",
    "sources": "customers(first: $n) { nodes { defaultSource { id } sources(first: 2) { totalCount "
    "nodes { id status isDefault customer { name } } } } }",
    "payments": "payments(first: $n) { totalCount nodes { customer { name } attempts { number } retryOf { id } "
    "lines { name refundableAmount { amount } } invoice { number } receipts { number } "
    "refunds(first: 2) { totalCount nodes { amount { amount } receipt { number } payment { id } } } "
    "disputes(first: 2) { totalCount nodes { status payment { id } customer { name } } } } }",
    "customers with payments": "customers(first: $n) { nodes { payments(first: 2) { totalCount nodes { "
    "status attempts { number } invoice { number } refunds(first: 1) { nodes { id } } } } "
    "wallets { pendingPaymentAmount { amount } lots(first: 1) { nodes { id } } } } }",
    "refunds": "refunds(first: $n) { totalCount nodes { payment { id customer { name } } customer { name } "
    "receipt { number } } }",
    "disputes": "disputes(first: $n) { totalCount nodes { payment { id invoice { number } } customer { name } } }",
    "invoices": "invoices(first: $n) { totalCount nodes { lines { name } payment { id receipts { id } } "
    "customer { name } } }",
    "keys": "apiKeys(first: $n) { totalCount nodes { id } }",
}
MOST = 16
"""Of a payment with everything that hangs on it."""


@pytest.mark.usefixtures("a_hundred")
async def test_a_page_of_a_hundred_takes_as_many_statements_as_a_page_of_one(
    client: Api, store: Store
) -> None:
    for name, field in QUERIES.items():
        taken: dict[int, int] = {}
        for size in (1, 10, 100):
            with counted(store) as counts:
                data: Any = await client.execute(f"query ($n: Int!) {{ {field} }}", n=size)
            taken[size] = sum(counts)
            assert next(iter(data.values()))["nodes"], name
        assert taken[1] == taken[10] == taken[100], (name, taken)
        assert taken[1] <= MOST, (name, taken)


@pytest.mark.usefixtures("a_hundred")
async def test_nodes_take_as_many_statements_for_a_hundred_as_for_one_of_each_kind(
    client: Api, store: Store
) -> None:
    found = await client.execute("{ customers(first: 100) { nodes { id wallets { id } } } }")
    ids = [customer["id"] for customer in found["customers"]["nodes"][:50]]
    ids += [customer["wallets"][0]["id"] for customer in found["customers"]["nodes"][:50]]
    taken = {}
    for some in (ids[49:51], ids):
        with counted(store) as counts:
            answer = await client.execute("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=some)
        assert [node["id"] for node in answer["nodes"]] == some
        taken[len(some)] = sum(counts)
    assert taken[2] == taken[100]


@pytest.mark.usefixtures("a_hundred")
async def test_the_total_is_counted_only_when_it_is_asked_for(client: Api, store: Store) -> None:
    """A7: `totalCount` costs one statement, and nothing when it is not selected."""
    with counted(store) as without:
        await client.execute("{ customers { nodes { id } } }")
    with counted(store) as counts:
        await client.execute("{ customers { nodes { id } totalCount } }")
    assert sum(counts) == sum(without) + 1
