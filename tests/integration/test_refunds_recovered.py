"""Refunds under many hands and silent processors: never more than was paid, and never sent twice (RELIABILITY §3.4)."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from saifu import wallets
from saifu.clock import ManualClock
from saifu.payments.rows import existing as payment_of
from saifu.payments.rows import save as save_payment
from saifu.processors.contract import RefundAnswer, RefundOrder, RefundState
from saifu.refunds import rows
from saifu.refunds.begin import NewRefund
from saifu.refunds.flow import RefundFlow
from saifu.refunds.held import hold
from saifu.refunds.rows import Destination
from saifu.refunds.settling import apply, payment_settled
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Origin, Store, Tx
from saifu.tables import Payment, Refund
from tests.builders import a_customer, post
from tests.refunding import PAYMENT_RULES, Fake, a_payment, refund_flow, returned, run_jobs

BY = Origin()


async def of_payment(store: Store, payment: Payment) -> list[Refund]:
    return (await store.read(lambda tx: rows.of_payments(tx, [payment.id])))[payment.id]


async def now_is(store: Store, payment: Payment) -> tuple[int, int]:
    row = await store.read(lambda tx: payment_of(tx, payment.id))
    return row.refunded_minor, row.refunding_minor


class Slow(Fake):
    """Takes its time, so that others come in between."""

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        await asyncio.sleep(0.002)
        return await super().refund(order)


async def insisting(flow: RefundFlow, new: NewRefund) -> ErrorCode | None:
    """Ask again for as long as another refund of the payment is under way (PM44)."""
    for _ in range(2_000):
        try:
            await flow.create(new, BY)
        except Refusal as no:
            if no.code is not ErrorCode.EXISTING_REFUND_REQUEST_PROCESSING:
                return no.code
            await asyncio.sleep(0.001)
        else:
            return None
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("destination", list(Destination))
async def test_of_twenty_refunds_at_once_exactly_as_many_fit_as_were_paid_for(
    store: Store, destination: Destination
) -> None:
    """PM43 under any concurrency: 6 000 + 4 000 are 14 times 700, and the processor returned what we say."""

    def mixed(tx: Tx) -> Payment:
        customer = a_customer(tx)
        post(tx, customer.id, 4_000)
        return a_payment(tx, source=6_000, wallet=4_000, customer_id=customer.id)

    payment, fake = await store.write(mixed), Slow()
    flow = refund_flow(store, fake)
    wanted = [
        NewRefund(payment.id, 700, destination=destination, idempotency_key=f"key_{n}") for n in range(20)
    ]
    outcomes = Counter(await asyncio.gather(*[insisting(flow, new) for new in wanted]))
    assert outcomes == {None: 14, ErrorCode.REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT: 6}
    assert await now_is(store, payment) == (9_800, 0)
    refunds = await of_payment(store, payment)
    assert sum(refund.amount_minor for refund in refunds) == 9_800
    at_processor = sum(order.amount_minor for order in fake.orders)
    assert at_processor == (6_000 if destination is Destination.ORIGINAL else 0)
    owner = str(payment.customer_id)
    view = (await store.read(lambda tx: wallets.views(tx, [(owner, "USD")])))[owner, "USD"]
    assert view.balance_minor == 9_800 - at_processor
    (balance, *_) = await store.read(lambda tx: wallets.trial_balance(tx, None, ("USD",)))
    assert (balance.sum_minor, balance.drifted) == (0, ())


async def test_one_key_asked_twenty_times_at_once_is_one_refund(store: Store) -> None:
    """A31, PM22: a double click refunds once."""
    payment, fake = await store.write(a_payment), Slow()
    flow = refund_flow(store, fake)
    new = NewRefund(payment.id, 1_000, idempotency_key="click")
    answers = await asyncio.gather(*[flow.create(new, BY) for _ in range(20)])
    assert len({answer.value.id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len(fake.orders) == 1
    assert await now_is(store, payment) == (1_000, 0)


@pytest.mark.parametrize("script", ["done but silent", "lost on the way"])
async def test_a_silent_processor_is_asked_by_our_reference_and_the_money_goes_back_once(
    store: Store, clock: ManualClock, script: str
) -> None:
    """PM29, invariant 12: an unknown outcome stays pending until the processor says what became of it."""
    payment, fake = await store.write(a_payment), Fake(script=[script])
    flow = refund_flow(store, fake)
    refund = (await flow.create(NewRefund(payment.id, 1_000), BY)).value
    assert refund.status == "pending"
    assert await now_is(store, payment) == (0, 1_000)
    await run_jobs(store, flow)  # too early: the answer may still be on its way
    assert len(fake.orders) == 1
    clock.advance(timedelta(minutes=1))
    await run_jobs(store, flow)
    assert await now_is(store, payment) == (1_000, 0)
    assert list(fake.refunds) == [refund.id]
    assert {order.reference for order in fake.orders} == {refund.id}
    await run_jobs(store, flow)
    assert len(await of_payment(store, payment)) == 1


async def test_a_process_that_dies_before_sending_leaves_a_refund_that_the_next_one_sends(
    store: Store, clock: ManualClock
) -> None:
    """§3.4: step A is on record, so step B is made up for."""
    from saifu.refunds.begin import begin

    payment, fake = await store.write(a_payment), Fake()
    begun = await store.write(lambda tx: begin(tx, NewRefund(payment.id), PAYMENT_RULES))
    assert begun.to_send
    clock.advance(timedelta(minutes=1))
    flow, other = refund_flow(store, fake), refund_flow(store, fake)
    await asyncio.gather(run_jobs(store, flow), run_jobs(store, other))
    assert returned((await of_payment(store, payment))[0]) == ("succeeded", 6_000, 0)
    assert len(fake.orders) == 1


async def test_a_client_that_goes_away_changes_nothing(store: Store) -> None:
    """The refund is a task of its own."""
    payment, fake = await store.write(a_payment), Slow()
    flow = refund_flow(store, fake)
    asking = asyncio.create_task(flow.create(NewRefund(payment.id), BY))
    while not await of_payment(store, payment):
        await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(5):
        while await now_is(store, payment) != (6_000, 0):
            await asyncio.sleep(0.005)


async def test_a_refund_nobody_can_explain_raises_an_alarm_and_is_never_called_failed(
    store: Store, clock: ManualClock
) -> None:
    """Invariant 12, 20: after a day somebody has to look; the processor is asked all the same."""
    payment, fake = await store.write(a_payment), Fake(script=["lost on the way"], is_silent=True)
    flow = refund_flow(store, fake)
    await flow.create(NewRefund(payment.id), BY)
    for hours in (1, 5, 23):
        clock.advance(timedelta(hours=hours))
        await run_jobs(store, flow)
    (refund,) = await of_payment(store, payment)
    assert refund.status == "pending"
    assert refund.needs_review_at is not None
    fake.is_silent = False
    clock.advance(timedelta(hours=7))
    await run_jobs(store, flow)
    (refund,) = await of_payment(store, payment)
    assert (refund.status, refund.needs_review_at) == ("succeeded", None)


async def test_what_is_final_is_not_contradicted(store: Store) -> None:
    """T10: whatever order answers come in, the first end stays, and money moves once."""
    payment, fake = await store.write(a_payment), Fake()
    flow = refund_flow(store, fake)
    refund = (await flow.create(NewRefund(payment.id), BY)).value
    for state in (RefundState.PENDING, RefundState.FAILED, RefundState.SUCCEEDED):
        answer = RefundAnswer(state, "re")
        after = await store.write(partial(apply, refund_id=refund.id, answer=answer, rules=PAYMENT_RULES))
        assert after == refund
    assert await now_is(store, payment) == (6_000, 0)


def on_its_way(tx: Tx, **columns: Any) -> Payment:
    customer = a_customer(tx)
    post(tx, customer.id, 4_000)
    given = {"status": "processing", "payment_method": "sepa_debit", "succeeded_at": None, **columns}
    return a_payment(tx, source=6_000, wallet=4_000, customer_id=customer.id, **given)


def settles(payment: Payment, status: str) -> Callable[[Tx], None]:
    """What payments do when the bank has decided (SR86): here, the row alone."""

    def work(tx: Tx) -> None:
        held = hold(tx, payment.id)
        changes = {"status": status, "succeeded_at": tx.now if status == "succeeded" else None}
        payment_settled(tx, save_payment(tx, held.payment, changes), PAYMENT_RULES)

    return work


async def test_a_refund_of_a_debit_on_its_way_waits_and_is_sent_when_it_succeeds(store: Store) -> None:
    """SR86, PM40's exception."""
    payment, fake = await store.write(on_its_way), Fake()
    flow = refund_flow(store, fake)
    refund = (await flow.create(NewRefund(payment.id, 7_000), BY)).value
    assert (refund.status, refund.next_look_at, fake.orders) == ("pending", None, [])
    await run_jobs(store, flow)
    assert fake.orders == []
    await store.write(settles(payment, "succeeded"))
    await run_jobs(store, flow)
    (refund,) = await of_payment(store, payment)
    assert returned(refund) == ("succeeded", 6_000, 1_000)
    assert await now_is(store, payment) == (7_000, 0)


