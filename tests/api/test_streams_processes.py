"""Live streams over real processes that are killed and started again (A51, T4, T12, the issue's first paragraph)."""

import asyncio
from typing import Any

import httpx
import pytest
import websockets

from tests.client import Api, Closed, Socket, Stream
from tests.conftest import ADMIN_KEY
from tests.gateway import Gateway

EVENTS = """subscription ($after: Cursor) { events(after: $after) {
  __typename ... on Event { id cursor data } ... on StreamReady { cursor } } }"""
BALANCE = """subscription ($customerId: ID!, $after: Cursor) {
  walletBalance(customerId: $customerId, currency: "USD", after: $after) {
    __typename
    ... on WalletSnapshot { cursor wallet { balance { amount } } }
    ... on WalletChange { cursor balance { amount } } } }"""
CREATE = 'mutation { customerCreate(input: {email: "aiko@example.com", name: "Aiko"}) { customer { id } } }'
POST = """mutation ($input: LedgerEntryCreateInput!) {
  ledgerEntryCreate(input: $input) { wallet { balance { amount } } replayed errors { code } } }"""


async def credit(api: Api, customer_id: str, amount: int, key: str) -> Any:
    entry = {
        "customerId": customer_id,
        "currency": "USD",
        "amount": amount,
        "entryType": "CREDIT",
        "idempotencyKey": key,
    }
    return (await api.execute(POST, input=entry))["ledgerEntryCreate"]


async def events_until_ready(stream: Stream) -> list[Any]:
    found = []
    while (message := await stream.next())["__typename"] != "StreamReady":
        found.append(message)
    return found


async def test_a_process_killed_under_a_live_stream_loses_nothing(url: str) -> None:
    async with Gateway(url, ADMIN_KEY) as gateway:
        async with Api.over_network(gateway.http_url, ADMIN_KEY) as api, Socket.to(gateway.ws_url) as socket:
            customer_id = (await api.execute(CREATE))["customerCreate"]["customer"]["id"]
            await socket.init(ADMIN_KEY)
            stream = await socket.subscribe(BALANCE, customerId=customer_id)
            assert (await stream.next())["wallet"]["balance"]["amount"] == 0
            await credit(api, customer_id, 50_00, "one")
            change = await stream.next()
            assert change["balance"]["amount"] == 50_00
            assert (await credit(api, customer_id, 1_00, "two"))["wallet"]["balance"]["amount"] == 51_00
            await gateway.kill()
        await gateway.start()
        async with Api.over_network(gateway.http_url, ADMIN_KEY) as api, Socket.to(gateway.ws_url) as socket:
            again = await credit(api, customer_id, 1_00, "two")
            assert (again["replayed"], again["wallet"]["balance"]["amount"]) == (True, 51_00)
            await socket.init(ADMIN_KEY)
            resumed = await socket.subscribe(BALANCE, customerId=customer_id, after=change["cursor"])
            assert (await resumed.next())["balance"]["amount"] == 51_00
            await credit(api, customer_id, 2_00, "three")
            assert (await resumed.next())["balance"]["amount"] == 53_00


async def test_a_process_told_to_stop_closes_its_sockets_and_ends_well(url: str) -> None:
    """A55."""
    async with Gateway(url, ADMIN_KEY) as gateway:
        async with Socket.to(gateway.ws_url) as socket:
            await socket.init(ADMIN_KEY)
            stream = await socket.subscribe(EVENTS)
            await stream.next()
            ending = asyncio.create_task(gateway.terminate())
            assert (await socket.until_closed()).code == 1001
        assert await ending == 0
        assert ADMIN_KEY not in gateway.log


async def survive_kills(url: str, kills: int) -> None:
    """Credits go on while the process is killed; a listener resumes; both tell the same story afterwards."""
    acknowledged: list[str] = []
    over = asyncio.Event()
    gateway = Gateway(url, ADMIN_KEY)
    async with gateway:
        async with Api.over_network(gateway.http_url, ADMIN_KEY) as api:
            customer_id = (await api.execute(CREATE))["customerCreate"]["customer"]["id"]
        writing = asyncio.create_task(_keep_crediting(gateway, customer_id, acknowledged, over))
        listening = asyncio.create_task(_keep_listening(gateway, over))
        for _ in range(kills):
            await asyncio.sleep(0.7)
            await gateway.restart()
        await asyncio.sleep(0.3)
        over.set()
        await writing
        seen = await listening
    keys = [event["data"].get("idempotency_key") for event in seen]
    assert len({event["id"] for event in seen}) == len(seen)
    assert len(acknowledged) > kills
    assert [key for key in keys if key is not None] == acknowledged
    assert seen[-1]["data"]["balance"] == len(acknowledged)


async def _keep_crediting(
    gateway: Gateway, customer_id: str, acknowledged: list[str], over: asyncio.Event
) -> None:
    while not over.is_set():
        key = f"credit-{len(acknowledged)}"
        while True:
            try:
                async with Api.over_network(gateway.http_url, ADMIN_KEY) as api:
                    assert not (await credit(api, customer_id, 1, key))["errors"]
                break
            except httpx.TransportError:
                await asyncio.sleep(0.02)
        acknowledged.append(key)


async def _keep_listening(gateway: Gateway, over: asyncio.Event) -> list[Any]:
    seen: list[Any] = []
    after = "0"
    while True:
        last_life = over.is_set()
        try:
            async with Socket.to(gateway.ws_url) as socket:
                await socket.init(ADMIN_KEY)
                stream = await socket.subscribe(EVENTS, after=after)
                while True:
                    message = await asyncio.wait_for(stream.next(), 0.5)
                    after = message["cursor"]
                    if message["__typename"] == "Event":
                        seen.append(message)
                    elif last_life:
                        return seen
        except (OSError, Closed, TimeoutError, websockets.WebSocketException):
            await asyncio.sleep(0.02)


async def test_a_process_killed_again_and_again_tells_every_event_once(url: str) -> None:
    await survive_kills(url, kills=2)


@pytest.mark.large
@pytest.mark.timeout(600)
async def test_a_process_killed_many_times_tells_every_event_once(url: str) -> None:
    await survive_kills(url, kills=40)


@pytest.mark.postgres
async def test_a_stream_moves_from_one_process_to_another(url: str) -> None:
    """Three gateways on one database: what one writes the others tell, and a cursor is good at each of them."""
    async with (
        Gateway(url, ADMIN_KEY) as one,
        Gateway(url, ADMIN_KEY) as two,
        Gateway(url, ADMIN_KEY) as three,
        Api.over_network(one.http_url, ADMIN_KEY) as api,
    ):
        customer_id = (await api.execute(CREATE))["customerCreate"]["customer"]["id"]
        after = "0"
        seen: list[int | None] = []
        for number, gateway in enumerate((two, three, one, two)):
            await credit(api, customer_id, 1_00, f"credit-{number}")
            async with Socket.to(gateway.ws_url) as socket:
                await socket.init(ADMIN_KEY)
                stream = await socket.subscribe(EVENTS, after=after)
                while len(seen) < number + 2:
                    message = await stream.next()
                    after = message["cursor"]
                    if message["__typename"] == "Event":
                        seen.append(message["data"].get("balance"))
    assert seen == [None, 1_00, 2_00, 3_00, 4_00]
