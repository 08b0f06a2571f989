"""Peers that are slow, silent or endless, on the wire (SERVING trap 14, S12): each is answered or cut off, soon."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from saifu.gateway.http_protocol import EXTENSION, Bounds, bounded

PATIENCE_S = 5
SOON = Bounds(head_within_s=0.1, rest_within_s=0.1, read_within_s=0.2, head_bytes=4_096, address_bytes=1_024)
# Nothing in this test is late by these.
NEVER = Bounds(head_within_s=60, rest_within_s=60, read_within_s=60)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LARGE = b"x" * 8_000_000
SOME = b"x" * 1_000_000


class App:
    """Answers at once, reads nothing; `/large` fits into no buffer, `/stream` never ends by itself."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hooks: list[dict[str, Any]] = []
        self.stopped = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        self.hooks.append(scope["extensions"][EXTENSION])
        body = {"/large": LARGE, "/some": SOME}.get(scope["path"], b"ok")
        if scope["path"] == "/echo":
            body = (await receive())["body"]
        if scope["path"] == "/stream":
            scope["extensions"][EXTENSION]["on_shutdown"] = self.stopped.set
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await self.stopped.wait()
            await send({"type": "http.response.body", "body": b"bye"})
            return
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Quiet(uvicorn.Server):
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)


@asynccontextmanager
async def serving(bounds: Bounds, app: Any, idle_s: Any = 5) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=bounded(bounds),
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=idle_s,
        timeout_graceful_shutdown=PATIENCE_S,
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield listener.getsockname()[1], server
    finally:
        server.should_exit = True
        await task


class Peer:
    """A client that says and reads exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def trickle(self, data: bytes) -> None:
        """Say it again and again, until the other side does not take it any more."""
        with suppress(ConnectionError):
            while True:
                await self.say(data)
                await asyncio.sleep(0.01)

    async def rest(self) -> bytes:
        """All there is to read, until the other side closes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()

    async def answer(self) -> bytes:
        """One answer with a short body."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return head + await self.reader.readexactly(length)


@asynccontextmanager
async def peer(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


async def test_a_head_that_does_not_arrive_is_408_however_steadily_it_trickles():
    app = App()
    async with serving(SOON, app) as (port, _), peer(port) as slow:
        await slow.say(b"GET / HTTP/1.1\r\nhost: a\r\n")

        trickling = asyncio.create_task(slow.trickle(b"x: y\r\n"))
        answer = await slow.answer()
        trickling.cancel()
    assert status(answer) == 408
    body = json.loads(answer.split(b"\r\n\r\n")[1])
    assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "httpStatus": 408}
    assert b"connection: close" in answer
    assert app.asked == []


async def test_a_connection_that_says_nothing_is_closed_without_a_word():
    async with serving(SOON, App()) as (port, _), peer(port) as silent:
        assert await silent.rest() == b""


async def test_a_second_head_on_a_connection_is_held_to_the_same():
    app = App()
    async with serving(SOON, app) as (port, _), peer(port) as slow:
        await slow.say(GET)
        assert status(await slow.answer()) == 200
        await slow.say(GET[:10])
        assert status(await slow.answer()) == 408
    assert app.asked == ["/"]


async def test_a_head_in_pieces_is_taken_when_it_is_whole_in_time():
    async with serving(NEVER, App()) as (port, _), peer(port) as client:
        for byte in GET:
            await client.say(bytes([byte]))
        assert status(await client.answer()) == 200


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET /?" + b"q" * 2_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 5_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000, 431),
        (b"what is this\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
    ],
    ids=["address", "header", "headers", "endless", "nonsense", "two lengths", "no length"],
)
async def test_a_head_beyond_its_bounds_is_refused_before_anything_runs(head: bytes, expected: int):
    app = App()
    bounds = Bounds(head_within_s=60, rest_within_s=0.1, head_bytes=4_096, address_bytes=1_024)
    async with serving(bounds, app) as (port, _), peer(port) as client:
        await client.say(head)
        assert status(await client.answer()) == expected
    assert app.asked == []


async def test_who_is_refused_while_it_still_sends_gets_to_read_why():
    """Closing at once would answer what is on its way with a reset, which overtakes the answer."""
    bounds = Bounds(head_within_s=60, rest_within_s=2, head_bytes=4_096)
    async with serving(bounds, App()) as (port, _), peer(port) as client:
        await client.say(b"GET / HTTP/1.1\r\nx: " + b"y" * 3_000_000)
        assert status(await client.answer()) == 431


async def test_a_body_that_nobody_waits_for_any_more_does_not_hold_the_connection():
    """An answer may come before the request is whole: 401, 413. The rest gets a moment, so that the answer is read."""
    async with serving(SOON, App()) as (port, _), peer(port) as slow:
        await slow.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc")
        assert status(await slow.answer()) == 200

        trickling = asyncio.create_task(slow.trickle(b"x"))
        async with asyncio.timeout(PATIENCE_S):
            await trickling


async def test_a_connection_goes_on_when_the_rest_of_the_body_came():
    async with serving(NEVER, App()) as (port, _), peer(port) as client:
        await client.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc")
        assert status(await client.answer()) == 200
        await client.say(b"def" + b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi")
        assert (await client.answer()).endswith(b"\r\n\r\nhi")


async def test_requests_in_one_piece_are_answered_in_their_order():
    app = App()
    async with serving(SOON, app) as (port, _), peer(port) as client:
        await client.say(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\n\r\n")
        assert [status(await client.answer()) for _ in range(2)] == [200, 200]
    assert app.asked == ["/a", "/b"]


async def test_a_peer_that_does_not_read_its_answer_is_cut_off():
    app = App()
    async with serving(SOON, app) as (port, server), peer(port) as stalled:
        await stalled.say(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        stalled.reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(PATIENCE_S):
            while server.server_state.connections or not app.asked:
                await asyncio.sleep(0.01)


async def test_a_peer_that_reads_slowly_but_surely_is_not():
    bounds = Bounds(read_within_s=0.1)
    async with serving(bounds, App()) as (port, _), peer(port) as slow:
        await slow.say(b"GET /some HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        read = 0
        async with asyncio.timeout(30):
            while piece := await slow.reader.read(65_536):
                read += len(piece)
                await asyncio.sleep(0.002)
        assert read > len(SOME)


async def test_a_connection_that_is_idle_for_so_long_is_closed_and_one_in_use_is_not():
    async with serving(Bounds(), App(), idle_s=0.3) as (port, _), peer(port) as client:
        began = asyncio.get_running_loop().time()
        for _ in range(6):
            await client.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert status(await client.answer()) == 200
            last = asyncio.get_running_loop().time()
            await asyncio.sleep(0.1)
        assert last - began > 0.4
        assert await client.rest() == b""
        assert asyncio.get_running_loop().time() - last > 0.2


async def test_a_stream_is_told_when_the_server_stops_and_ends_in_its_own_words():
    app = App()
    async with serving(NEVER, app) as (port, server), peer(port) as client:
        await client.say(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            await client.reader.readuntil(b"\r\n\r\n")
            server.should_exit = True
            assert b"bye" in await client.rest()
    assert app.stopped.is_set()
