"""A processor's list beside ours: both ways, and every difference has a name (RELIABILITY §3.4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from saifu.clock import ManualClock
from saifu.payments.reconciling import Difference, Kind, Reconciled, reconcile
from saifu.store import Store
from saifu.tables import Payment
from tests.cashier import ACTION, PROCESSING, SUCCEEDED, Cashier, Lost, NeverArrived, declined
from tests.till import a_payer


@pytest.fixture
def desk(store: Store) -> Cashier:
    return Cashier(store)


async def compared(desk: Cashier, clock: ManualClock) -> Reconciled:
    """What the comparison of the last hour says, when everything has had its time to arrive."""
    since = clock.now() - timedelta(hours=1)
    clock.advance(timedelta(minutes=10))
    return await reconcile(desk.store, desk.bank, since)


async def the_difference(desk: Cashier, clock: ManualClock) -> Difference:
    (only,) = (await compared(desk, clock)).differences
    return only


@pytest.fixture
async def paid(desk: Cashier) -> Payment:
    return await desk.charge(20_00, customer_id=await a_payer(desk.store))


async def test_what_agrees_is_counted_and_not_told(desk: Cashier, clock: ManualClock) -> None:
    customer_id = await a_payer(desk.store, 5_00)
    for outcome in (SUCCEEDED, declined(), PROCESSING, ACTION):
        desk.bank.next(outcome)
        await desk.charge(20_00, customer_id=customer_id, on_session=True, use_wallet=True)
    assert await compared(desk, clock) == Reconciled(compared=4, under_way=0, differences=[])


async def test_what_the_balance_paid_alone_is_at_no_processor(desk: Cashier, clock: ManualClock) -> None:
    await desk.charge(5_00, customer_id=await a_payer(desk.store, 5_00), use_wallet=True)
    assert (await compared(desk, clock)).compared == 0


async def test_a_charge_that_we_do_not_know_is_named(
    desk: Cashier, clock: ManualClock, paid: Payment
) -> None:
    stranger = replace(desk.bank.orders[paid.id], reference="pay_stranger")
    desk.bank.orders["pay_stranger"], desk.bank.outcomes["pay_stranger"] = stranger, SUCCEEDED
    expected = Difference(Kind.MISSING_HERE, "pay_stranger", "ch_pay_stranger", "", "succeeded")
    assert await the_difference(desk, clock) == expected


async def test_a_payment_that_the_processor_does_not_know_is_named(
    desk: Cashier, clock: ManualClock, paid: Payment
) -> None:
    del desk.bank.orders[paid.id]
    found = await the_difference(desk, clock)
    assert (found.kind, found.payment_id, found.here) == (Kind.MISSING_THERE, paid.id, "succeeded")


async def test_another_amount_is_named(desk: Cashier, clock: ManualClock, paid: Payment) -> None:
    desk.bank.orders[paid.id] = replace(desk.bank.orders[paid.id], amount_minor=19_99)
    found = await the_difference(desk, clock)
    assert (found.kind, found.here, found.there) == (Kind.AMOUNT, "2000 USD", "1999 USD")


async def test_another_state_is_named(desk: Cashier, clock: ManualClock, paid: Payment) -> None:
    desk.bank.becomes(paid.id, declined())
    found = await the_difference(desk, clock)
    assert (found.kind, found.here, found.there) == (Kind.STATE, "succeeded", "declined")


@pytest.mark.parametrize("lost", [Lost, NeverArrived])
async def test_what_is_under_way_is_counted_and_no_difference(
    desk: Cashier, clock: ManualClock, lost: type
) -> None:
    """The recovery asks for it."""
    desk.bank.next(lost)
    await desk.charge(20_00, customer_id=await a_payer(desk.store))
    found = await compared(desk, clock)
    assert (found.under_way, found.differences) == (1, [])


async def test_what_was_approved_too_late_and_goes_back_is_explained(
    desk: Cashier, clock: ManualClock
) -> None:
    """PM19."""
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=await a_payer(desk.store), on_session=True)
    await desk.flow.cancel(payment.id)
    desk.bank.becomes(payment.id, SUCCEEDED)
    assert (await the_difference(desk, clock)).kind is Kind.STATE
    await desk.told("evt_late", payment.id)
    assert (await compared(desk, clock)).differences == []


async def test_a_charge_is_found_though_its_payment_is_from_before(
    desk: Cashier, clock: ManualClock, paid: Payment
) -> None:
    """The list begins a little earlier than asked for: clocks differ."""
    clock.advance(timedelta(hours=2))
    assert (await compared(desk, clock)).differences == []
