"""Checkout sessions at the engine: answers that are late or lost, double clicks, jobs (PM71, PM72, PM89a, W49)."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customer_rows
from saifu.checkout import rows, sessions, standing, tokens
from saifu.checkout.attempts import Choice, Repeated
from saifu.checkout.flow import CheckoutFlow
from saifu.checkout.orders import NewSession, PageOptions, Payer
from saifu.checkout.rows import Purpose
from saifu.checkout.standing import State
from saifu.checkout.totals import Line
from saifu.clock import ManualClock
from saifu.processors.registry import Processors
from saifu.refusals import ErrorCode, Refusal
from saifu.sources.flow import SourceFlow
from saifu.store import Origin, Store
from saifu.tables import CheckoutSession, Event
from tests.builders import a_wallet
from tests.cashier import ACTION, PAYMENT_RULES, PROCESSING, SUCCEEDED, Cashier, Lost, NeverArrived, declined
from tests.till import balance, is_whole, payments

RETURN = "http://127.0.0.1/checkout/return/x"
_EVENTS = (
    select(Event)
    .where(col(Event.object_id) == bindparam("session_id"))
    .order_by(col(Event.occurred_at), col(Event.id))
)


@dataclass
class Counter:
    """A page's flow at a bank that says what it is told."""

    store: Store
    cashier: Cashier
    flow: CheckoutFlow

    async def opens(self, **given: Any) -> CheckoutSession:
        wanted = {
            "purpose": Purpose.PAYMENT,
            "currency": "USD",
            "lines": (Line("Sencha", 2, 15_00),),
            "payer": Payer("mika@example.com"),
            **given,
        }
        new = NewSession(**wanted)
        session, token = await self.store.write(
            lambda tx: sessions.create(tx, new, PAYMENT_RULES, f"k{id(new)}")
        )
        assert token is not None
        assert tokens.opens(token, session)
        return session

    async def pays(self, session: CheckoutSession, attempt: int = 1, **choice: Any) -> None:
        await self.flow.pay(session, Choice(attempt, **choice), f"tok_{session.id}_{attempt}", RETURN)

    async def stands(self, session: CheckoutSession) -> standing.Standing:
        return await self.store.read(lambda tx: standing.read(tx, session.id, PAYMENT_RULES))

    async def events(self, session: CheckoutSession) -> list[tuple[str, Any]]:
        found = await self.store.read(lambda tx: tx.all(_EVENTS, session_id=session.id))
        return [(event.type, orjson.loads(event.data_json)) for event in found]

    async def run_jobs(self) -> None:
        await self.cashier.run_jobs()
        for job in self.flow.jobs():
            await job.run(self.store)


@pytest.fixture
def desk(store: Store) -> Counter:
    cashier = Cashier(store)
    processors = Processors({"bank": cashier.bank}, "bank")
    sources = SourceFlow(store, processors, PAYMENT_RULES)
    return Counter(store, cashier, CheckoutFlow(store, cashier.flow, sources, PAYMENT_RULES))


async def test_a_payment_consumes_its_session_once(desk: Counter) -> None:
    """PM72: and the event carries the session as it is then, without a secret or a person."""
    session = await desk.opens()
    await desk.pays(session)
    assert (await desk.stands(session)).state is State.DONE
    ((kind, data),) = await desk.events(session)
    assert (kind, data["status"], data["total_amount"]) == ("checkout.completed", "completed", 30_00)
    assert data["payment_id"] == (await payments(desk.store))[0].id
    assert "mika" not in orjson.dumps(data).decode()
    with pytest.raises(Refusal) as no:
        await desk.pays(session, 2)
    assert no.value.code is ErrorCode.CHECKOUT_SESSION_CONSUMED
    assert len(desk.cashier.bank.calls["charge"]) == 1


