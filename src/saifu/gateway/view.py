"""The GraphQL endpoint over HTTP (A60): from a request to its answer, or to the stream of its answers.

The status tells of the GraphQL request only where the client takes `application/graphql-response+json`: 400 when
nothing ran, 200 when something did. With `application/json` every well-formed request is answered with 200, as clients
of that type expect. What is wrong with the HTTP request has its own 4xx with either.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any

from graphql import OperationType
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import http_requests, negotiation
from .admission import Admission
from .documents import Invalid, Operation
from .host import Host, Rejected
from .http_protocol import EXTENSION
from .http_requests import Head
from .negotiation import Accepted
from .requests import Request, bad
from .service import Answer, Service
from .streaming import HEARTBEAT_S, Stream
from .written import encoded

_ALLOW = "GET, HEAD, POST, OPTIONS"
_READING = frozenset({"GET", "HEAD"})
VARY = (b"vary", b"accept")
# What stands between the client and us, such as nginx, is not to wait for the end of a stream before it passes it on.
_STREAM_HEADERS = ((b"x-accel-buffering", b"no"),)
_NOT_FOR_ASKING = frozenset({401, 403, 429})
"""Statuses that say more than 400 of a request that was not executed."""
_OUR_FAULT = 500
_NOT_ACCEPTABLE = (
    "Accept application/graphql-response+json or application/json; for subscriptions also text/event-stream or "
    "multipart/mixed;subscriptionSpec=1.0."
)
_NO_STREAM = (
    "A subscription is answered by a stream: name text/event-stream or multipart/mixed;subscriptionSpec=1.0 in "
    "Accept, or use websocket, protocol graphql-transport-ws."
)


class _Exchange:
    """One request, and what it takes to answer it."""

    __slots__ = ("accepted", "head", "receive", "scope", "send", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = perf_counter()
        self.scope = scope
        self.receive = receive
        self.send = send
        self.head = Head(scope["headers"])
        self.accepted = negotiation.ANY

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    async def answer(
        self, status: int, body: bytes, content_type: bytes, more: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), VARY, *more]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        shown = b"" if self.method == "HEAD" else body
        await self.send({"type": "http.response.body", "body": shown})


class View:
    """GraphQL over HTTP, as an ASGI application.

    Args:
        service: what is served.
        host: who is let in.
        admission: lets callers in, as often and as many at once as they may.
        page: answers a browser that opens the endpoint; None where there is nothing to see.
        on_result: told of each operation: its kind, the codes of its errors, and how many seconds it took. Of a
            stream it is told when it begins.
    """

    def __init__(
        self,
        service: Service,
        host: Host,
        admission: Admission,
        *,
        page: Callable[[HttpRequest], Response] | None,
        on_result: Callable[[str, Sequence[str], float], None],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._service = service
        self._host = host
        self._admission = admission
        self._page = page
        self._on_result = on_result
        self._heartbeat_s = heartbeat_s
        self.streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send)
        await self._handle(exchange, self._answer(exchange))

    def admitted(self, context: Any, request: Request | None) -> ASGIApp:
        """The same for one request by POST, of somebody who is in already; it may have been read, too."""

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = _Exchange(scope, receive, send)
            exchange.accepted = negotiation.accepted(exchange.head.accept)
            await self._handle(exchange, self._serve(exchange, context, request))

        return handle

    async def _handle(self, exchange: _Exchange, answering: Coroutine[Any, Any, None]) -> None:
        try:
            await answering
        except Rejected as no:
            self._on_result("none", [no.code], perf_counter() - exchange.started)
            more = [(name.encode(), value.encode()) for name, value in no.headers.items()]
            content_type = exchange.accepted.result or negotiation.JSON
            await exchange.answer(no.status, encoded(no.body), content_type, more)

    async def _answer(self, exchange: _Exchange) -> None:
        method, head = exchange.method, exchange.head
        if method != "POST":
            if method == "OPTIONS":
                await exchange.answer(204, b"", b"", [(b"allow", _ALLOW.encode())])
                return
            if method not in _READING:
                raise bad("Use POST, or GET for queries.", 405, allow=_ALLOW)
            if self._is_for_browser(exchange):
                assert self._page is not None
                await self._page(HttpRequest(exchange.scope))(exchange.scope, exchange.receive, exchange.send)
                return
        exchange.accepted = negotiation.accepted(head.accept)
        request_id = exchange.scope.get("state", {}).get("request_id", "")
        context = await self._admission.admit(head.credential, exchange.scope.get("client"), request_id)
        await self._serve(exchange, context)

    async def _serve(self, exchange: _Exchange, context: Any, request: Request | None = None) -> None:
        """Answer somebody who is in."""
        if exchange.accepted.result is None and exchange.accepted.stream is None:
            raise bad(_NOT_ACCEPTABLE, 406)
        if request is None:
            request = await http_requests.read(exchange.scope, exchange.receive, exchange.head)
        await self._run(exchange, request, context)

    async def _run(self, exchange: _Exchange, request: Request, context: Any) -> None:
        try:
            operation = self._service.begin(request, context)
        except Invalid as invalid:
            await self._finish(exchange, request.kind, self._service.refused(invalid, request, context))
            return
        kind = operation.kind
        if kind is OperationType.SUBSCRIPTION:
            await self._listen(exchange, operation, request, context)
            return
        if kind is OperationType.MUTATION and exchange.method != "POST":
            raise bad(f"A mutation needs POST, not {exchange.method}.", 405, allow="POST")
        caller = self._admission.enter(context, query=kind is OperationType.QUERY)
        try:
            answer = await self._service.execute(operation, request, context)
        finally:
            self._admission.leave(caller)
        await self._finish(exchange, kind.value, answer)

    async def _finish(self, exchange: _Exchange, kind: str, answer: Answer) -> None:
        body = answer.encoded()
        accepted = exchange.accepted
        if accepted.result is None:
            assert accepted.stream is not None
            framing = accepted.stream
            whole = framing.opening + framing.event(body) + framing.complete
            await exchange.answer(200, whole, framing.content_type)
        else:
            await exchange.answer(_status(answer, accepted), body, accepted.result)
        self._on_result(kind, answer.codes, perf_counter() - exchange.started)

    async def _listen(
        self, exchange: _Exchange, operation: Operation, request: Request, context: Any
    ) -> None:
        framing = exchange.accepted.stream
        if framing is None:
            raise bad(_NO_STREAM, 406)
        if exchange.method == "HEAD":
            raise bad("A subscription has no head without its body.", 405, allow="GET, POST")
        with ExitStack() as held:
            held.enter_context(self._admission.place(context, exchange.scope.get("client")))
            begun = await self._service.subscribe(operation, request, context)
            if isinstance(begun, Answer):
                await self._finish(exchange, operation.kind.value, begun)
                return
            self._on_result(operation.kind.value, [], perf_counter() - exchange.started)
            stream = Stream(framing, exchange.receive, exchange.send, self._heartbeat_s)
            held.enter_context(self._watched(exchange.scope, stream, context))
            headers = [(b"content-type", framing.content_type), VARY, *_STREAM_HEADERS]
            await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
            await stream.run(begun)

    @contextmanager
    def _watched(self, scope: Scope, stream: Stream, context: Any) -> Iterator[None]:
        """Within it the stream ends with its credential, and with the server."""
        connection = scope.get("extensions", {}).get(EXTENSION, {})
        connection["on_shutdown"] = stream.interrupt
        self.streams += 1
        try:
            with self._host.open_socket(context, stream.close):
                yield
        finally:
            self.streams -= 1
            connection.pop("on_shutdown", None)

    def _is_for_browser(self, exchange: _Exchange) -> bool:
        wanted = self._page is not None and negotiation.takes_html(exchange.head.accept)
        return wanted and not http_requests.asks_for_something(exchange.scope)


def _status(answer: Answer, accepted: Accepted) -> int:
    if answer.executed or not accepted.strict:
        return 200
    status = answer.errors[0].get("extensions", {}).get("httpStatus") if answer.errors else None
    if isinstance(status, int) and (status in _NOT_FOR_ASKING or status >= _OUR_FAULT):
        return status
    return 400
