"""What tests do at the hosted page, as a browser without a script would: forms, cookies and redirections."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.api.mutations import done
from tests.client import Api

CARD = "4242424242424242"
DECLINED, POOR, CHALLENGED = "4000000000000002", "4000000000009995", "4000000000003220"
SET_UP_ONCE = "4000002500003155"
SILENT_ON_RENEWAL = "4000000000000341"
TEA = {"name": "Sencha", "unitAmount": 1500, "quantity": 2}


@dataclass
class Checkout:
    """A session at its page."""

    api: Api
    id: str
    token: str

    @property
    def path(self) -> str:
        return f"/checkout/{self.token}"

    @property
    def browser(self) -> httpx.AsyncClient:
        return self.api.http

    async def opened(self, **headers: str) -> httpx.Response:
        return await self.browser.get(self.path, headers=headers)

    async def sends(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Submit the form of a page, with its hidden fields and what is given; not followed."""
        return await self.browser.post(f"{self.path}/pay", data={**hidden(page.text), **fields})

    async def pays(self, number: str = CARD, **fields: str) -> httpx.Response:
        """Open the page, type a card, submit, and come to where that leads."""
        page = await self.opened()
        card = {"card_number": number, "card_expiry": "12/34", "card_cvc": "123"}
        answer = await self.sends(page, **{**card, **fields})
        return await self.follows(answer)

    async def follows(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect:
            answer = await self.browser.get(urlsplit(answer.headers["location"]).path)
        return answer

    async def stands(self) -> Any:
        found = await self.api.execute(
            "query ($id: ID!) { checkoutSession(id: $id) { status attempts paymentStatus payment { id errorCode "
            "walletAmount { amount } sourceAmount { amount } retryOf { id } } sourceId customer { id } } }",
            id=self.id,
        )
        return found["checkoutSession"]


async def a_checkout(client: Api, key: str = "cart", **given: Any) -> Checkout:
    """A session for 30.00 USD of somebody known by e-mail, but for what is given."""
    wanted: dict[str, Any] = {
        "currency": "USD",
        "lines": [TEA],
        "customer": {"email": "mika@example.com"},
        **given,
    }
    made = await done(client, "checkoutSessionCreate", idempotencyKey=key, **wanted)
    return Checkout(client, made["checkoutSession"]["id"], made["token"])


def hidden(page: str) -> dict[str, str]:
    """The hidden fields, chosen methods and ticked boxes of a page's form."""
    fields = re.findall(r"<input([^>]*)>", page)
    found = {}
    for field in fields:
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', field))
        kind = attributes.get("type")
        if kind == "hidden" or (kind in {"radio", "checkbox"} and re.search(r"\schecked\b", field)):
            found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found


def heading(page: httpx.Response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    assert found, page.text
    return unescape(found[1].strip())


def alert(page: httpx.Response) -> str:
    """What stands above the form, in one line."""
    found = re.search(r'<div class="problem"[^>]*>(.*?)</div>', page.text, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split()) if found else ""


def error_of(page: httpx.Response, field: str) -> str:
    """What stands beneath a field."""
    found = re.search(rf'id="{field}-error">(.*?)</p>', page.text, re.DOTALL)
    return unescape(found[1].strip()) if found else ""
