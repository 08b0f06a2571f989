"""Streams under stress: consumers that do not read, and listeners that are killed (A54, EV83, RELIABILITY T12)."""

import asyncio
import random
from functools import partial
from typing import Any

import pytest
import websockets

from resolvers import streams
from saifu import lookup
from saifu.settings import Settings
from saifu.store import Store, Tx
from tests.api.test_streams import BALANCE, EVENTS, ready, restarted, settled
from tests.builders import a_wallet, post
from tests.client import Closed, Socket, Stream, served
from tests.conftest import ADMIN_KEY, Listen


def bulky(tx: Tx, customer_id: str, count: int) -> None:
    """Events of some 20 kB each: enough of them fill every buffer between two processes."""
    metadata = {f"note{number}": "x" * 400 for number in range(50)}
    for _ in range(count):
        post(tx, customer_id, 1, metadata=metadata)


def received(stream: Stream) -> list[Any]:
    """What has come and was not taken yet, up to the end of the socket."""
    messages = []
    while not stream.messages.empty():
        message = stream.messages.get_nowait()
        if not isinstance(message, Closed):
            messages.append(message)
    return messages


async def test_a_live_consumer_that_falls_too_far_behind_is_cut_with_its_cursor(
    settings: Settings, installed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A54, EV83: and the writer and a listener beside it notice nothing."""
    from saifu.server import build_app

    monkeypatch.setattr(streams, "BUFFER", 50)
    wallet = await installed.write(lambda tx: a_wallet(tx, balance=1_00))
    app = build_app(settings, store=installed, send_timeout_s=60)
    async with (
        served(app, settings, narrow=True) as server,
        Socket.to(server.ws_url, narrow=True) as slow,
        Socket.to(server.ws_url) as quick,
    ):
        await asyncio.gather(slow.init(ADMIN_KEY), quick.init(ADMIN_KEY))
        lagging = await slow.subscribe(EVENTS, after="0")
        await ready(lagging)
        beside = await quick.subscribe(EVENTS)
        await ready(beside)
        slow.reading.clear()
        for _ in range(10):
            await installed.write(lambda tx: bulky(tx, wallet.customer_id, 20))
            assert {event["__typename"] for event in await beside.take(20)} == {"Event"}
        slow.reading.set()
        seen = [data["events"] async for data in lagging]
        gap = {"__typename": "StreamGap", "reason": "SLOW_CONSUMER", "cursor": seen[-2]["cursor"]}
        assert seen[-1] == gap
        resumed = await slow.subscribe(EVENTS, after=gap["cursor"])
        rest = [event async for event in until_ready(resumed)]
        log = await settled(installed, 202)
        assert [event["id"] for event in seen[:-1] + rest] == log[2:]
        assert len(rest) > 50


async def until_ready(stream: Stream) -> Any:
    while (message := await stream.next())["__typename"] != "StreamReady":
        yield message


async def test_a_burst_while_one_waits_cuts_nobody(
    listen: Listen, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BUFFER", 100)
    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))
    async with listen() as socket:
        stream = await socket.subscribe(EVENTS)
        await ready(stream)
        await store.write(lambda tx: [post(tx, wallet.customer_id, 1) for _ in range(700)])
        assert {event["__typename"] for event in await stream.take(700)} == {"Event"}


async def test_a_socket_that_takes_nothing_is_closed_and_its_reason_holds_the_cursor(
    settings: Settings, installed: Store
) -> None:
    """A54: close code 4008."""
    from saifu.server import build_app

    wallet = await installed.write(lambda tx: a_wallet(tx, balance=1_00))
    await installed.write(lambda tx: bulky(tx, wallet.customer_id, 100))
    await settled(installed, 102)
    app = build_app(settings, store=installed, send_timeout_s=0.5)
    async with served(app, settings, narrow=True) as server, Socket.to(server.ws_url, narrow=True) as socket:
        await socket.init(ADMIN_KEY)
        stream = await socket.subscribe(EVENTS, after="0")
        await stream.next()
        socket.reading.clear()
        await asyncio.sleep(1.5)
        socket.reading.set()
        closed = await socket.until_closed()
        delivered = [message["payload"]["data"]["events"]["cursor"] for message in received(stream)]
        assert 0 < len(delivered) < 100
        assert (closed.code, closed.reason) == (4008, f"Slow consumer; resume after {delivered[-1]}")


async def test_one_event_reaches_two_hundred_listeners(listen: Listen, store: Store) -> None:
    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))
    async with listen() as one, listen() as two, listen() as three:
        mine = {"customerId": wallet.customer_id}
        listeners = [
            await each.subscribe(EVENTS, filter=mine) for each in (one, two, three) for _ in range(67)
        ]
        await asyncio.gather(*[ready(stream) for stream in listeners])
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
        received = await asyncio.gather(*[stream.next() for stream in listeners])
        assert len({event["id"] for event in received}) == 1
        assert len(received) == 201


async def test_one_change_of_a_wallet_is_read_once_for_all_who_watch_it(
    listen: Listen, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A52, A54: and each of them hears it once."""
    loads: list[list[str]] = []
    by_ids = lookup.by_ids

    def counted(tx: Tx, model: Any, ids: Any) -> Any:
        loads.append([model.__name__, *ids])
        return by_ids(tx, model, ids)

    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))
    async with listen() as one, listen() as two:
        watched = [
            await each.subscribe(BALANCE, customerId=wallet.customer_id, currency="USD")
            for each in (one, two)
            for _ in range(50)
        ]
        await asyncio.gather(*[stream.next() for stream in watched])
        monkeypatch.setattr(lookup, "by_ids", counted)
        posted = await store.write(lambda tx: post(tx, wallet.customer_id, 5_00))
        changes = await asyncio.gather(*[stream.next() for stream in watched])
        assert {change["balance"]["amount"] for change in changes} == {6_00}
        assert all([await stream.silent(0.001) for stream in watched])
        assert loads == [["LedgerEntry", posted.entry.id]]


