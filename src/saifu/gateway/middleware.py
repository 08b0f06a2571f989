"""What every request gets: an id, headers that keep browsers careful, a line in the log, and an answer to faults."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .host import Rejected
from .written import encoded

log = structlog.get_logger(__name__)

REQUEST_ID = "x-request-id"
_REQUEST_ID = REQUEST_ID.encode()
_GIVEN_ID = re.compile(rb"[A-Za-z0-9_.:-]{8,64}")
_QUIET_PATHS = ("/health/", "/metrics")
# What an answer may say itself; the others are the same for all.
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_KEEPING = (b"cache-control", b"no-store")
_CAREFUL = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Requests:
    """The outermost layer.

    Args:
        app: what it is around.
        new_id: makes an id for a request that brought none.
        in_request: within it, whatever is logged carries the request's id.
        answered: told of each request over HTTP: its id, method, path, status, and milliseconds.
        unfit: whether an id that was brought is not to be kept.
    """

    def __init__(
        self,
        app: ASGIApp,
        new_id: Callable[[], str],
        in_request: Callable[[str], AbstractContextManager[None]],
        answered: Callable[[str, str, str, int, float], None],
        unfit: Callable[[str], bool] = lambda _id: False,
    ) -> None:
        self._app = app
        self._new_id = new_id
        self.within = in_request
        self._answered = answered
        self._unfit = unfit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = self.id_of(dict(scope["headers"]).get(_REQUEST_ID))
        await self.around(request_id, self._app)(scope, receive, send)

    def id_of(self, given: bytes | None) -> str:
        """The id of a request: the one it came with, if that is one, or else a new one."""
        if given is None or not _GIVEN_ID.fullmatch(given):
            return self._new_id()
        text = given.decode()
        return self._new_id() if self._unfit(text) else text

    def around(self, request_id: str, app: ASGIApp) -> ASGIApp:
        """An application with this layer around it, for one request."""

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["request_id"] = request_id
            with self.within(request_id):
                await self._handle(app, scope, receive, _Answer(send, request_id))

        return handle

    async def _handle(self, app: ASGIApp, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        started = perf_counter()
        try:
            await app(scope, receive, answer.send)
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if scope["type"] != "http" or answer.status:
                raise
            await answer.fault()
        if scope["type"] == "http" and not scope["path"].startswith(_QUIET_PATHS):
            self.tell(answer.id, scope["method"], scope["path"], answer.status, perf_counter() - started)

    def tell(self, request_id: str, method: str, path: str, status: int, took_s: float) -> None:
        """Have it told that a request was answered."""
        self._answered(request_id, method, path, status, round(took_s * 1_000, 2))


class Straight(Starlette):
    """An application that brings requests for one path to their endpoint, past all that serves the others.

    Starlette finds a route by matching patterns, inside of three more layers: more than a plain answer costs. The
    application's own middleware is around this endpoint as well; all other arguments are Starlette's.

    Args:
        door: asked first, where the server knows of doors; see `door.py`.
    """

    def __init__(
        self, *, path: str, endpoint: ASGIApp, door: Any, middleware: Sequence[Middleware], **others: Any
    ) -> None:
        super().__init__(middleware=middleware, **others)
        self.door = door
        self._path = path
        self._endpoint = endpoint
        for layer, args, options in reversed(middleware):
            self._endpoint = layer(self._endpoint, *args, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._path:
            await self._endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _Answer:
    """Sends what the application says, with the headers of the house."""

    __slots__ = ("_send", "id", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self._add_headers(message, careful=True)
        elif kind == "websocket.accept":
            self._add_headers(message, careful=False)
        await self._send(message)

    async def fault(self) -> None:
        """Answer for a fault of ours: a reference for the client, the details in the log (A26)."""
        no = Rejected(
            500,
            "INTERNAL_SERVER_ERROR",
            f"Something went wrong on our side. Quote the reference {self.id} when you report it.",
        )
        body = encoded(no.body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": no.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _add_headers(self, message: Message, careful: bool) -> None:
        headers = list(message.get("headers", ()))
        if careful:
            headers = with_care(headers)
        headers.append((_REQUEST_ID, self.id.encode()))
        message["headers"] = headers


def with_care(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers of an answer with those that keep browsers careful."""
    policy = keeping = True
    for name, _ in headers:
        if name == _POLICY[0]:
            policy = False
        elif name == _KEEPING[0]:
            keeping = False
    return [*headers, *([_POLICY] if policy else ()), *([_KEEPING] if keeping else ()), *_CAREFUL]
