"""What every processor keeps to, whichever it is: one suite, written against the protocol alone (PM29)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from saifu.processors.contract import (
    CallbackKind,
    ChargeSeen,
    ChargeState,
    ForgedCallback,
    RefundOrder,
    RefundState,
    SourceOrder,
)
from saifu.processors.declines import DECLINES, DeclineCode
from saifu.refusals import ErrorCode, Refusal
from tests.processors import CUSTOMER, WORLDS, World, a_charge


@pytest.fixture(params=sorted(WORLDS))
async def world(request, store, clock):
    async with WORLDS[request.param](store, clock) as opened:
        yield opened


def a_refund(
    amount_minor: int, reference: str = "ref_1", of: str = "pay_1", ref: str | None = None
) -> RefundOrder:
    return RefundOrder(reference, of, ref, amount_minor, "USD")


async def test_a_card_shows_what_may_be_kept_of_it_and_no_more(world: World) -> None:
    """SR92: brand, last4, expiry, funding, country, name, fingerprint."""
    made = await world.processor.instrument(world.good, "src_1")
    assert made.type == "card"
    assert set(made.detail) <= {
        *("brand", "last4", "exp_month", "exp_year", "funding", "country", "name"),
        *("three_d_secure", "cvc_check"),
    }
    assert len(made.detail["last4"]) == 4
    assert made.detail["brand"] == "visa"
    assert made.fingerprint
    assert "4242424242" not in repr(made)


async def test_the_same_reference_gets_the_same_instrument(world: World) -> None:
    """SR23: a repetition of a request is not a second use of its token."""
    first, again = [await world.processor.instrument(world.good, "src_1") for _ in range(2)]
    assert first == again


async def test_a_token_that_never_was_is_refused(world: World) -> None:
    with pytest.raises(Refusal) as no:
        await world.processor.instrument("tok_neverWas", "src_1")
    assert no.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS


async def test_a_reference_is_charged_once_however_often_it_is_sent(world: World) -> None:
    """PM29, W46: our reference is the idempotency key."""
    ref = await world.instrument(world.good)
    answers = [await world.processor.charge(a_charge(ref)) for _ in range(3)]
    assert {answer.state for answer in answers} == {ChargeState.SUCCEEDED}
    assert len({answer.processor_ref for answer in answers}) == 1


async def test_a_reference_is_charged_once_when_it_is_sent_at_the_same_moment(world: World) -> None:
    ref = await world.instrument(world.good)
    answers = await asyncio.gather(*[world.processor.charge(a_charge(ref)) for _ in range(5)])
    assert len({answer.processor_ref for answer in answers}) == 1


async def test_another_reference_is_another_charge(world: World) -> None:
    ref = await world.instrument(world.good)
    kept = await world.processor.attach(ref, CUSTOMER, "attach_1")
    of_customer: dict[str, Any] = {
        "customer_id": CUSTOMER.id,
        "customer_ref": kept.customer_ref,
        "is_attached": True,
    }
    one = await world.processor.charge(a_charge(ref, "pay_1", **of_customer))
    two = await world.processor.charge(a_charge(ref, "pay_2", **of_customer))
    assert one.processor_ref != two.processor_ref


async def test_a_charge_is_found_by_our_reference(world: World) -> None:
    """RELIABILITY §3.4: an outcome nobody heard of is asked for."""
    made = await world.charged(world.good)
    found = await world.processor.look_up("pay_1")
    assert found is not None
    assert (found.state, found.processor_ref) == (ChargeState.SUCCEEDED, made.processor_ref)


async def test_a_charge_is_in_the_processors_own_list(world: World) -> None:
    """RELIABILITY §3.4: what reconciliation reads."""
    made = await world.charged(world.good)
    (seen,) = await world.processor.charges_since(datetime(2020, 1, 1, tzinfo=UTC))
    assert seen == ChargeSeen("pay_1", made.processor_ref or "", 12_50, "USD", ChargeState.SUCCEEDED)
    assert await world.processor.charges_since(datetime(2100, 1, 1, tzinfo=UTC)) == []


async def test_a_charge_that_was_never_sent_is_certainly_not_there(world: World) -> None:
    assert await world.processor.look_up("pay_never") is None
    assert await world.processor.cancel("pay_never") is None


async def test_a_decline_is_an_answer_with_a_code_of_ours(world: World) -> None:
    """PM28, PM31."""
    token, code = world.fails
    answer = await world.charged(token)
    assert (answer.state, answer.code) == (ChargeState.DECLINED, code)
    assert answer.raw_code
    found = await world.processor.look_up("pay_1")
    assert found is not None
    assert (found.state, found.code) == (ChargeState.DECLINED, code)


async def test_an_instrument_that_is_not_there_is_declined_and_never_charged(world: World) -> None:
    answer = await world.processor.charge(a_charge("pm_never_was"))
    assert answer.state is ChargeState.DECLINED
    assert answer.code in DECLINES


async def test_attaching_checks_the_instrument(world: World) -> None:
    """SR35."""
    good = await world.processor.attach(await world.instrument(world.good), CUSTOMER, "attach_1")
    assert good.decline is None
    token, code = world.refused
    bad = await world.processor.attach(await world.instrument(token, "src_2"), CUSTOMER, "attach_2")
    assert bad.decline is code


async def test_what_is_attached_can_be_charged_again_and_again(world: World) -> None:
    """SR8."""
    ref = await world.instrument(world.good)
    kept = await world.processor.attach(ref, CUSTOMER, "attach_1")
    of_customer: dict[str, Any] = {
        "customer_id": CUSTOMER.id,
        "customer_ref": kept.customer_ref,
        "is_attached": True,
    }
    for reference in ("pay_1", "pay_2"):
        answer = await world.processor.charge(a_charge(ref, reference, **of_customer))
        assert answer.state is ChargeState.SUCCEEDED


async def test_forgetting_an_instrument_twice_or_one_never_known_is_no_error(world: World) -> None:
    ref = await world.instrument(world.good)
    await world.processor.attach(ref, CUSTOMER, "attach_1")
    await world.processor.detach(ref)
    await world.processor.detach(ref)
    await world.processor.detach("pm_never_was")


async def test_an_absent_customer_is_not_asked(world: World) -> None:
    """PM19a, SR66."""
    answer = await world.charged(world.asks)
    assert (answer.state, answer.code) == (ChargeState.DECLINED, DeclineCode.AUTHENTICATION_REQUIRED)


async def test_a_present_customer_is_asked_and_the_charge_goes_on(world: World) -> None:
    """PM14, PM16."""
    answer = await world.charged(world.asks, on_session=True)
    assert answer.state is ChargeState.ACTION_REQUIRED
    assert answer.action_url
    await world.confirm(answer.action_url)
    found = await world.processor.look_up("pay_1")
    assert found is not None
    assert found.state is ChargeState.SUCCEEDED
    assert found.three_ds is not None
    assert found.three_ds["status"] == "authenticated"


async def test_a_charge_that_waits_can_be_given_up_and_stays_so(world: World) -> None:
    """PM18."""
    await world.charged(world.asks, on_session=True)
    for _ in range(2):
        given_up = await world.processor.cancel("pay_1")
        assert given_up is not None
        assert given_up.state is ChargeState.CANCELLED
    found = await world.processor.look_up("pay_1")
    assert found is not None
    assert found.state is ChargeState.CANCELLED


async def test_a_charge_that_has_succeeded_cannot_be_given_up(world: World) -> None:
    await world.charged(world.good)
    answer = await world.processor.cancel("pay_1")
    assert answer is not None
    assert answer.state is ChargeState.SUCCEEDED


async def test_a_refund_is_made_once_for_each_reference(world: World) -> None:
    charged = await world.charged(world.good)
    order = a_refund(5_00, ref=charged.processor_ref)
    first, again = await world.processor.refund(order), await world.processor.refund(order)
    assert first.state is RefundState.SUCCEEDED
    assert first.processor_ref == again.processor_ref
    found = await world.processor.look_up_refund(order)
    assert found is not None
    assert (found.state, found.processor_ref) == (RefundState.SUCCEEDED, first.processor_ref)


async def test_refunds_never_exceed_the_charge(world: World) -> None:
    """PM43, at the processor too."""
    charged = await world.charged(world.good)
    ref = charged.processor_ref
    assert (await world.processor.refund(a_refund(10_00, "ref_1", ref=ref))).state is RefundState.SUCCEEDED
    too_much = await world.processor.refund(a_refund(2_51, "ref_2", ref=ref))
    assert too_much.state is RefundState.FAILED
    assert too_much.failure_reason
    assert (await world.processor.refund(a_refund(2_50, "ref_3", ref=ref))).state is RefundState.SUCCEEDED


async def test_a_declined_charge_is_not_refunded(world: World) -> None:
    answer = await world.charged(world.fails[0])
    refund = await world.processor.refund(a_refund(1_00, ref=answer.processor_ref))
    assert refund.state is RefundState.FAILED


async def test_a_refund_that_was_never_sent_is_certainly_not_there(world: World) -> None:
    charged = await world.charged(world.good)
    assert (
        await world.processor.look_up_refund(a_refund(1_00, "ref_never", ref=charged.processor_ref)) is None
    )


async def test_a_dispute_and_a_source_that_are_not_there_are_none(world: World) -> None:
    assert await world.processor.look_up_dispute("dp_never_was") is None
    assert await world.processor.look_up_source("src_never_was") is None


async def test_a_type_that_is_not_offered_is_refused(world: World) -> None:
    order = SourceOrder("src_1", "multibanco", 10_00, "EUR", {"name": "Asha Rao"}, None)
    with pytest.raises(Refusal) as no:
        await world.processor.create_source(order)
    assert no.value.code is ErrorCode.PAYMENT_METHOD_UNSUPPORTED


async def test_a_callback_names_the_charge_it_is_about(world: World) -> None:
    made = await world.charged(world.good)
    sent = await world.callbacks("pay_1")
    said = [
        each for headers, body in sent for each in world.processor.callbacks(headers, body, world.clock.now())
    ]
    about = [each for each in said if each.kind is CallbackKind.CHARGE]
    assert about
    assert all(each.reference == "pay_1" or each.processor_ref == made.processor_ref for each in about)
    assert all(each.event_id for each in about)


async def test_a_callback_sent_again_is_the_same_event(world: World) -> None:
    """S18: whoever keeps the ids takes the second for no news."""
    await world.charged(world.good)
    (headers, body), *_ = await world.callbacks("pay_1")
    first, again = [world.processor.callbacks(headers, body, world.clock.now()) for _ in range(2)]
    assert [each.event_id for each in first] == [each.event_id for each in again]


@pytest.mark.parametrize("late_s", [301, 86_400])
async def test_a_callback_of_another_time_is_forged(world: World, late_s: int) -> None:
    """S18: 300 s tolerance."""
    await world.charged(world.good)
    (headers, body), *_ = await world.callbacks("pay_1")
    world.processor.callbacks(headers, body, world.clock.now() + timedelta(seconds=299))
    with pytest.raises(ForgedCallback):
        world.processor.callbacks(headers, body, world.clock.now() + timedelta(seconds=late_s))


async def test_a_callback_with_another_body_or_no_signature_is_forged(world: World) -> None:
    """S18: one byte more, another signature, or none."""
    await world.charged(world.good)
    (headers, body), *_ = await world.callbacks("pay_1")
    wrong = {name: value[:-1] + ("0" if value[-1] != "0" else "1") for name, value in headers.items()}
    for forged_headers, forged_body in ((headers, body + b" "), (wrong, body), ({}, body), (headers, b"")):
        with pytest.raises(ForgedCallback):
            world.processor.callbacks(forged_headers, forged_body, world.clock.now())
