"""Doors without a credential: cards, pages, documents and callbacks, in a flood and guessed at (SR98, S13, S18)."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from saifu.clock import ManualClock
from saifu.processors.simulator.callbacks import SIGNATURE, SignedCallback, take
from saifu.processors.simulator.house import House
from saifu.settings import Settings
from saifu.store import Store, Tx
from saifu.tables import SimulatorHouse
from tests.api.mutations import a_new_customer, done
from tests.api.test_http_limits import AT_ONCE, over_network
from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.footprint import footprint, grown

pytestmark = pytest.mark.either_engine

CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    unlimited = request.node.name.startswith("test_only_what_the_processor")
    return settings.model_copy(update={"rate_per_address": 0 if unlimited else 1})


async def asked(client: Api, method: str, path: str, **more: Any) -> list[int]:
    return [(await client.http.request(method, path, **more)).status_code for _ in range(AT_ONCE + 1)]


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "/simulator/tokens", {"data": CARD}, 201),
        ("POST", "/simulator/tokens", {"data": {**CARD, "number": "4242424242424241"}}, 402),
        ("POST", "/simulator/approve/pt_" + "x" * 43, {"data": {"reply": "authorise"}}, 404),
        ("GET", "/simulator/approve/pt_" + "x" * 43, {}, 404),
        ("GET", "/checkout/ct_" + "x" * 43, {}, 404),
        ("GET", "/checkout/ct_" + "x" * 43 + "/state", {}, 404),
        ("POST", "/checkout/ct_" + "x" * 43 + "/pay", {"data": {"csrf": "x"}}, 404),
        ("GET", "/documents/dt_" + "x" * 43, {}, 404),
        ("GET", "/documents/dt_" + "x" * 43 + ".pdf", {}, 404),
        ("HEAD", "/documents/dt_" + "x" * 43 + ".pdf", {}, 404),
        ("POST", "/processors/simulator/callbacks", {"content": b"{}"}, 400),
        ("POST", "/processors/nobody/callbacks", {"content": b"{}"}, 404),
    ],
)
async def test_who_tries_out_is_stopped_and_nobody_with_a_key_is(
    client: Api, store: Store, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    assert await asked(client, method, path, **more) == [status] * AT_ONCE + [429]
    before = await footprint(store)
    refused = await client.http.post("/simulator/tokens", data=CARD)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["code"] == "TOO_MANY_REQUESTS"
    assert grown(before, await footprint(store)) == {}
    assert (await client.ask("{ viewer { mode } }")).status == 200


async def test_a_payer_who_looks_at_the_page_is_not_stopped(client: Api) -> None:
    made = await done(
        client,
        "checkoutSessionCreate",
        currency="USD",
        purpose="TOP_UP",
        amount=500,
        customer={"id": await a_new_customer(client)},
        idempotencyKey="k",
    )
    path = f"/checkout/{made['token']}"
    assert await asked(client, "GET", path) == [200] * (AT_ONCE + 1)
    assert await asked(client, "GET", path + "/state") == [200] * (AT_ONCE + 1)


async def test_a_body_that_never_comes_is_not_waited_for(
    settings: Settings, installed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SERVING trap 14: a letter now and then does not hold a place for ever."""
    monkeypatch.setattr("saifu.gateway.guards.BODY_WITHIN_S", 0.3)
    patient = settings.model_copy(update={"rate_per_address": 0})

    async def slowly() -> Any:
        for _ in range(60):
            yield b"x"
            await asyncio.sleep(0.05)

    async with over_network(patient, installed) as http:
        for path in ("/simulator/tokens", "/processors/simulator/callbacks"):
            headers = {"content-type": "application/json"}
            answer = await http.post(path, content=slowly(), headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (408, "REQUEST_TIMEOUT")


async def test_bodies_have_an_end_and_a_kind(client: Api, settings: Settings, installed: Store) -> None:
    open_ = settings.model_copy(update={"rate_per_address": 0})
    long = b"x" * 70_000
    form, json = "application/x-www-form-urlencoded", "application/json"
    async with over_network(open_, installed) as http:
        for path, kind, status in (
            ("/simulator/tokens", json, 413),
            ("/simulator/tokens", form, 413),
            ("/simulator/tokens", "multipart/form-data; boundary=x", 415),
            ("/processors/simulator/callbacks", json, 413),
        ):
            assert (await http.post(path, content=long, headers={"content-type": kind})).status_code == status
        for path in ("/simulator/tokens", "/processors/simulator/callbacks"):
            for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert (await http.request(method, path)).status_code == 405


@pytest.mark.parametrize("path", ["/checkout/{}", "/checkout/{}/state", "/documents/{}", "/documents/{}.pdf",
                                  "/simulator/approve/{}"])  # fmt: skip
async def test_nothing_tells_one_wrong_token_from_another(
    settings: Settings, installed: Store, path: str
) -> None:
    """No hint why: not how long it is, not how it begins, not that it once was good."""
    open_ = settings.model_copy(update={"rate_per_address": 0})
    wrong = ["x", "ct_", "dt_", "pt_", *(prefix + "x" * 43 for prefix in ("ct_", "dt_", "pt_", "cs_")), "ct_é", "%00",
             "dt_" + "x" * 900, ADMIN_KEY]  # fmt: skip
    async with over_network(open_, installed) as http:
        answers = [await http.get(path.format(token)) for token in wrong]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (answers[0].status_code, answers[0].content)
    }
    assert answers[0].status_code == 404
    assert all(ADMIN_KEY not in str(answer.headers) + answer.text for answer in answers)