async def test_many_clicks_at_once_are_one_charge(desk: Counter) -> None:
    """PM72, S23: also where each of them has a token of its own."""
    session = await desk.opens()
    clicks = [desk.flow.pay(session, Choice(1), f"tok_{number}", RETURN) for number in range(8)]
    outcomes = await asyncio.gather(*clicks, return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 7
    assert all(
        isinstance(each, Repeated)
        or (isinstance(each, Refusal) and each.code is ErrorCode.CHECKOUT_SESSION_CONSUMED)
        for each in refused
    )
    assert len(desk.cashier.bank.calls["charge"]) == 1
    await is_whole(desk.store, desk.cashier.bank)


async def test_an_answer_that_is_lost_keeps_the_session_and_nobody_pays_twice(
    desk: Counter, clock: ManualClock
) -> None:
    """W49, §3.4: it waits, takes no second attempt, and is completed by a look-up."""
    session = await desk.opens()
    desk.cashier.bank.next(Lost)
    await desk.pays(session)
    assert (await desk.stands(session)).state is State.WAITING
    with pytest.raises(Repeated):
        await desk.pays(session, 2)
    clock.advance(timedelta(minutes=2))
    await desk.run_jobs()
    assert (await desk.stands(session)).state is State.DONE
    assert (await payments(desk.store))[0].status == "succeeded"
    await is_whole(desk.store, desk.cashier.bank)


async def test_a_session_of_which_nobody_knows_whether_it_was_paid_does_not_expire(
    desk: Counter, clock: ManualClock
) -> None:
    """PM71: it may have been paid; when the answer comes it is completed, or ends."""
    session = await desk.opens()
    desk.cashier.bank.next(NeverArrived)
    await desk.pays(session)
    desk.cashier.bank.silent = True
    clock.advance(timedelta(hours=25))
    await desk.run_jobs()
    assert (await desk.stands(session)).state is State.WAITING
    with pytest.raises(Refusal) as no:
        await desk.flow.expire(session.id, None, Origin())
    assert no.value.code is ErrorCode.PREVIOUS_PAYMENT_PENDING
    desk.cashier.bank.silent = False
    payment = (await payments(desk.store))[0]
    desk.cashier.bank.becomes(payment.id, declined())
    clock.advance(timedelta(hours=2))
    await desk.run_jobs()
    await desk.run_jobs()
    assert (await desk.stands(session)).state is State.EXPIRED


async def test_what_a_bank_accepts_for_later_consumes_the_session_whatever_becomes_of_it(
    desk: Counter, clock: ManualClock
) -> None:
    """PM72: processing is as good as paid for the link; a late failure does not open it again."""
    session = await desk.opens()
    desk.cashier.bank.next(PROCESSING)
    await desk.pays(session)
    assert (await desk.stands(session)).state is State.ACCEPTED
    payment = (await payments(desk.store))[0]
    desk.cashier.bank.becomes(payment.id, declined("INSUFFICIENT_FUNDS"))
    clock.advance(timedelta(hours=1))
    await desk.run_jobs()
    assert (await desk.stands(session)).state is State.FAILED
    assert [kind for kind, _ in await desk.events(session)] == ["checkout.completed"]


async def test_a_session_that_runs_out_cancels_its_payment_and_gives_the_balance_back(
    desk: Counter, clock: ManualClock
) -> None:
    """PM71, W49: the action was not completed."""
    wallet = await desk.store.write(lambda tx: a_wallet(tx, 12_00))
    session = await desk.opens(payer=None, customer_id=wallet.customer_id)
    clock.advance(timedelta(hours=23, minutes=59))
    desk.cashier.bank.next(ACTION)
    await desk.pays(session, use_wallet=True)
    assert await balance(desk.store, wallet.customer_id) == 0
    clock.advance(timedelta(minutes=1))
    await desk.run_jobs()
    stands = await desk.stands(session)
    assert (stands.state, stands.payment and stands.payment.status) == (State.EXPIRED, "cancelled")
    assert await balance(desk.store, wallet.customer_id) == 12_00
    assert [kind for kind, _ in await desk.events(session)] == ["checkout.expired"]
    before = stands.session.version
    await desk.run_jobs()
    assert (await desk.stands(session)).session.version == before


async def test_nothing_is_paid_from_a_link_that_ran_out_or_was_never_given(
    desk: Counter, clock: ManualClock
) -> None:
    """PM71: `CHECKOUT_SESSION_EXPIRED` before a token is used up, and before any job has said so."""
    session = await desk.opens()
    clock.advance(timedelta(hours=24))
    with pytest.raises(Refusal) as no:
        await desk.pays(session)
    assert (no.value.code, no.value.manner.http_status) == (ErrorCode.CHECKOUT_SESSION_EXPIRED, 410)
    assert desk.cashier.bank.calls == {}
    with pytest.raises(Refusal) as no:
        await desk.flow.expire("cks_nothing", None, Origin())
    assert no.value.code is ErrorCode.NOT_FOUND


async def test_an_action_that_was_completed_just_before_the_end_is_paid(
    desk: Counter, clock: ManualClock
) -> None:
    """PM18, PM71: cancelling finds that it had succeeded."""
    session = await desk.opens()
    desk.cashier.bank.next(ACTION)
    await desk.pays(session)
    payment = (await payments(desk.store))[0]
    desk.cashier.bank.becomes(payment.id, SUCCEEDED)
    clock.advance(timedelta(hours=24))
    for job in desk.flow.jobs():
        await job.run(desk.store)
    assert (await desk.stands(session)).state is State.DONE


async def test_a_checkout_that_nobody_came_back_to_is_told_after_an_hour_and_once(
    desk: Counter, clock: ManualClock
) -> None:
    """PM89a: opened and not paid."""
    session = await desk.opens()
    clock.advance(timedelta(hours=2))
    await desk.run_jobs()
    assert await desk.events(session) == []  # nobody had opened it
    await desk.flow.seen(session)
    clock.advance(timedelta(minutes=59))
    await desk.run_jobs()
    assert await desk.events(session) == []
    clock.advance(timedelta(minutes=1))
    await desk.run_jobs()
    await desk.run_jobs()
    ((kind, data),) = await desk.events(session)
    assert (kind, data["abandonment_reason"], data["status"]) == (
        "abandoned_checkout.detected",
        "checkout_incomplete",
        "abandoned",
    )
    assert (data["payment_id"], data["customer_id"]) == (None, session.customer_id)


async def test_a_declined_checkout_that_is_paid_later_was_recovered(
    desk: Counter, clock: ManualClock
) -> None:
    """PM89a, PM19b: the payment that failed and the one that made it good stand beside each other."""
    session = await desk.opens()
    desk.cashier.bank.next(declined())
    await desk.pays(session)
    clock.advance(timedelta(minutes=60))
    await desk.run_jobs()
    await desk.pays(session, 2)
    failed, paid = await payments(desk.store)
    assert [kind for kind, _ in await desk.events(session)] == [
        "abandoned_checkout.detected",
        "checkout.completed",
        "abandoned_checkout.recovered",
    ]
    last = (await desk.events(session))[-1][1]
    assert (last["abandonment_reason"], last["status"]) == ("payment_failed", "recovered")
    assert (last["payment_id"], last["recovered_payment_id"]) == (failed.id, paid.id)


async def test_a_session_of_nobody_yet_is_never_abandoned(desk: Counter, clock: ManualClock) -> None:
    """PM89a: the customer has to be known."""
    session = await desk.opens(payer=None)
    await desk.flow.seen(session)
    clock.advance(timedelta(minutes=61))
    await desk.run_jobs()
    assert await desk.events(session) == []


async def test_whoever_is_not_verified_uses_no_balance_whatever_the_form_says(desk: Counter) -> None:
    """PM75, CU8."""
    wallet = await desk.store.write(lambda tx: a_wallet(tx, 50_00))
    email = (await desk.store.read(lambda tx: customer_rows.known(tx, wallet.customer_id))).email
    session = await desk.opens(payer=Payer(email))
    assert session.customer_id == wallet.customer_id
    await desk.pays(session, use_wallet=True, keep=True)
    payment = (await payments(desk.store))[0]
    assert (payment.wallet_minor, payment.source_minor) == (0, 30_00)
    assert await balance(desk.store, wallet.customer_id) == 50_00


async def test_a_visitor_who_goes_away_changes_nothing(desk: Counter) -> None:
    """§3.4: what has begun ends."""
    session = await desk.opens()
    desk.cashier.bank.gate = asyncio.Event()
    visitor = asyncio.create_task(desk.pays(session))
    while not desk.cashier.bank.calls["charge"]:
        await asyncio.sleep(0)
    visitor.cancel()
    desk.cashier.bank.gate.set()
    await desk.cashier.flow.close()
    assert (await desk.stands(session)).state is State.DONE


async def test_what_is_left_of_a_link_is_its_hash(desk: Counter) -> None:
    """PM86: whoever reads the table cannot open a page."""
    new = NewSession(Purpose.PAYMENT, "USD", (Line("A", 1, 100),), options=PageOptions())
    session, token = await desk.store.write(lambda tx: sessions.create(tx, new, PAYMENT_RULES, "key"))
    assert token is not None
    stored = await desk.store.read(lambda tx: rows.get(tx, session.id))
    assert stored is not None
    assert token not in str(stored)
    assert (await tokens.session_of(desk.store, token)) == stored
    assert await tokens.session_of(desk.store, stored.token_hash) is None
