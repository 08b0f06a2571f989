"""Clients as others would write them: GraphQL over HTTP, and graphql-transport-ws by hand."""

import asyncio
import itertools
import json
import socket as sockets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection

from saifu.settings import Settings

PROTOCOL = websockets.Subprotocol("graphql-transport-ws")
PATIENCE_S = 10


@dataclass(frozen=True)
class Answer:
    """One HTTP answer to a GraphQL request."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:
        """The data of a request that succeeded."""
        assert self.body.get("errors") is None, self.body["errors"]
        return self.body["data"]

    @property
    def code(self) -> str:
        """The code of the first error of a request that failed."""
        return str(self.body["errors"][0]["extensions"]["code"])


class Api:
    """A client with one credential."""

    def __init__(self, http: httpx.AsyncClient, token: str | None) -> None:
        self.http = http
        self.token = token

    @classmethod
    @asynccontextmanager
    async def in_process(cls, app: ASGIApp, token: str | None) -> AsyncIterator["Api"]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
            yield cls(http, token)

    @classmethod
    @asynccontextmanager
    async def over_network(cls, base_url: str, token: str | None) -> AsyncIterator["Api"]:
        async with httpx.AsyncClient(base_url=base_url, timeout=PATIENCE_S) as http:
            yield cls(http, token)

    def acting_as(self, token: str | None) -> "Api":
        """The same connection with another credential, or with none."""
        return Api(self.http, token)

    async def execute(self, document: str, **variables: Any) -> Any:
        """The data of a request that must not fail at the top level."""
        answer = await self.ask(document, **variables)
        assert answer.status == 200, answer.body
        return answer.data

    async def whole_log(self) -> None:
        """Wait until every event has its place: PostgreSQL gives it a moment after the commit."""
        headers = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        async with asyncio.timeout(PATIENCE_S):
            while "saifu_unstamped_events 0.0" not in (await self.http.get("/metrics", headers=headers)).text:
                await asyncio.sleep(0.02)

    async def ask(self, document: str, **variables: Any) -> Answer:
        """Whatever the gateway answers."""
        headers = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        response = await self.http.post(
            "/graphql", json={"query": document, "variables": variables}, headers=headers
        )
        return Answer(response.status_code, response.headers, response.json())


@dataclass
class Served:
    """A gateway behind a port."""

    port: int
    server: uvicorn.Server

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    def stop(self) -> None:
        """What SIGTERM does."""
        self.server.should_exit = True


class _Quiet(uvicorn.Server):
    """A server that leaves the test runner's signal handlers alone."""

    async def serve(self, sockets: list[sockets.socket] | None = None) -> None:
        await self._serve(sockets)


@asynccontextmanager
async def served(
    app: Starlette, settings: Settings, narrow: bool = False, port: int = 0
) -> AsyncIterator[Served]:
    """Serve an application in the running loop, on a free port or that one; `narrow` with small buffers for sending."""
    from saifu.server import configuration

    listener = sockets.socket()
    if narrow:
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 16_384)
    listener.bind(("127.0.0.1", port))
    server = _Quiet(configuration(app, settings))
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
        if task.done():
            await task
    try:
        yield Served(listener.getsockname()[1], server)
    finally:
        server.should_exit = True
        await task


def _narrow(host: str, port: int) -> sockets.socket:
    pipe = sockets.socket()
    # Before connecting: the window is agreed on then.
    pipe.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 16_384)
    pipe.connect((host, port))
    return pipe


class Closed(Exception):
    """The gateway closed the socket."""

    def __init__(self, code: int | None, reason: str | None) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason or ""


class Failed(Exception):
    """The operation ended in `error`."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__(json.dumps(errors))
        self.errors = errors

    @property
    def code(self) -> str:
        return str(self.errors[0]["extensions"]["code"])


@dataclass
class Stream:
    """One subscription on a socket; iterating gives the `data` of each message until `complete`."""

    socket: "Socket"
    id: str
    messages: "asyncio.Queue[dict[str, Any] | Closed]" = field(default_factory=asyncio.Queue)

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> Any:
        message = await self.raw()
        if message["type"] == "complete":
            raise StopAsyncIteration
        if message["type"] == "error":
            raise Failed(message["payload"])
        if message["payload"].get("errors"):
            raise Failed(message["payload"]["errors"])
        return message["payload"]["data"]

    async def raw(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            message = await self.messages.get()
        if isinstance(message, Closed):
            raise message
        return message

    async def next(self) -> Any:
        """The only root field of the next message."""
        (value,) = (await anext(self)).values()
        return value

    async def take(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]

    async def silent(self, for_s: float = 0.2) -> bool:
        """Whether nothing comes for a while."""
        await asyncio.sleep(for_s)
        return self.messages.empty()

    async def stop(self) -> None:
        await self.socket.send({"id": self.id, "type": "complete"})


class Socket:
    """A graphql-transport-ws connection that reads as fast as it can, unless told to pause."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.streams: dict[str, Stream] = {}
        self.control: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        self.reading = asyncio.Event()
        self.reading.set()
        self._ids = itertools.count(1)

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str, narrow: bool = False, **options: Any) -> AsyncIterator["Socket"]:
        """Connect without saying who it is; `options` are those of `websockets.connect`.

        A `narrow` one has next to no buffer on its side, so that not reading is soon felt on the other.
        """
        options = {"subprotocols": [PROTOCOL], "compression": None, "max_size": None, **options}
        if narrow:
            parts = urlsplit(url)
            options |= {"sock": _narrow(parts.hostname or "", parts.port or 0), "max_queue": 1}
        async with websockets.connect(url, **options) as connection:
            socket = cls(connection)
            reader = asyncio.create_task(socket._read())
            try:
                yield socket
            finally:
                reader.cancel()
                with suppress(asyncio.CancelledError):
                    await reader

    async def init(self, token: str | None) -> None:
        await self.send(
            {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"} if token else {}}
        )
        acknowledged: asyncio.Future[Any] = asyncio.ensure_future(self.control.get())
        ends: list[asyncio.Future[Any]] = [acknowledged, self.closed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not acknowledged.done():
            acknowledged.cancel()
            raise self.closed.result()
        assert acknowledged.result()["type"] == "connection_ack"

    async def subscribe(self, document: str, **variables: Any) -> Stream:
        stream = Stream(self, str(next(self._ids)))
        self.streams[stream.id] = stream
        payload = {"query": document, "variables": variables}
        await self.send({"id": stream.id, "type": "subscribe", "payload": payload})
        return stream

    async def send(self, message: Mapping[str, Any]) -> None:
        await self.connection.send(json.dumps(message))

    async def until_closed(self, within_s: float = PATIENCE_S) -> Closed:
        async with asyncio.timeout(within_s):
            return await asyncio.shield(self.closed)

    async def _read(self) -> None:
        try:
            while True:
                await self.reading.wait()
                message = json.loads(await self.connection.recv())
                if message["type"] == "ping":
                    await self.send({"type": "pong"})
                elif "id" in message:
                    self.streams[message["id"]].messages.put_nowait(message)
                else:
                    self.control.put_nowait(message)
        except websockets.ConnectionClosed as closed:
            received = closed.rcvd
            end = Closed(received.code if received else None, received.reason if received else None)
            self.closed.set_result(end)
            for stream in self.streams.values():
                stream.messages.put_nowait(end)
