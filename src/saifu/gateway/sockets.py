"""The door for websockets: who may knock, from which pages, and how many at once."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from .admission import Admission
from .close_codes import NOT_SPOKEN
from .host import Host, Rejected
from .places import Places
from .protocol import EXTENSION
from .rates import address_of
from .service import Service
from .transport_ws import Connection, Endpoint, Manners
from .written import encoded

PROTOCOL = "graphql-transport-ws"
NEWCOMERS_PER_ADDRESS = 100
"""How many sockets of one address may not have said yet who they are."""
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Sockets:
    """The ASGI application for websockets.

    Args:
        allowed_origins: whose pages may open a socket, besides those of the host itself: "https://shop.example".
        admission: who is let in, and how often.
        places: how many sockets a credential, and an address, may hold.
    """

    def __init__(
        self,
        service: Service,
        host: Host,
        admission: Admission,
        places: Places,
        *,
        allowed_origins: Sequence[str] = (),
        manners: Manners = Manners(),  # noqa: B008
    ) -> None:
        self._endpoint = Endpoint(service, host, admission, places, manners)
        self._newcomers = Places(None, NEWCOMERS_PER_ADDRESS, "sockets that have not said who they are")
        self._allowed_origins = frozenset(allowed_origins)

    def __len__(self) -> int:
        """How many sockets are open."""
        return len(self._endpoint.open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._check_origin(scope)
            await self._accept(scope, receive, send)
        except Rejected as no:
            await _deny(no, scope, send)

    async def _accept(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as stack:
            client = scope.get("client")
            address = address_of(client[0]) if client else None
            held = (
                stack.enter_context(self._endpoint.places.hold(None, address)),
                stack.enter_context(self._newcomers.hold(None, address)),
            )
            spoken = PROTOCOL in scope.get("subprotocols", ())
            await send({"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None})
            if not spoken:
                reason = "Subprotocol not acceptable"
                await send({"type": "websocket.close", "code": NOT_SPOKEN, "reason": reason})
                return
            # From here on the connection leaves its places itself.
            stack.pop_all()
        protocol = scope.get("extensions", {}).get(EXTENSION)
        wire = _Wire(send) if protocol is None else protocol
        request_id = scope.get("state", {}).get("request_id", "")
        connection = Connection(self._endpoint, wire, request_id, client, held)
        if protocol is None:
            await wire.run(connection, receive)
        else:
            protocol.attach(connection)

    def _check_origin(self, scope: Scope) -> None:
        """A page of another site may not speak for whoever looks at it; who sends no origin is no page (S10)."""
        headers = Headers(scope=scope)
        host = f"{scope.get('scheme', 'ws')}://{headers.get('host', '')}"
        for origin in headers.getlist("origin"):
            if origin not in self._allowed_origins and _authority(origin) != _authority(host):
                raise Rejected(403, "FORBIDDEN", "Pages of this origin may not open a socket here.")


class _Wire:
    """A `protocol.Wire` over ASGI alone, for servers that have nothing better."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Message] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._connection: Connection | None = None

    @property
    def full(self) -> bool:
        return bool(self._waiting)

    def write(self, text: bytes) -> None:
        self._put({"type": "websocket.send", "text": text.decode()})

    def close(self, code: int, reason: str) -> None:
        self._put({"type": "websocket.close", "code": code, "reason": reason})

    async def run(self, connection: Connection, receive: Receive) -> None:
        """Hand a connection what arrives, until the socket is over."""
        self._connection = connection
        try:
            while (message := await receive())["type"] == "websocket.receive":
                text = message.get("text")
                connection.received(message["bytes"] if text is None else text)
        finally:
            connection.lost()
            if self._writing is not None:
                self._writing.cancel()

    def _put(self, message: Message) -> None:
        self._waiting.append(message)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        assert self._connection is not None, "nothing is written before there is somebody to answer"
        try:
            while self._waiting:
                await self._send(self._waiting[0])
                self._waiting.popleft()
        except (OSError, RuntimeError):
            # What servers raise for a socket that is gone.
            self._connection.lost()
            return
        self._writing = None
        self._connection.writable()


def _authority(url: str) -> tuple[str | None, int | None] | None:
    """Host and port of an origin; None for what is none, such as "null"."""
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or _PORTS.get(parts.scheme)) if parts.hostname else None
    except ValueError:
        return None


async def _deny(no: Rejected, scope: Scope, send: Send) -> None:
    """Refuse before there is a socket: by an HTTP answer, where the server can; with 403 where it cannot."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = encoded(no.body)
    headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += [(name.encode(), value.encode()) for name, value in no.headers.items()]
    await send({"type": "websocket.http.response.start", "status": no.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
