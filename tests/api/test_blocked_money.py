"""Who is blocked pays nothing in and keeps nothing, whichever way it tries (CU62)."""

from typing import Any

import pytest

from tests.api.mutations import a_new_customer, change, done, refused
from tests.checkout import CARD, a_checkout
from tests.client import Api


async def a_card(client: Api, token: str) -> str:
    return str((await done(client, "sourceCreate", type="CARD", token=token))["source"]["id"])


async def test_no_mutation_takes_money_of_a_blocked_customer(client: Api) -> None:
    """Nor keeps an instrument; what is under way can be given up, and a refund goes back."""
    customer_id = await a_new_customer(client)
    own = (await done(client, "sourceAttach", customerId=customer_id, source="tok_visa"))["source"]["id"]
    charge: dict[str, Any] = {"customerId": customer_id, "currency": "USD", "amount": 900}
    poor = {"sourceId": await a_card(client, "tok_chargeDeclinedInsufficientFunds"), "idempotencyKey": "poor"}
    failed = (await change(client, "paymentCreate", **charge, **poor))["payment"]["id"]
    there = {"onSession": True, "returnUrl": "https://shop.example/", "idempotencyKey": "there"}
    asked = await a_card(client, "tok_threeDSecure2Required")
    waiting = (await done(client, "paymentCreate", **charge, **there, sourceId=asked))["payment"]["id"]
    paid = (await done(client, "paymentCreate", **charge, idempotencyKey="paid"))["payment"]["id"]
    await done(client, "customerBlock", customer={"id": customer_id})
    loose = await a_card(client, "tok_amex")
    cart = {"currency": "USD", "lines": [{"name": "Tea", "unitAmount": 500}]}
    for number, (mutation, given) in enumerate(
        (
            ("paymentCreate", charge),
            ("paymentCreate", {**charge, "sourceId": loose}),
            ("paymentRetry", {"paymentId": failed, "sourceId": own}),
            ("walletTopUp", charge),
            ("sourceAttach", {"customerId": customer_id, "source": "tok_amex"}),
            ("sourceAttach", {"customerId": customer_id, "source": loose}),
            ("customerUpdate", {"customerId": customer_id, "source": "tok_amex"}),
            ("checkoutSessionCreate", {**cart, "customer": {"id": customer_id}}),
            ("checkoutSessionCreate", {**cart, "customer": {"email": "aiko@example.com"}}),
        )
    ):
        error = await refused(client, mutation, **given, idempotencyKey=f"k{number}")
        assert (error["code"], error["httpStatus"]) == ("CUSTOMER_BLOCKED", 403), mutation
    assert (await done(client, "paymentCancel", paymentId=waiting))["payment"]["status"] == "CANCELLED"
    refund = await done(client, "refundCreate", paymentId=paid, idempotencyKey="refund")
    assert refund["refund"]["status"] == "SUCCEEDED"
    await done(client, "sourceDetach", customerId=customer_id, sourceId=own)


@pytest.mark.parametrize(
    ("customer", "purpose"), [("id", "PAYMENT"), ("email", "PAYMENT"), (None, "PAYMENT"), ("id", "MANDATE")]
)
async def test_a_page_that_is_open_already_takes_nothing_of_whom_is_blocked_since(
    client: Api, customer: str | None, purpose: str
) -> None:
    customer_id = await a_new_customer(client)
    who = {"id": {"id": customer_id}, "email": {"email": "aiko@example.com"}}.get(customer or "")
    more: dict[str, Any] = {"purpose": purpose, "lines": None} if purpose == "MANDATE" else {}
    checkout = await a_checkout(client, customer=who, **more)
    page = await checkout.opened()
    await done(client, "customerBlock", customer={"id": customer_id})
    card = {"card_number": CARD, "card_expiry": "12/34", "card_cvc": "123"}
    answer = await checkout.sends(page, **card, email="aiko@example.com", name="Aiko")
    assert answer.status_code == 422
    stands = await checkout.stands()
    assert (stands["status"], stands["payment"], stands["sourceId"]) == ("OPEN", None, None)
    assert "blocked" not in answer.text.lower()
