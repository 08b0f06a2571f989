"""graphql-transport-ws to the letter, and no socket that can hold up anything but itself.

Close codes, beyond those of the protocol (4400, 4401, 4406, 4408, 4409, 4429):

| code | means | what a client does |
|---|---|---|
| 1001 | the gateway is stopping | comes back, and resumes from its last cursor |
| 1013 | the database cannot be reached | comes back |
| 4401 | no credential, a wrong one, or one that was revoked or has expired | asks for another |
| 4008 | it did not read for too long; the reason holds the cursor of the last message sent | resumes from it |
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import TYPE_CHECKING, Any, cast

import structlog
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    PingMessage,
    SubscribeMessage,
)

from . import requests
from .host import Rejected
from .protocol import EXTENSION

if TYPE_CHECKING:
    from .view import View

log = structlog.get_logger(__name__)

GOING_AWAY = 1001
TRY_LATER = 1013
UNAUTHENTICATED = 401
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
SLOW_CONSUMER = 4008
LONGEST_REASON_BYTES = 123
LONGEST_ID = 256


class Adapter(ASGIWebSocketAdapter):
    """A socket whose sending has a bound in time."""

    view: "View"

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        while self.ws.application_state is not WebSocketState.DISCONNECTED:
            try:
                text = await self.ws.receive_text()
            except KeyError:
                raise NonTextMessageReceived from None
            except WebSocketDisconnect:
                return
            yield _parsed(text)

    async def send_json(self, message: Mapping[str, object]) -> None:
        text = requests.encoded(message).decode()
        try:
            async with asyncio.timeout(self.view.send_timeout_s):
                await self.ws.send_text(text)
        except TimeoutError:
            self.cut(
                SLOW_CONSUMER,
                f"Slow consumer; resume after {self.view.host.resume_from() or 'your last cursor'}",
            )
            raise WebSocketDisconnected from None
        except (WebSocketDisconnect, RuntimeError, OSError):
            # RuntimeError is what is said of a socket that was closed from our side meanwhile.
            raise WebSocketDisconnected from None

    async def close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
            async with asyncio.timeout(self.view.send_timeout_s):
                await self.ws.close(code, shortened(reason))

    def cut(self, code: int, reason: str) -> None:
        """Close a socket whose peer does not read: the close frame waits behind what it has not read."""
        log.info("socket_cut", code=code)
        cut = self.ws.scope.get("extensions", {}).get(EXTENSION, {}).get("cut")
        if cut is not None:
            cut(code, shortened(reason))


class Handler(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection."""

    view: "View"
    websocket: Adapter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closing: asyncio.Task[None] | None = None
        self._held = ExitStack()

    async def handle(self) -> None:
        extension = self.websocket.ws.scope.get("extensions", {}).get(EXTENSION)
        if extension is not None:
            extension["on_shutdown"] = lambda: self.close_soon(
                GOING_AWAY, "Stopping; come back and resume from your last cursor", drain=True
            )
        self.view.sockets.add(self)
        async with AsyncExitStack() as stack:
            stack.callback(self.view.sockets.discard, self)
            stack.callback(self._held.close)
            await super().handle()

    def close_soon(self, code: int, reason: str, drain: bool = False) -> None:
        """Close the socket without making the caller wait; with `drain`, after its queries and mutations."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, reason, drain))

    async def _close(self, code: int, reason: str, drain: bool) -> None:
        short = [op.task for op in self.operations.values() if op.task and "subscription" not in op.query]
        if drain and short:
            await asyncio.wait(short, timeout=self.view.drain_timeout_s)
        await self.websocket.close(code, reason)

    async def handle_message(self, message: Message) -> None:
        problem = _problem(message)
        if problem is None:
            await super().handle_message(message)
        else:
            await self.handle_invalid_message(problem)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        if self.connection_init_received or self.connection_timed_out:
            await self.websocket.close(4429, "Too many initialisation requests")
            return
        self.connection_init_received = True
        if self.connection_init_timeout_task:
            self.connection_init_timeout_task.cancel()
        given = (message.get("payload") or {}).get("authorization")
        try:
            self.context = await self.view.host.admit(
                given if isinstance(given, str) else None, self.websocket.ws.state.request_id
            )
        except Rejected as no:
            await self.websocket.close(
                UNAUTHORIZED if no.status == UNAUTHENTICATED else TRY_LATER, no.message
            )
            return
        self._held.enter_context(self.view.host.open_socket(self.context, self.close_soon))
        self.connection_acknowledged = True
        await self.send_message({"type": "connection_ack"})

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        new = self.connection_acknowledged and message["id"] not in self.operations
        no = self._refusal(message) if new else None
        if no is None:
            await super().handle_subscribe(message)
        else:
            error = {"id": message["id"], "type": "error", "payload": no.body["errors"]}
            await self.send_message(cast("Message", error))

    def _refusal(self, message: SubscribeMessage) -> Rejected | None:
        """Why an operation is not begun, while the socket and all others on it go on."""
        most = self.max_subscriptions_per_connection or 0
        if len(self.operations) >= most:
            return Rejected(429, "RATE_LIMITED", f"A socket runs at most {most} operations at once.")
        try:
            requests.refuse_ambiguity(requests.operation(message["payload"]))
        except Rejected as no:
            return no
        return None

    async def handle_ping(self, message: PingMessage) -> None:
        payload = message.get("payload")
        pong: dict[str, Any] = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
        await self.send_message(cast("Message", pong))

    @staticmethod
    def _get_pre_execution_close_reason(_error: Any) -> None:
        """A document that is wrong ends its own operation, not the socket with all the others on it."""
        return

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            log.error("socket_task_failed", exc_info=error)


def shortened(reason: str) -> str:
    """A reason that fits into a close frame."""
    return reason.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore")


def _parsed(text: str) -> object:
    try:
        return requests.parsed(text)
    except Rejected:
        # Not a message at all; `_problem` finds words for it.
        return None


def _problem(message: Any) -> str | None:
    """Why a message breaks the protocol, or None when it does not."""
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    kind = message.get("type")
    if kind not in {"connection_init", "ping", "pong", "subscribe", "complete"}:
        return "Unknown message type"
    if not isinstance(message.get("payload"), (dict, type(None))):
        return "The payload must be an object"
    if kind in {"subscribe", "complete"}:
        identity = message.get("id")
        if not isinstance(identity, str) or not 0 < len(identity) <= LONGEST_ID:
            return f"The id must be a text of 1 to {LONGEST_ID} characters"
    return _problem_of_operation(message.get("payload")) if kind == "subscribe" else None


def _problem_of_operation(payload: Any) -> str | None:
    try:
        requests.operation(payload)
    except Rejected as no:
        return no.message
    return None
