"""What is sent again is what was sent: under one key Stripe takes one request (W46, RELIABILITY §3.4)."""

from typing import Any

from tests.api.mutations import a_new_customer, done
from tests.stripe_fake import FakeStripe, Fault
from tests.stripe_house import a_payer, another_process, pay, told

INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
PAYMENT = "query ($id: ID!) { payment(id: $id) { status outcomeUnknown refundStatus } }"


def the_same_twice(fake: FakeStripe, path: str) -> dict[str, str]:
    """What was sent, which is the same both times."""
    first, second = [each for each in fake.sent(path) if each.path == path]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.form == second.form
    return first.form


async def a_card(client: Any) -> str:
    """A source that is attached to nobody."""
    made = await done(client, "sourceCreate", type="CARD", token="tok_visa")
    return str(made["source"]["id"])


async def test_a_charge_is_sent_again_as_it_was_although_its_customer_has_become_known_to_stripe(
    client, fake, store, settings, clock
):
    """The customer had no name at Stripe when the first one was lost, and has one when it is sent again."""
    customer_id = await a_new_customer(client)
    fake.faults.append(Fault(INTENTS, done=False))
    payment = await pay(client, customer_id, sourceId=await a_card(client))
    assert (payment["status"], payment["outcomeUnknown"]) == ("PROCESSING", True)
    await done(client, "sourceAttach", customerId=customer_id, source="tok_1Sfake")
    await done(client, "customerUpdate", customerId=customer_id, name="Aiko Mori")
    await another_process(store, settings, clock)
    assert "customer" not in the_same_twice(fake, INTENTS)
    assert (await client.execute(PAYMENT, id=payment["id"]))["payment"]["status"] == "SUCCEEDED"
    assert fake.charged == {payment["id"]: 1}


async def test_a_charge_of_a_source_that_was_detached_meanwhile_is_sent_as_it_was(
    client, fake, store, settings, clock
):
    """Stripe then refuses or takes it; we have not changed our mind on the way."""
    customer_id = await a_new_customer(client)
    attached = await done(client, "sourceAttach", customerId=customer_id, source="tok_visa")
    fake.faults.append(Fault(INTENTS, done=False))
    await pay(client, customer_id)
    await done(client, "sourceDetach", customerId=customer_id, sourceId=attached["source"]["id"])
    await another_process(store, settings, clock)
    assert the_same_twice(fake, INTENTS)["customer"].startswith("cus_")


async def test_a_refund_is_sent_again_as_it_was(client, fake, store, settings, clock):
    """PM29."""
    payment = await pay(client, await a_payer(client))
    fake.faults.append(Fault(REFUNDS, done=False))
    given = {"paymentId": payment["id"], "amount": 500, "reason": "Broken", "idempotencyKey": "r1"}
    assert (await done(client, "refundCreate", **given))["refund"]["status"] == "PENDING"
    await another_process(store, settings, clock)
    assert the_same_twice(fake, REFUNDS)["amount"] == "500"
    assert [each["amount"] for each in fake.refunds.values()] == [500]


async def test_what_was_approved_too_late_is_given_back_by_the_same_request_each_time(
    client, fake, store, settings, clock
):
    """PM19: the first request to give it back is lost."""
    fake.outcome = "payment_intent.requires_action"
    there = {"onSession": True, "returnUrl": "https://shop.example/back"}
    payment = await pay(client, await a_payer(client), **there)
    await done(client, "paymentCancel", paymentId=payment["id"])
    (intent,) = fake.intents.values()
    fake.authenticate(intent["id"])
    fake.faults.append(Fault(REFUNDS, done=False))
    body = fake.event("payment_intent.succeeded", intent)
    assert (await told(client, clock, body)).status_code == 200
    await another_process(store, settings, clock, minutes=10)
    assert the_same_twice(fake, REFUNDS)["amount"] == str(intent["amount"])
    assert len(fake.refunds) == 1
