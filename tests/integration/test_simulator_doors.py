"""The simulator's doors: cards become tokens and leave no trace, and customers confirm on a page (SR90-SR95, PM93)."""

import hashlib
import re
from typing import Any

import orjson
import pytest

from saifu.processors.contract import ChargeState
from saifu.processors.simulator import Simulator
from saifu.processors.simulator.pages import TOKENS
from tests.simulated import BACK, VISA, Till, doors, dump

pytestmark = pytest.mark.either_engine

CARD = {"number": VISA, "exp_month": 6, "exp_year": 2032, "cvc": "987", "name": "Asha Rao"}
REAL = "4012888888881881"


@pytest.fixture
def till(store, clock):
    return Till(Simulator(store, public_url="https://pay.example.com"), clock)


@pytest.fixture
async def client(till):
    async with doors(till.simulator) as opened:
        yield opened


@pytest.mark.parametrize("how", ["json", "form"])
async def test_a_card_becomes_a_token(till, client, how):
    """SR22: JSON, or a form as a page without scripts sends it."""
    given = {"json": CARD} if how == "json" else {"data": {**CARD, "country": "DE"}}
    answer = await client.post(TOKENS, **given)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    token = answer.json()["token"]
    assert re.fullmatch(r"tok_[A-Za-z0-9_-]{32}", token)
    made = await till.simulator.instrument(token, "src_1")
    assert (made.detail["last4"], made.detail["country"]) == ("4242", "US" if how == "json" else "DE")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"number": "4242424242424241"}, 402, "INCORRECT_NUMBER"),
        ({"number": REAL}, 422, "TEST_CARD_REQUIRED"),
        ({"exp_year": 2025}, 402, "INVALID_EXPIRY_YEAR"),
        ({"exp_month": 13}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"exp_month": "June"}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"exp_month": None}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"exp_year": "9" * 400}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"cvc": "98"}, 402, "INVALID_CVC"),
        ({"cvc": 987}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"number": [VISA]}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"name": {"first": "Asha"}}, 422, "INVALID_REQUEST_PARAMETERS"),
        ({"pin": "1234"}, 422, "INVALID_REQUEST_PARAMETERS"),
    ],
)
async def test_what_is_wrong_is_said_without_repeating_it(client, changes, status, code):
    """PM92, SR95."""
    answer = await client.post(TOKENS, json={**CARD, **changes})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not [value for value in (VISA, REAL, "4242424242424241", "987") if value in answer.text]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json; charset=utf-8", 400),
        (b"\xff=1", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=%d" % n for n in range(50)), "application/x-www-form-urlencoded", 400),
        (orjson.dumps(CARD), "text/plain", 415),
        (orjson.dumps(CARD), "", 415),
        (b" " * 8193, "application/json", 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(client, content, kind, status):
    answer = await client.post(TOKENS, content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "INVALID_REQUEST_PARAMETERS"


async def test_a_token_is_made_by_post_alone(client):
    assert (await client.get(TOKENS)).status_code == 405


async def test_a_card_leaves_no_trace(till, client, store, logged):
    """SR90, SR91: the number, the CVC and the token are in no table and in no line of the log."""
    attempts: list[dict[str, Any]] = [
        {"json": CARD},
        {"data": CARD},
        {"json": {**CARD, "number": REAL}},
        {"json": {**CARD, "number": "4242 4242 4242 4242", "cvc": "98"}},
        {"json": {**CARD, "name": REAL}},
        {"json": {**CARD, "exp_month": VISA}},
        {"json": {VISA: "number"}},
        {"content": orjson.dumps(CARD) + b"}", "headers": {"content-type": "application/json"}},
        {"content": orjson.dumps(CARD), "headers": {"content-type": "text/plain"}},
    ]
    answers = [await client.post(TOKENS, **attempt) for attempt in attempts]
    assert [each.status_code for each in answers] == [201, 201, 422, 402, 422, 422, 422, 400, 415]
    token = answers[0].json()["token"]
    made = await till.simulator.instrument(token, "src_1")
    await till.charge(made.ref)
    kept, said = await dump(store), logged.getvalue()
    assert "Asha Rao" in kept
    assert TOKENS in said
    for secret in (VISA, REAL, "4242 4242 4242 4242", token):
        assert secret not in kept
        assert secret not in said
    # Three digits are found anywhere by chance, so they are looked for as a value of their own.
    assert not re.search(r"(?<![0-9a-z.:])987(?![0-9a-z])", kept + said)
    assert not [each for each in answers if VISA in each.text or REAL in each.text]


async def test_a_hash_of_the_number_is_nowhere_either(till, store):
    """SR93: the number space is small enough to enumerate, so only a keyed hash is kept."""
    await till.instrument()
    kept = await dump(store)
    plain = [hashlib.new(kind, VISA.encode()).hexdigest() for kind in ("md5", "sha1", "sha256", "sha512")]
    assert not [digest for digest in plain if digest[:16] in kept]
    assert VISA[:6] not in kept


async def charged(till):
    """The address of the page of a 3DS, as a path."""
    answer = await till.charge(await till.instrument("4000000000003220"), "pay_1", on_session=True)
    assert answer.action_url.startswith("https://pay.example.com/simulator/approve/pt_")
    return answer.action_url.removeprefix("https://pay.example.com")


async def test_the_page_of_a_3ds_offers_three_answers(till, client):
    """PM94: labelled buttons, no script, nothing from elsewhere."""
    page = await client.get(await charged(till))
    assert page.status_code == 200
    assert re.findall(r">(Complete|Fail|Close)</button>", page.text) == ["Complete", "Fail", "Close"]
    assert "10.00 USD" in page.text
    assert '<html lang="en">' in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.endswith("form-action 'self' https://shop.example")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("reply", "state", "status"),
    [
        ("authorise", ChargeState.SUCCEEDED, "succeeded"),
        ("decline", ChargeState.DECLINED, "failed"),
        ("close", ChargeState.ACTION_REQUIRED, "requires_customer_action"),
    ],
)
async def test_the_answer_leads_back_to_the_shop(till, client, reply, state, status):
    """PM80, PM94: whatever the outcome; the shop's own parameters are kept."""
    answer = await client.post(await charged(till), data={"reply": reply})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BACK}&payment_id=pay_1&status={status}"
    assert await till.state("pay_1") is state


async def test_an_answered_page_says_so_and_an_unknown_one_is_not_there(till, client):
    path = await charged(till)
    await client.post(path, data={"reply": "authorise"})
    page = await client.get(path)
    assert "answered already" in page.text
    assert "<button" not in page.text
    assert (await client.post(path, data={"reply": "decline"})).status_code == 303
    assert await till.state("pay_1") is ChargeState.SUCCEEDED
    assert (await client.get("/simulator/approve/pt_nobody")).status_code == 404
    assert (await client.post("/simulator/approve/" + "é" * 10, data={"reply": "close"})).status_code == 404


@pytest.mark.parametrize("given", [{}, {"reply": "whatever"}])
async def test_an_answer_that_is_none_shows_the_page_again(till, client, given):
    path = await charged(till)
    answer = await client.post(path, data=given)
    assert answer.status_code in {415, 422}
    assert "<button" in answer.text
    assert await till.state("pay_1") is ChargeState.ACTION_REQUIRED


async def test_the_page_of_a_redirect_source_leads_back_where_its_maker_said(till, client):
    """PM93, SR25: whoever made the source has put its parameters into the address."""
    back = "https://shop.example/back?source=src_1&livemode=false&client_secret=secret"
    source = await till.source("ideal", currency="EUR", amount_minor=10_00, return_url=back)
    path = source.redirect_url.removeprefix("https://pay.example.com")
    page = await client.get(path)
    assert re.findall(r">(Authorise|Decline|Close)</button>", page.text) == ["Authorise", "Decline", "Close"]
    answer = await client.post(path, data={"reply": "authorise"})
    assert (answer.status_code, answer.headers["location"]) == (303, back)
    assert (await till.simulator.look_up_source(source.ref)).status == "chargeable"


async def test_a_page_without_a_shop_to_go_back_to_says_it_is_answered(till, client):
    source = await till.source("ideal", currency="EUR", amount_minor=10_00)
    path = source.redirect_url.removeprefix("https://pay.example.com")
    answer = await client.post(path, data={"reply": "decline"})
    assert answer.status_code == 200
    assert "answered already" in answer.text


@pytest.mark.parametrize(
    "back", ["https://shop.example;script-src/", "javascript:alert(1)", "https://é.example/"]
)
async def test_no_address_gets_into_the_policy_of_the_page(till, client, back):
    source = await till.source("ideal", currency="EUR", amount_minor=10_00, return_url=back)
    page = await client.get(source.redirect_url.removeprefix("https://pay.example.com"))
    assert page.headers["content-security-policy"].endswith("form-action 'self'")


async def test_the_token_of_a_page_is_in_no_table_and_no_log(till, client, store, logged):
    """PM86: 256 bits, kept as a hash."""
    path = await charged(till)
    await client.get(path)
    token = path.rpartition("/")[2]
    assert len(token) > 40
    assert token not in await dump(store)
    assert token not in logged.getvalue()
    assert "/simulator/approve/pt_" in logged.getvalue()
