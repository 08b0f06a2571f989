"""Wallets, lots and entries as they are read: however many, in as many statements (W28, W75, CU12, CU37)."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete
from sqlmodel import col

from saifu import wallets
from saifu.ledger.entries import EntryType
from saifu.paging import Order, Window
from saifu.store import Tx
from saifu.tables import Wallet
from tests.builders import CURRENCIES, RULES, a_customer, post
from tests.desk import Desk, a_desk

NEWEST = Order("CREATED_AT")
_DROP_WALLET = delete(Wallet).where(
    col(Wallet.customer_id) == bindparam("customer"), col(Wallet.currency) == bindparam("currency")
)


async def reading(store, work):
    """What a read answers, and in how many statements."""

    def counted(tx: Tx):
        return work(tx), tx.statements

    return await store.read(counted)


async def test_a_new_customer_has_every_wallet_at_nought(store):
    """W1, CU2: no entry, no wallet event."""
    desk = await a_desk(store)
    found = await store.read(lambda tx: wallets.of_customers(tx, [desk.customer_id], CURRENCIES))
    assert [(view.currency, view.balance_minor, view.sequence) for view in found[desk.customer_id]] == [
        ("USD", 0, 0),
        ("INR", 0, 0),
    ]
    assert found[desk.customer_id][0].id == f"wlt_{desk.customer_id[4:]}_USD"
    assert await desk.events() == []
    assert await desk.entries() == []


async def test_a_wallet_without_a_row_reads_as_nought_and_opens_when_used(store):
    """CU12: a currency enabled later, before the backfill came by; the row changes nothing that is seen."""
    desk = await a_desk(store)
    seen = await desk.view()
    await store.write(lambda tx: tx.run(_DROP_WALLET, customer=desk.customer_id, currency="USD"))
    assert await desk.view() == seen
    posted = await desk.credit(5)
    assert (posted.wallet.balance_minor, posted.wallet.created_at) == (5, seen.created_at)
    assert posted.wallet == await desk.view()
    assert (await desk.verdict()).intact


async def test_a_threshold_opens_the_wallet_that_is_missing(store):
    """CU12."""
    desk = await a_desk(store)
    await store.write(lambda tx: tx.run(_DROP_WALLET, customer=desk.customer_id, currency="USD"))
    assert (await desk.threshold(50, expected=1)).value.low_balance_threshold_minor == 50
    assert (await desk.view()).version == 2


async def test_nobodys_wallet_is_no_wallet(store):
    assert await store.read(lambda tx: wallets.views(tx, [("cus_nobody", "USD")])) == {}
    assert await store.read(lambda tx: wallets.views(tx, [])) == {}
    assert await store.read(lambda tx: wallets.balance_at(tx, [], tx.now)) == {}


async def test_reading_fifty_wallets_takes_as_many_statements_as_reading_two(store, clock):
    """CU37: views, past balances and summaries alike; unswept expiry included."""

    def fill(tx: Tx, n: int):
        customer = a_customer(tx).id
        post(tx, customer, 100 + n)
        post(tx, customer, 10, expires_at=tx.now + timedelta(days=1))
        return customer

    customers = [await store.write(lambda tx, n=n: fill(tx, n)) for n in range(25)]
    clock.advance(timedelta(days=2))
    keys = [(customer, currency) for customer in customers for currency in CURRENCIES]
    for read in (
        wallets.views,
        wallets.summaries,
        lambda tx, some: wallets.balance_at(tx, some, tx.now),
        lambda tx, some: wallets.of_customers(tx, [customer for customer, _ in some], CURRENCIES),
    ):
        _, few = await reading(store, lambda tx, read=read: read(tx, keys[:2]))
        found, many = await reading(store, lambda tx, read=read: read(tx, keys))
        assert (many, len(found)) == (few, 25 if len(found) == 25 else 50)
    views = await store.read(lambda tx: wallets.views(tx, keys))
    assert [views[customer, "USD"].balance_minor for customer in customers] == list(range(100, 125))
    at = await store.read(lambda tx: wallets.balance_at(tx, keys, tx.now))
    assert at == {key: view.balance_minor for key, view in views.items()}


async def test_a_read_and_the_sweep_agree(store, clock):
    """W75: what a reader sees before the sweep is what is stored after it."""
    desk = await a_desk(store)
    await desk.credit(100)
    await desk.credit(30, expires_at=clock.now() + timedelta(hours=1))
    await desk.credit(20, funding="promotional", expires_at=clock.now() + timedelta(hours=1))
    await desk.credit(7, expires_at=clock.now() + timedelta(hours=2))
    clock.advance(timedelta(hours=1))
    before = await desk.view()
    await desk.sweep()
    after = await desk.view()
    for field in ("balance_minor", "paid_minor", "promotional_minor", "next_expiry"):
        assert getattr(before, field) == getattr(after, field)
    assert (after.balance_minor, after.paid_minor, after.promotional_minor) == (107, 107, 0)


async def test_past_balances_know_what_had_expired_before_it_was_swept(store, clock):
    """W75: a balance of the past is what a reader saw then."""
    desk = await a_desk(store)
    start, seen = clock.now(), {}

    async def look() -> None:
        seen[clock.now()] = (await desk.view()).balance_minor

    await look()
    clock.advance(timedelta(hours=1))
    await desk.credit(100)
    await desk.credit(40, expires_at=start + timedelta(hours=3))
    await look()
    clock.move_to(start + timedelta(hours=3))
    await look()
    clock.advance(timedelta(hours=1))
    await desk.debit(10)
    await look()
    assert list(seen.values()) == [0, 140, 100, 90]
    assert {at: await desk.balance_at(at) for at in seen} == seen
    assert await desk.balance_at(start + timedelta(hours=3) - timedelta(microseconds=1)) == 140
    assert await desk.balance_at(start - timedelta(days=1)) == 0


async def test_the_balance_to_come_is_what_is_left_if_nobody_touches_it(store, clock):
    desk = await a_desk(store)
    await desk.credit(100)
    await desk.credit(40, expires_at=clock.now() + timedelta(hours=3))
    assert await desk.balance_at(clock.now() + timedelta(hours=2)) == 140
    assert await desk.balance_at(clock.now() + timedelta(hours=3)) == 100


async def entries_page(store, **filters):
    page = await store.read(lambda tx: wallets.ENTRIES.page(tx, Window(50), NEWEST, filters))
    return [entry.amount_minor for entry in page.rows]


async def test_the_ledger_is_listed_newest_first_with_the_filters_of_w28(store, clock):
    """W28: currency, type, direction, period with both ends, reference."""
    desk, other = await a_desk(store), await a_desk(store)
    start = clock.now()
    for amount in (1, 2, 3):  # at one and the same instant: their numbers tell the order
        await desk.credit(amount)
    clock.advance(timedelta(hours=1))
    await desk.debit(4)
    await Desk(store, desk.customer_id, "INR").credit(5)
    await other.credit(6)
    await desk.post(wallets.Posting(EntryType.TOP_UP, True, 7, reference_id="pay_7"))
    whose = {"customer_id": desk.customer_id}
    assert await entries_page(store, **whose) == [7, 4, 5, 3, 2, 1]
    assert await entries_page(store, **whose, currency="USD") == [7, 4, 3, 2, 1]
    assert await entries_page(store, **whose, is_credit=False) == [4]
    assert await entries_page(store, **whose, entry_type="top_up") == [7]
    assert await entries_page(store, reference_object_id="pay_7") == [7]
    assert await entries_page(store, **whose, created_at_lte=start) == [3, 2, 1]
    assert await entries_page(store, **whose, created_at_gte=clock.now(), currency="USD") == [7, 4]


async def test_lots_are_listed_and_can_be_narrowed_to_those_with_money(store, clock):
    desk = await a_desk(store)
    await desk.credit(1, expires_at=clock.now() + timedelta(hours=1))
    await desk.credit(2, expires_at=clock.now() + timedelta(hours=2))
    await desk.credit(3)
    await desk.debit(1)
    whose = {"customer_id": desk.customer_id, "currency": "USD"}

    async def page(**more):
        found = await store.read(lambda tx: wallets.LOTS.page(tx, Window(50), NEWEST, {**whose, **more}))
        return [lot.original_minor for lot in found.rows]

    def money_at(instant: datetime):
        return {"spendable_at": instant}

    assert await page() == [3, 2, 1]
    assert await page(**money_at(clock.now())) == [3, 2]
    assert await page(**money_at(clock.now() + timedelta(hours=2))) == [3]


async def test_a_page_of_ledgers_for_many_customers_is_one_statement(store):
    """CU37."""
    desks = [await a_desk(store) for _ in range(5)]
    for desk in desks:
        await desk.credit(1)
        await desk.credit(2)
    whose = [desk.customer_id for desk in desks]
    found, count = await reading(
        store, lambda tx: wallets.ENTRIES.pages(tx, whose, Window(1), NEWEST, {"currency": "USD"})
    )
    assert count == 1
    assert [[entry.amount_minor for entry in found[customer].rows] for customer in whose] == [[2]] * 5
    assert all(page.has_next for page in found.values())


async def test_the_missing_wallets_are_backfilled_in_batches(store):
    """CU12: each batch does its share; the last says that none is missing."""
    desks = [await a_desk(store) for _ in range(5)]
    more = (*CURRENCIES, "EUR", "JPY")
    opened = [await store.write(lambda tx: wallets.backfill(tx, more, 4)) for _ in range(4)]
    assert opened == [4, 4, 2, 0]
    found = await store.read(lambda tx: wallets.balances(tx, desks[0].customer_id))
    assert [view.currency for view in found] == ["EUR", "INR", "JPY", "USD"]


async def test_run_due_does_at_once_what_the_jobs_do(store, clock):
    """For demos: everything due in the one transaction."""
    desk = await a_desk(store)
    await desk.credit(5, expires_at=clock.now() + timedelta(days=10))
    await desk.credit(6, expires_at=clock.now() + timedelta(days=20))
    clock.advance(timedelta(days=14))
    assert await store.write(lambda tx: wallets.run_due(tx, RULES)) == 1
    assert [kind for kind, _ in await desk.events()][2:] == [
        "wallet.balance_changed",
        "wallet.funds_expired",
        "wallet.funds_expiring",
    ]
    assert await store.write(lambda tx: wallets.run_due(tx, RULES)) == 0
