"""The hosted checkout page in a real browser, at desk and phone width, with a script and without one (PM70-PM89)."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, Route, expect

from saifu.clock import ManualClock
from saifu.server import build_app
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, done
from tests.browser.conftest import Visitor, visit
from tests.builders import post
from tests.client import Api, Served, served
from tests.conftest import ADMIN_KEY

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SHOP = "https://shop.example/thanks?order=7&status=hoped"
TEA = {"name": "Sencha, first flush", "description": "100 g, Shizuoka", "quantity": 2, "unitAmount": 1450}
CUP = {"name": "Cup", "unitAmount": 2100, "taxRateBps": 1900, "taxInclusive": True}
PAYMENT = """query ($id: ID!) { checkoutSession(id: $id) { status attempts paymentStatus
  payment { id walletAmount { amount } sourceAmount { amount } threeDs { status } retryOf { id } } } }"""


@pytest.fixture
def port() -> int:
    """A free one: the bank's page is found where the settings say that we are."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def settings(settings: Settings, port: int) -> Settings:
    return settings.model_copy(
        update={"public_url": f"http://127.0.0.1:{port}", "business_name": "Kyoto Tea"}
    )


@pytest.fixture
async def server(settings: Settings, installed: Store, port: int) -> AsyncIterator[Served]:
    async with served(build_app(settings, store=installed), settings, port=port) as running:
        yield running


@pytest.fixture
async def merchant(server: Served) -> AsyncIterator[Api]:
    async with Api.over_network(server.http_url, ADMIN_KEY) as api:
        yield api


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
async def visitor(
    request: pytest.FixtureRequest, server: Served, chromium: Browser
) -> AsyncIterator[Visitor]:
    async with visit(chromium, server, viewport=request.param, locale="en-US") as somebody:
        yield somebody
        assert not somebody.complaints


class Shop:
    """A merchant's session, and the page of it."""

    def __init__(self, merchant: Api, server: Served, made: Any) -> None:
        self._merchant = merchant
        self.id = made["checkoutSession"]["id"]
        self.url = server.http_url + urlsplit(made["checkoutUrl"]).path

    async def stands(self) -> Any:
        return (await self._merchant.execute(PAYMENT, id=self.id))["checkoutSession"]

    async def opened_by(self, visitor: Visitor) -> Page:
        page = await visitor.context.new_page()
        await page.goto(self.url)
        return page


async def a_shop(merchant: Api, server: Served, **given: Any) -> Shop:
    wanted = {"currency": "USD", "lines": [TEA, CUP], "customer": {"email": "mika@example.com"}, **given}
    return Shop(
        merchant, server, await done(merchant, "checkoutSessionCreate", idempotencyKey="cart_1", **wanted)
    )


async def type_card(page: Page, number: str, expiry: str = "1234", cvc: str = "123") -> None:
    await page.get_by_label("Card number").press_sequentially(number)
    await page.get_by_label("Expiry date").press_sequentially(expiry)
    await page.get_by_label("Security code").fill(cvc)


async def pay(page: Page) -> None:
    await page.get_by_role("button", name="Pay").click()


async def is_accessible(page: Page) -> None:
    """PM87, as far as a program can tell: one heading, a language, labels, targets, nothing to scroll sideways for."""
    assert await page.locator("h1").count() == 1
    assert await page.locator("html").get_attribute("lang") == "en"
    found = await page.evaluate(
        """() => ({
          wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
          unlabelled: [...document.querySelectorAll("input:not([type=hidden])")].filter((e) => !e.labels.length).length,
          small: [...document.querySelectorAll("button, a, label.check, label.choice, summary, .field input")]
            .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 44).map((e) => e.outerHTML),
          undescribed: [...document.querySelectorAll(".field input")]
            .filter((e) => !document.getElementById(e.getAttribute("aria-describedby"))).length,
        })"""
    )
    assert found == {"wide": False, "unlabelled": 0, "small": [], "undescribed": 0}


