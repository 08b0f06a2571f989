"""Refunds at Stripe: Stripe's own SDK against recorded wire shapes, over HTTP (`tests/stripe_fake.py`)."""

import pytest

from saifu.ids import new_id
from saifu.processors.contract import Charge, OutcomeUnknown, RefundOrder, RefundState
from tests.stripe_fake import Fault, a_charge


def a_refund(charge: Charge, charge_ref: str | None, amount_minor: int = 500) -> RefundOrder:
    return RefundOrder(new_id("ref"), charge.reference, charge_ref, amount_minor, charge.currency)


@pytest.mark.parametrize("fault", [None, Fault("/v1/refunds"), Fault("/v1/refunds", status=500)], ids=repr)
async def test_a_refund_is_made_once_and_found_again(stripe, fake, fault):
    """PM29, PM46: by its own reference among the refunds of the charge."""
    charge = a_charge()
    answer = await stripe.charge(charge)
    order = a_refund(charge, answer.processor_ref)
    assert await stripe.look_up_refund(order) is None
    if fault:
        fake.faults.append(fault)
        with pytest.raises(OutcomeUnknown):
            await stripe.refund(order)
    else:
        await stripe.refund(order)
    found = await stripe.look_up_refund(order)
    assert found
    assert found.state is RefundState.SUCCEEDED
    assert await stripe.refund(order) == found
    assert (found.network_reference, found.network_reference_type) == (
        "24011345292000012345678",
        "acquirer_reference_number",
    )
    assert len(fake.refunds) == 1


async def test_a_refund_finds_its_charge_by_our_reference(stripe, fake, another):
    charge = a_charge()
    await stripe.charge(charge)
    refunded = await another().refund(a_refund(charge, None))
    assert refunded.state is RefundState.SUCCEEDED
    missing = a_refund(a_charge(), None)
    assert (await stripe.refund(missing)).failure_reason == "charge_not_found"
    assert await stripe.look_up_refund(missing) is None


async def test_a_refund_that_stripe_refuses_has_failed_with_its_reason(stripe, fake):
    """Never above what was paid, at Stripe either."""
    charge = a_charge()
    answer = await stripe.charge(charge)
    await stripe.refund(a_refund(charge, answer.processor_ref, amount_minor=1099))
    refused = await stripe.refund(a_refund(charge, answer.processor_ref))
    assert (refused.state, refused.failure_reason) == (RefundState.FAILED, "charge_already_refunded")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("requires_action", RefundState.PENDING),
        ("failed", RefundState.FAILED),
        ("canceled", RefundState.FAILED),
    ],
)
async def test_a_refund_can_end_later_and_badly(stripe, fake, status, state):
    charge = a_charge()
    answer = await stripe.charge(charge)
    order = a_refund(charge, answer.processor_ref)
    await stripe.refund(order)
    next(iter(fake.refunds.values()))["status"] = status
    found = await stripe.look_up_refund(order)
    assert found
    assert found.state is state
