"""The limits of the settings on requests over HTTP (A61, A63): whom they count for, and what they say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from saifu.settings import Settings
from saifu.store import Store
from tests.builders import a_customer, a_key, a_session
from tests.client import Api, Socket, served
from tests.conftest import ADMIN_KEY

VIEWER = "{ viewer { mode } }"
CREATE = 'mutation { customerCreate(input: {email: "a@example.com", name: "A"}) { customer { id } } }'
EVENTS = "subscription { events { __typename } }"
# Five seconds' worth come at once.
AT_ONCE = 5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_per_key": 2, "rate_per_session": 1, "rate_per_address": 1})


@asynccontextmanager
async def over_network(settings: Settings, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    from saifu.server import build_app

    async with (
        served(build_app(settings, store=store), settings) as server,
        httpx.AsyncClient(base_url=server.http_url) as http,
    ):
        yield http


async def guess(http: httpx.AsyncClient, key: str, **headers: str) -> int:
    sent: dict[str, Any] = {"authorization": f"Bearer sk_test_{key}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return (await http.post("/graphql", json={"query": VIEWER}, headers=sent)).status_code


async def test_a_key_that_asks_too_often_is_told_when_to_come_back_and_nothing_happens(
    client: Api, store: Store
) -> None:
    """A63, S13: before anything runs, so that the same request is good later."""
    for _ in range(2 * AT_ONCE):
        assert (await client.ask(VIEWER)).status == 200
    refused = await client.ask(CREATE)
    assert refused.status == 429
    assert refused.code == "RATE_LIMITED"
    assert refused.headers["retry-after"] == "1"
    assert 0 < refused.body["errors"][0]["extensions"]["retryAfterS"] <= 0.5
    _, other = await store.write(a_key)
    found = await client.acting_as(other).ask("{ customers { totalCount } }")
    assert found.data["customers"]["totalCount"] == 0


async def test_a_session_has_a_rate_of_its_own(client: Api, store: Store) -> None:
    customer = await store.write(a_customer)
    _, token = await store.write(lambda tx: a_session(tx, customer.id))
    statuses = [(await client.acting_as(token).ask(VIEWER)).status for _ in range(AT_ONCE + 1)]
    assert statuses == [200] * AT_ONCE + [429]


async def test_guessing_is_limited_by_address_and_honest_callers_go_on(client: Api) -> None:
    assert (await client.ask(VIEWER)).status == 200
    statuses = [(await client.acting_as(f"sk_test_{n}").ask(VIEWER)).status for n in range(AT_ONCE + 1)]
    assert statuses == [401] * AT_ONCE + [429]
    assert (await client.ask(VIEWER)).status == 200


async def test_an_address_that_a_client_claims_is_not_believed(settings: Settings, installed: Store) -> None:
    async with over_network(settings, installed) as http:
        statuses = [await guess(http, str(n), x_forwarded_for=f"198.51.100.{n}") for n in range(AT_ONCE + 1)]
    assert statuses == [401] * AT_ONCE + [429]


async def test_an_address_that_a_trusted_proxy_names_is(settings: Settings, installed: Store) -> None:
    trusting = settings.model_copy(update={"trusted_proxies": ("127.0.0.0/8",)})
    async with over_network(trusting, installed) as http:
        # What the client wrote itself stands in front of what the proxy added.
        statuses = [
            await guess(http, str(n), x_forwarded_for=f"203.0.113.{n}, 198.51.100.1")
            for n in range(AT_ONCE + 1)
        ]
        assert statuses == [401] * AT_ONCE + [429]
        assert await guess(http, "x", x_forwarded_for="198.51.100.2") == 401


async def test_no_limit_is_no_limit(settings: Settings, installed: Store) -> None:
    from saifu.server import build_app

    none = settings.model_copy(update={"rate_per_key": 0, "rate_per_session": 0, "rate_per_address": 0})
    app = build_app(none, store=installed)
    async with app.router.lifespan_context(app), Api.in_process(app, ADMIN_KEY) as api:
        assert {(await api.ask(VIEWER)).status for _ in range(4 * AT_ONCE)} == {200}
        assert {(await api.acting_as("sk_test_x").ask(VIEWER)).status for _ in range(4 * AT_ONCE)} == {401}


async def test_streams_and_sockets_of_a_credential_are_counted_together(
    settings: Settings, installed: Store
) -> None:
    """SERVING trap 14."""
    from saifu.server import build_app

    few = settings.model_copy(update={"sockets_per_credential": 1})
    async with served(build_app(few, store=installed), few) as server, Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        headers = {"authorization": f"Bearer {ADMIN_KEY}", "accept": "text/event-stream"}
        async with httpx.AsyncClient(base_url=server.http_url) as http:
            refused = await http.post("/graphql", json={"query": EVENTS}, headers=headers)
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_an_answer_says_what_its_operation_cost(client: Api) -> None:
    """A61."""
    answer = await client.ask("{ customers(first: 5) { nodes { id } } }")
    cost = answer.body["extensions"]["cost"]
    assert cost["requested"] >= 5
    assert cost["limit"] == 20_000
    assert cost["remaining"] == cost["limit"] - cost["requested"]
