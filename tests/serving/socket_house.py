"""A small house behind a websocket door: it knows one key, counts, and tells what became of its resolvers."""

import asyncio
import contextlib
import socket as sockets
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from saifu.gateway.admission import Admission, Crowd
from saifu.gateway.documents import Documents
from saifu.gateway.host import Closer, Rejected
from saifu.gateway.limits import Limits
from saifu.gateway.places import Places
from saifu.gateway.protocol import SocketProtocol
from saifu.gateway.rates import Rate, Rates
from saifu.gateway.service import Service
from saifu.gateway.sockets import Sockets
from saifu.gateway.transport_ws import Manners

KEY = "key_good"
PROTOCOLS = {"attached": SocketProtocol, "ASGI alone": WebSocketsSansIOProtocol}
LARGEST_BYTES = 64 * 1024

SDL = """
type Query { hello(name: String): String!  waiting: Int  broken: Int!  forbidden: Int  deep: Deep }
type Deep { deep: Deep  leaf: Int }
type Mutation { bump(by: Int!): Int!  bumpSlowly: Int! }
type Subscription { count(to: Int!): Int!  forever: Int!  bulky: String!  broken: Int!  forbidden: Int! }
"""

told_last: ContextVar[str | None] = ContextVar("told_last", default=None)


@dataclass
class House:
    """The house, as `Host` asks for it, and what tests look at.

    Attributes:
        go: what waits in a resolver goes on when this is set.
        log: what happened to resolvers and sources: "forever ended", "waiting cancelled".
        open: the closers of the sockets that are open.
    """

    go: asyncio.Event = field(default_factory=asyncio.Event)
    log: list[str] = field(default_factory=list)
    open: list[Closer] = field(default_factory=list)
    total: int = 0

    async def admit(self, authorization: str | None, request_id: str) -> str:
        match authorization:
            case "Bearer good" | "Bearer other":
                return authorization.replace("Bearer ", "key_")
            case "Bearer waiting":
                await self.go.wait()
                return KEY
            case "Bearer unavailable":
                raise Rejected(503, "INTERNAL_SERVER_ERROR", "The database cannot be reached.")
            case "Bearer broken":
                raise RuntimeError("the secret of the kitchen")
        raise Rejected(401, "UNAUTHENTICATED", "Nobody knows you.")

    def known(self, authorization: str | None, request_id: str) -> str | None:
        return None

    @contextmanager
    def open_socket(self, context: Any, close: Closer) -> Iterator[None]:
        self.open.append(close)
        try:
            yield
        finally:
            self.open.remove(close)

    def may_introspect(self, context: Any) -> bool:
        return True

    def caller_id(self, context: Any) -> str:
        return str(context)

    def sharing_key(self, context: Any) -> Hashable | None:
        return str(context)

    def check(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        return

    def dress(
        self, error: GraphQLError, document: DocumentNode | None, variables: Mapping[str, Any], context: Any
    ) -> GraphQLError:
        if error.extensions is None or "code" not in error.extensions:
            fault = error.original_error is not None and not isinstance(error.original_error, GraphQLError)
            error.extensions = {"code": "INTERNAL_SERVER_ERROR" if fault else "BAD_USER_INPUT"}
        return error

    def resume_from(self) -> str | None:
        return told_last.get()

    def schema(self) -> GraphQLSchema:
        schema = build_schema(SDL)
        for type_name in ("Query", "Mutation", "Subscription"):
            for name, each in schema.get_type(type_name).fields.items():  # type: ignore[union-attr]
                if type_name == "Subscription":
                    each.subscribe = getattr(self, name)
                    each.resolve = lambda event, _info, **_: event
                elif hasattr(self, name):
                    each.resolve = getattr(self, name)
        return schema

    def hello(self, _root: Any, _info: Any, name: str = "you") -> str:
        return f"hello {name}"

    async def waiting(self, _root: Any, _info: Any) -> int:
        with self._noted("waiting"):
            await self.go.wait()
        return self.total

    def forbidden(self, _root: Any, _info: Any) -> int:
        raise GraphQLError("Not for you.", extensions={"code": "FORBIDDEN"})

    def bump(self, _root: Any, _info: Any, by: int) -> int:
        self.total += by
        return self.total

    async def bumpSlowly(self, _root: Any, _info: Any) -> int:  # noqa: N802
        with self._noted("bumpSlowly"):
            await self.go.wait()
            self.total += 1
        return self.total

    async def count(self, _root: Any, _info: Any, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    async def forever(self, _root: Any, _info: Any) -> AsyncGenerator[int, None]:
        with self._noted("forever"):
            yield 0
            await asyncio.Event().wait()

    async def bulky(self, _root: Any, _info: Any) -> AsyncGenerator[str, None]:
        for number in range(1_000):
            yield f"{number} " + "x" * 20_000
            told_last.set(str(number))

    async def broken(self, _root: Any, _info: Any) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError("the secret of the kitchen")

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        self.log.append(f"{what} began")
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self.log.append(f"{what} cancelled")
            raise
        else:
            self.log.append(f"{what} ended")

    async def until(self, line: str) -> None:
        async with asyncio.timeout(5):
            while line not in self.log:
                await asyncio.sleep(0.005)


@dataclass
class Door:
    """A house behind a port."""

    house: House
    sockets: Sockets
    server: uvicorn.Server
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def until_open(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.sockets) != count:
                await asyncio.sleep(0.005)


class _Quiet(uvicorn.Server):
    async def serve(self, sockets: list[sockets.socket] | None = None) -> None:
        await self._serve(sockets)


@asynccontextmanager
async def door(
    protocol: type[Any] = SocketProtocol,
    places: Places | None = None,
    manners: Manners | None = None,
    origins: tuple[str, ...] = (),
    narrow: bool = False,
    per_credential: Rate | None = None,
    crowd: Crowd = Crowd(),  # noqa: B008
    **options: Any,
) -> AsyncIterator[Door]:
    """Serve a house in the running loop, where an address may guess three keys; `options` are those of uvicorn."""
    house = House()
    schema = house.schema()
    places = places or Places(None, None, "sockets")
    rates = Rates(lambda _id: per_credential, Rate(1, 3), lambda: 0.0)
    sockets_app = Sockets(
        Service(schema, house, Documents(schema, Limits(depth=6))),
        house,
        Admission(house, rates, places, crowd),
        places,
        manners=manners or Manners(),
        allowed_origins=origins,
    )
    listener = sockets.socket()
    if narrow:
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 16_384)
    listener.bind(("127.0.0.1", 0))
    given = {"ws_max_size": LARGEST_BYTES, "ws_per_message_deflate": False, **options}
    config = uvicorn.Config(
        sockets_app, http="httptools", ws=protocol, lifespan="off", log_config=None, **given
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield Door(house, sockets_app, server, listener.getsockname()[1])
    finally:
        house.go.set()
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
