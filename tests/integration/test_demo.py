"""The demo business tells the same story every time, and its books are as good as anybody's."""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlmodel import col, select

from saifu import demo, flows, wallet_proofs
from saifu.clock import ManualClock
from saifu.demo_people import BLOCKED, DELETED, EMAIL_DOMAIN, PEOPLE
from saifu.demo_plan import minor as in_minor_units
from saifu.demo_plan import planned
from saifu.events import EventType
from saifu.settings import Settings
from saifu.store import Store, open_store
from saifu.tables import Customer, Event, Invoice, LedgerEntry, Lot, Payment, Wallet
from tests.builders import CURRENCIES, a_customer
from tests.conftest import STARTS_AT
from tests.databases import copy_of

pytestmark = pytest.mark.timeout(60)
TOLD = {
    *(each for each in EventType if each.split(".")[0] in {"customer", "wallet"} and "source" not in each),
    *(EventType.CUSTOMER_SOURCE_CREATED, EventType.SOURCE_CHARGEABLE),
    *(EventType.PAYMENT_SUCCEEDED, EventType.PAYMENT_FAILED, EventType.REFUND_SUCCEEDED),
    *(EventType.DISPUTE_OPENED, EventType.DISPUTE_EXPIRED),
} - {EventType.CUSTOMER_UNBLOCKED}


# Ids differ from run to run, and so does the e-mail address of the customer who was deleted.
_BALANCES = (
    select(Customer.name, Wallet.currency, Wallet.balance_minor, Wallet.promotional_minor, Wallet.sequence)  # type: ignore[call-overload]
    .join(Wallet, col(Wallet.customer_id) == col(Customer.id))
    .order_by(col(Customer.name), col(Wallet.currency))
)


async def filled(url: str, ends_at: datetime = STARTS_AT) -> tuple[Store, demo.Figures]:
    clock = ManualClock(ends_at)
    store = await open_store(url, clock)
    async with flows.opened(Settings(), store) as house:
        return store, await demo.fill(store, clock, house, ends_at)


async def test_two_runs_on_different_days_give_equal_figures(template_url, tmp_path):
    told = []
    for ends_at in (STARTS_AT, STARTS_AT + timedelta(days=39, hours=5)):
        with copy_of(template_url, tmp_path) as url:
            store, figures = await filled(url, ends_at)
            balances = await store.read(lambda tx: tx.all(_BALANCES))
            await store.close()
            told.append((figures, balances))
    assert told[0] == told[1]
    assert told[0][0].customers == len(PEOPLE) >= 40
    assert told[0][0].entries > 500


async def test_its_ledger_holds_and_its_trial_balance_is_nought(url):
    """Ruling 11 and 12: every chain unbroken, and all accounts together exactly 0 in each currency."""
    store, figures = await filled(url)
    try:
        keys = await store.read(lambda tx: tx.all(select(Wallet.customer_id, Wallet.currency)))
        assert len(keys) == figures.customers * len(CURRENCIES)
        for customer_id, currency in keys:
            verdict = await store.read(
                partial(wallet_proofs.verify, customer_id=customer_id, currency=currency), consistent=True
            )
            assert verdict.intact
        balances = await store.read(wallet_proofs.trial_balance, consistent=True)
        assert {balance.currency: balance.sum_minor for balance in balances} == {"USD": 0, "INR": 0}
        assert all(balance.balanced for balance in balances)
    finally:
        await store.close()


async def test_it_has_something_of_everything(url):
    store, figures = await filled(url)
    try:
        types = Counter(await store.read(lambda tx: tx.all(select(Event.type))))
        assert types.keys() >= TOLD
        assert types[EventType.CUSTOMER_CREATED] == len(PEOPLE)
        assert types[EventType.WALLET_BALANCE_LOW] >= 5
        assert types[EventType.WALLET_FUNDS_EXPIRED] >= 5
        invoiced = await store.read(lambda tx: tx.all(select(Invoice.payment_id)))
        paid = await store.read(lambda tx: tx.all(select(Payment).where(col(Payment.status) == "succeeded")))
        assert {payment.id for payment in paid} == set(invoiced)
        assert len(paid) > 20
        assert all(figures.balances[code] > 0 for code in CURRENCIES)

        people = await store.read(lambda tx: tx.all(select(Customer)))
        by_email = {person.email: person for person in people}
        assert by_email[f"{BLOCKED}@{EMAIL_DOMAIN}"].blocked_at is not None
        assert [person.name for person in people if person.anonymised_at] == ["Anonymised customer"]
        assert f"{DELETED}@{EMAIL_DOMAIN}" not in by_email
        lots = await store.read(lambda tx: tx.all(select(Lot)))
        assert any(lot.expires_at and lot.expires_at > STARTS_AT and lot.remaining_minor for lot in lots)
    finally:
        await store.close()


async def test_it_happens_over_months_and_never_in_the_future(url):
    store, _ = await filled(url)
    try:
        instants = await store.read(lambda tx: tx.all(select(LedgerEntry.created_at)))
        assert max(instants) <= STARTS_AT
        assert max(instants) - min(instants) > timedelta(days=120)
    finally:
        await store.close()


async def test_only_a_database_without_customers_is_fresh(store):
    assert await store.read(demo.is_fresh)
    await store.write(a_customer)
    assert not await store.read(demo.is_fresh)


@pytest.mark.parametrize(
    ("cents", "currency", "minor"),
    [
        (12_50, "USD", 12_50),
        (12_50, "INR", 1_000_00),
        (12_50, "JPY", 1_875),
        (1, "JPY", 1),
        (7_00, "KWD", 7_000),
    ],
)
def test_a_price_is_whole_minor_units_in_any_currency(cents, currency, minor):
    """G1: yen have no decimals and dinars three."""
    assert in_minor_units(cents, currency) == minor


def test_the_plan_is_in_order_and_every_key_is_used_once():
    """W30: a key belongs to one request; a refund is keyed by its order, hence the pair."""
    for currencies in (("USD", "INR"), ("EUR",), ("INR", "JPY", "USD")):
        plan = planned(currencies)
        assert plan == planned(currencies)
        assert [each.after for each in plan] == sorted(each.after for each in plan)
        assert {each.currency for each in plan} - {""} <= set(currencies)
        keys = Counter((each.kind, each.person.mailbox, each.key) for each in plan if each.key)
        assert max(keys.values()) == 1