async def test_a_refund_into_the_wallet_waits_for_the_debit_as_well(store: Store) -> None:
    """SR86, W57: and then is done in the same transaction."""
    payment, fake = await store.write(on_its_way), Fake()
    flow = refund_flow(store, fake)
    await flow.create(NewRefund(payment.id, 7_000, destination=Destination.WALLET), BY)
    await store.write(settles(payment, "succeeded"))
    (refund,) = await of_payment(store, payment)
    assert returned(refund) == ("succeeded", 0, 7_000)


async def test_when_the_debit_fails_the_refund_fails_and_nothing_has_moved(store: Store) -> None:
    """SR86."""
    payment, fake = await store.write(on_its_way), Fake()
    flow = refund_flow(store, fake)
    await flow.create(NewRefund(payment.id, 7_000), BY)
    await store.write(settles(payment, "failed"))
    (refund,) = await of_payment(store, payment)
    assert (refund.status, refund.failure_reason) == (
        "failed", "The payment itself did not succeed: no money had moved."
    )  # fmt: skip
    assert await now_is(store, payment) == (0, 0)
    await run_jobs(store, flow)
    assert fake.orders == []


async def test_a_processor_that_is_not_configured_any_more_leaves_the_refund_pending(store: Store) -> None:
    """Nobody can be asked, so nothing is guessed."""
    payment = await store.write(lambda tx: a_payment(tx, processor="gone"))
    refund = (await refund_flow(store, Fake()).create(NewRefund(payment.id), BY)).value
    assert refund.status == "pending"


class Broken(Fake):
    """Fails in a way that nobody has foreseen."""

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        raise RuntimeError("not JSON")


async def test_a_fault_on_the_way_is_an_unknown_outcome_and_no_failure(store: Store) -> None:
    """§3.4: whatever went wrong, the money may have moved."""
    payment = await store.write(a_payment)
    refund = (await refund_flow(store, Broken()).create(NewRefund(payment.id), BY)).value
    assert refund.status == "pending"
