"""What processors tell us of their own accord: in any order, any number of times, or forged (S18, T10)."""

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlmodel import select
from starlette.applications import Starlette

from saifu.clock import ManualClock
from saifu.payments.callback_door import LONGEST_BODY, routes
from saifu.processors.contract import ForgedCallback
from saifu.store import Store
from saifu.tables import ProcessorCallback
from tests.cashier import ACTION, PROCESSING, SUCCEEDED, Cashier, declined
from tests.till import a_payer, balance, entries, events_of, is_whole, payments

_STORED = select(ProcessorCallback)


@pytest.fixture
def desk(store: Store) -> Cashier:
    return Cashier(store)


@pytest.fixture
async def door(desk: Cashier) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=routes(desk.callbacks)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def stored(store: Store) -> list[ProcessorCallback]:
    return await store.read(lambda tx: tx.all(_STORED))


@pytest.mark.parametrize("last", [SUCCEEDED, declined("INSUFFICIENT_FUNDS")], ids=["paid", "declined"])
@pytest.mark.parametrize("order", sorted(set(itertools.permutations("aabbc"))), ids="".join)
async def test_callbacks_in_any_order_and_any_number_end_alike(
    store: Store, desk: Cashier, order: tuple[str, ...], last: object
) -> None:
    """T10: the bank moves on while its callbacks arrive as they like."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True, on_session=True)
    for step, event_id in enumerate(order):
        desk.bank.becomes(payment.id, PROCESSING if step < 2 else last)  # type: ignore[arg-type]
        await desk.told(event_id, payment.id)
    (after,) = await payments(store)
    paid = last is SUCCEEDED
    # What came last may have been old news; then the next look finds the end.
    if after.status == "processing":
        after = await desk.flow.look(payment.id)
    assert after.status == ("succeeded" if paid else "failed")
    assert await balance(store, customer_id) == (0 if paid else 5_00)
    assert await entries(store, customer_id) == ([5_00, -5_00] if paid else [5_00, -5_00, 5_00])
    told = await events_of(store, customer_id, "payment")
    assert told == [
        "payment.requires_customer_action",
        "payment.processing",
        "payment.succeeded" if paid else "payment.failed",
    ]
    assert len(await stored(store)) == 3
    await is_whole(store, desk.bank)


async def test_a_callback_is_a_hint_and_not_the_truth(store: Store, desk: Cashier) -> None:
    """S18: only what the bank says when it is asked changes a payment."""
    customer_id = await a_payer(store)
    desk.bank.next(PROCESSING)
    payment = await desk.charge(20_00, customer_id=customer_id)
    assert await desk.told("evt_1", payment.id) == 1
    (after,) = await payments(store)
    assert after.status == "processing"


async def test_a_replayed_callback_is_not_followed_up_again(store: Store, desk: Cashier) -> None:
    """S18."""
    customer_id = await a_payer(store)
    payment = await desk.charge(20_00, customer_id=customer_id)
    assert [await desk.told("evt_1", payment.id) for _ in range(3)] == [1, 0, 0]
    assert desk.bank.calls["look_up"] == [payment.id]


async def test_a_forged_callback_is_not_even_stored(store: Store, desk: Cashier) -> None:
    """S18."""
    with pytest.raises(ForgedCallback):
        await desk.told("evt_1", "pay_x", signature="bad")
    assert await stored(store) == []


async def test_a_callback_is_followed_up_until_the_bank_answers(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """PM19: also the one that brings the approval of a payment that has failed."""
    customer_id = await a_payer(store)
    desk.bank.next(declined())
    payment = await desk.charge(20_00, customer_id=customer_id)
    desk.bank.becomes(payment.id, SUCCEEDED)
    desk.bank.silent = True
    await desk.told("evt_1", payment.id)
    desk.bank.silent = False
    (waiting,) = await stored(store)
    assert (waiting.tries, waiting.handled_at) == (1, None)
    clock.advance(timedelta(minutes=2))
    for _ in range(2):
        await desk.run_jobs()
        clock.advance(timedelta(minutes=2))
    (done,) = await stored(store)
    assert (done.next_try_at, desk.bank.taken(payment.id)) == (None, 0)
    assert done.handled_at is not None


async def test_a_callback_about_somebody_elses_charge_is_let_go(store: Store, desk: Cashier) -> None:
    await desk.told("evt_1", "pay_of_another_house")
    (done,) = await stored(store)
    assert (done.handled_at is not None, done.next_try_at) == (True, None)


async def test_the_door_answers_when_it_is_written_down(
    store: Store, desk: Cashier, door: httpx.AsyncClient
) -> None:
    """S18: 200 after the commit; 400 without a word of why; 404 for a stranger; nothing longer than 64 KiB."""
    good = {"signature": "good"}
    body = b'[{"id":"evt_1","kind":"charge","reference":"pay_x"}]'
    assert (await door.post("/processors/bank/callbacks", content=body, headers=good)).status_code == 200
    assert len(await stored(store)) == 1
    forged = await door.post("/processors/bank/callbacks", content=body)
    assert (forged.status_code, forged.json()) == (400, {"error": {"code": "BAD_CALLBACK"}})
    assert (await door.post("/processors/other/callbacks", content=body, headers=good)).status_code == 404
    long = await door.post("/processors/bank/callbacks", content=b" " * (LONGEST_BODY + 1), headers=good)
    assert long.status_code == 413
    assert (await door.get("/processors/bank/callbacks")).status_code == 405
    await desk.callbacks.close()
