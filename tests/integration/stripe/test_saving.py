"""Which customer Stripe is told of, and cards that it keeps because they were paid with (PM77, SR60, SR66)."""

from typing import Any

import pytest

from saifu import flows
from saifu.checkout import rows
from saifu.checkout.attempts import Choice
from tests.api.mutations import a_new_customer, done
from tests.stripe_fake import Fault
from tests.stripe_house import a_payer, another_process, pay

INTENTS, CUSTOMERS, SETUPS = "/v1/payment_intents", "/v1/customers", "/v1/setup_intents"
RETURN = "https://pay.example/checkout/return"
CUP = {"name": "Cup", "unitAmount": 1500, "quantity": 2}
SOURCES = """query ($id: ID!) { customer(id: $id) { sources { nodes { id status isDefault } } } }"""
SOURCE = """query ($id: ID!) { source(id: $id) { status customer { id } } }"""


@pytest.fixture
def checkout(client, store, settings):
    """Pays a checkout of 30.00 USD with a token, the way its page does; the value is the session's id."""

    async def pays(customer_id: str, token: str, keep: bool = True) -> str:
        order = {"currency": "USD", "lines": [CUP], "customer": {"id": customer_id}, "idempotencyKey": token}
        session_id = (await done(client, "checkoutSessionCreate", **order))["checkoutSession"]["id"]
        async with flows.opened(settings, store) as house:
            session = await store.read(lambda tx: rows.get(tx, session_id))
            assert session
            await house.checkout.pay(session, Choice(1, keep=keep), token, RETURN)
        return str(session_id)

    return pays


async def cards(client: Any, customer_id: str) -> list[Any]:
    found: list[Any] = (await client.execute(SOURCES, id=customer_id))["customer"]["sources"]["nodes"]
    return found


async def test_what_is_attached_is_charged_in_the_name_of_its_customer_from_the_first_time(client, fake):
    """Stripe takes an attached method only together with its customer."""
    payment = await pay(client, await a_payer(client))
    (made,), (sent,) = fake.sent(CUSTOMERS), fake.sent(INTENTS)
    assert sent.form["customer"] == fake.methods[sent.form["payment_method"]]["customer"]
    assert made.form["metadata[saifu_customer]"] == sent.form["metadata[saifu_customer]"]
    assert payment["status"] == "SUCCEEDED"


async def test_an_unattached_source_is_charged_for_a_customer_and_stays_unattached(client, fake):
    """SR60g: the payment names both; the source is used up, at Stripe as here."""
    customer_id = await a_payer(client)
    made = await done(client, "sourceCreate", type="CARD", token="tok_1Sfake")
    payment = await pay(client, customer_id, sourceId=made["source"]["id"])
    assert payment["status"] == "SUCCEEDED"
    (sent,) = fake.sent(INTENTS)
    assert sent.form["customer"].startswith("cus_")
    assert "setup_future_usage" not in sent.form
    assert fake.methods[sent.form["payment_method"]]["customer"] is None
    source = (await client.execute(SOURCE, id=made["source"]["id"]))["source"]
    assert source == {"status": "CONSUMED", "customer": None}
    assert len(await cards(client, customer_id)) == 1


async def test_a_card_is_kept_by_being_charged_and_charged_again_without_a_check(client, fake, checkout):
    """PM77: Stripe keeps it for the customer, whom it was told of first, and so do we."""
    customer_id = await a_new_customer(client)
    await checkout(customer_id, "tok_visa")
    (sent,) = fake.sent(INTENTS)
    assert sent.form["setup_future_usage"] == "off_session"
    assert "off_session" not in sent.form
    assert fake.sent(SETUPS) == []
    (card,) = await cards(client, customer_id)
    assert (card["status"], card["isDefault"]) == ("CHARGEABLE", True)
    assert fake.methods[sent.form["payment_method"]]["customer"] == sent.form["customer"]
    assert (await pay(client, customer_id))["status"] == "SUCCEEDED"
    assert len(fake.sent(CUSTOMERS)) == 1


async def test_a_card_whose_bank_asks_is_kept_once_its_holder_has_answered(
    client, fake, checkout, store, settings, clock
):
    """SR66, PM77: a check without its holder would have been refused."""
    customer_id = await a_new_customer(client)
    await checkout(customer_id, "tok_threeDSecure2Required")
    assert await cards(client, customer_id) == []
    (intent,) = fake.intents.values()
    fake.authenticate(intent["id"])
    await another_process(store, settings, clock, minutes=2)
    assert len(await cards(client, customer_id)) == 1
    assert (await pay(client, customer_id))["status"] == "SUCCEEDED"


async def test_a_card_that_is_not_to_be_kept_is_not(client, fake, checkout):
    """PM77: only if the customer agrees."""
    customer_id = await a_new_customer(client)
    await checkout(customer_id, "tok_visa", keep=False)
    (sent,) = fake.sent(INTENTS)
    assert "setup_future_usage" not in sent.form
    assert await cards(client, customer_id) == []


async def test_a_card_that_was_declined_is_not_kept(client, fake, checkout):
    customer_id = await a_new_customer(client)
    await checkout(customer_id, "tok_chargeCustomerFail")
    assert await cards(client, customer_id) == []
    assert not fake.charged


async def test_a_charge_that_is_to_keep_its_card_is_sent_again_as_it_was(
    client, fake, checkout, store, settings, clock
):
    customer_id = await a_new_customer(client)
    fake.faults.append(Fault(INTENTS, done=False))
    await checkout(customer_id, "tok_visa")
    await another_process(store, settings, clock)
    first, second = fake.sent(INTENTS)
    assert first.form == second.form
    assert len(await cards(client, customer_id)) == 1
