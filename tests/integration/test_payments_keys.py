"""Requests that come twice, at once, or from a client that went away (PM20-PM23, PM19b)."""

import asyncio

import pytest

from saifu import customers
from saifu.payments.retrying import Retry
from saifu.refusals import ErrorCode, IdempotencyKeyReused, Refusal, TransitionNotAllowed
from saifu.store import Origin, Store
from tests.builders import post
from tests.cashier import ACTION, PROCESSING, Cashier, a_source, declined
from tests.till import a_payer, balance, is_whole, payments


@pytest.fixture
def desk(store: Store) -> Cashier:
    return Cashier(store)


async def test_a_repeated_key_answers_with_the_payment_as_it_is_now(store: Store, desk: Cashier) -> None:
    """PM20."""
    customer_id = await a_payer(store)
    desk.bank.next(PROCESSING)
    wanted = {"customer_id": customer_id, "idempotency_key": "order-1"}
    first = await desk.pay(20_00, **wanted)
    desk.bank.becomes(first.payment.id, declined())
    await desk.flow.look(first.payment.id)
    again = await desk.pay(20_00, **wanted)
    assert (again.payment.id, again.replayed, again.payment.status) == (first.payment.id, True, "failed")
    assert desk.bank.calls["charge"] == [first.payment.id]


async def test_a_key_of_another_request_is_refused(store: Store, desk: Cashier) -> None:
    """PM21: `IDEMPOTENCY_KEY_REUSED`."""
    customer_id = await a_payer(store)
    await desk.pay(20_00, customer_id=customer_id, idempotency_key="order-1")
    with pytest.raises(IdempotencyKeyReused) as no:
        await desk.pay(21_00, customer_id=customer_id, idempotency_key="order-1")
    assert no.value.mismatched_fields == ("amount",)


async def test_a_token_of_a_known_key_is_not_used_again(store: Store, desk: Cashier) -> None:
    """PM20, SR23."""
    for replayed in (False, True):
        done = await desk.pay(20_00, token="tok_visa", idempotency_key="order-1")
        assert done.replayed is replayed
    assert desk.bank.calls["instrument"] == ["tok_visa"]
    with pytest.raises(IdempotencyKeyReused):
        await desk.pay(20_00, token="tok_other", idempotency_key="order-1")


async def test_a_refused_request_does_not_use_up_its_key(store: Store, desk: Cashier) -> None:
    """PM23."""
    customer_id = await a_payer(store)
    with pytest.raises(Refusal):
        await desk.pay(49, customer_id=customer_id, idempotency_key="order-1")
    assert not (await desk.pay(20_00, customer_id=customer_id, idempotency_key="order-1")).replayed


async def test_two_at_once_are_one_charge_and_the_second_waits(store: Store, desk: Cashier) -> None:
    """PM22."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.gate = asyncio.Event()
    wanted = {"customer_id": customer_id, "use_wallet": True, "idempotency_key": "order-1"}
    both = [asyncio.create_task(desk.pay(20_00, **wanted)) for _ in range(2)]
    await asyncio.sleep(0.2)
    assert not any(each.done() for each in both)
    desk.bank.gate.set()
    first, second = await asyncio.gather(*both)
    assert first.payment == second.payment
    assert sorted([first.replayed, second.replayed]) == [False, True]
    assert len(desk.bank.calls["charge"]) == 1
    await is_whole(store, desk.bank)


async def test_who_has_waited_too_long_is_told_so(store: Store) -> None:
    """PM22: `IDEMPOTENT_REQUEST_IN_PROGRESS`."""
    desk = Cashier(store, wait_s=0.1)
    customer_id = await a_payer(store)
    desk.bank.gate = asyncio.Event()
    wanted = {"customer_id": customer_id, "idempotency_key": "order-1"}
    first = asyncio.create_task(desk.pay(20_00, **wanted))
    while not desk.bank.calls["charge"]:
        await asyncio.sleep(0.01)
    with pytest.raises(Refusal) as no:
        await desk.pay(20_00, **wanted)
    assert no.value.code is ErrorCode.IDEMPOTENT_REQUEST_IN_PROGRESS
    desk.bank.gate.set()
    assert (await first).payment.status == "succeeded"


async def test_a_client_that_goes_away_changes_nothing(store: Store, desk: Cashier) -> None:
    """W46: steps A to C run to their end."""
    customer_id = await a_payer(store)
    desk.bank.gate = asyncio.Event()
    asked = asyncio.create_task(desk.pay(20_00, customer_id=customer_id, idempotency_key="order-1"))
    while not desk.bank.calls["charge"]:
        await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    desk.bank.gate.set()
    await desk.flow.close()
    (payment,) = await payments(store)
    assert payment.status == "succeeded"


async def test_a_retry_is_a_new_payment_that_looks_at_the_wallet_afresh(store: Store, desk: Cashier) -> None:
    """PM19b, W50."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.next(declined())
    first = await desk.charge(20_00, customer_id=customer_id, use_wallet=True)
    await store.write(lambda tx: post(tx, customer_id, 3_00))
    again = (await desk.flow.retry(Retry(first.id, "again"), Origin())).payment
    assert (again.status, again.retry_of, again.wallet_minor) == ("succeeded", first.id, 8_00)
    assert await balance(store, customer_id) == 0
    assert {each.status for each in await payments(store)} == {"failed", "succeeded"}
    replayed = await desk.flow.retry(Retry(first.id, "again"), Origin())
    assert (replayed.payment.id, replayed.replayed) == (again.id, True)
    await is_whole(store, desk.bank)