async def test_a_card_pays_and_the_visitor_goes_back_with_the_outcome(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """PM80: the shop's own parameters stay, ours win; PM84: the form's post has a token and no card."""
    shop = await a_shop(merchant, server, returnUrl=SHOP, cancelUrl="https://shop.example/cart")
    page = await shop.opened_by(visitor)
    await is_accessible(page)
    await expect(page.get_by_text("$50.00").first).to_be_visible()
    await expect(page.get_by_text("Test mode")).to_be_visible()
    posted: list[str] = []
    page.on(
        "request",
        lambda request: posted.append(request.post_data or "") if request.url.endswith("/pay") else None,
    )
    await type_card(page, "4242424242424242")
    await pay(page)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    await is_accessible(page)
    assert len(posted) == 1
    assert "token=tok_" in posted[0]
    assert "4242" not in posted[0]
    back = await page.get_by_role("link", name="Return to").get_attribute("href")
    stands = await shop.stands()
    assert parse_qs(urlsplit(str(back)).query) == {
        "order": ["7"],
        "status": ["succeeded"],
        "payment_id": [stands["payment"]["id"]],
        "email": ["mika@example.com"],
    }
    assert (stands["status"], stands["paymentStatus"], stands["attempts"]) == ("COMPLETED", "SUCCEEDED", 1)


async def test_mistakes_are_told_at_their_fields_before_anything_is_sent(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """PM87: the text is linked to its field, and the first one that is wrong has the focus."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    await type_card(page, "4242424242424241", "1334", "12")
    await pay(page)
    number = page.get_by_label("Card number")
    await expect(number).to_be_focused()
    await expect(number).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#card_number-error")).to_have_text("Check the card number.")
    await expect(page.locator("#card_expiry-error")).to_have_text("Check the expiry date.")
    await expect(page.locator("#card_cvc-error")).to_have_text("Check the security code.")
    assert (await shop.stands())["attempts"] == 0


async def test_after_a_decline_another_card_makes_another_payment(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """PM19b, PM72: a decline does not consume the session; the reason is said and focused."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    await type_card(page, "4000000000009995")
    await pay(page)
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("There is not enough money on the card or account.")
    await expect(alert).to_be_focused()
    failed = (await shop.stands())["payment"]["id"]
    await type_card(page, "5555555555554444")
    await pay(page)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    stands = await shop.stands()
    assert (stands["attempts"], stands["payment"]["retryOf"]["id"]) == (2, failed)


async def test_a_bank_that_wants_to_be_sure_is_visited_and_come_back_from(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """PM14, PM81: the way back proves nothing; the processor is asked."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    await type_card(page, "4000000000003220")
    await pay(page)
    await page.get_by_role("button", name="Complete").click()
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    stands = await shop.stands()
    assert (stands["paymentStatus"], stands["payment"]["threeDs"]["status"]) == ("SUCCEEDED", "authenticated")


async def test_a_waiting_page_hears_that_the_bank_was_answered_elsewhere(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """A53: the state comes live, here from a second tab, and another way to pay is open meanwhile."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    await type_card(page, "4000000000003220")
    await pay(page)
    await expect(page.get_by_role("button", name="Complete")).to_be_visible()
    waiting = await shop.opened_by(visitor)
    await expect(waiting.get_by_role("heading", name="Confirm with your bank")).to_be_visible()
    await is_accessible(waiting)
    await page.get_by_role("button", name="Fail").click()
    await expect(waiting.get_by_role("alert")).to_contain_text("could not confirm that it was you")
    await type_card(waiting, "4000000000003220")
    await pay(waiting)
    await expect(waiting.get_by_role("button", name="Complete")).to_be_visible()
    await page.goto(shop.url)
    await page.get_by_role("button", name="Use another payment method").click()
    await expect(page.get_by_role("alert")).to_contain_text("The payment was cancelled")
    assert (await shop.stands())["paymentStatus"] == "CANCELLED"


async def test_a_double_click_is_one_payment(visitor: Visitor, merchant: Api, server: Served) -> None:
    """PM72."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    await type_card(page, "4242424242424242")
    await page.get_by_role("button", name="Pay").dblclick()
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    assert (await shop.stands())["attempts"] == 1
    found = await merchant.execute("{ payments { totalCount } }")
    assert found["payments"]["totalCount"] == 1


async def test_the_balance_of_a_verified_customer_pays_first(
    visitor: Visitor, merchant: Api, server: Served, store: Store
) -> None:
    """PM74, PM76, W44: the split is shown, the choice is the customer's, and nothing is debited before it confirms."""
    customer_id = await a_new_customer(merchant)
    await store.write(lambda tx: post(tx, customer_id, 12_00))
    shop = await a_shop(merchant, server, customer={"id": customer_id})
    page = await shop.opened_by(visitor)
    await is_accessible(page)
    await expect(page.get_by_role("button", name="Pay $38.00")).to_be_visible()
    await page.get_by_label("Use my balance").uncheck()
    await expect(page.get_by_role("button", name="Pay $50.00")).to_be_visible()
    await page.get_by_label("Use my balance").check()
    await type_card(page, "4242424242424242")
    await pay(page)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    payment = (await shop.stands())["payment"]
    assert (payment["walletAmount"]["amount"], payment["sourceAmount"]["amount"]) == (12_00, 38_00)


async def test_a_balance_that_covers_all_needs_no_card(
    visitor: Visitor, merchant: Api, server: Served, store: Store
) -> None:
    """PM74: no card form is shown, unless the customer does not want to use the balance."""
    customer_id = await a_new_customer(merchant)
    await store.write(lambda tx: post(tx, customer_id, 80_00))
    shop = await a_shop(merchant, server, customer={"id": customer_id})
    page = await shop.opened_by(visitor)
    await expect(page.get_by_label("Card number")).to_be_hidden()
    await page.get_by_label("Use my balance").uncheck()
    await expect(page.get_by_label("Card number")).to_be_visible()
    await page.get_by_label("Use my balance").check()
    await page.get_by_role("button", name="Pay $50.00 with your balance").click()
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    payment = (await shop.stands())["payment"]
    assert (payment["walletAmount"]["amount"], payment["sourceAmount"]["amount"]) == (50_00, 0)


async def test_a_card_that_was_saved_is_offered_the_next_time(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """PM77: only because its customer agreed."""
    customer_id = await a_new_customer(merchant)
    first = await a_shop(merchant, server, customer={"id": customer_id}, showSavedPaymentMethods=True)
    page = await first.opened_by(visitor)
    await type_card(page, "4242424242424242")
    await page.get_by_label("Save this card for next time").check()
    await pay(page)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    made = await done(
        merchant,
        "checkoutSessionCreate",
        currency="USD",
        lines=[CUP],
        customer={"id": customer_id},
        showSavedPaymentMethods=True,
        idempotencyKey="cart_2",
    )
    second = Shop(merchant, server, made)
    page = await second.opened_by(visitor)
    await is_accessible(page)
    await expect(page.get_by_label("Visa ending in 4242")).to_be_checked()
    await expect(page.get_by_label("Card number")).to_be_hidden()
    await pay(page)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()


async def test_a_link_that_ran_out_says_so_and_charges_nothing(
    visitor: Visitor, merchant: Api, server: Served, clock: ManualClock
) -> None:
    """PM71."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    clock.advance(timedelta(hours=24))
    await type_card(page, "4242424242424242")
    await pay(page)
    await expect(page.get_by_role("heading", name="This link has expired")).to_be_visible()
    assert (await shop.stands())["attempts"] == 0


async def test_the_page_works_with_the_keyboard_alone(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    """PM87."""
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)
    await page.get_by_label("Card number").focus()
    for text in ("4242424242424242", "1234", "123"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Pay")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()


async def test_without_a_script_a_card_is_declined_and_another_one_pays(
    server: Served, merchant: Api, chromium: Browser
) -> None:
    """PM87: the basic flow is forms and links, with the bank's page in between."""
    shop = await a_shop(merchant, server)
    async with visit(chromium, server, viewport=PHONE, java_script_enabled=False) as visitor:
        page = await shop.opened_by(visitor)
        for number, said in (("4242 4242 4242 4241", "Check the card number."), ("", "Please fill this in.")):
            await page.get_by_label("Card number").fill(number)
            await page.get_by_label("Expiry date").fill("12/34")
            await page.get_by_label("Security code").fill("123")
            await pay(page)
            await expect(page.locator("#card_number-error")).to_have_text(said)
        for number in ("4000000000000002", "4000000000003220"):
            await page.get_by_label("Card number").fill(number)
            await page.get_by_label("Expiry date").fill("12 / 2034")
            await page.get_by_label("Security code").fill("123")
            await pay(page)
            if number.endswith("0002"):
                await expect(page.get_by_role("alert")).to_contain_text("The card was declined.")
        await page.get_by_role("button", name="Complete").click()
        await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    assert (await shop.stands())["attempts"] == 2


async def test_a_browser_that_cannot_reach_the_tokens_says_so_and_can_go_on(
    visitor: Visitor, merchant: Api, server: Served
) -> None:
    shop = await a_shop(merchant, server)
    page = await shop.opened_by(visitor)

    async def cut(route: Route) -> None:
        await route.fulfill(status=503, content_type="application/json", body="{}")

    await page.route("**/simulator/tokens", cut)
    await type_card(page, "4242424242424242")
    await pay(page)
    await expect(page.locator("#card_number-error")).to_contain_text("Nothing was charged")
    await page.unroute("**/simulator/tokens")
    visitor.complaints.clear()
    await pay(page)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "wanted"), [("ja-JP", "お支払い"), ("de-AT", "50,00"), ("ms-MY", "Card number")]
)
async def test_the_page_speaks_the_visitors_language_or_english(
    server: Served, merchant: Api, chromium: Browser, language: str, wanted: str
) -> None:
    """PM87."""
    shop = await a_shop(merchant, server)
    async with visit(chromium, server, viewport=PHONE, locale=language) as visitor:
        page = await shop.opened_by(visitor)
        await expect(page.get_by_text(wanted).first).to_be_visible()


def test_the_page_needs_no_build() -> None:
    folder = Path(__file__).resolve().parents[2] / "src" / "web" / "checkout"
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".html", ".css", ".js", ".json"}
