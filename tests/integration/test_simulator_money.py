"""Refunds, disputes, and customers who are asked: what follows a charge at the simulator (payments.md §5, §6, §9)."""

from datetime import timedelta

import pytest

from saifu.processors.contract import ChargeState, RefundOrder, RefundState
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator import Simulator
from saifu.processors.simulator.approvals import Reply
from saifu.refusals import ErrorCode, Refusal, TransitionNotAllowed
from tests.simulated import Till

UNLESS_SET_UP = "4000002500003155"


@pytest.fixture
def till(store, clock):
    return Till(Simulator(store), clock)


def a_refund(amount_minor=10_00, reference="ref_1", currency="USD", of="pay_1"):
    return RefundOrder(reference, of, None, amount_minor, currency)


async def asked(till, number, reference="pay_1"):
    """The token of the page that a charge of this card leads to."""
    answer = await till.charge(await till.instrument(number), reference, on_session=True)
    assert answer.state is ChargeState.ACTION_REQUIRED
    assert answer.three_ds == {"status": None, "flow": "challenge", "version": "2.2.0"}
    return answer.action_url.rpartition("/")[2]


@pytest.mark.parametrize(
    ("number", "state", "code"),
    [
        (UNLESS_SET_UP, ChargeState.SUCCEEDED, None),
        ("4000002760003184", ChargeState.SUCCEEDED, None),
        ("4000003800000446", ChargeState.SUCCEEDED, None),
        ("4000000000003220", ChargeState.SUCCEEDED, None),
        ("4000008260003178", ChargeState.DECLINED, DeclineCode.INSUFFICIENT_FUNDS),
        ("4000008400001629", ChargeState.DECLINED, DeclineCode.GENERIC_DECLINE),
    ],
)
async def test_after_3ds_the_card_says_what_it_says(till, number, state, code):
    """§9, PM94: authenticated, and then charged or not."""
    await till.simulator.reply(await asked(till, number), Reply.AUTHORISE)
    answer = await till.simulator.look_up("pay_1")
    assert (answer.state, answer.code) == (state, code)
    assert answer.three_ds["status"] == "authenticated"
    assert answer.action_url is None


async def test_a_customer_who_fails_3ds_is_declined(till):
    """PM94."""
    token = await asked(till, "4000000000003220")
    await till.simulator.reply(token, Reply.DECLINE)
    await till.simulator.reply(token, Reply.AUTHORISE)
    answer = await till.simulator.look_up("pay_1")
    assert (answer.state, answer.code) == (ChargeState.DECLINED, DeclineCode.AUTHENTICATION_FAILURE)
    assert answer.three_ds["status"] == "failed"


async def test_a_customer_who_closes_the_page_has_ten_minutes_to_come_back(till):
    """PM94: AUTHENTICATION_TIMEOUT, exactly at the end."""
    token = await asked(till, "4000000000003220")
    await till.simulator.reply(token, Reply.CLOSE)
    assert await till.state("pay_1", 599) is ChargeState.ACTION_REQUIRED
    assert await till.state("pay_1", 1) is ChargeState.DECLINED
    answer = await till.simulator.look_up("pay_1")
    assert answer.code is DeclineCode.AUTHENTICATION_TIMEOUT
    await till.simulator.reply(token, Reply.AUTHORISE)
    assert await till.state("pay_1") is ChargeState.DECLINED


async def test_a_card_that_was_set_up_once_is_charged_without_its_customer(till):
    """§9: 4000002500003155."""
    ref = await till.instrument(UNLESS_SET_UP)
    assert (await till.charge(ref)).code is DeclineCode.AUTHENTICATION_REQUIRED
    answer = await till.charge(ref, on_session=True)
    await till.simulator.reply(answer.action_url.rpartition("/")[2], Reply.AUTHORISE)
    assert (await till.charge(ref)).state is ChargeState.SUCCEEDED
    assert (await till.charge(ref, on_session=True)).state is ChargeState.SUCCEEDED


@pytest.mark.parametrize(
    ("number", "begins", "ends"),
    [
        ("4242424242424242", RefundState.SUCCEEDED, RefundState.SUCCEEDED),
        ("4000000000007726", RefundState.PENDING, RefundState.SUCCEEDED),
        ("4000000000005126", RefundState.PENDING, RefundState.FAILED),
    ],
)
async def test_a_refund_takes_the_time_and_the_end_of_its_card(till, number, begins, ends):
    """§9."""
    await till.charge(await till.instrument(number), "pay_1")
    assert (await till.simulator.refund(a_refund())).state is begins
    till.clock.advance(timedelta(seconds=5))
    answer = await till.simulator.look_up_refund(a_refund())
    assert answer.state is ends
    assert (answer.failure_reason is None) == (ends is RefundState.SUCCEEDED)
    assert (answer.network_reference is None) == (ends is RefundState.FAILED)
    assert (await till.simulator.refund(a_refund())).processor_ref == answer.processor_ref


