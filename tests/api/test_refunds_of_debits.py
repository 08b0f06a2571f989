"""Refunds and disputes of bank debits, whose outcome comes days later, from end to end (SR85, SR86)."""

import pytest

from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, done, refused
from tests.api.test_refunds import shown
from tests.client import Api
from tests.refunding import everything_due


async def test_a_bank_debit_is_refunded_when_the_bank_has_said_yes(
    client: Api, store: Store, clock: ManualClock, settings: Settings
) -> None:
    """SR86, PM40's exception, from end to end: queued while it is `PROCESSING`, then sent by itself."""
    payment_id = await debited(client, "DE89370400440532013000")
    refund = (await done(client, "refundCreate", paymentId=payment_id, amount=1_000, idempotencyKey="r1"))[
        "refund"
    ]
    assert refund["status"] == "PENDING"
    no = await refused(client, "refundCreate", paymentId=payment_id, amount=1, idempotencyKey="r2")
    assert no["code"] == "EXISTING_REFUND_REQUEST_PROCESSING"
    await everything_due(store, settings, clock)
    after = await shown(client, payment_id)
    assert (after["status"], after["refundStatus"], after["amountRefunded"]) == (
        "SUCCEEDED", "PARTIAL", {"amount": 1_000}
    )  # fmt: skip


async def test_a_bank_debit_that_fails_has_nothing_to_refund(
    client: Api, store: Store, clock: ManualClock, settings: Settings
) -> None:
    """SR86."""
    payment_id = await debited(client, "DE62370400440532013001")
    refund = (await done(client, "refundCreate", paymentId=payment_id, idempotencyKey="r1"))["refund"]
    await everything_due(store, settings, clock)
    found = await client.execute(
        "query ($id: ID!) { refund(id: $id) { status failureReason } }", id=refund["id"]
    )
    assert found["refund"] == {
        "status": "FAILED", "failureReason": "The payment itself did not succeed: no money had moved."
    }  # fmt: skip
    assert (await shown(client, payment_id))["status"] == "FAILED"


async def test_a_customer_is_told_once_of_a_debit_where_the_business_does_the_telling(
    client: Api, store: Store, clock: ManualClock, settings: Settings
) -> None:
    """SR81, SR82: `source.mandate_notification` when the bank has accepted it, and not again when it has paid."""
    payment_id = await debited(client, "DE89370400440532013000", notificationMethod="MANUAL")
    for _ in range(2):
        await everything_due(store, settings, clock)
    assert (await shown(client, payment_id))["status"] == "SUCCEEDED"
    await client.whole_log()
    found = await client.execute(
        """{ events(filter: {types: [SOURCE_MANDATE_NOTIFICATION, PAYMENT_PROCESSING]}, orderBy: CURSOR_ASC) {
        nodes { type data } } }"""
    )
    told = [(each["type"], each["data"].get("reason")) for each in found["events"]["nodes"]]
    assert told == [
        ("SOURCE_MANDATE_NOTIFICATION", "mandate_confirmed"),
        ("PAYMENT_PROCESSING", None),
        ("SOURCE_MANDATE_NOTIFICATION", "debit_initiated"),
    ]
    data = found["events"]["nodes"][-1]["data"]
    assert (data["payment_id"], data["amount"], data["currency"], data["last4"]) == (
        payment_id, 6_000, "EUR", "3000",
    )  # fmt: skip


async def test_a_disputed_bank_debit_is_lost_at_once(
    client: Api, store: Store, clock: ManualClock, settings: Settings
) -> None:
    """PM57, SR85: nobody asks the merchant."""
    payment_id = await debited(client, "DE35370400440532013002")
    for _ in range(2):
        await everything_due(store, settings, clock)
    found = await client.execute(
        "query ($id: ID!) { payment(id: $id) { disputes { nodes { id status } } } }", id=payment_id
    )
    (dispute,) = found["payment"]["disputes"]["nodes"]
    assert dispute["status"] == "DISPUTE_LOST"
    no = await refused(client, "disputeChallenge", disputeId=dispute["id"], evidence="but they paid")
    assert no["code"] == "DISPUTE_NOT_CHALLENGEABLE"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Bank debits are in euros."""
    return settings.model_copy(update={"currencies": ("USD", "INR", "EUR")})


async def debited(client: Api, iban: str, **terms: str) -> str:
    """A payment by bank debit on its way."""
    customer_id = await a_new_customer(client)
    mandate = {"acceptance": {"status": "ACCEPTED", "ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}, **terms}
    owner = {"name": "Aiko Sato", "email": "aiko@example.com"}
    source = await done(client, "sourceCreate", type="SEPA_DEBIT", iban=iban, owner=owner, mandate=mandate)
    source_id = source["source"]["id"]
    await done(client, "sourceAttach", customerId=customer_id, source=source_id)
    asked = {"customerId": customer_id, "sourceId": source_id, "amount": 6_000, "currency": "EUR"}
    payment = (await done(client, "paymentCreate", **asked, idempotencyKey=f"pay_{iban}"))["payment"]
    assert payment["status"] == "PROCESSING"
    return str(payment["id"])
