"""In live mode nothing of the simulator is there, and nobody is sent over an open line (SR95, PM82, PM96, ruling 5)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, done, refused
from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.footprint import footprint, grown

pytestmark = pytest.mark.either_engine

CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}
STRIPE = {"stripe_secret_key": "sk_live_51Example", "stripe_webhook_secret": "whsec_Example1"}
TOKENS = ("tok_visa", "tok_chargeDeclined", "tok_createDispute")


@pytest.fixture(params=[{}, STRIPE], ids=["no processor", "stripe"])
def processor(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
async def live(processor: dict[str, Any], url: str, installed: Store) -> AsyncIterator[Api]:
    from saifu.server import build_app

    given = {"database_url": url, "admin_key": ADMIN_KEY.replace("_test_", "_live_"), "mode": "live"}
    app = build_app(Settings.model_validate({**given, **processor}), store=installed)
    async with app.router.lifespan_context(app), Api.in_process(app, ADMIN_KEY) as api:
        yield api


async def test_no_door_of_the_simulator_is_there(live: Api, store: Store) -> None:
    """SR95: neither cards nor pages nor what it says of itself; nothing is kept of a card that is sent all the same."""
    before = await footprint(store)
    for method, path, more in (
        ("POST", "/simulator/tokens", {"data": CARD}),
        ("POST", "/simulator/approve/pt_" + "x" * 43, {"data": {"reply": "authorise"}}),
        ("GET", "/simulator/approve/pt_" + "x" * 43, {}),
        ("POST", "/processors/simulator/callbacks", {"content": b"{}"}),
    ):
        answer = await live.http.request(method, path, **more)
        assert (answer.status_code, CARD["number"] in answer.text) == (404, False), path
    assert grown(before, await footprint(store)) == {}


async def test_a_published_token_is_no_card(live: Api, processor: dict[str, Any]) -> None:
    """SR95: told as such where somebody charges; where nobody does, there is nothing to charge with."""
    code = "LIVE_MODE_TEST_CARD" if processor else "UNSUPPORTED_ACTION"
    customer_id = await a_new_customer(live)
    for number, token in enumerate(TOKENS):
        for mutation, given in (
            ("sourceCreate", {"type": "CARD", "token": token}),
            ("sourceAttach", {"customerId": customer_id, "source": token}),
            (
                "paymentCreate",
                {"token": token, "currency": "USD", "amount": 500, "idempotencyKey": f"k{number}"},
            ),
        ):
            error = await refused(live, mutation, **given)
            assert error["code"] == code, mutation
    found = await live.execute("{ payments { totalCount } }")
    assert found["payments"]["totalCount"] == 0


async def test_nothing_is_scripted(live: Api) -> None:
    """PM96."""
    answer = await live.execute(
        "mutation { simulatorScript(input: {outcomes: [{outcome: SUCCEED}]}) { queued errors { code } } }"
    )
    assert answer["simulatorScript"] == {"queued": None, "errors": [{"code": "UNSUPPORTED_ACTION"}]}


OPEN = [
    "http://shop.example/thanks",
    "//shop.example/thanks",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://shop.example@evil.example/",
    "https://user:secret@shop.example/",
    "https:/\\evil.example/",
    "https://shop.example/\r\nset-cookie: x=1",
    "https://shop.example/ x",
    "https://shop.example/" + "x" * 2_048,
    "/thanks",
    "",
]


@pytest.mark.parametrize("address", OPEN)
async def test_nobody_is_sent_to_such_an_address(live: Api, store: Store, address: str) -> None:
    """PM82, SR25: from a checkout, from a bank, or from giving up."""
    before = await footprint(store)
    asked: dict[str, Any] = {
        "currency": "USD",
        "lines": [{"name": "Tea", "unitAmount": 500}],
        "idempotencyKey": "k",
    }
    payment = {
        "token": "tok_visa",
        "currency": "USD",
        "amount": 500,
        "idempotencyKey": "p",
        "returnUrl": address,
    }
    source = {"type": "IDEAL", "currency": "EUR", "amount": 500, "owner": {"name": "A"}, "returnUrl": address}
    for mutation, given, field in (
        ("checkoutSessionCreate", {**asked, "returnUrl": address}, "returnUrl"),
        ("checkoutSessionCreate", {**asked, "cancelUrl": address}, "cancelUrl"),
        ("paymentCreate", payment, "returnUrl"),
        ("sourceCreate", source, "returnUrl"),
    ):
        error = await refused(live, mutation, **given)
        assert (error["code"], error["path"]) == ("INVALID_REQUEST_PARAMETERS", ["input", field]), mutation
    assert grown(before, await footprint(store)) == {}


async def test_a_page_sends_nobody_where_its_address_says(client: Api) -> None:
    """No open redirect: what is in the query of a page's link is not where it leads."""
    made = await done(
        client,
        "checkoutSessionCreate",
        currency="USD",
        lines=[{"name": "Tea", "unitAmount": 500}],
        idempotencyKey="k",
    )
    for query in (
        "return_url=https://evil.example",
        "go=1&next=//evil.example",
        "cancel_url=javascript:alert(1)",
    ):
        for path in (f"/checkout/{made['token']}", f"/checkout/return/{made['checkoutSession']['id']}"):
            answer = await client.http.get(f"{path}?{query}", headers={"host": "evil.example"})
            assert "evil" not in answer.text + answer.headers.get("location", "")
