"""The simulator behind the whole gateway: a card leaves no trace anywhere, and callbacks settle what they are about."""

import asyncio
import re
from datetime import timedelta
from random import Random

import httpx
import pytest

from saifu.processors.simulator import Simulator
from saifu.processors.simulator.pages import TOKENS
from tests.api.mutations import a_new_customer, done
from tests.simulated import VISA, dump

DOOR = "/processors/simulator/callbacks"
CARD = {"number": VISA, "exp_month": 6, "exp_year": 2032, "cvc": "987"}
MISPLACED = """mutation ($token: String!) { sourceCreate(input: {type: CARD, token: $token}) {
  errors { __typename } } }"""
PAYMENT = "query ($id: ID!) { payment(id: $id) { status refunds { nodes { status } } disputes { nodes { status } } } }"


@pytest.fixture
async def browser(app):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def test_a_card_is_in_no_table_and_no_log_of_the_whole_gateway(client, browser, store, logged):
    """SR90, SR91: tokenised, attached, charged, and once put where it does not belong."""
    tokens = [(await browser.post(TOKENS, json=CARD)).json()["token"] for _ in range(2)]
    customer_id = await a_new_customer(client)
    await done(client, "sourceAttach", customerId=customer_id, source=tokens[0])
    paid = await done(
        client, "paymentCreate", amount=1250, currency="USD", token=tokens[1], idempotencyKey="one"
    )
    assert paid["payment"]["id"]
    await client.ask(MISPLACED, token=VISA)
    await client.ask(MISPLACED.replace("$token}", f'"{VISA}"}}').replace("($token: String!) ", ""))
    kept, said = await dump(store), logged.getvalue()
    assert "4242" in kept
    assert TOKENS in said
    assert VISA not in kept + said
    assert not [token for token in tokens if token in said]
    assert not re.search(r"(?<![0-9a-z.:])987(?![0-9a-z])", said)
    assert not re.search(r"'987'|\"987\"", kept)


async def a_disputed_payment(client, key: str) -> str:
    made = await done(
        client,
        "paymentCreate",
        amount=1250,
        currency="USD",
        token="tok_createDisputeInquiry",
        idempotencyKey=key,
    )
    return str(made["payment"]["id"])


async def callbacks_of(simulator, clock):
    clock.advance(timedelta(seconds=10))
    return await simulator.due_callbacks(clock.now())


async def test_callbacks_settle_a_payment_in_any_order(client, browser, store, clock):
    """T10, S18: permutations with repeats, and forged ones among them; the end is the same for all."""
    simulator = Simulator(store)
    ends = []
    for turn in range(4):
        payment_id = await a_disputed_payment(client, f"pay {turn}")
        sent = await callbacks_of(simulator, clock)
        mixed = Random(turn).choices(sent, k=4) + Random(turn + 10).sample(sent, len(sent))
        for each in mixed:
            forged = await browser.post(DOOR, content=each.body + b" ", headers=each.headers)
            good = await browser.post(DOOR, content=each.body, headers=each.headers)
            assert (forged.status_code, good.status_code) == (400, 200)
        ends.append(await once_disputed(client, payment_id))
    assert all(end == ends[0] for end in ends)
    assert ends[0]["status"] == "SUCCEEDED"
    assert len(ends[0]["disputes"]["nodes"]) == 1


async def once_disputed(client, payment_id: str):
    """The payment when all is followed up, which happens after the door has answered."""
    async with asyncio.timeout(10):
        while True:
            payment = (await client.execute(PAYMENT, id=payment_id))["payment"]
            if payment["disputes"]["nodes"]:
                return payment


async def test_a_callback_that_nobody_signed_is_refused_from_the_first_moment(browser, store, clock):
    """S18: the gateway knows the simulator's secret before it serves."""
    assert (await browser.post(DOOR, content=b"{}")).status_code == 400
