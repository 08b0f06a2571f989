"""How an answer is written: as uvicorn would, and in one piece where its length is known."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from tests.serving.test_http_protocol import NEVER, peer, serving, status

POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"
OK = ((b"content-length", b"2"),)


class Says:
    """Answers everybody with these headers and these pieces of a body, and remembers the bodies it received."""

    def __init__(self, headers: Sequence[tuple[bytes, bytes]] = OK, *pieces: bytes, code: int = 200) -> None:
        self.headers = headers
        self.pieces = pieces or (b"ok",)
        self.code = code
        self.received: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            self.received.append((await receive())["body"])
        await send({"type": "http.response.start", "status": self.code, "headers": list(self.headers)})
        for number, piece in enumerate(self.pieces, 1):
            more = number < len(self.pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})


async def said(app: Any, request: bytes) -> bytes:
    """All that a connection is told until it is closed; `request` asks for that."""
    async with serving(NEVER, app) as (port, _), peer(port) as client:
        await client.say(request)
        return await client.rest()


def last(method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return b"%b / HTTP/%b\r\nhost: a\r\nconnection: close\r\n\r\n" % (method, version)


async def test_an_answer_of_known_length_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    from saifu.gateway.http_cycle import Cycle

    written: list[bytes] = []
    begin = Cycle.__init__

    def noted(self: Cycle, protocol: Any, keep_alive: bool) -> None:
        begin(self, protocol, keep_alive)
        transport = self.transport

        class Noting:
            def write(self, data: bytes) -> None:
                written.append(data)
                transport.write(data)

            def close(self) -> None:
                transport.close()

        self.transport = Noting()  # type: ignore[assignment]

    monkeypatch.setattr(Cycle, "__init__", noted)
    answer = await said(Says(), last())
    assert written == [answer]
    assert answer.endswith(b"\r\n\r\nok")


async def test_a_body_in_pieces_is_whole_in_the_end() -> None:
    headers = ((b"Content-Length", b"6"),)
    answer = await said(Says(headers, b"ab", b"", b"cdef"), last())
    assert b"content-length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\nabcdef")


@pytest.mark.parametrize("pieces", [(b"ok",), (b"o", b"k")])
async def test_without_a_length_it_comes_in_chunks(pieces: tuple[bytes, ...]) -> None:
    answer = await said(Says((), *pieces), last())
    assert b"transfer-encoding: chunked\r\n" in answer
    assert answer.endswith(b"0\r\n\r\n")
    assert b"content-length" not in answer


async def test_head_has_the_head_and_nothing_else() -> None:
    answer = await said(Says(), last(b"HEAD"))
    assert b"content-length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_what_has_no_body_says_nothing_of_one() -> None:
    answer = await said(Says((), b"", code=204), last())
    assert answer.startswith(b"HTTP/1.1 204")
    assert b"transfer-encoding" not in answer


@pytest.mark.parametrize(
    ("headers", "request_"),
    [
        (OK, last()),
        (OK, last(version=b"1.0")),
        ((*OK, (b"connection", b"Close")), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    ],
    ids=["asked for", "HTTP 1.0", "by the application"],
)
async def test_a_connection_that_ends_says_so_once(
    headers: tuple[tuple[bytes, bytes], ...], request_: bytes
) -> None:
    answer = await said(Says(headers), request_)
    assert answer.lower().count(b"connection: close") == 1


async def test_a_connection_serves_one_request_after_another_also_when_they_come_together() -> None:
    app = Says()
    async with serving(NEVER, app) as (port, _), peer(port) as client:
        await client.say(POST * 3)
        for _ in range(3):
            assert (await client.answer()).endswith(b"ok")
        await client.say(POST)
        assert status(await client.answer()) == 200
    assert app.received == [b"hi"] * 4


async def test_who_waits_for_leave_to_send_is_given_it() -> None:
    app = Says()
    async with serving(NEVER, app) as (port, _), peer(port) as client:
        await client.say(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        async with asyncio.timeout(5):
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.say(b"hi")
        assert status(await client.answer()) == 200
    assert app.received == [b"hi"]


@pytest.mark.parametrize(
    "header",
    [(b"x", b"a\r\nset-cookie: b"), (b"x", b"a\nb"), (b"x", b"a\0b"), (b"x y", b"a"), (b"x:", b"a")],
    ids=repr,
)
async def test_a_header_that_would_be_two_is_never_written(
    header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        answer = await said(Says((*OK, header)), last())
    assert b"set-cookie" not in answer
    assert b"ok" not in answer


@pytest.mark.parametrize("pieces", [(b"o",), (b"okay",), (b"o", b"kay"), (b"o", b"")])
async def test_a_body_that_is_not_as_long_as_said_ends_the_connection(pieces: tuple[bytes, ...]) -> None:
    """Whoever reads on would take the rest for the answer to its next question."""
    async with serving(NEVER, Says(OK, *pieces)) as (port, _), peer(port) as client:
        await client.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = await client.rest()
    assert not answer.endswith(b"okay")


async def test_a_tab_in_a_value_is_no_line_break() -> None:
    assert b"x: a\tb\r\n" in await said(Says((*OK, (b"X", b"a\tb"))), last())
