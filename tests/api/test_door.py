"""Over a network a query may be answered without a task (`gateway/door.py`), and nobody can tell by the answer."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from saifu import keys
from saifu.gateway.door import Door
from saifu.gateway.http_cycle import Cycle
from saifu.gateway.http_protocol import HttpProtocol
from saifu.settings import Settings
from saifu.store import Store
from saifu.store_at_once import AtOnce
from tests.builders import a_customer, a_key, post
from tests.client import Api, served
from tests.conftest import ADMIN_KEY
from tests.serving.test_http_protocol import peer

pytestmark = pytest.mark.sqlite_only

DASHBOARD = """query ($id: ID!, $n: Int = 2) { customer(id: $id) {
  id email wallets { balance { amount currency } }
  ledgerEntries(first: $n) { nodes { id amount { amount } } pageInfo { endCursor hasNextPage } } } }"""
VIEWER = "{ viewer { mode } }"


@dataclass
class Gate:
    """A gateway behind a port, and how many tasks it has begun for requests."""

    http: httpx.AsyncClient
    port: int
    door: Door
    tasks: int = 0

    async def ask(self, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        sent = {
            "authorization": f"Bearer {ADMIN_KEY}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return await self.http.post("/graphql", json=body, headers=sent)

    async def known(self, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        """The answer once all is known that can be."""
        for _ in range(3):
            await self.ask(body, **headers)
        self.tasks = 0
        return await self.ask(body, **headers)

    @property
    def under_way(self) -> int:
        return self.door.admission._in_all


@asynccontextmanager
async def opened(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    from saifu.server import build_app

    app = build_app(settings, store=store)
    start = HttpProtocol._start_asgi_task
    async with (
        served(app, settings) as server,
        httpx.AsyncClient(base_url=server.http_url) as http,
    ):
        gate = Gate(http, server.port, app.door)  # type: ignore[attr-defined]

        def counted(self: HttpProtocol, *of: Any) -> None:
            gate.tasks += 1
            start(self, *of)

        monkeypatch.setattr(HttpProtocol, "_start_asgi_task", counted)
        yield gate
        assert gate.under_way == 0


@pytest.fixture
async def gate(settings: Settings, installed: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    async with opened(settings, installed, monkeypatch) as gate:
        yield gate


@pytest.fixture
async def customer_id(installed: Store) -> str:
    owner = (await installed.write(a_customer)).id
    for amount in (700, 300, -100):
        await installed.write(lambda tx, much=amount: post(tx, owner, much))  # type: ignore[misc]
    return owner


def asking(customer_id: str, **more: Any) -> dict[str, Any]:
    return {"query": DASHBOARD, "variables": {"id": customer_id, **more}}


def shown(answer: httpx.Response) -> Any:
    """All of an answer but what differs from one to the next."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    body = answer.json() if answer.content else None
    for error in (body or {}).get("errors", ()):
        error["extensions"].pop("retryAfterS", None)
    return answer.status_code, headers, body


async def in_process(client: Api, body: Mapping[str, Any], **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {ADMIN_KEY}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return await client.http.post("/graphql", json=body, headers=sent)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/graphql-response+json"])
async def test_an_answer_without_a_task_is_the_one_with_a_task(
    gate: Gate, client: Api, customer_id: str, accept: str
) -> None:
    ordinary = await in_process(client, asking(customer_id), accept=accept)
    answer = await gate.known(asking(customer_id), accept=accept)
    assert gate.tasks == 0
    assert shown(answer) == shown(ordinary)
    assert answer.content == ordinary.content
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["date"]


async def test_a_request_keeps_the_id_it_came_with(gate: Gate, customer_id: str) -> None:
    answer = await gate.known(asking(customer_id), x_request_id="frontend-4711")
    assert gate.tasks == 0
    assert answer.headers["x-request-id"] == "frontend-4711"


async def test_every_answer_is_of_now(gate: Gate, installed: Store, customer_id: str) -> None:
    """A33."""
    await gate.known(asking(customer_id))
    for number in range(1, 4):
        await installed.write(lambda tx: post(tx, customer_id, 100))
        data = (await gate.ask(asking(customer_id))).json()["data"]["customer"]
        assert data["wallets"][0]["balance"]["amount"] == 900 + 100 * number
    assert gate.tasks == 0


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"query": VIEWER}, {}),
        ({"query": "{"}, {}),
        ({"query": "{ nothing }"}, {"accept": "application/graphql-response+json"}),
        ({"query": ""}, {}),
        ({"query": VIEWER, "operationName": "Other"}, {}),
        ({"query": VIEWER, "variables": [1]}, {}),
        ([{"query": VIEWER}], {}),
        (asking("cus_0"), {}),
        (asking("cus_\0"), {}),
        (asking("cus_0", n=101), {}),
        (asking("cus_0", n="many"), {}),
        ({"query": "mutation { customerDelete(input: {id: 5}) { errors { code } } }"}, {}),
        ({"query": "subscription { events { __typename } }"}, {}),
        ({"query": VIEWER}, {"accept": "text/html"}),
        ({"query": VIEWER}, {"content_type": "text/plain"}),
        ({"query": VIEWER}, {"content_encoding": "gzip"}),
        ({"query": VIEWER}, {"authorization": "Bearer nobody"}),
    ],
)
async def test_whatever_is_unusual_is_answered_as_ever(
    gate: Gate, client: Api, body: Any, headers: dict[str, str]
) -> None:
    ordinary = await in_process(client, body, **headers)
    answer = await gate.known(body, **headers)
    assert gate.tasks == 1
    assert shown(answer) == shown(ordinary)