async def test_callbacks_that_are_forged_change_nothing(client: Api, store: Store) -> None:
    """S18: without a signature, with another's, for a processor that is not here, or for one that is none."""
    before = await footprint(store)
    body = b'{"id":"evt_1","kind":"charge","reference":"pay_1"}'
    for name in ("simulator", "stripe", "nobody", "../graphql", "%2e%2e", "simulator%00"):
        for headers in ({}, {"signature": "t=1,v1=00"}, {"stripe-signature": "t=1,v1=00"}):
            answer = await client.http.post(f"/processors/{name}/callbacks", content=body, headers=headers)
            assert answer.status_code in {400, 404, 405, 429}, name
    assert grown(before, await footprint(store)) == {}


async def test_only_what_the_processor_signed_now_is_taken_and_once(
    client: Api, store: Store, clock: ManualClock
) -> None:
    """S18: +1 byte, another secret, 301 s old, a time that is none, another's name, and again."""
    await done(client, "paymentCreate", token="tok_visa", currency="USD", amount=500, idempotencyKey="k")
    clock.advance(timedelta(seconds=5))
    good = await store.write(a_callback)
    time, _, signature = good.headers[SIGNATURE].partition(",")
    before = await footprint(store)
    for headers, body in (
        ({SIGNATURE: good.headers[SIGNATURE]}, good.body + b" "),
        ({SIGNATURE: f"{time},v1={'0' * 64}"}, good.body),
        ({SIGNATURE: f"t={int(time[2:]) + 1},{signature}"}, good.body),
        ({SIGNATURE: f"t={'9' * 6_000},{signature}"}, good.body),
        ({SIGNATURE: f"t=²,{signature}".encode()}, good.body),
        ({SIGNATURE: f"{time},v1=é".encode()}, good.body),
        ({SIGNATURE: signature}, good.body),
        ({}, good.body),
    ):
        answer = await knock(client, headers, body)
        assert (answer.status_code, answer.json()) == (400, {"error": {"code": "BAD_CALLBACK"}})
    assert (await knock(client, good.headers, good.body, "stripe")).status_code == 404
    assert grown(before, await footprint(store)) == {}
    for _ in range(3):
        assert (await knock(client, good.headers, good.body)).status_code == 200
    clock.advance(timedelta(seconds=301))
    assert (await knock(client, good.headers, good.body)).status_code == 400
    assert grown(before, await footprint(store)) == {"processor_callback": 1}


def a_callback(tx: Tx) -> SignedCallback:
    """One that the simulator would send now."""
    (house,) = tx.all(select(SimulatorHouse))
    return take(tx, House(bytes.fromhex(house.secret)), tx.now, 1)[0]


async def knock(client: Api, headers: Any, body: bytes, name: str = "simulator") -> httpx.Response:
    return await client.http.post(f"/processors/{name}/callbacks", content=body, headers=headers)


async def test_a_head_is_answered_like_a_get_without_a_body(client: Api) -> None:
    for path in ("/checkout/ct_" + "x" * 43, "/documents/dt_" + "x" * 43):
        answer: httpx.Response = await client.http.head(path)
        assert (answer.status_code, answer.content) == (404, b"")
