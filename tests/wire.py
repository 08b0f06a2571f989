"""A client that costs next to nothing: one keep-alive connection, one request at a time.

For tests and benchmarks where a full HTTP library would use more of the machine than the gateway does, and where
it matters whether a request that failed was ever sent.
"""

import asyncio
import json
from typing import Any, cast

PATIENCE_S = 30.0


class NotSent(Exception):
    """No connection could be made: the gateway has certainly never seen the request."""


class Lost(Exception):
    """The request was sent and its answer never came: what became of it is unknown."""


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.lost = False
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self._received += data
        complete = _parse(self._received)
        if complete is not None and self.answer is not None:
            answer, self.answer = self.answer, None
            self._received.clear()
            status, body, last = complete
            self.lost = self.lost or last
            if not answer.done():
                answer.set_result((status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        answer, self.answer = self.answer, None
        if answer is not None and not answer.done():
            answer.set_exception(Lost(str(exc or "the connection was closed")))

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer


def _parse(received: bytearray) -> tuple[int, bytes, bool] | None:
    """Status and body, once all of the answer is there, and whether it is the last on its connection."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    at = head.find(b"content-length:")
    assert at >= 0, f"an answer without content-length: {head!r}"
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    body = bytes(received[end + 4 :])
    return (int(head[9:12]), body, b"connection: close" in head) if len(body) >= length else None


class Wire:
    """One connection to one gateway with one credential; it connects again when it has to.

    Requests that are sent at the same time need a `Wire` each.
    """

    def __init__(self, port: int, token: str, host: str = "127.0.0.1") -> None:
        self.port = port
        self._host = host
        self._head = (
            f"POST /graphql HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n"
            "content-type: application/json\r\naccept: application/json\r\ncontent-length: "
        ).encode()
        self._connection: _Connection | None = None

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            NotSent: there is nobody to connect to.
            Lost: the connection ended, or `PATIENCE_S` passed, before the answer was there.
        """
        connection = await self._connected()
        request = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await connection.ask(request)
        except TimeoutError:
            self.close()
            raise Lost(f"no answer within {PATIENCE_S} s") from None

    async def execute(self, document: str, **variables: Any) -> tuple[int, Any]:
        """Status and decoded body of a GraphQL request; a body that is not JSON comes as text."""
        body = json.dumps({"query": document, "variables": variables}).encode()
        status, answer = await self.post(body)
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, answer.decode(errors="replace")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()
            self._connection = None

    async def _connected(self) -> _Connection:
        if self._connection is None or self._connection.lost or self._connection.transport.is_closing():
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    _, self._connection = await loop.create_connection(_Connection, self._host, self.port)
            except OSError as error:
                raise NotSent(str(error)) from error
        return self._connection
