"""One request and its answer on a connection, as uvicorn has it, with less work and fewer writes.

An answer whose length is known is written in one piece, head and body: a second write costs as much as the first, and
wakes the peer for half an answer. Headers are looked at all together instead of one by one.
"""

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from starlette.types import Receive
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

_CONTROLS = bytes({*range(0x20), 0x7F} - {ord("\t")})
_LENGTH, _ENCODING, _CONNECTION = b"content-length: ", b"transfer-encoding: ", b"connection: "
_TELLING = frozenset({_LENGTH, _ENCODING, _CONNECTION})
_BODYLESS = frozenset({204, 304})
_END = b"\r\n"
_LARGEST_COPIED = 64 * 1024


class Cycle(RequestResponseCycle):
    """From when the head of a request is there until its answer is written."""

    def __init__(self, protocol: HttpToolsProtocol, keep_alive: bool) -> None:
        super().__init__(
            protocol.scope,
            protocol.transport,
            protocol.flow,
            protocol.logger,
            protocol.access_logger,
            protocol.access_log,
            protocol.server_state.default_headers,
            asyncio.Event(),
            protocol.expect_100_continue,
            keep_alive,
            protocol.on_response_complete,
        )
        self._head = b""

    def whole_body(self) -> bytes | None:
        """The body, if nothing of it is missing and nobody has received any of it; it is not received again."""
        if self.more_body or self.disconnected or self.response_complete:
            return None
        body = bytes(self.body)
        self.body = bytearray()
        self.message_event.clear()
        return body

    def reply(self, status: int, lines: bytes, body: bytes) -> None:
        """Write a whole answer in one piece; if the peer has gone, nobody misses it.

        Args:
            lines: the headers as they are written, but for those of the server's own and the length; whoever made them
                knows that each is one line.
        """
        self.waiting_for_100_continue = False
        self.response_started = True
        if not self.disconnected:
            own = _own_lines(self.default_headers)
            end = _END if self.keep_alive else b"connection: close\r\n\r\n"
            head = b"%b%b%bcontent-length: %d\r\n%b" % (STATUS_LINE[status], own, lines, len(body), end)
            self._write(head, body)
            self._complete()
        self.on_response = _nothing  # as uvicorn does: it leads back to the connection, which leads here

    async def send(self, message: Any) -> None:
        if self.access_log:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self._head:
            self._begin_body(message)
        elif self.response_started:
            await super().send(message)
        else:
            self._start(message)

    def _start(self, message: Any) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{message['type']}'.")
        self.response_started = True
        self.waiting_for_100_continue = False
        head = self._lines(message["status"], [*self.default_headers, *message.get("headers", ())])
        if self.chunked_encoding is False and self.scope["method"] != "HEAD":
            self._head = head
        else:
            self.transport.write(head)

    def _lines(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The head; what it says of connection and body is taken note of."""
        pieces = [STATUS_LINE[status]]
        says_close = False
        for name, value in headers:
            begin = _begin(name)
            pieces += (begin, value, _END)
            if begin in _TELLING:
                says_close = self._told(begin, value) or says_close
        lines = len(headers) + 2
        if not self.keep_alive and not says_close:
            pieces.append(b"connection: close\r\n")
            lines += 1
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _BODYLESS:
            self.chunked_encoding = True
            pieces.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        pieces.append(_END)
        head = b"".join(pieces)
        if len(head) - len(head.translate(None, _CONTROLS)) != len(_END) * lines:
            # A line break in a value would end its header, and begin one of somebody else's.
            raise RuntimeError("Invalid HTTP header value.")
        return head

    def _told(self, begin: bytes, value: bytes) -> bool:
        """Take note of a header; answers whether it says that the connection will be closed."""
        if begin == _CONNECTION:
            closes = b"close" in [token.strip() for token in value.lower().split(b",")]
            self.keep_alive = self.keep_alive and not closes
            return closes
        if begin == _LENGTH and self.chunked_encoding is None:
            self.expected_content_length = int(value)
            self.chunked_encoding = False
        elif begin == _ENCODING and value.lower() == b"chunked":
            self.expected_content_length = 0
            self.chunked_encoding = True
        return False

    def _begin_body(self, message: Any) -> None:
        """Write the head that was held back, and what there is of the body."""
        if message["type"] != "http.response.body":
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{message['type']}'.")
        body, more = message.get("body", b""), message.get("more_body", False)
        left = self.expected_content_length - len(body)
        if left < 0 or (left and not more):
            raise RuntimeError(f"Response content {'longer' if left < 0 else 'shorter'} than Content-Length")
        self.expected_content_length = left
        head, self._head = self._head, b""
        self._write(head, body)
        if not more:
            self._complete()

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= _LARGEST_COPIED:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def whole_body(receive: Receive) -> bytes | None:
    """The body of a request that has arrived with it; None where it has to be received.

    Asked of `receive` itself, since whatever else knew of the cycle would keep it until the garbage is collected.
    """
    cycle = getattr(receive, "__self__", None)
    return cycle.whole_body() if type(cycle) is Cycle else None


@lru_cache(maxsize=256)
def _begin(name: bytes) -> bytes:
    """How the line of a header begins."""
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower() + b": "


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers of the program's own as they are written."""
    return b"".join([_begin(name) + value + _END for name, value in headers])


_last: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")


def _own_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The lines of what uvicorn adds to every answer, the date among them: it makes a new list every second."""
    global _last  # noqa: PLW0603 - one for the process, as the list is
    known, written = _last
    if known is not headers:
        written = lines(headers)
        _last = (headers, written)
    return written


def _nothing() -> None: ...
