"""The hosted page of installations that differ: another currency, Stripe, a shop that shows it in a frame."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from saifu.server import build_app
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, refused
from tests.checkout import TEA, a_checkout, alert, error_of, heading
from tests.client import Api
from tests.conftest import ADMIN_KEY

STRIPE = {
    "processor": "stripe",
    "stripe_secret_key": "sk_test_51Example",
    "stripe_publishable_key": "pk_test_51Example",
    "stripe_webhook_secret": "whsec_Example1",
}


@pytest.fixture
def changes(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the settings of a test say otherwise."""
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
async def shop(changes: dict[str, Any], url: str, installed: Store) -> AsyncIterator[Api]:
    given = {"database_url": url, "admin_key": ADMIN_KEY, "mode": "test", **changes}
    app = build_app(Settings.model_validate(given), store=installed)
    async with app.router.lifespan_context(app), Api.in_process(app, ADMIN_KEY) as api:
        yield api


@pytest.mark.parametrize("changes", [{"currencies": "USD,EUR"}], indirect=True)
async def test_a_mandate_for_an_account_is_given_on_the_page(shop: Api) -> None:
    """SR80: by whom, when and whence; a wrong IBAN is told at its field, and a right one is not shown again (SR94)."""
    customer_id = await a_new_customer(shop)
    checkout = await a_checkout(
        shop, purpose="MANDATE", lines=None, currency="EUR", customer={"id": customer_id}
    )
    page = await checkout.opened()
    typed = {"method": "sepa_debit", "account_name": "Aiko Tanaka"}
    answer = await checkout.sends(page, **typed, iban="DE89370400440532013001")
    assert (error_of(answer, "iban"), "DE89370400440532013001" in answer.text) == ("Check the IBAN.", False)
    answer = await checkout.sends(await checkout.opened(), **typed, iban="DE89 3704 0044 0532 0130 00")
    assert heading(await checkout.follows(answer)) == "Payment method saved"
    found = await shop.execute(
        "query ($id: ID!) { customer(id: $id) { defaultSource { type status mandate { status } } } }",
        id=customer_id,
    )
    source = found["customer"]["defaultSource"]
    assert (source["type"], source["mandate"]["status"]) == ("SEPA_DEBIT", "ACCEPTED")


@pytest.mark.parametrize("changes", [{"currencies": "USD,EUR"}], indirect=True)
async def test_an_account_is_offered_for_mandates_in_euro_alone(shop: Api) -> None:
    """PM27: being allowed does not make it fit, and where nothing is left there is no session."""
    customer_id = await a_new_customer(shop)
    for given in ({"purpose": "MANDATE"}, {"lines": [TEA], "currency": "EUR"}):
        error = await refused(
            shop,
            "checkoutSessionCreate",
            **{"currency": "USD", **given},
            customer={"id": customer_id},
            allowedPaymentMethodTypes=["SEPA_DEBIT"],
            idempotencyKey="k",
        )
        assert (error["code"], error["path"]) == (
            "NO_ELIGIBLE_PAYMENT_METHODS",
            ["input", "allowedPaymentMethodTypes"],
        )


@pytest.mark.parametrize("changes", [STRIPE], indirect=True)
async def test_with_stripe_the_card_form_is_stripes_own(shop: Api) -> None:
    """S23, S24: no field of ours takes a card, and nothing but Stripe's own script is let in besides ours."""
    checkout = await a_checkout(shop)
    page = await checkout.opened()
    policy = page.headers["content-security-policy"]
    assert "script-src 'self' https://js.stripe.com;" in policy
    assert "frame-src https://js.stripe.com https://hooks.stripe.com;" in policy
    assert '<script src="https://js.stripe.com/v3/" defer>' in page.text
    assert 'data-stripe="pk_test_51Example"' in page.text
    assert 'name="card_number"' not in page.text
    assert "data-tokens" not in page.text
    answer = await checkout.sends(page, card_number="4242424242424242", card_expiry="12/34", card_cvc="123")
    assert (answer.status_code, (await checkout.stands())["attempts"]) == (422, 0)
    assert error_of(answer, "card_number").startswith("Paying by card needs JavaScript")


@pytest.mark.parametrize(
    "changes", [{"processor": "none"}, {**STRIPE, "stripe_publishable_key": None}], indirect=True
)
async def test_where_no_card_can_be_taken_none_is_asked_for(shop: Api) -> None:
    """S23: not even a field; and what is sent all the same is no attempt."""
    checkout = await a_checkout(shop)
    page = await checkout.opened()
    assert (
        alert(page)
        == "This cannot be paid here at the moment Nothing was charged. Please contact Your business."
    )
    assert not re.search(r'name="card_number"|<button', page.text)
    answer = await checkout.sends(page, card_number="4242424242424242", card_expiry="12/34", card_cvc="123")
    assert (answer.status_code, (await checkout.stands())["attempts"]) == (422, 0)


@pytest.mark.parametrize(
    "changes",
    [{"frame_ancestors": "https://shop.example", "public_url": "https://pay.example"}],
    indirect=True,
)
async def test_a_shop_that_is_named_may_show_the_page_in_a_frame(shop: Api) -> None:
    """PM85: the cookie then has to go along, in a jar for this shop alone."""
    page = await (await a_checkout(shop)).opened()
    assert page.headers["content-security-policy"].endswith("frame-ancestors https://shop.example")
    assert page.headers["set-cookie"].endswith("Secure")
    assert "SameSite=None; Partitioned" in page.headers["set-cookie"]


@pytest.mark.parametrize("changes", [{"public_url": "https://pay.example"}], indirect=True)
async def test_links_begin_where_customers_find_us(shop: Api) -> None:
    made = await shop.execute(
        "mutation ($input: CheckoutSessionCreateInput!) { checkoutSessionCreate(input: $input) { checkoutUrl token } }",
        input={"currency": "USD", "lines": [TEA], "idempotencyKey": "k"},
    )
    payload = made["checkoutSessionCreate"]
    assert payload["checkoutUrl"] == f"https://pay.example/checkout/{payload['token']}"
