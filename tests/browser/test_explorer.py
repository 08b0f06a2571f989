"""The explorer in a real browser: what a newcomer does in the first minute, and what goes wrong in it."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import Visitor, visit
from tests.client import Api, Served
from tests.conftest import ADMIN_KEY

pytestmark = pytest.mark.timeout(300)  # the first of them may have to build the page

SIGNED_IN = f"#key={ADMIN_KEY}"
CREDENTIAL = "API key or session token"
NEW_KEY = """mutation($input: ApiKeyCreateInput!) {
  apiKeyCreate(input: $input) { apiKey { id } secret errors { code } } }"""
REVOKE = "mutation($id: ID!) { apiKeyRevoke(input: {apiKeyId: $id}) { errors { code } } }"
PHONE = {"width": 390, "height": 844}


def answer(page: Page) -> Locator:
    return page.locator(".graphiql-response")


def alert(page: Page) -> Locator:
    """Ours; the editor has others."""
    return page.locator(".alert[role=alert]")


def tab(page: Page, title: str) -> Locator:
    return page.get_by_role("tab", name=title)


def is_asking(route: Route) -> bool:
    return route.request.method == "POST"


async def run(page: Page, title: str) -> None:
    """Turn to an example, and run it as it stands."""
    await tab(page, title).click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text(title)
    await page.get_by_role("button", name="Execute query").click()


async def sign_in(page: Page, credential: str) -> None:
    await page.get_by_label(CREDENTIAL).fill(credential)
    await page.get_by_role("button", name="Sign in").click()


async def another_key(server: Served, *scopes: str) -> tuple[str, str]:
    """Its id and its secret."""
    async with Api.over_network(server.http_url, ADMIN_KEY) as api:
        made = await api.execute(NEW_KEY, input={"name": "another", "scopes": list(scopes)})
    return made["apiKeyCreate"]["apiKey"]["id"], made["apiKeyCreate"]["secret"]


async def test_the_link_that_serve_prints_signs_in_and_leaves_no_key_in_the_address(visitor: Visitor) -> None:
    """A44: the fragment is taken out of address and history at once."""
    page = await visitor.opens(SIGNED_IN)
    await expect(page.get_by_text("test mode")).to_be_visible()
    await expect(page.get_by_text("may do everything")).to_be_visible()
    assert page.url == visitor.home
    assert ADMIN_KEY not in await page.content()
    assert await page.evaluate("history.length") == 2
    assert ADMIN_KEY not in await page.evaluate("JSON.stringify({...localStorage})")
    await page.reload()
    await expect(page.get_by_text("may do everything")).to_be_visible()
    await expect(page).to_have_title("saifu explorer")
    assert await page.locator("html").get_attribute("lang") == "en"
    assert not visitor.complaints


async def test_the_first_minute_runs_as_it_stands_and_a_stream_hears_of_another_tab(visitor: Visitor) -> None:
    """Create a customer, listen to its wallet, credit it in a second tab: the first one shows the change."""
    first = await visitor.opens(SIGNED_IN)
    await run(first, "CreateCustomer")
    await expect(answer(first)).to_contain_text('"id": "cus_')
    await expect(answer(first)).to_contain_text('"errors": []')

    await run(first, "WalletBalance")
    await expect(answer(first)).to_contain_text('"amount": 0,')
    async with first.expect_popup() as opened:
        await first.get_by_role("button", name="Second tab").click()
    second = await opened.value
    await expect(second.get_by_text("may do everything")).to_be_visible()
    await run(second, "CreditWallet")
    await expect(answer(second)).to_contain_text('"replayed": false')
    await expect(answer(first)).to_contain_text('"amount": 5000,')
    await expect(answer(first)).to_contain_text("Account funding")

    await second.get_by_role("button", name="Execute query").click()
    await expect(answer(second)).to_contain_text('"replayed": true')
    await run(second, "Dashboard")
    await expect(answer(second)).to_contain_text('"name": "Aiko"')
    await run(second, "Events")
    await expect(answer(second)).to_contain_text("StreamReady")
    assert not visitor.complaints


async def test_the_examples_take_a_payment_and_give_some_of_it_back(visitor: Visitor) -> None:
    """Each uses what the ones before it made: the customer, its balance and card, and the payment."""
    page = await visitor.opens(SIGNED_IN)
    for title in ("CreateCustomer", "CreditWallet", "SaveCard"):
        await run(page, title)
        await expect(answer(page)).to_contain_text('"errors": []')
    await run(page, "ChargeCard")
    await expect(answer(page)).to_contain_text('"status": "SUCCEEDED"')
    await expect(answer(page)).to_contain_text('"number": "INV-000001"')
    await run(page, "FollowPayments")
    await expect(answer(page)).to_contain_text("StreamReady")
    await run(page, "RefundPart")
    await expect(answer(page)).to_contain_text('"status": "SUCCEEDED"')
    await expect(answer(page)).to_contain_text('"amount": 500')
    await run(page, "MakeCheckout")
    await expect(answer(page)).to_contain_text("/checkout/")
    assert not visitor.complaints


async def test_the_documentation_explorer_opens(visitor: Visitor) -> None:
    page = await visitor.opens(SIGNED_IN)
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    documentation = page.locator(".graphiql-plugin")
    await documentation.get_by_role("link", name="Mutation", exact=True).click()
    await documentation.get_by_role("link", name="ledgerEntryCreate", exact=True).click()
    await expect(documentation).to_contain_text("LedgerEntryCreatePayload")
    assert not visitor.complaints


async def test_an_example_that_was_closed_can_be_opened_again(visitor: Visitor) -> None:
    page = await visitor.opens(SIGNED_IN)
    await expect(tab(page, "Dashboard")).to_have_count(1)
    await page.get_by_role("button", name="Show Examples").click()
    await page.get_by_role("button", name="A customer's dashboard").click()
    await expect(tab(page, "Dashboard")).to_have_count(2)
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query Dashboard")
    assert not visitor.complaints


async def test_without_a_key_the_page_says_where_to_get_one(visitor: Visitor) -> None:
    page = await visitor.opens()
    await expect(page.get_by_role("heading", name="Sign in to explore")).to_be_visible()
    await expect(page.get_by_text("saifu key create explorer --scope admin")).to_be_visible()
    await expect(page.locator(".graphiql-container")).to_have_count(0)
    assert not visitor.complaints


@pytest.mark.parametrize("wrong", ["sk_test_wrong", "it is in the drawer", "sk_test_財布"])
async def test_a_wrong_key_is_told_apart_from_a_broken_gateway(visitor: Visitor, wrong: str) -> None:
    page = await visitor.opens()
    await sign_in(page, wrong)
    await expect(alert(page)).to_contain_text("Not signed in.")
    await expect(page.get_by_text("saifu key create explorer --scope admin")).to_be_visible()
    await sign_in(page, f"  {ADMIN_KEY} ")
    await expect(page.get_by_text("may do everything")).to_be_visible()
    await expect(alert(page)).to_have_count(0)


async def test_a_gateway_that_is_away_is_told_apart_from_a_wrong_key(visitor: Visitor) -> None:
    page = await visitor.opens()
    await page.route("**/graphql", lambda route: route.abort())
    await sign_in(page, ADMIN_KEY)
    await expect(alert(page)).to_contain_text("Is the gateway running?")
    await page.unroute("**/graphql")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("may do everything")).to_be_visible()


async def test_a_key_says_what_it_may_do_and_a_new_one_carries_the_stream_on(
    visitor: Visitor, server: Served
) -> None:
    """One place for the credential: the websocket too comes back with the new one."""
    reader, secret = await another_key(server, "CUSTOMERS_READ", "WALLETS_READ", "EVENTS_READ")
    page = await visitor.opens(SIGNED_IN)
    await run(page, "CreateCustomer")
    await expect(answer(page)).to_contain_text('"errors": []')
    await run(page, "WalletBalance")
    await expect(answer(page)).to_contain_text('"amount": 0,')
    await page.get_by_role("button", name="Change key").click()
    await sign_in(page, secret)
    await expect(page.locator(".viewer")).to_contain_text(reader)
    await expect(page.locator(".viewer")).to_contain_text("may customers:read, wallets:read, events:read")

    second = await visitor.opens(SIGNED_IN)
    await run(second, "CreditWallet")
    await expect(answer(second)).to_contain_text('"replayed": false')
    await expect(answer(page)).to_contain_text('"amount": 5000,')
    hellos = [json.loads(sent[0]) for sent in visitor.sockets[:2]]
    assert [hello["payload"]["authorization"] for hello in hellos] == [
        f"Bearer {ADMIN_KEY}",
        f"Bearer {secret}",
    ]
    assert not visitor.complaints


async def test_whoever_is_thrown_out_keeps_what_was_written(visitor: Visitor, server: Served) -> None:
    """A42."""
    key, secret = await another_key(server, "ADMIN")
    page = await visitor.opens(f"#key={secret}")
    await run(page, "Events")
    await expect(answer(page)).to_contain_text("StreamReady")
    async with Api.over_network(server.http_url, ADMIN_KEY) as api:
        await api.execute(REVOKE, id=key)
    await expect(alert(page)).to_contain_text("revoked or has expired")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("subscription Events")
    await sign_in(page, ADMIN_KEY)
    await expect(page.get_by_text("may do everything")).to_be_visible()


async def test_where_money_is_real_the_schema_is_read_by_admins_only(
    visitor: Visitor, server: Served
) -> None:
    """A64. Others find an editor that works, and no complaint about documentation they may not have."""
    _, secret = await another_key(server, "CUSTOMERS_READ")
    asked: list[str] = []

    async def live(route: Route) -> None:
        asked.append(route.request.post_data or "")
        answered = await route.fetch()
        await route.fulfill(response=answered, body=(await answered.text()).replace('"TEST"', '"LIVE"'))

    await visitor.context.route(
        "**/graphql", lambda route: live(route) if is_asking(route) else route.continue_()
    )
    page = await visitor.opens(f"#key={secret}")
    await expect(page.get_by_text("live mode")).to_be_visible()
    await run(page, "Dashboard")
    await expect(answer(page)).to_contain_text('"customer"')
    assert asked
    assert not [each for each in asked if "__schema" in each]
    assert not visitor.complaints


async def test_signing_out_forgets_the_key(visitor: Visitor) -> None:
    page = await visitor.opens(SIGNED_IN)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in to explore")).to_be_visible()
    assert ADMIN_KEY not in await page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in to explore")).to_be_visible()


async def test_the_keyboard_is_enough_to_sign_in(visitor: Visitor) -> None:
    page = await visitor.opens()
    await expect(page.get_by_label(CREDENTIAL)).to_have_attribute("type", "password")
    await page.keyboard.press("Tab")
    await page.keyboard.insert_text(ADMIN_KEY)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(page.get_by_label(CREDENTIAL)).to_have_attribute("type", "text")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("may do everything")).to_be_visible()


@pytest.mark.parametrize("colors", ["light", "dark"])
async def test_the_page_fits_a_phone(
    explorer: None, server: Served, chromium: Browser, tmp_path: Path, colors: str
) -> None:
    """Nothing is wider than the screen, signed out or in; the pictures stay in the test's folder to be looked at."""
    async with visit(chromium, server, viewport=PHONE, color_scheme=colors) as visitor:
        page = await visitor.opens()
        for stage in ("out", "in"):
            if stage == "in":
                await sign_in(page, ADMIN_KEY)
                await run(page, "CreateCustomer")
                await expect(answer(page)).to_contain_text("customerCreate")
            await page.screenshot(path=tmp_path / f"{stage}.png", full_page=True)
            widths = await page.evaluate(
                "[document.documentElement, ...document.querySelectorAll('.bar *, .welcome *')]"
                ".map(each => each.getBoundingClientRect().right)"
            )
            assert max(widths) <= PHONE["width"]
            assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert not visitor.complaints
