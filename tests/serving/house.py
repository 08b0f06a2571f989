"""A small house to serve: a schema of its own, somebody who lets callers in, and ways to ask over HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema
from starlette.types import Message

from saifu.gateway.admission import Admission, Crowd
from saifu.gateway.documents import Documents
from saifu.gateway.host import Closer, Rejected
from saifu.gateway.places import Places
from saifu.gateway.rates import Rate, Rates
from saifu.gateway.service import Service
from saifu.gateway.view import View

GOOD = "Bearer good"
PATIENCE_S = 5

SDL = """
type Query {
  "Says it again." echo(text: String!): String!
  maybe: Int
  broken: Int
  slow: Int
  items(first: Int = 10): [Int!]!
}
type Mutation { bump(by: Int! = 1): Int! }
type Subscription { ticks: Int! failing: Int! }
"""


class FakeHost:
    """Lets in whoever brings `Bearer good`, or `Bearer good-<anything>` as somebody else.

    Attributes:
        admitted: the credentials it was asked about.
        open: how to end what each caller holds open.
        bumped: what the mutation has added up to.
        ticks: what the subscription has yet to tell; None ends it, an exception breaks it.
        go_on: a query for `slow` waits for it.
        listening: how many sources of `ticks` are running.
    """

    def __init__(self) -> None:
        self.admitted: list[str | None] = []
        self.open: dict[str, list[Closer]] = {}
        self.bumped = 0
        self.ticks: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.listening = 0
        self.results: list[tuple[str, Sequence[str]]] = []

    async def admit(self, authorization: str | None, request_id: str) -> Any:
        self.admitted.append(authorization)
        if authorization is None or not authorization.startswith(GOOD):
            raise Rejected(401, "UNAUTHENTICATED", "Who are you?", www_authenticate="Bearer")
        return authorization.removeprefix("Bearer ")

    def known(self, authorization: str | None, request_id: str) -> Any | None:
        return None

    @contextmanager
    def open_socket(self, context: Any, close: Closer) -> Iterator[None]:
        held = self.open.setdefault(context, [])
        held.append(close)
        try:
            yield
        finally:
            held.remove(close)

    def end(self, caller: str) -> None:
        """The credential ends."""
        for close in list(self.open[caller]):
            close(4401, "The credential has ended")

    def may_introspect(self, context: Any) -> bool:
        return True

    def caller_id(self, context: Any) -> str:
        return str(context)

    def sharing_key(self, context: Any) -> Any:
        return None

    def check(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        if variables.get("text") == "forbidden":
            raise GraphQLError("No.", extensions={"code": "FORBIDDEN", "httpStatus": 403})

    def dress(
        self, error: GraphQLError, document: DocumentNode | None, variables: Mapping[str, Any], context: Any
    ) -> GraphQLError:
        ours = error.original_error is not None and not isinstance(error.original_error, GraphQLError)
        code, status = ("INTERNAL_SERVER_ERROR", 500) if ours else ("BAD_USER_INPUT", 400)
        extensions = {"code": code, "httpStatus": status, **(error.extensions or {})}
        return GraphQLError(
            error.message, error.nodes, error.source, error.positions, error.path, None, extensions
        )

    def resume_from(self) -> str | None:
        return None

    def on_result(self, kind: str, codes: Sequence[str], _duration_s: float) -> None:
        self.results.append((kind, list(codes)))


def a_schema(host: FakeHost) -> GraphQLSchema:
    schema = build_schema(SDL)
    assert schema.query_type
    assert schema.mutation_type
    assert schema.subscription_type

    async def ticks(*_: Any) -> AsyncGenerator[int, None]:
        host.listening += 1
        try:
            while (tick := await host.ticks.get()) is not None:
                if isinstance(tick, Exception):
                    raise tick
                yield tick
        finally:
            host.listening -= 1

    def bump(_root: Any, _info: Any, by: int) -> int:
        host.bumped += by
        return host.bumped

    async def slow(*_: Any) -> int:
        await host.go_on.wait()
        return 1

    def broken(*_: Any) -> int:
        raise RuntimeError("broken")

    query, subscription = schema.query_type.fields, schema.subscription_type.fields
    query["echo"].resolve = lambda _root, _info, text: text
    query["items"].resolve = lambda _root, _info, first: list(range(first))
    query["slow"].resolve = slow
    query["broken"].resolve = broken
    schema.mutation_type.fields["bump"].resolve = bump
    for name, field_ in subscription.items():
        field_.subscribe = ticks if name == "ticks" else broken
        field_.resolve = lambda tick, _info: tick
    return schema


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Built:
    """A view around a fake house."""

    host: FakeHost = field(default_factory=FakeHost)
    clock: Clock = field(default_factory=Clock)
    per_credential: Callable[[str], Rate | None] = lambda _id: None
    per_address: Rate | None = None
    places: Places = field(default_factory=lambda: Places(None, None, "streams"))
    crowd: Crowd = field(default_factory=Crowd)
    heartbeat_s: float = 60.0
    page: Any = None

    def __post_init__(self) -> None:
        schema = a_schema(self.host)
        rates = Rates(self.per_credential, self.per_address, self.clock)
        self.view = View(
            Service(schema, self.host, Documents(schema)),
            self.host,
            Admission(self.host, rates, self.places, self.crowd),
            page=self.page,
            on_result=self.host.on_result,
            heartbeat_s=self.heartbeat_s,
        )

    async def ask(
        self, document: str | None = None, accept: str | None = None, body: bytes | None = None, **more: Any
    ) -> httpx.Response:
        """POST a document, or any body, as somebody who is let in."""
        content = (
            body if body is not None else json.dumps({"query": document} | more.pop("request", {})).encode()
        )
        headers = {"authorization": GOOD, "content-type": "application/json"} | more.pop("headers", {})
        return await self.send("POST", accept=accept, content=content, headers=headers, **more)

    async def get(self, accept: str | None = None, **params: str) -> httpx.Response:
        return await self.send("GET", accept=accept, params=params, headers={"authorization": GOOD})

    async def send(self, method: str, accept: str | None = None, **more: Any) -> httpx.Response:
        client_address = more.pop("client", ("192.0.2.1", 1))
        transport = httpx.ASGITransport(self.view, client=client_address)
        async with httpx.AsyncClient(transport=transport, base_url="http://house.test") as client:
            del client.headers["accept"]
            headers = more.pop("headers", {})
            if accept is not None:
                headers = headers | {"accept": accept}
            return await client.request(method, more.pop("path", "/graphql"), headers=headers, **more)

    @asynccontextmanager
    async def listening(
        self, document: str, accept: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator["Listening"]:
        """Ask in a way that lets the answer be read while it is written."""
        given = {
            "authorization": GOOD,
            "content-type": "application/json",
            "accept": accept,
            **(headers or {}),
        }
        hooks: dict[Any, Any] = {}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("192.0.2.1", 1),
            "state": {},
            "extensions": {"saifu.http": hooks},
        }
        listening = Listening(json.dumps({"query": document}).encode(), hooks)
        task = asyncio.create_task(self.view(scope, listening.receive, listening.send))
        listening.task = task
        try:
            yield listening
        finally:
            listening.leave()
            async with asyncio.timeout(PATIENCE_S):
                await task


class Listening:
    """The client's side of one exchange."""

    task: "asyncio.Task[None]"

    def __init__(self, body: bytes, hooks: dict[str, Any]) -> None:
        self.hooks = hooks
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._sent.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self._got: asyncio.Queue[Message] = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()

    async def receive(self) -> Message:
        return await self._sent.get()

    async def send(self, message: Message) -> None:
        await self.reading.wait()
        self._got.put_nowait(message)

    def leave(self) -> None:
        self._sent.put_nowait({"type": "http.disconnect"})

    async def head(self) -> tuple[int, dict[str, str]]:
        message = await self._next()
        assert message["type"] == "http.response.start"
        return message["status"], {name.decode(): value.decode() for name, value in message["headers"]}

    async def piece(self) -> bytes | None:
        """The next piece of the body as it was written; None when it is over."""
        message = await self._next()
        body: bytes = message["body"]
        return body if body or message.get("more_body") else None

    async def rest(self) -> bytes:
        """All that follows until the body is over."""
        body = b""
        while True:
            message = await self._next()
            body += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(body)

    async def _next(self) -> Message:
        async with asyncio.timeout(PATIENCE_S):
            return await self._got.get()
