"""The door for websockets: who may knock, how many at once, and what becomes of peers that stall (SERVING trap 14)."""

import asyncio
import base64
import logging
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets

from saifu.gateway import protocol as protocols
from saifu.gateway import sockets
from saifu.gateway.admission import Crowd
from saifu.gateway.host import Rejected
from saifu.gateway.places import Places
from saifu.gateway.rates import Rate
from saifu.gateway.transport_ws import Manners
from tests.client import Closed, Failed, Socket
from tests.serving.socket_house import PROTOCOLS, door

either = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))


async def refused(url: str, **options: Any) -> websockets.Response:
    """The HTTP answer to a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with Socket.to(url, **options):
            pass
    return refusal.value.response


class Raw:
    """A websocket client that does nothing by itself: it answers no ping and reads only when told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int, host: str = "gateway.test", more: str = "") -> AsyncIterator["Raw"]:
        """Shake hands; `more` are headers, each with its line's end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /graphql HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n{more}"
            f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    def send(self, text: str, opcode: int = 1) -> None:
        """One frame, masked with zeros."""
        data = text.encode()
        assert len(data) < 65_536
        short = len(data) < 126
        length = bytes([0x80 | (len(data) if short else 126)]) + (
            b"" if short else struct.pack("!H", len(data))
        )
        self.writer.write(bytes([0x80 | opcode]) + length + bytes(4) + data)

    def say_who(self) -> None:
        self.send('{"type":"connection_init","payload":{"authorization":"Bearer good"}}')

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        async with asyncio.timeout(5):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            return first & 0x0F, await self.reader.readexactly(length)


@either
@pytest.mark.parametrize(
    ("origin", "good"),
    [
        (None, True),
        ("http://127.0.0.1:{port}", True),
        ("https://shop.example", True),
        ("http://127.0.0.1", False),
        ("http://localhost:{port}", False),
        ("https://evil.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example", False),
        ("null", False),
        ("http://[", False),
        ("", False),
    ],
)
async def test_only_pages_of_this_host_and_of_listed_origins_may_open_a_socket(
    protocol: Any, origin: str | None, good: bool
) -> None:
    """S10: refused before there is a socket. What is no browser sends no origin."""
    async with door(protocol, origins=("https://shop.example",)) as opened:
        headers = {} if origin is None else {"origin": origin.format(port=opened.port)}
        if good:
            async with Socket.to(opened.url, additional_headers=headers) as socket:
                await socket.init("good")
        else:
            response = await refused(opened.url, additional_headers=headers)
            assert response.status_code == 403
            assert b'"FORBIDDEN"' in response.body
        assert len(opened.sockets) == 0


async def test_a_host_without_a_port_has_that_of_its_scheme() -> None:
    origin = "origin: http://pay.example:80\r\n"
    async with door() as opened, Raw.to(opened.port, "pay.example", origin) as raw:
        raw.say_who()
        assert (await raw.frame())[1] == b'{"type":"connection_ack"}'


@either
@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["soap", "mqtt"]])
async def test_who_does_not_speak_the_protocol_is_closed_with_4406(protocol: Any, offered: Any) -> None:
    """Also the older protocol, whose name says the opposite (trap 7)."""
    async with door(protocol) as opened, Socket.to(opened.url, subprotocols=offered) as socket:
        closed = await socket.until_closed()
        assert (closed.code, closed.reason) == (4406, "Subprotocol not acceptable")


@either
async def test_the_protocol_is_chosen_among_others(protocol: Any) -> None:
    spoken = ["graphql-ws", "graphql-transport-ws"]
    async with door(protocol) as opened, Socket.to(opened.url, subprotocols=spoken) as socket:
        assert socket.connection.subprotocol == "graphql-transport-ws"
        await socket.init("good")


@either
async def test_a_credential_holds_so_many_sockets(protocol: Any) -> None:
    """The close code is one with which clients come back later: a place may be free then."""
    async with (
        door(protocol, places=Places(1, None, "sockets")) as opened,
        Socket.to(opened.url) as second,
        Socket.to(opened.url) as of_another,
    ):
        async with Socket.to(opened.url) as first:
            await first.init("good")
            with pytest.raises(Closed) as closed:
                await second.init("good")
            reason = "This credential holds 1 sockets, and may not hold more."
            assert (closed.value.code, closed.value.reason) == (1013, reason)
            await of_another.init("other")
        await opened.until_open(1)
        async with Socket.to(opened.url) as third:
            await third.init("good")


@either
async def test_an_address_holds_so_many_sockets(protocol: Any) -> None:
    async with door(protocol, places=Places(None, 2, "sockets")) as opened:
        async with Socket.to(opened.url), Socket.to(opened.url):
            response = await refused(opened.url)
            assert response.status_code == 429
            assert b'"RATE_LIMITED"' in response.body
        await opened.until_open(0)
        async with Socket.to(opened.url) as socket:
            await socket.init("good")


@either
async def test_an_address_guesses_so_many_credentials(protocol: Any) -> None:
    """A63; and a good one still gets in, once it was good before."""
    async with door(protocol) as opened:
        async with Socket.to(opened.url) as socket:
            await socket.init("good")
        codes = []
        for _ in range(5):
            async with Socket.to(opened.url) as socket:
                with pytest.raises(Closed) as closed:
                    await socket.init("guessed")
                codes.append(closed.value.code)
        assert codes == [4401, 4401, 4401, 1013, 1013]
        async with Socket.to(opened.url) as socket:
            await socket.init("good")


@either
async def test_a_credential_asks_so_often_and_so_much_at_once(protocol: Any) -> None:
    """A63: an `error` for the operation, and the socket goes on."""
    limits: dict[str, Any] = {"per_credential": Rate(1, 5), "crowd": Crowd(10, 1)}
    async with door(protocol, **limits) as opened, Socket.to(opened.url) as socket:
        await socket.init("good")
        await socket.subscribe("{ waiting }")
        await socket.subscribe("subscription { forever }")
        refused = [await socket.subscribe("{ hello }") for _ in range(3)]
        texts = []
        for stream in refused:
            with pytest.raises(Failed) as failed:
                await stream.next()
            assert failed.value.code == "RATE_LIMITED"
            texts.append(failed.value.errors[0]["message"])
        under_way = "This credential has 1 operations under way, and may not have more."
        assert texts == [under_way, under_way, "This credential sends more requests than it may."]


@either
async def test_an_address_has_so_many_sockets_that_say_nothing(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "NEWCOMERS_PER_ADDRESS", 1)
    async with door(protocol) as opened, Socket.to(opened.url) as first:
        assert (await refused(opened.url)).status_code == 429
        await first.init("good")
        async with Socket.to(opened.url) as second:
            await second.init("good")


@either
async def test_a_message_that_is_too_large_is_closed_with_1009(protocol: Any) -> None:
    async with door(protocol) as opened, Socket.to(opened.url) as socket:
        await socket.init("good")
        await socket.connection.send('{"type": "ping", "payload": {"x": "' + "x" * 70_000 + '"}}')
        assert (await socket.until_closed()).code == 1009
        await opened.until_open(0)


async def test_a_message_much_too_large_is_closed_with_1009_and_not_reset() -> None:
    """However much of it is under way when its length has been seen."""
    async with door() as opened, Raw.to(opened.port) as raw:
        raw.writer.write(b"\x81\xff" + struct.pack("!Q", 8_000_000) + bytes(4) + b"x" * 8_000_000)
        opcode, reason = await raw.frame()
        assert (opcode, reason[:2]) == (8, struct.pack("!H", 1009))
        await opened.until_open(0)


async def test_frames_that_break_the_websocket_protocol_are_closed_with_1002() -> None:
    async with door() as opened, Raw.to(opened.port) as raw:
        raw.send("x", opcode=3)
        opcode, reason = await raw.frame()
        assert (opcode, reason[:2]) == (8, struct.pack("!H", 1002))
        await opened.until_open(0)


@either
async def test_a_connection_that_answers_no_ping_is_found_and_dropped(protocol: Any) -> None:
    """A half-open one: its machine is gone, and nobody said so."""
    async with (
        door(protocol, ws_ping_interval=0.1, ws_ping_timeout=0.1) as opened,
        Raw.to(opened.port) as raw,
    ):
        raw.say_who()
        assert (await raw.frame())[1] == b'{"type":"connection_ack"}'
        raw.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { forever }"}}')
        await opened.house.until("forever cancelled")
        await opened.until_open(0)
        frames = [await raw.frame() for _ in range(3)]
        assert [opcode for opcode, _ in frames] == [1, 9, 8]
        # uvicorn's own says 1011, after which clients give up.
        code = 4408 if protocol is protocols.SocketProtocol else 1011
        assert frames[2][1][:2] == struct.pack("!H", code)


async def test_a_peer_that_reads_nothing_is_cut_with_the_cursor_to_resume_from() -> None:
    """A54: close code 4008; what was sent before the cut can still be read."""
    manners = Manners(send_within_s=0.3)
    async with (
        door(manners=manners, narrow=True) as opened,
        Socket.to(opened.url, narrow=True) as slow,
        Socket.to(opened.url) as beside,
    ):
        await asyncio.gather(slow.init("good"), beside.init("good"))
        stream = await slow.subscribe("subscription { bulky }")
        await stream.next()
        slow.reading.clear()
        await opened.until_open(1)
        assert await (await beside.subscribe("{ hello }")).next() == "hello you"
        slow.reading.set()
        closed = await slow.until_closed()
        received = [stream.messages.get_nowait() for _ in range(stream.messages.qsize())]
        shown = [each["payload"]["data"]["bulky"] for each in received if not isinstance(each, Closed)]
        numbers = [text.split()[0] for text in shown]
        assert (closed.code, closed.reason) == (4008, f"Slow consumer; resume after {numbers[-1]}")
        assert [int(number) for number in numbers] == list(range(1, 1 + len(numbers)))


async def test_a_peer_that_never_reads_its_close_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "GRACE_S", 0.1)
    manners = Manners(send_within_s=0.1)
    async with door(manners=manners, narrow=True) as opened, Raw.to(opened.port) as raw:
        raw.say_who()
        raw.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { bulky }"}}')
        await opened.until_open(1)
        async with asyncio.timeout(5):
            while opened.server.server_state.connections:
                await asyncio.sleep(0.01)
        assert len(opened.sockets) == 0


async def test_answers_that_nobody_reads_do_not_pile_up() -> None:
    """A flood of pings from a peer that does not read: it is not read from either."""
    manners = Manners(messages_per_s=1e9, burst=1e9, send_within_s=60)
    async with door(manners=manners, narrow=True) as opened, Raw.to(opened.port) as raw:
        raw.say_who()
        ping = '{"type":"ping","payload":{"x":"' + "x" * 10_000 + '"}}'
        for _ in range(500):
            raw.send(ping)
        (connection,) = (
            each
            for each in opened.server.server_state.connections
            if isinstance(each, protocols.SocketProtocol)
        )
        async with asyncio.timeout(5):
            while not connection.read_paused:
                await asyncio.sleep(0.01)
        waiting = connection.transport.get_write_buffer_size()
        assert protocols.MOST_UNREAD_BYTES < waiting < 2 * protocols.MOST_UNREAD_BYTES
        answers = [await raw.frame() for _ in range(501)]
        assert sum(answer.startswith(b'{"type":"pong"') for _opcode, answer in answers) == 500


@either
async def test_a_client_that_closes_while_it_is_being_answered_is_no_fault(
    protocol: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with door(protocol) as opened:
            for _ in range(20):
                async with Socket.to(opened.url) as socket:
                    await socket.send(
                        {"type": "connection_init", "payload": {"authorization": "Bearer good"}}
                    )
                    socket.connection.transport.abort()
            await opened.until_open(0)
    assert not caplog.records


async def test_a_place_that_is_left_twice_is_left_once() -> None:
    places = Places(2, None, "streams")
    first, second = places.hold("key", "10.0.0.1"), places.hold("key", "10.0.0.1")
    first.leave()
    first.leave()
    third = places.hold("key", None)
    with pytest.raises(Rejected, match="This credential holds 2 streams, and") as refusal:
        places.hold("key", None)
    assert (refusal.value.status, refusal.value.code) == (429, "RATE_LIMITED")
    for place in (second, third):
        place.leave()
    with places.hold("key", None), places.hold("key", None), pytest.raises(Rejected):
        places.hold("key", None)


async def test_what_many_are_told_at_once_is_written_in_one_go_and_in_order() -> None:
    """And what one is told before its close comes before it."""
    async with door() as opened, Raw.to(opened.port) as raw, Raw.to(opened.port) as other:
        for each in (raw, other):
            each.say_who()
            assert (await each.frame())[1] == b'{"type":"connection_ack"}'
        for each in (raw, other):
            for number in range(3):
                each.send(f'{{"type":"ping","payload":{{"n":{number}}}}}')
            each.send("5")
        for each in (raw, other):
            pongs = [(await each.frame())[1] for _ in range(3)]
            assert pongs == [b'{"type":"pong","payload":{"n":%d}}' % number for number in range(3)]
            opcode, reason = await each.frame()
            assert (opcode, reason[:2]) == (8, struct.pack("!H", 4400))


@either
@pytest.mark.parametrize("document", ["{ waiting }", "subscription { forever }"])
async def test_what_is_stopped_before_it_began_leaves_its_place(protocol: Any, document: str) -> None:
    """A63: two messages in one packet, a hundred times, would otherwise close the process for everybody."""
    crowd, manners = Crowd(in_all=10, per_credential=3), Manners(operations=3)
    async with door(protocol, crowd=crowd, manners=manners) as opened, Socket.to(opened.url) as socket:
        await socket.init("good")
        for _ in range(3):
            await (await socket.subscribe(document)).stop()
        await socket.send({"type": "ping"})
        await asyncio.wait_for(socket.control.get(), 5)
        assert await (await socket.subscribe("{ hello }")).next() == "hello you"
