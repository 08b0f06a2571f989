"""What was done at Stripe and not from here: refunds in the dashboard, and objects of other programs (PM43, S18)."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.api.mutations import document, done
from tests.stripe_fake import FakeStripe, shape
from tests.stripe_house import a_payer, another_process, becomes, pay, told

REFUNDS = "/v1/refunds"
PAYMENT = """query ($id: ID!) { payment(id: $id) { refundStatus refunds { nodes {
  id status destination reason failureReason amount { amount } sourceAmount { amount } } } } }"""


@pytest.fixture
async def paid(client) -> Any:
    """A payment of 20.00 USD."""
    return await pay(client, await a_payer(client))


def in_the_dashboard(fake: FakeStripe, amount: int, status: str = "succeeded") -> dict[str, Any]:
    """A refund that somebody makes at Stripe by hand, of the only charge that there is."""
    (intent,) = fake.intents.values()
    made = shape("refund.succeeded", id=fake.new_id("re"), amount=amount, payment_intent=intent["id"])
    made |= {"metadata": {}, "status": status, "currency": intent["currency"]}
    fake.refunds[made["id"]] = made
    return made


@pytest.fixture
def read(client, paid):
    async def now() -> Any:
        return (await client.execute(PAYMENT, id=paid["id"]))["payment"]

    return now


async def refund(client: Any, payment_id: str, key: str, **given: Any) -> Any:
    answer = await client.execute(
        document("refundCreate"), input={"paymentId": payment_id, "idempotencyKey": key, **given}
    )
    return answer["refundCreate"]


async def test_a_refund_in_the_dashboard_counts_here_too_and_only_once(client, fake, clock, paid, read):
    """PM43: what can still be refunded is what is left at Stripe."""
    made = in_the_dashboard(fake, 500)
    for kind in ("refund.created", "refund.updated"):
        assert (await told(client, clock, fake.event(kind, made))).status_code == 200
    found = await becomes(read, lambda payment: payment["refunds"]["nodes"])
    (mirrored,) = found["refunds"]["nodes"]
    assert (mirrored["status"], mirrored["destination"]) == ("SUCCEEDED", "ORIGINAL")
    assert (mirrored["amount"]["amount"], mirrored["sourceAmount"]["amount"]) == (500, 500)
    assert mirrored["reason"] == "Refunded at stripe"
    rest = await refund(client, paid["id"], "rest")
    assert (rest["refund"]["status"], rest["refund"]["amount"]["amount"]) == ("SUCCEEDED", 1500)
    assert (await read())["refundStatus"] == "FULL"
    assert len((await read())["refunds"]["nodes"]) == 2


async def test_what_stripe_has_refunded_already_fails_here_with_its_reason(client, fake, paid, read):
    """PM43, PM49a: the webhook has not come yet; nothing is given back twice, and it can be asked for again."""
    in_the_dashboard(fake, 500)
    late = await refund(client, paid["id"], "all")
    assert late["refund"]["status"] == "FAILED"
    (failed,) = (await read())["refunds"]["nodes"]
    assert failed["failureReason"] == "refunded_elsewhere"
    assert sum(each["amount"] for each in fake.refunds.values()) == 500
    assert (await refund(client, paid["id"], "less", amount=1500))["refund"]["status"] == "SUCCEEDED"


async def test_a_refund_in_the_dashboard_that_takes_time_is_followed_and_never_sent(
    client, fake, store, settings, clock, paid, read
):
    """It is found by Stripe's own name of it, since it has none of ours."""
    made = in_the_dashboard(fake, 500, status="pending")
    await told(client, clock, fake.event("refund.created", made))
    await becomes(read, lambda payment: payment["refunds"]["nodes"])
    await another_process(store, settings, clock)
    made["status"] = "succeeded"
    await another_process(store, settings, clock, minutes=30)
    (mirrored,) = (await read())["refunds"]["nodes"]
    assert mirrored["status"] == "SUCCEEDED"
    assert fake.sent(REFUNDS) == []


async def test_more_than_is_left_is_for_people_to_see(client, fake, clock, paid, read):
    """As when the same was given back into the wallet here, and to the card there."""
    given = {"paymentId": paid["id"], "idempotencyKey": "w", "destination": "WALLET", "amount": 1800}
    await done(client, "refundCreate", **given)
    made = in_the_dashboard(fake, 500)
    with capture_logs() as logs:
        await told(client, clock, fake.event("refund.created", made))
        await becomes(_logged(logs), lambda said: "refund_elsewhere_too_high" in said)
    assert len((await read())["refunds"]["nodes"]) == 1


async def test_what_is_about_charges_of_others_is_told_and_changes_nothing(client, fake, clock, paid, read):
    """The account may be used by other programs too."""
    fake.intents["pi_other"] = shape("payment_intent.succeeded", id="pi_other", metadata={})
    theirs = shape("refund.succeeded", id="re_other", payment_intent="pi_other", metadata={})
    fake.refunds["re_other"] = theirs
    fake.disputes["du_other"] = shape("dispute.needs_response", id="du_other", payment_intent="pi_other")
    with capture_logs() as logs:
        await told(client, clock, fake.event("refund.created", theirs))
        await told(client, clock, fake.event("charge.dispute.created", fake.disputes["du_other"]))
        await becomes(_logged(logs), lambda said: {"refund_not_ours", "dispute_not_ours"} <= set(said))
    ids = {each["object_id"] for each in logs if each["event"].endswith("_not_ours")}
    assert ids == {"re_other", "du_other"}
    assert (await read())["refunds"]["nodes"] == []


def _logged(logs: list[Any]) -> Any:
    async def said() -> list[str]:
        return [each["event"] for each in logs]

    return said
