"""Disputes on both engines: what a bank says, what a merchant answers, what a wallet bears (PM50-PM59, W65-W67)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import wallets
from saifu.clock import ManualClock
from saifu.disputes import rows
from saifu.disputes.answering import Answer, Asked
from saifu.disputes.flow import DisputeFlow
from saifu.processors.contract import DisputeReport
from saifu.refunds.begin import NewRefund
from saifu.refunds.flow import RefundFlow
from saifu.refunds.rows import Destination
from saifu.refusals import ErrorCode, IdempotencyKeyReused, Refusal, TransitionNotAllowed
from saifu.store import Origin, Store, Tx
from saifu.tables import Dispute, Event, Payment
from tests.builders import a_customer, post
from tests.footprint import footprint, grown
from tests.refunding import Fake, a_gift, a_payment, dispute_flow, refund_flow, run_jobs

BY = Origin()
_EVENTS = select(Event).where(col(Event.object_id) == bindparam("object_id")).order_by(col(Event.sequence))


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def flow(store: Store, fake: Fake) -> DisputeFlow:
    return dispute_flow(store, fake)


def a_report(payment: Payment, amount: int = 6_000, **given: Any) -> DisputeReport:
    usual = {"stage": "dispute", "reason": "fraudulent", "processor_ref": f"dp_{payment.id}"}
    return DisputeReport(charge_reference=payment.id, amount_minor=amount, currency="USD", **(usual | given))


async def reported(flow: DisputeFlow, fake: Fake, report: DisputeReport) -> Dispute:
    fake.disputes[report.processor_ref] = report
    dispute = await flow.look("fake", report.processor_ref)
    assert dispute is not None
    return dispute


async def challenged(flow: DisputeFlow, dispute: Dispute, text: str = "a receipt", **given: Any) -> Dispute:
    return (await flow.answer(Answer(dispute.id, Asked.CHALLENGE, text, **given), BY)).value


async def accepted(flow: DisputeFlow, dispute: Dispute, **given: Any) -> Dispute:
    return (await flow.answer(Answer(dispute.id, Asked.ACCEPT, **given), BY)).value


async def told(store: Store, dispute: Dispute) -> list[str]:
    events = await store.read(lambda tx: tx.all(_EVENTS, object_id=dispute.id))
    return [event.type for event in events]


async def balance(store: Store, customer_id: str | None) -> int:
    key = str(customer_id), "USD"
    return (await store.read(lambda tx: wallets.views(tx, [key])))[key].balance_minor


def topped_up(tx: Tx) -> Payment:
    return a_payment(tx, 6_000, customer_id=a_customer(tx).id, purpose="wallet_top_up")


async def test_a_chargeback_takes_a_top_up_out_of_the_wallet_and_a_win_returns_it(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """W66 (a), W67, PM50, PM51, PM55."""
    payment = await store.write(topped_up)
    dispute = await reported(flow, fake, a_report(payment))
    assert (dispute.status, dispute.wallet_minor, dispute.wallet_shortfall_minor) == (
        "dispute_opened",
        6_000,
        0,
    )
    assert await balance(store, payment.customer_id) == 0
    assert (await challenged(flow, dispute)).status == "dispute_challenged"
    won = await reported(flow, fake, a_report(payment, outcome="won"))
    assert (won.id, won.status, won.wallet_minor) == (dispute.id, "dispute_won", 0)
    assert await balance(store, payment.customer_id) == 6_000
    assert await told(store, dispute) == ["dispute.opened", "dispute.challenged", "dispute.won"]


async def test_a_wallet_is_clawed_back_as_far_as_it_reaches_and_never_below_zero(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """W66, W13: paid lots first, then promotional; the rest is the shortfall and later credits are not seized."""

    def spent(tx: Tx) -> Payment:
        payment = topped_up(tx)
        post(tx, str(payment.customer_id), -5_000)
        a_gift(tx, str(payment.customer_id), 300)
        return payment

    payment = await store.write(spent)
    dispute = await reported(flow, fake, a_report(payment))
    assert (dispute.wallet_minor, dispute.wallet_shortfall_minor) == (1_300, 4_700)
    assert await balance(store, payment.customer_id) == 0
    await store.write(lambda tx: post(tx, str(payment.customer_id), 9_000))
    assert await balance(store, payment.customer_id) == 9_000
    lost = await reported(flow, fake, a_report(payment, outcome="lost"))
    assert (lost.status, lost.wallet_minor, lost.wallet_shortfall_minor) == ("dispute_lost", 1_300, 4_700)
    assert await balance(store, payment.customer_id) == 9_000


async def test_what_was_refunded_into_the_wallet_is_clawed_back_and_nothing_else(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """W66 (b), W67: of a dispute of 6 000, the 2 500 that came into the wallet; withdrawn, into the same lots."""

    def with_gift(tx: Tx) -> Payment:
        payment = a_payment(tx)
        a_gift(tx, str(payment.customer_id), 100)
        return payment

    payment = await store.write(with_gift)
    refunds = refund_flow(store, fake)
    await refunds.create(NewRefund(payment.id, 2_500, destination=Destination.WALLET), BY)
    dispute = await reported(flow, fake, a_report(payment))
    assert (dispute.wallet_minor, dispute.wallet_shortfall_minor) == (2_500, 0)
    assert await balance(store, payment.customer_id) == 100
    cancelled = await reported(flow, fake, a_report(payment, outcome="cancelled"))
    assert cancelled.status == "dispute_cancelled"
    key = str(payment.customer_id), "USD"
    view = (await store.read(lambda tx: wallets.views(tx, [key])))[key]
    assert (view.paid_minor, view.promotional_minor) == (2_500, 100)


async def test_a_plain_card_payment_leaves_the_wallet_alone(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """W66: the money never was in it."""

    def beside_money(tx: Tx) -> Payment:
        payment = a_payment(tx)
        post(tx, str(payment.customer_id), 900)
        return payment

    payment = await store.write(beside_money)
    dispute = await reported(flow, fake, a_report(payment))
    assert (dispute.wallet_minor, dispute.wallet_shortfall_minor) == (0, 0)
    assert await balance(store, payment.customer_id) == 900


async def test_the_wallets_part_cannot_be_disputed(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    """PM59: at most the source's part. W65: a payment by wallet alone not at all."""

    def mixed(tx: Tx, source: int) -> Payment:
        customer = a_customer(tx)
        post(tx, customer.id, 4_000)
        return a_payment(tx, source=source, wallet=4_000, customer_id=customer.id)

    payment = await store.write(lambda tx: mixed(tx, 6_000))
    assert (await reported(flow, fake, a_report(payment, 10_000))).amount_minor == 6_000
    by_wallet = await store.write(lambda tx: mixed(tx, 0))
    before = await footprint(store)
    assert await flow.apply_report("fake", a_report(by_wallet, 4_000)) is None
    assert grown(before, await footprint(store)) == {}


