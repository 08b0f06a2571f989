"""What every request gets: an id, headers that keep browsers careful, a line in the log, and an answer to faults."""

import re
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .host import Rejected

log = structlog.get_logger(__name__)

REQUEST_ID = "x-request-id"
_GIVEN_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}", re.ASCII)
_QUIET_PATHS = ("/health/", "/metrics")
_CAREFUL = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class Requests:
    """The outermost layer.

    Args:
        app: what it is around.
        new_id: makes an id for a request that brought none.
        in_request: within it, whatever is logged carries the request's id.
    """

    def __init__(
        self,
        app: ASGIApp,
        new_id: Callable[[], str],
        in_request: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._app = app
        self._new_id = new_id
        self._in_request = in_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _GIVEN_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        with self._in_request(request_id):
            await self._handle(scope, receive, _Answer(scope, send, request_id))

    async def _handle(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        started = perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if scope["type"] != "http" or answer.status:
                raise
            await answer.fault(scope, receive)
        if scope["type"] == "http" and not scope["path"].startswith(_QUIET_PATHS):
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=answer.status,
                duration_ms=round((perf_counter() - started) * 1_000, 2),
            )


class _Answer:
    """Sends what the application says, with the headers of the house."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(message, _CAREFUL)
        elif message["type"] == "websocket.accept":
            self._add_headers(message, {})
        await self._send(message)

    async def fault(self, scope: Scope, receive: Receive) -> None:
        """Answer for a fault of ours: a reference for the client, the details in the log (A26)."""
        no = Rejected(
            500,
            "INTERNAL_SERVER_ERROR",
            f"Something went wrong on our side. Quote the reference {self._request_id} when you report it.",
        )
        await JSONResponse(no.body, no.status)(scope, receive, self.send)

    def _add_headers(self, message: MutableMapping[str, Any], careful: dict[str, str]) -> None:
        message.setdefault("headers", [])
        headers = MutableHeaders(scope=message)
        for name, value in careful.items():
            headers.setdefault(name, value)
        headers[REQUEST_ID] = self._request_id
