"""Queries that need no task: understood in the turn of the loop in which they arrive, answered when the house has.

A task for each request, and a dozen coroutines within one another, cost as much as all that has to be decided about
it. Whoever is known, and asks what one question to the house answers, gets by with plain functions. Everything else
goes the ordinary way (`view.py`), from where it is found out; what both decide is decided by the same code.
"""

from time import perf_counter
from typing import Any

import structlog
from graphql import OperationType
from starlette.types import ASGIApp, Scope

from . import negotiation
from .admission import Admission
from .http_cycle import Cycle, lines
from .http_protocol import HttpProtocol
from .http_requests import JSON_TYPE, LARGEST_BODY_BYTES, Head
from .metrics import OnResult
from .middleware import REQUEST_ID, Requests, with_care
from .requests import Request, operation, parsed
from .service import Service
from .view import VARY, View

log = structlog.get_logger(__name__)

_LINES = {
    content_type: lines(with_care([(b"content-type", content_type), VARY]))
    for content_type in (negotiation.JSON, negotiation.RESPONSE)
}
_ID_LINE = REQUEST_ID.encode() + b": %b\r\n"
_OK = 200


class Door:
    """Where requests of a server that knows of doors arrive.

    Args:
        path: of the endpoint; whatever is meant for another goes to the application.
        admission: lets in who is known.
        requests: the layer around all requests, of which this does the same.
        view: the ordinary way.
        on_result: as the view's.
        others: whether pages of other origins may call: they need headers of their own, which are not made here.
    """

    def __init__(
        self,
        path: str,
        service: Service,
        admission: Admission,
        requests: Requests,
        view: View,
        on_result: OnResult,
        *,
        others: bool,
    ) -> None:
        self.path = path
        self.service = service
        self.admission = admission
        self.requests = requests
        self.view = view
        self.on_result = on_result
        self._others = others

    def __call__(self, peer: HttpProtocol, cycle: Cycle) -> ASGIApp | None:
        """Take a request, to reply to it in a moment; or say what is to be run in a task."""
        scope: Scope = cycle.scope  # type: ignore[assignment] # uvicorn has a type of its own for it
        app: ASGIApp = peer.app
        if scope["method"] != "POST" or scope["path"] != self.path:
            return app
        head = Head(scope["headers"])
        accepted = negotiation.accepted(head.accept).result
        if (
            accepted is None
            or head.content_type != JSON_TYPE
            or head.content_encoding is not None
            or len(cycle.body) > LARGEST_BODY_BYTES
            or (self._others and head.origin is not None)
        ):
            return app
        visit = _Visit(self, peer, cycle, self.requests.id_of(head.request_id), accepted)
        with self.requests.within(visit.request_id):
            return visit.begin(head, app)


class _Visit:
    """One request that came through the door."""

    __slots__ = (
        "_accepted",
        "_caller",
        "_context",
        "_cycle",
        "_door",
        "_peer",
        "_request",
        "_started",
        "request_id",
    )
    _caller: str

    def __init__(
        self, door: Door, peer: HttpProtocol, cycle: Cycle, request_id: str, accepted: bytes
    ) -> None:
        self._started = perf_counter()
        self._door = door
        self._peer = peer
        self._cycle = cycle
        self._accepted = accepted
        self._context: Any = None
        self._request: Request | None = None
        self.request_id = request_id

    def begin(self, head: Head, app: ASGIApp) -> ASGIApp | None:
        """See to it that the request is answered, or say what is to be run in a task."""
        try:
            self._context = self._door.admission.known(head.credential, self.request_id)
            if self._context is None:
                return app
            return None if self._is_answered_soon() else self._ordinary()
        except Exception:  # noqa: BLE001 - a refusal mostly, and told in the ordinary way, where it happens again
            return app if self._context is None else self._ordinary()

    def _is_answered_soon(self) -> bool:
        door, context = self._door, self._context
        request = self._request = operation(parsed(self._cycle.body))
        found = door.service.begin(request, context)
        if found.kind is not OperationType.QUERY:
            return False
        self._caller = door.admission.enter(context, query=True)
        soon = False
        try:
            soon = door.service.soon(found, request, context, self._answer)
        finally:
            if not soon:
                door.admission.leave(self._caller)
        return soon

    def _answer(self, body: bytes | None) -> None:
        door = self._door
        door.admission.leave(self._caller)
        try:
            if body is None:
                with door.requests.within(self.request_id):
                    self._peer.run(self._cycle, self._ordinary())
                return
            self._cycle.reply(_OK, _LINES[self._accepted] + _ID_LINE % self.request_id.encode(), body)
        except Exception:
            log.exception("request_failed", path=door.path, request_id=self.request_id)
            self._peer.transport.close()
            return
        took_s = perf_counter() - self._started
        door.on_result(OperationType.QUERY.value, (), took_s)
        door.requests.tell(self.request_id, "POST", door.path, _OK, took_s)

    def _ordinary(self) -> ASGIApp:
        app = self._door.view.admitted(self._context, self._request)
        return self._door.requests.around(self.request_id, app)
