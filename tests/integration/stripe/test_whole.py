"""The whole gateway with Stripe as its processor: GraphQL in front, recorded wire shapes behind it."""

from typing import Any

from tests.api.mutations import done
from tests.stripe_fake import Fault, shape, signed
from tests.stripe_house import DOOR, a_payer, becomes, pay, told

PAYMENT = """query ($id: ID!) { payment(id: $id) {
  status outcomeUnknown paymentProvider refundStatus disputes { nodes { id status stage } } } }"""


async def test_a_card_is_attached_charged_and_refunded_at_stripe(client, fake):
    """PM12, PM46: one customer, one intent, one refund over there."""
    customer_id = await a_payer(client)
    payment = await pay(client, customer_id)
    assert (payment["status"], payment["paymentProvider"]) == ("SUCCEEDED", "stripe")
    assert payment["card"] == {"lastFour": "4242", "network": "visa"}
    assert fake.charged == {payment["id"]: 1}
    refund = (await done(client, "refundCreate", paymentId=payment["id"], amount=500, idempotencyKey="r1"))[
        "refund"
    ]
    assert refund["status"] == "SUCCEEDED"
    assert [each["amount"] for each in fake.refunds.values()] == [500]


async def test_a_decline_of_the_bank_is_a_failed_payment(client, fake):
    """PM28."""
    payment = await pay(client, await a_payer(client, "tok_chargeCustomerFail"))
    assert (payment["status"], payment["errorCode"]) == ("FAILED", "GENERIC_DECLINE")
    assert not fake.charged


async def test_a_charge_that_was_made_and_not_answered_succeeds_when_stripe_tells(client, fake, clock):
    """RELIABILITY §3.4, S18: the answer was lost, the webhook is a hint, and Stripe is asked."""
    customer_id = await a_payer(client)
    fake.faults.append(Fault("/v1/payment_intents"))
    payment = await pay(client, customer_id)
    assert (payment["status"], payment["outcomeUnknown"]) == ("PROCESSING", True)
    (intent,) = fake.intents.values()
    assert (await told(client, clock, fake.event("payment_intent.succeeded", intent))).status_code == 200

    async def read() -> Any:
        return (await client.execute(PAYMENT, id=payment["id"]))["payment"]

    after = await becomes(read, lambda found: found["status"] != "PROCESSING")
    assert (after["status"], after["outcomeUnknown"]) == ("SUCCEEDED", False)
    assert fake.charged == {payment["id"]: 1}


async def test_a_dispute_at_stripe_becomes_one_here(client, fake, clock):
    """PM50."""
    payment = await pay(client, await a_payer(client))
    (intent,) = fake.intents.values()
    fake.disputes["du_1"] = shape(
        "dispute.needs_response", id="du_1", payment_intent=intent["id"], amount=2000
    )
    body = fake.event("charge.dispute.created", fake.disputes["du_1"])
    assert (await told(client, clock, body)).status_code == 200

    async def read() -> Any:
        return (await client.execute(PAYMENT, id=payment["id"]))["payment"]["disputes"]["nodes"]

    (dispute,) = await becomes(read, bool)
    assert (dispute["status"], dispute["stage"]) == ("DISPUTE_OPENED", "DISPUTE")


async def test_a_webhook_that_stripe_did_not_sign_is_refused(client, fake, clock):
    """S18."""
    body = fake.event("payment_intent.succeeded", shape("payment_intent.succeeded"))
    forged = signed(body, clock.now().timestamp(), secret="whsec_somebodyElse")
    assert (await client.http.post(DOOR, content=body, headers=forged)).status_code == 400