async def test_a_retry_may_charge_another_source(store: Store, desk: Cashier) -> None:
    customer_id = await a_payer(store)
    desk.bank.next(declined())
    first = await desk.charge(20_00, customer_id=customer_id)
    other = await store.write(a_source)
    again = (await desk.flow.retry(Retry(first.id, "again", source_id=other.id), Origin())).payment
    assert (again.source_id, again.customer_id) == (other.id, customer_id)


async def test_while_one_is_live_there_is_no_other(store: Store, desk: Cashier) -> None:
    """W50: `PREVIOUS_PAYMENT_PENDING`."""
    customer_id = await a_payer(store)
    desk.bank.next(declined(), ACTION)
    first = await desk.charge(20_00, customer_id=customer_id, on_session=True)
    second = (await desk.flow.retry(Retry(first.id, "second"), Origin())).payment
    for payment in (first, second):
        with pytest.raises(Refusal) as no:
            await desk.flow.retry(Retry(payment.id, f"third-{payment.id}"), Origin())
        assert no.value.code is ErrorCode.PREVIOUS_PAYMENT_PENDING
    await desk.flow.cancel(second.id)
    assert (await desk.flow.retry(Retry(second.id, "third"), Origin())).payment.status == "succeeded"
    with pytest.raises(TransitionNotAllowed):
        await desk.flow.retry(Retry(first.id, "fourth"), Origin())


async def test_two_retries_at_once_are_one(store: Store, desk: Cashier) -> None:
    """W50, invariant 11, also without a customer whose lock would do it."""
    desk.bank.next(declined())
    source = await store.write(a_source)
    first = await desk.charge(20_00, source_id=source.id)
    others = [await store.write(a_source) for _ in range(2)]
    outcomes = await asyncio.gather(
        *[desk.flow.retry(Retry(first.id, each.id, source_id=each.id), Origin()) for each in others],
        return_exceptions=True,
    )
    assert sorted(isinstance(each, Refusal) for each in outcomes) == [False, True], outcomes
    assert len(desk.bank.calls["charge"]) == 2


async def test_blocked_and_deleted_customers_pay_nothing(store: Store, desk: Cashier) -> None:
    """CU57, CU62: `CUSTOMER_BLOCKED`, `GONE`; a repeated key still answers."""
    blocked, gone = await a_payer(store), await a_payer(store)
    before = await desk.pay(20_00, customer_id=blocked, idempotency_key="before")
    who = customers.Identifier(customer_id=blocked)
    await store.write(lambda tx: customers.block(tx, who, "fraud", None, None))
    await store.write(lambda tx: customers.delete(tx, gone, False, None))
    for customer_id, code in ((blocked, ErrorCode.CUSTOMER_BLOCKED), (gone, ErrorCode.GONE)):
        with pytest.raises(Refusal) as no:
            await desk.charge(20_00, customer_id=customer_id)
        assert no.value.code is code
        with pytest.raises(Refusal) as no:
            await desk.top_up(20_00, customer_id)
        assert no.value.code is code
    again = await desk.pay(20_00, customer_id=blocked, idempotency_key="before")
    assert again.payment.id == before.payment.id


async def test_a_payment_forgets_the_person_and_keeps_the_money(store: Store, desk: Cashier) -> None:
    """CU53, CU54, PM4."""
    customer_id = await a_payer(store)
    await desk.charge(
        20_00,
        customer_id=customer_id,
        description="for Aiko",
        metadata={"who": "Aiko"},
        billing_address={"country": "IN", "city": "Pune"},
    )
    await store.write(lambda tx: customers.delete(tx, customer_id, False, None))
    (payment,) = await payments(store)
    assert (payment.status, payment.total_minor, payment.billing_json) == ("succeeded", 20_00, None)
    assert "aiko" not in f"{payment.customer_json}{payment.description}{payment.metadata_json}".lower()
    assert customer_id in (payment.customer_json or "")