class Survivors:
    """T12: listeners that are killed and resume, while the server is replaced, end with every event once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.address = ""
        self.over = asyncio.Event()

    async def story(self, listeners: int, posts: int, restarts: int) -> None:
        wallets = await self.store.write(lambda tx: [a_wallet(tx, balance=1_00) for _ in range(5)])
        owners = [wallet.customer_id for wallet in wallets]
        async with asyncio.timeout(400), asyncio.TaskGroup() as tasks:
            lives = [tasks.create_task(self.live(random.Random(seed))) for seed in range(listeners)]
            writing = tasks.create_task(self.write(owners, posts))
            for number in range(restarts + 1):
                async with restarted(self.store) as server:
                    self.address = server.ws_url
                    await (asyncio.sleep(0.4) if number < restarts else self.finish(writing, lives))
        log = await settled(self.store, 10 + posts)
        for life in lives:
            assert life.result() == log

    async def write(self, owners: list[str], posts: int) -> None:
        for number in range(posts):
            await self.store.write(partial(post, customer_id=owners[number % 5], amount=1))

    async def finish(self, writing: "asyncio.Task[None]", lives: "list[asyncio.Task[list[str]]]") -> None:
        await writing
        await settled(self.store, 10 + 1)
        self.over.set()
        await asyncio.wait(lives)

    async def live(self, chance: random.Random) -> list[str]:
        """A listener's lives, one after the other: what it saw, all in all, resuming from its last cursor."""
        seen: list[str] = []
        after = "0"
        while True:
            over = self.over.is_set()
            try:
                async with Socket.to(self.address) as socket:
                    await socket.init(ADMIN_KEY)
                    stream = await socket.subscribe(EVENTS, after=after)
                    for _ in range(10_000_000 if over else chance.randint(1, 200)):
                        message = await stream.next()
                        after = message["cursor"]
                        if message["__typename"] == "Event":
                            seen.append(message["id"])
                        elif over:
                            return seen
            except GONE:
                await asyncio.sleep(0.02)


GONE = (OSError, Closed, TimeoutError, StopAsyncIteration, websockets.WebSocketException)


async def test_listeners_killed_and_resumed_end_with_every_event_once(installed: Store) -> None:
    await Survivors(installed).story(listeners=8, posts=600, restarts=3)


@pytest.mark.large
@pytest.mark.timeout(600)
async def test_many_listeners_killed_and_resumed_end_with_every_event_once(installed: Store) -> None:
    await Survivors(installed).story(listeners=60, posts=10_000, restarts=12)