async def test_a_report_of_what_is_not_ours_opens_nothing(store: Store, flow: DisputeFlow) -> None:
    payment = await store.write(a_payment)
    before = await footprint(store)
    for report in (
        replace(a_report(payment), charge_reference="pay_unknown"),
        replace(a_report(payment), currency="EUR"),
    ):
        assert await flow.apply_report("fake", report) is None
    assert await flow.apply_report("another", a_report(payment)) is None
    assert await flow.look("another", "dp_1") is None
    assert await flow.look("fake", "dp_unknown") is None
    assert grown(before, await footprint(store)) == {}


async def test_an_inquiry_moves_no_money_and_expires_to_nothing(
    store: Store, flow: DisputeFlow, fake: Fake, clock: ManualClock
) -> None:
    """PM50, PM53 at stage pre_dispute; PM58: it may still become a dispute, under the same id."""
    payment = await store.write(topped_up)
    inquiry = await reported(flow, fake, a_report(payment, stage="pre_dispute"))
    assert await balance(store, payment.customer_id) == 6_000
    clock.advance(timedelta(days=4))
    await run_jobs(store, flow)
    assert (await store.read(lambda tx: rows.existing(tx, inquiry.id))).status == "dispute_expired"
    assert await balance(store, payment.customer_id) == 6_000
    raised = await reported(flow, fake, a_report(payment))
    assert (raised.id, raised.stage, raised.status) == (inquiry.id, "dispute", "dispute_opened")
    assert raised.respond_by == clock.now() + timedelta(days=4)
    assert await balance(store, payment.customer_id) == 0
    assert await told(store, inquiry) == ["dispute.opened", "dispute.expired", "dispute.opened"]


