"""Worked examples of the specification that take a whole gateway; the others stand beside what they are about."""

import pytest

from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, an_entry, done, refused
from tests.client import Api
from tests.refunding import everything_due

PAYMENT = (
    """query ($id: ID!) { payment(id: $id) { status walletAmount { amount } sourceAmount { amount } } }"""
)
WALLET = """query ($id: ID!) { wallet(customerId: $id, currency: "EUR") {
  balance { amount } pendingPaymentAmount { amount } customer { ledgerEntries(orderBy: CREATED_AT_ASC) {
    nodes { isCredit amount { amount } eventType } } } } }"""
FAILS = "DE62370400440532013001"
OWNER = {"name": "Jenny Rosen", "email": "jenny.rosen@example.com"}
ACCEPTED = {"acceptance": {"status": "ACCEPTED", "ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"currencies": ("USD", "INR", "EUR")})


async def test_a_bank_debit_that_fails_days_later_gives_the_wallet_its_part_back(
    client: Api, store: Store, clock: ManualClock, settings: Settings
) -> None:
    """wallets.md §4, the last row of the table: W48, W49, W51, SR67."""
    jenny = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(jenny, currency="EUR", amount=2_000))
    made = await done(client, "sourceCreate", type="SEPA_DEBIT", iban=FAILS, owner=OWNER, mandate=ACCEPTED)
    await done(client, "sourceAttach", customerId=jenny, source=made["source"]["id"])
    asked = {"customerId": jenny, "amount": 5_000, "currency": "EUR", "useWallet": True}
    payment = (await done(client, "paymentCreate", **asked, idempotencyKey="rent"))["payment"]
    assert payment["status"] == "PROCESSING"
    wallet = (await client.execute(WALLET, id=jenny))["wallet"]
    assert (wallet["balance"], wallet["pendingPaymentAmount"]) == ({"amount": 0}, {"amount": 2_000})

    await everything_due(store, settings, clock)

    after = (await client.execute(PAYMENT, id=payment["id"]))["payment"]
    assert after == {"status": "FAILED", "walletAmount": {"amount": 0}, "sourceAmount": {"amount": 3_000}}
    wallet = (await client.execute(WALLET, id=jenny))["wallet"]
    assert (wallet["balance"], wallet["pendingPaymentAmount"]) == ({"amount": 2_000}, {"amount": 0})
    entries = wallet["customer"]["ledgerEntries"]["nodes"]
    written = [(each["eventType"], each["isCredit"], each["amount"]["amount"]) for each in entries]
    assert written[1:] == [("PAYMENT", False, 2_000), ("PAYMENT_REVERSAL", True, 2_000)]


async def test_an_unattached_source_is_charged_once_and_an_attached_one_again_and_again(client: Api) -> None:
    """sources.md §8, the sequence: SR7, SR8, SR60e, SR60g, SR61."""
    jenny = await a_new_customer(client)
    s1, s2 = [
        (await done(client, "sourceCreate", type="CARD", token="tok_visa"))["source"]["id"] for _ in range(2)
    ]
    asked = {"customerId": jenny, "amount": 1_099, "currency": "EUR"}
    once = await done(client, "paymentCreate", **asked, sourceId=s1, idempotencyKey="s1")
    assert once["payment"]["status"] == "SUCCEEDED"
    again = await refused(client, "paymentCreate", **asked, sourceId=s1, idempotencyKey="s1 again")
    assert (again["code"], again["httpStatus"]) == ("SOURCE_NOT_CHARGEABLE", 400)
    await done(client, "sourceAttach", customerId=jenny, source=s2)
    for turn in ("s2", "s2 again"):
        paid = await done(client, "paymentCreate", **asked, sourceId=s2, idempotencyKey=turn)
        assert (paid["payment"]["status"], paid["payment"]["sourceId"]) == ("SUCCEEDED", s2)
    found = await client.execute(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Source { status } } }", ids=[s1, s2]
    )
    assert found["nodes"] == [{"status": "CONSUMED"}, {"status": "CHARGEABLE"}]
