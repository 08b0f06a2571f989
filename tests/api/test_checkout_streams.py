"""A checkout session as it happens (A53): over a websocket and as server-sent events, with the token of its link."""

import asyncio
import json

import pytest

from tests.api.mutations import done
from tests.checkout import DECLINED, Checkout, a_checkout
from tests.client import Api, Failed, Served
from tests.conftest import ADMIN_KEY, Listen

STREAM = """subscription ($id: ID!, $after: Cursor) { checkoutSessionUpdated(id: $id, after: $after) {
  __typename
  ... on CheckoutSessionChange { cursor checkoutSession { id status attempts paymentStatus } }
  ... on StreamGap { reason }
} }"""


async def test_a_session_is_shown_and_then_followed_to_its_end(server: Served, listen: Listen) -> None:
    """A53: first as it is; a decline and a success are payments' events, and concern it all the same."""
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        mine, other = await a_checkout(client), await a_checkout(client, key="other")
        async with listen(mine.token) as socket:
            stream = await socket.subscribe(STREAM, id=mine.id)
            first = await stream.next()
            assert first["checkoutSession"] == {
                "id": mine.id, "status": "OPEN", "attempts": 0, "paymentStatus": None,
            }  # fmt: skip
            await other.pays()
            await mine.pays(DECLINED)
            failed = await stream.next()
            assert failed["checkoutSession"]["paymentStatus"] == "FAILED"
            await mine.pays()
            heard = [await stream.next() for _ in range(2)]
            assert {each["checkoutSession"]["id"] for each in heard} == {mine.id}
            assert heard[-1]["checkoutSession"] == {
                "id": mine.id, "status": "COMPLETED", "attempts": 2, "paymentStatus": "SUCCEEDED",
            }  # fmt: skip
            missed = await socket.subscribe(STREAM, id=mine.id, after=failed["cursor"])
            assert [(await missed.next())["cursor"] for _ in heard] == [each["cursor"] for each in heard]
            assert await missed.silent()


async def test_somebody_unknown_is_followed_from_nobody_to_a_customer(server: Served, listen: Listen) -> None:
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        checkout = await a_checkout(client, customer=None)
        async with listen(checkout.token) as socket:
            stream = await socket.subscribe(STREAM, id=checkout.id)
            await stream.next()
            await checkout.pays(email="noor@example.com")
            heard = [await stream.next() for _ in range(2)]
            assert heard[-1]["checkoutSession"]["status"] == "COMPLETED"


async def test_a_token_follows_its_own_session_alone(server: Served, listen: Listen) -> None:
    """A41."""
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        mine, other = await a_checkout(client), await a_checkout(client, key="other")
        async with listen(mine.token) as socket:
            for document, variables in (
                (STREAM, {"id": other.id}),
                (STREAM, {"id": "cks_x"}),
                ("subscription { events { __typename } }", {}),
                ("subscription { walletBalanceLow { __typename } }", {}),
                ("subscription { paymentUpdated { __typename } }", {}),
            ):
                refused = await socket.subscribe(document, **variables)
                with pytest.raises(Failed) as no:
                    await refused.next()
                assert no.value.code in {
                    "BAD_USER_INPUT",
                    "NOT_FOUND",
                    "FORBIDDEN",
                }


async def test_the_page_listens_to_server_sent_events(server: Served) -> None:
    """What `checkout.js` does: fetch with the link's token, and wait for `event: next`."""
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        checkout = await a_checkout(client)
        heard = asyncio.create_task(_second_event(client, checkout))
        await asyncio.sleep(0.2)
        await done(client, "checkoutSessionExpire", checkoutSessionId=checkout.id)
        async with asyncio.timeout(10):
            assert (await heard)["checkoutSession"]["status"] == "EXPIRED"


async def _second_event(client: Api, checkout: Checkout) -> dict[str, dict[str, str]]:
    headers = {"authorization": f"Bearer {checkout.token}", "accept": "text/event-stream"}
    body = {"query": STREAM, "variables": {"id": checkout.id}}
    seen = []
    async with client.http.stream("POST", "/graphql", json=body, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data:") and "checkoutSession" in line:
                seen.append(json.loads(line.removeprefix("data:"))["data"]["checkoutSessionUpdated"])
            if len(seen) == 2:
                return dict(seen[1])
    raise AssertionError("the stream ended")