async def test_an_unanswered_dispute_is_lost_at_its_deadline_to_the_second(
    store: Store, flow: DisputeFlow, fake: Fake, clock: ManualClock
) -> None:
    """PM53: 4 days, exact at read; the money stays out."""
    payment = await store.write(topped_up)
    dispute = await reported(flow, fake, a_report(payment))
    clock.advance(timedelta(days=4) - timedelta(seconds=1))
    await run_jobs(store, flow)
    assert rows.status_of(await _stored(store, dispute), clock.now()) == "dispute_opened"
    clock.advance(timedelta(seconds=1))
    assert rows.status_of(await _stored(store, dispute), clock.now()) == "dispute_expired"
    with pytest.raises(Refusal) as no:
        await challenged(flow, dispute)
    assert no.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE
    with pytest.raises(TransitionNotAllowed):
        await accepted(flow, dispute)
    assert fake.told == []
    await run_jobs(store, flow)
    assert (await _stored(store, dispute)).status == "dispute_expired"
    assert await balance(store, payment.customer_id) == 0


async def _stored(store: Store, dispute: Dispute) -> Dispute:
    return await store.read(lambda tx: rows.existing(tx, dispute.id))


async def test_a_bank_that_says_until_when_is_believed(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    payment = await store.write(a_payment)
    until = store.clock.now() + timedelta(days=9)
    assert (await reported(flow, fake, a_report(payment, respond_by=until))).respond_by == until


async def test_an_accepted_dispute_is_final(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    """PM52: the money stays out, whatever is said of this stage later."""
    payment = await store.write(topped_up)
    dispute = await reported(flow, fake, a_report(payment))
    assert (await accepted(flow, dispute)).status == "dispute_accepted"
    assert fake.told == [(dispute.processor_ref, "accepted")]
    assert (await reported(flow, fake, a_report(payment, outcome="won"))).status == "dispute_accepted"
    with pytest.raises(TransitionNotAllowed) as no:
        await accepted(flow, dispute)
    assert (no.value.from_state, no.value.to_state) == ("dispute_accepted", "dispute_accepted")
    assert await balance(store, payment.customer_id) == 0


async def test_an_inquiry_that_was_accepted_may_become_a_dispute_all_the_same(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """PM58, PM49: its money is out then, whatever was said of the inquiry, and is not refunded as well."""
    payment = await store.write(topped_up)
    await accepted(flow, await reported(flow, fake, a_report(payment, stage="pre_dispute")))
    raised = await reported(flow, fake, a_report(payment))
    assert (raised.stage, raised.status, raised.wallet_minor) == ("dispute", "dispute_opened", 6_000)
    assert (await no_to(refund_flow(store, fake), NewRefund(payment.id))).code is ErrorCode.PAYMENT_DISPUTED


@pytest.mark.parametrize(("outcome", "status"), [("cancelled", "dispute_cancelled"), ("won", "dispute_won")])
async def test_what_the_bank_gives_back_after_our_deadline_is_back(
    store: Store, flow: DisputeFlow, fake: Fake, clock: ManualClock, outcome: str, status: str
) -> None:
    """PM53-PM55, W67: that nobody has answered in time is our clock's word, and the money is the bank's."""
    payment = await store.write(topped_up)
    await reported(flow, fake, a_report(payment))
    clock.advance(timedelta(days=5))
    await run_jobs(store, flow)
    late = await reported(flow, fake, a_report(payment, outcome=outcome))
    assert (late.status, await balance(store, payment.customer_id)) == (status, 6_000)
    assert await told(store, late) == ["dispute.opened", "dispute.expired", f"dispute.{outcome}"]


async def test_evidence_is_submitted_once_in_each_stage(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    """PM58, PM59c."""
    payment = await store.write(a_payment)
    dispute = await reported(flow, fake, a_report(payment))
    await challenged(flow, dispute, "first")
    with pytest.raises(Refusal) as no:
        await challenged(flow, dispute, "again")
    assert no.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE
    await reported(flow, fake, a_report(payment, outcome="won"))
    raised = await reported(flow, fake, a_report(payment, stage="pre_arbitration"))
    assert (raised.stage, raised.status) == ("pre_arbitration", "dispute_opened")
    after = await challenged(flow, raised, "second")
    assert [(one["stage"], one["text"]) for one in rows.evidence(after)] == [
        ("dispute", "first"), ("pre_arbitration", "second")
    ]  # fmt: skip
    assert [what for _, what in fake.told] == ["first", "second"]


@pytest.mark.parametrize(("text", "why"), [("", "evidence"), ("   ", "evidence"), ("x" * 20_001, "evidence")])
async def test_evidence_has_1_to_20_000_characters(
    store: Store, flow: DisputeFlow, fake: Fake, text: str, why: str
) -> None:
    """PM59c."""
    dispute = await reported(flow, fake, a_report(await store.write(a_payment)))
    with pytest.raises(Refusal) as no:
        await challenged(flow, dispute, text)
    assert (no.value.code, no.value.path) == (ErrorCode.INVALID_REQUEST_PARAMETERS, ("input", why))
    assert (await challenged(flow, dispute, "x" * 20_000)).status == "dispute_challenged"


async def test_a_disputed_bank_debit_is_lost_at_once(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    """PM57, SR85."""
    payment = await store.write(lambda tx: a_payment(tx, payment_method="sepa_debit"))
    dispute = await reported(flow, fake, a_report(payment))
    assert dispute.status == "dispute_lost"
    assert await told(store, dispute) == ["dispute.opened", "dispute.lost"]
    with pytest.raises(Refusal) as no:
        await challenged(flow, dispute)
    assert no.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE


async def test_an_answer_the_processor_did_not_take_is_given_again(
    store: Store, flow: DisputeFlow, fake: Fake, clock: ManualClock
) -> None:
    """§3.4: it stays open, cannot expire meanwhile, and cannot be answered otherwise."""
    dispute = await reported(flow, fake, a_report(await store.write(a_payment)))
    clock.advance(timedelta(days=3))
    fake.is_silent = True
    waiting = await challenged(flow, dispute, "a receipt", idempotency_key="challenge_1")
    assert (waiting.status, waiting.asked) == ("dispute_opened", "challenge")
    with pytest.raises(TransitionNotAllowed):
        await accepted(flow, dispute)
    clock.advance(timedelta(days=2))
    await run_jobs(store, flow)
    assert rows.status_of(await _stored(store, dispute), clock.now()) == "dispute_opened"
    fake.is_silent = False
    clock.advance(timedelta(minutes=2))
    await asyncio.gather(run_jobs(store, flow), run_jobs(store, dispute_flow(store, fake)))
    assert (await _stored(store, dispute)).status == "dispute_challenged"
    assert fake.told == [(dispute.processor_ref, "a receipt")]
    again = await flow.answer(Answer(dispute.id, Asked.CHALLENGE, "a receipt", "challenge_1"), BY)
    assert (again.value.status, again.replayed) == ("dispute_challenged", True)
    with pytest.raises(IdempotencyKeyReused):
        await flow.answer(Answer(dispute.id, Asked.CHALLENGE, "another", "challenge_1"), BY)


async def test_what_the_bank_has_decided_meanwhile_is_not_answered_any_more(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """The processor says no: the dispute is as the bank has it, and the evidence was never submitted."""
    payment = await store.write(a_payment)
    dispute = await reported(flow, fake, a_report(payment))
    fake.disputes[dispute.processor_ref] = a_report(payment, outcome="lost")
    fake.no = Refusal(ErrorCode.DISPUTE_NOT_CHALLENGEABLE, "The bank has decided.")
    with pytest.raises(Refusal) as no:
        await challenged(flow, dispute)
    assert no.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE
    stored = await _stored(store, dispute)
    assert (stored.status, stored.asked, rows.evidence(stored)) == ("dispute_lost", None, [])


async def test_a_processor_may_decide_at_once(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    """PM59c: the simulator does, by what the evidence says."""
    payment = await store.write(a_payment)
    dispute = await reported(flow, fake, a_report(payment))
    fake.disputes[dispute.processor_ref] = a_report(payment, outcome="won")
    assert (await challenged(flow, dispute, "winning_evidence")).status == "dispute_won"
    assert await told(store, dispute) == ["dispute.opened", "dispute.challenged", "dispute.won"]


async def test_the_same_reports_in_any_order_any_number_of_times_move_money_once(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """T10."""
    payment = await store.write(topped_up)
    opened, lost = a_report(payment), a_report(payment, outcome="lost")
    inquiry = a_report(payment, stage="pre_dispute")
    for report in (
        opened,
        opened,
        inquiry,
        lost,
        opened,
        lost,
        inquiry,
        replace(inquiry, outcome="cancelled"),
    ):
        dispute = await flow.apply_report("fake", report)
    assert dispute is not None
    assert (dispute.stage, dispute.status, dispute.wallet_minor) == ("dispute", "dispute_lost", 6_000)
    assert await told(store, dispute) == ["dispute.opened", "dispute.lost"]
    assert await balance(store, payment.customer_id) == 0
    together = [flow.apply_report("fake", a_report(payment, processor_ref="dp_2")) for _ in range(10)]
    assert len({each.id for each in await asyncio.gather(*together) if each}) == 1


async def test_while_the_bank_has_the_money_the_source_is_not_refunded(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """PM49: PAYMENT_DISPUTED, open or lost; a dispute that was won stands in nobody's way."""
    payment = await store.write(a_payment)
    refunds = refund_flow(store, fake)
    dispute = await reported(flow, fake, a_report(payment))
    with pytest.raises(Refusal) as no:
        await refunds.create(NewRefund(payment.id, 1), BY)
    assert no.value.code is ErrorCode.PAYMENT_DISPUTED
    await challenged(flow, dispute)
    await reported(flow, fake, a_report(payment, outcome="won"))
    assert (await refunds.create(NewRefund(payment.id, 1), BY)).value.status == "succeeded"
    other = await store.write(a_payment)
    await reported(flow, fake, a_report(other, outcome="lost"))
    with pytest.raises(Refusal) as no:
        await refunds.create(NewRefund(other.id, 1), BY)
    assert no.value.code is ErrorCode.PAYMENT_DISPUTED


async def test_while_the_bank_has_the_money_it_is_not_paid_into_the_wallet_either(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """PM49: PAYMENT_DISPUTED, else the merchant would pay twice; what the wallet had paid goes back into it."""
    payment = await store.write(mixed)
    into_wallet = partial(NewRefund, payment.id, destination=Destination.WALLET)
    refunds = refund_flow(store, fake)
    await reported(flow, fake, a_report(payment))
    for too_much in (4_001, 10_000):
        assert (await no_to(refunds, into_wallet(too_much))).code is ErrorCode.PAYMENT_DISPUTED
    part = (await refunds.create(into_wallet(1_000), BY)).value
    assert (part.status, part.of_source_minor, part.wallet_minor) == ("succeeded", 0, 1_000)
    rest = (await refunds.create(into_wallet(), BY)).value
    assert (rest.status, rest.of_source_minor, rest.wallet_minor) == ("succeeded", 0, 3_000)
    assert await balance(store, payment.customer_id) == 4_000
    for no_more in (1, None):
        assert (await no_to(refunds, into_wallet(no_more))).code is ErrorCode.PAYMENT_DISPUTED
    await reported(flow, fake, a_report(payment, outcome="cancelled"))
    assert (await refunds.create(into_wallet(), BY)).value.of_source_minor == 6_000


def mixed(tx: Tx) -> Payment:
    customer = a_customer(tx)
    post(tx, customer.id, 4_000)
    return a_payment(tx, source=6_000, wallet=4_000, customer_id=customer.id)


async def no_to(refunds: RefundFlow, new: NewRefund) -> Refusal:
    with pytest.raises(Refusal) as no:
        await refunds.create(new, BY)
    return no.value


async def test_a_refund_that_the_bank_has_claimed_is_not_taken_back_as_well(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """W62, W66: the customer would pay twice."""
    payment = await store.write(a_payment)
    refunds = refund_flow(store, fake)
    refund = (await refunds.create(NewRefund(payment.id, destination=Destination.WALLET), BY)).value
    await reported(flow, fake, a_report(payment))
    await store.write(lambda tx: post(tx, str(payment.customer_id), 9_000))
    with pytest.raises(Refusal) as no:
        await refunds.void(refund.id, "void_1", BY)
    assert no.value.code is ErrorCode.PAYMENT_DISPUTED


async def test_a_refund_closes_an_inquiry(store: Store, flow: DisputeFlow, fake: Fake) -> None:
    """PM49: allowed at stage pre_dispute, and there is nothing left to ask."""
    payment = await store.write(a_payment)
    inquiry = await reported(flow, fake, a_report(payment, stage="pre_dispute"))
    refund = (await refund_flow(store, fake).create(NewRefund(payment.id), BY)).value
    assert refund.status == "succeeded"
    assert (await _stored(store, inquiry)).status == "dispute_cancelled"
    assert await told(store, inquiry) == ["dispute.opened", "dispute.cancelled"]


async def test_a_late_dispute_of_a_deleted_customer_is_kept_and_has_no_wallet_to_go_to(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """CU57."""
    from saifu import customers

    payment = await store.write(topped_up)
    await store.write(lambda tx: customers.delete(tx, str(payment.customer_id), True))
    dispute = await reported(flow, fake, a_report(payment))
    assert (dispute.wallet_minor, dispute.wallet_shortfall_minor) == (0, 6_000)
    won = await reported(flow, fake, a_report(payment, outcome="won"))
    assert (won.status, won.wallet_shortfall_minor) == ("dispute_won", 0)


async def test_an_event_says_the_amount_as_text_and_as_number_and_keeps_the_evidence_back(
    store: Store, flow: DisputeFlow, fake: Fake
) -> None:
    """Payments §6; customers read their own events."""
    dispute = await reported(flow, fake, a_report(await store.write(a_payment)))
    await challenged(flow, dispute, "they wrote that they love it")
    *_, last = await store.read(lambda tx: tx.all(_EVENTS, object_id=dispute.id))
    data = orjson.loads(last.data_json)
    assert (data["payload_type"], data["amount"], data["amount_minor"]) == ("Dispute", "6000", 6_000)
    assert data["evidence"] == [{"stage": "dispute", "submitted_at": "2026-01-15T09:30:00.000000Z"}]