async def test_a_key_that_is_revoked_is_nobody_at_once(
    gate: Gate, installed: Store, customer_id: str
) -> None:
    """S5."""
    key_id, secret = await installed.write(a_key)
    authorization = f"Bearer {secret}"
    assert (await gate.known(asking(customer_id), authorization=authorization)).status_code == 200
    assert gate.tasks == 0
    await installed.write(lambda tx: keys.revoke(tx, key_id))
    assert (await gate.ask(asking(customer_id), authorization=authorization)).status_code == 401


async def test_who_asks_too_often_is_told_so(
    settings: Settings, installed: Store, customer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A63: what is answered without a task counts like everything else."""
    narrow = settings.model_copy(update={"rate_per_key": 1})
    async with opened(narrow, installed, monkeypatch) as gate:
        statuses = [(await gate.ask(asking(customer_id))).status_code for _ in range(7)]
        refused = await gate.ask(asking(customer_id))
    assert statuses[:5] == [200] * 5
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"


async def test_pages_of_other_origins_get_the_headers_they_need(
    settings: Settings, installed: Store, customer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = "https://shop.example"
    wide = settings.model_copy(update={"allowed_origins": (shop,)})
    async with opened(wide, installed, monkeypatch) as gate:
        answer = await gate.known(asking(customer_id), origin=shop)
        assert answer.headers["access-control-allow-origin"] == shop
        await gate.known(asking(customer_id))
        assert gate.tasks == 0


async def test_answers_come_in_the_order_of_the_requests_and_the_last_closes(
    gate: Gate, customer_id: str
) -> None:
    await gate.known(asking(customer_id))
    sizes = (1, 2, 3)
    requests = [_raw(asking(customer_id, n=size), close=size == sizes[-1]) for size in sizes]
    async with peer(gate.port) as client:
        await client.say(b"".join(requests))
        answers = [await client.answer() for _ in sizes]
        assert await client.rest() == b""
    found = [json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["customer"] for answer in answers]
    assert [len(one["ledgerEntries"]["nodes"]) for one in found] == list(sizes)
    assert [b"connection: close\r\n" in answer for answer in answers] == [False, False, True]


async def test_a_body_may_come_in_pieces(gate: Gate, customer_id: str) -> None:
    await gate.known(asking(customer_id))
    request = _raw(asking(customer_id))
    async with peer(gate.port) as client:
        await client.say(request[:-40])
        await asyncio.sleep(0.01)
        await client.say(request[-40:])
        assert (await client.answer()).startswith(b"HTTP/1.1 200")


async def test_who_goes_away_leaves_nothing_behind(gate: Gate, customer_id: str) -> None:
    await gate.known(asking(customer_id))
    for _ in range(5):
        async with peer(gate.port) as client:
            await client.say(_raw(asking(customer_id)))
    assert (await gate.ask(asking(customer_id))).status_code == 200
    assert gate.under_way == 0


async def test_where_the_statement_fails_the_resolvers_answer(
    gate: Gate, customer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = await gate.known(asking(customer_id))
    monkeypatch.setattr(AtOnce, "_rows", lambda *_: sqlite3.OperationalError("out of order"))
    answer = await gate.ask(asking(customer_id))
    assert gate.tasks == 1
    assert shown(answer) == shown(good)


async def test_a_fault_while_answering_ends_the_connection_and_nothing_else(
    gate: Gate, customer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.known(asking(customer_id))

    def broken(*_: Any) -> None:
        raise RuntimeError("the secret of the kitchen")

    with monkeypatch.context() as patched:
        patched.setattr(Cycle, "reply", broken)
        with pytest.raises(httpx.TransportError):
            await gate.ask(asking(customer_id))
    assert gate.under_way == 0
    assert (await gate.ask(asking(customer_id))).status_code == 200


async def test_it_is_counted_and_logged_like_any_other(
    gate: Gate, customer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(gate.door.requests, "_answered", lambda *of: told.append(of))
    answer = await gate.known(asking(customer_id))
    assert gate.tasks == 0
    request_id, *said, took_ms = told[-1]
    assert request_id == answer.headers["x-request-id"]
    assert said == ["POST", "/graphql", 200]
    assert took_ms > 0
    metrics = (await gate.http.get("/metrics")).text
    assert 'saifu_requests_total{operation="query",outcome="ok"} 4.0' in metrics
    assert 'saifu_request_duration_seconds_bucket{le="+Inf",operation="query"} 4.0' in metrics


def _raw(body: Mapping[str, Any], close: bool = False) -> bytes:
    text = json.dumps(body).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(text)}\r\n"
        f"{'connection: close' if close else 'accept: */*'}\r\n\r\n"
    )
    return head.encode() + text