async def test_a_pending_refund_holds_its_amount_and_a_failed_one_frees_it(till):
    """PM43, PM49a."""
    await till.charge(await till.instrument("4000000000005126"), "pay_1")
    await till.simulator.refund(a_refund())
    assert (await till.simulator.refund(a_refund(1, "ref_2"))).failure_reason == "amount_exceeds_charge"
    till.clock.advance(timedelta(seconds=5))
    assert (await till.simulator.refund(a_refund(10_00, "ref_3"))).state is RefundState.PENDING


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (a_refund(of="pay_none"), "charge_not_found"),
        (a_refund(of="pay_declined"), "charge_not_succeeded"),
        (a_refund(currency="EUR"), "currency_mismatch"),
        (a_refund(0), "amount_exceeds_charge"),
        (a_refund(10_01), "amount_exceeds_charge"),
    ],
)
async def test_a_refund_that_makes_no_sense_fails_and_is_recorded(till, order, reason):
    await till.charge(await till.instrument(), "pay_1")
    await till.charge(await till.instrument("4000000000000341"), "pay_declined")
    assert (await till.simulator.refund(order)).failure_reason == reason
    assert [each.moved for each in await till.simulator.record() if each.kind == "refund"] == [False]


async def disputed(till, number):
    """The charge of a card that is disputed by itself, and the dispute once it is there."""
    await till.charge(await till.instrument(number), "pay_1")
    till.clock.advance(timedelta(seconds=5))
    now = till.clock.now()
    due = await till.simulator.due_callbacks(now)
    said = [callback for each in due for callback in till.simulator.callbacks(each.headers, each.body, now)]
    (about,) = [each for each in said if each.kind == "dispute"]
    return await till.simulator.look_up_dispute(about.processor_ref)


@pytest.mark.parametrize(
    ("number", "stage", "reason"),
    [
        ("4000000000000259", "dispute", "fraudulent"),
        ("4000000000002685", "dispute", "product_not_received"),
        ("4000000000001976", "pre_dispute", "fraudulent"),
    ],
)
async def test_three_cards_are_disputed_by_themselves(till, number, stage, reason):
    """§9, PM50, PM53: with four days to answer."""
    report = await disputed(till, number)
    assert (report.stage, report.reason, report.outcome) == (stage, reason, None)
    assert (report.charge_reference, report.amount_minor, report.currency) == ("pay_1", 10_00, "USD")
    assert report.respond_by == till.clock.now() + timedelta(days=4)


async def test_nobody_hears_of_a_dispute_before_it_opens(till):
    await till.charge(await till.instrument("4000000000000259"), "pay_1")
    assert not [
        each for each in await till.simulator.due_callbacks(till.clock.now()) if b"dispute" in each.body
    ]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("winning_evidence", "won"), ("losing_evidence", "lost"), ("We did nothing wrong.", None)],
)
async def test_the_words_of_the_evidence_decide(till, text, outcome):
    """PM59c: a little later, as a bank would."""
    ref = (await disputed(till, "4000000000000259")).processor_ref
    assert (await till.simulator.submit_evidence(ref, text)).outcome is None
    till.clock.advance(timedelta(seconds=5))
    assert (await till.simulator.look_up_dispute(ref)).outcome == outcome
    told = [each for each in await till.simulator.due_callbacks(till.clock.now()) if b"dispute" in each.body]
    assert bool(told) == (outcome is not None)


async def test_an_accepted_dispute_is_lost_and_a_withdrawn_one_cancelled(till):
    """PM52, PM54; DISPUTE_NOT_CHALLENGEABLE afterwards."""
    ref = (await disputed(till, "4000000000000259")).processor_ref
    assert (await till.simulator.accept_dispute(ref)).outcome == "lost"
    with pytest.raises(Refusal) as no:
        await till.simulator.withdraw_dispute(ref)
    assert no.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE
    await till.charge(await till.instrument(), "pay_2")
    opened = await till.simulator.open_dispute("pay_2", "dispute")
    assert (await till.simulator.withdraw_dispute(opened.processor_ref)).outcome == "cancelled"


async def test_an_escalated_dispute_is_the_same_one_a_stage_higher_and_open_again(till):
    """PM58."""
    report = await disputed(till, "4000000000001976")
    ref = report.processor_ref
    await till.simulator.withdraw_dispute(ref)
    for stage in ("dispute", "pre_arbitration"):
        raised = await till.simulator.escalate_dispute(ref)
        assert (raised.stage, raised.outcome, raised.processor_ref) == (stage, None, ref)
    with pytest.raises(TransitionNotAllowed):
        await till.simulator.escalate_dispute(ref)


async def test_a_refund_closes_an_inquiry_and_waits_for_a_dispute(till):
    """PM49."""
    inquiry = await disputed(till, "4000000000001976")
    assert (await till.simulator.refund(a_refund())).state is RefundState.SUCCEEDED
    assert (await till.simulator.look_up_dispute(inquiry.processor_ref)).outcome == "cancelled"
    await till.charge(await till.instrument(), "pay_2")
    await till.simulator.open_dispute("pay_2", "dispute")
    assert (await till.simulator.refund(a_refund(1, "ref_2", of="pay_2"))).failure_reason == "charge_disputed"


@pytest.mark.parametrize(("charge", "stage"), [("pay_none", "dispute"), ("pay_1", "trial")])
async def test_a_dispute_needs_a_charge_and_a_stage(till, charge, stage):
    await till.charge(await till.instrument(), "pay_1")
    with pytest.raises(Refusal) as no:
        await till.simulator.open_dispute(charge, stage)
    assert no.value.code in {ErrorCode.NOT_FOUND, ErrorCode.INVALID_REQUEST_PARAMETERS}
