"""Subscriptions over HTTP, on the wire and with the product behind it (A42, A50-A54)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from saifu import keys
from saifu.settings import Settings
from saifu.store import Store
from tests.builders import a_customer, a_key
from tests.client import Api, Served, served
from tests.conftest import ADMIN_KEY

EVENTS = "subscription { events { __typename ... on Event { type cursor } ... on StreamReady { cursor } } }"
PATIENCE_S = 10


class Events:
    """The server-sent events of one answer."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """Kind and data of the next event; ("", None) when the body is over."""
        kind, data = "", None
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                name, _, value = line.partition(":")
                if name == "event":
                    kind = value.strip()
                elif name == "data":
                    data = json.loads(value) if value.strip() else None
                elif not line and kind:
                    return kind, data
        return "", None

    async def message(self) -> dict[str, Any]:
        kind, data = await self.next()
        assert kind == "next", (kind, data)
        ((message),) = data["data"].values()
        return dict(message)

    async def event(self) -> dict[str, Any]:
        """The next message that is an event: a log that is being read may say first that it is ready."""
        while (message := await self.message())["__typename"] != "Event":
            assert message["__typename"] == "StreamReady"
        return message


@asynccontextmanager
async def listening(server: Served, token: str = ADMIN_KEY, document: str = EVENTS) -> AsyncIterator[Events]:
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=server.http_url, timeout=PATIENCE_S) as http,
        http.stream("POST", "/graphql", json={"query": document}, headers=headers) as response,
    ):
        assert response.status_code == 200
        yield Events(response)


async def test_what_happens_is_told_as_it_happens(server: Served, store: Store) -> None:
    async with listening(server) as events:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert events.response.headers["x-content-type-options"] == "nosniff"
        ready = await events.message()
        assert ready["__typename"] == "StreamReady"
        await store.write(a_customer)
        assert (await events.event())["type"] == "CUSTOMER_CREATED"


async def test_a_listener_that_was_cut_off_resumes_from_its_cursor(server: Served, store: Store) -> None:
    """A51: what it missed comes first."""
    async with listening(server) as events:
        cursor = (await events.message())["cursor"]
    await store.write(a_customer)
    resumed = EVENTS.replace("events {", f'events(after: "{cursor}") {{', 1)
    async with listening(server, document=resumed) as events:
        assert (await events.event())["type"] == "CUSTOMER_CREATED"


async def test_an_unusable_cursor_is_an_error_and_not_now(server: Served) -> None:
    """A51."""
    async with listening(server, document=EVENTS.replace("events {", 'events(after: "x") {', 1)) as events:
        kind, data = await events.next()
        assert kind == "next"
        assert data["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert await events.next() == ("complete", None)


async def test_a_revoked_key_ends_its_streams_within_five_seconds(server: Served, store: Store) -> None:
    """A42."""
    key_id, secret = await store.write(a_key)
    async with listening(server, secret) as events:
        await events.message()
        await store.write(lambda tx: keys.revoke(tx, key_id))
        async with asyncio.timeout(5):
            kind, data = await events.next()
        assert kind == "next"
        assert data["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await events.next() == ("complete", None)


async def test_a_stopping_gateway_lets_listeners_go_so_that_they_come_back(
    settings: Settings, installed: Store
) -> None:
    """A55, over HTTP: the body ends without `complete`, which would tell a client to stay away."""
    from saifu.server import build_app

    async with served(build_app(settings, store=installed), settings) as server, listening(server) as events:
        await events.message()
        server.stop()
        assert await events.next() == ("", None)


async def test_streams_are_seen_in_the_metrics_and_leave_nothing_behind(server: Served) -> None:
    async def open_now() -> str:
        async with httpx.AsyncClient(base_url=server.http_url) as http:
            text = (await http.get("/metrics")).text
        return next(line for line in text.splitlines() if line.startswith("saifu_open_http_streams "))

    async with listening(server) as events:
        await events.message()
        assert (await open_now()).endswith(" 1.0")
    async with asyncio.timeout(PATIENCE_S):
        while not (await open_now()).endswith(" 0.0"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example", None])
async def test_pages_of_listed_origins_may_send_what_clients_send(
    settings: Settings, installed: Store, origin: str | None
) -> None:
    """S11: a preflight for JSON, the credential and Apollo's header; a GET that names its document needs one too."""
    from saifu.server import build_app

    chosen = settings.model_copy(update={"allowed_origins": ("https://shop.example",)})
    good = origin == "https://shop.example"
    asked = {"origin": origin} if origin else {}
    preflight = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization,content-type,apollo-require-preflight,x-request-id",
    }
    app = build_app(chosen, store=installed)
    async with app.router.lifespan_context(app), Api.in_process(app, None) as api:
        http = api.http
        if origin:
            may = await http.options("/graphql", headers=asked | preflight)
            assert may.status_code == (200 if good else 400)
            assert may.headers.get("access-control-allow-origin") == (origin if good else None)
        headers = asked | {"authorization": f"Bearer {ADMIN_KEY}"}
        answer = await http.get("/graphql", params={"query": "{ viewer { mode } }"}, headers=headers)
    assert answer.headers.get("access-control-allow-origin") == (origin if good else None)
    assert {each.strip().lower() for each in answer.headers["vary"].split(",")} == {"accept", "origin"}
    assert "access-control-allow-credentials" not in answer.headers
