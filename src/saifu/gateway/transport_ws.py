"""graphql-transport-ws to the letter: one connection, and the operations on it.

How a socket ends is in `close_codes.py`. What is wrong with one operation is an `error` for its id: the socket and all
else on it go on.
"""

import asyncio
from contextlib import AbstractContextManager, aclosing
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from graphql import OperationType

from . import messages, requests
from .admission import Admission, Client
from .close_codes import (
    BAD_REQUEST,
    GOING_AWAY,
    ID_IN_USE,
    INTERNAL_ERROR,
    SLOW_CONSUMER,
    TIMEOUT,
    TOO_MANY,
    TRY_LATER,
    UNAUTHORIZED,
)
from .documents import Invalid, Operation
from .host import Host, Rejected
from .messages import Malformed, Message
from .places import Place, Places
from .protocol import Wire
from .requests import Request
from .service import Answer, Service

log = structlog.get_logger(__name__)

_UNAUTHENTICATED = 401


@dataclass(frozen=True, slots=True)
class Manners:
    """What a socket may do.

    Attributes:
        operations: how many run on it at once.
        messages_per_s, burst: how many messages it may send, in the long run and at once.
        init_within_s: how long it may take to say who it is.
        admit_within_s: how long the house may take to believe it.
        send_within_s: how long it may refuse to read.
        drain_within_s: how long its queries and mutations get to finish when the server stops.
    """

    operations: int = 100
    messages_per_s: float = 100.0
    burst: float = 500.0
    init_within_s: float = 5.0
    admit_within_s: float = 10.0
    send_within_s: float = 10.0
    drain_within_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the connections of one endpoint share.

    Attributes:
        admission: who is let in, how often, and how many operations are under way.
        places: how many sockets a credential may hold.
        open: the connections that are not over.
        finishing: mutations whose client is gone: what was begun is finished.
    """

    service: Service
    host: Host
    admission: Admission
    places: Places
    manners: Manners
    open: "set[Connection]" = field(default_factory=set)
    finishing: set[asyncio.Task[None]] = field(default_factory=set)


class _Running:
    """An operation that was begun."""

    __slots__ = ("crowd", "head", "id", "kind", "task")
    task: asyncio.Task[None]

    def __init__(self, identity: str, kind: OperationType, crowd: str | None) -> None:
        self.id = identity
        self.crowd = crowd
        self.kind = kind
        self.head = messages.head(identity)


class Connection:
    """One socket; a `protocol.Peer`. Everything it does at once, it does in `received`; only operations wait.

    Args:
        client: where it came from.
        held: the places that the socket takes at its address, and the one it takes until it has said who it is.
    """

    __slots__ = (
        *("_acknowledged", "_admitting", "_around", "_client", "_closed", "_context", "_draining"),
        *("_endpoint", "_held", "_initialised", "_operations", "_place", "_places", "_request_id"),
        *("_running", "_spoke_at", "_timer", "_tokens", "_waiting", "_wire"),
    )

    def __init__(
        self, endpoint: Endpoint, wire: Wire, request_id: str, client: Client, held: tuple[Place, Place]
    ) -> None:
        self._endpoint = endpoint
        self._client = client
        self._wire = wire
        self._request_id = request_id
        self._places, self._place = held
        # What is logged in here carries what was bound for the request.
        self._around = copy_context()
        self._context: Any = None
        self._held: AbstractContextManager[None] | None = None
        self._admitting: asyncio.Task[None] | None = None
        self._initialised = self._acknowledged = self._draining = self._closed = False
        self._operations: dict[str, _Running] = {}
        self._running = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._tokens = endpoint.manners.burst
        loop = asyncio.get_running_loop()
        self._spoke_at = loop.time()
        self._timer: asyncio.TimerHandle | None = loop.call_later(
            endpoint.manners.init_within_s, self._too_late
        )
        endpoint.open.add(self)

    def received(self, message: str | bytes) -> None:
        if not self._closed:
            self._around.run(self._received, message)

    def writable(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def lost(self) -> None:
        if not self._closed:
            self._closed = True
            self._release()

    def stopping(self) -> None:
        """The server stops: queries and mutations are answered first, streams come back by themselves (A55)."""
        if self._closed or self._draining:
            return
        self._draining = True
        loop = asyncio.get_running_loop()
        self._set_timer(loop.call_later(self._endpoint.manners.drain_within_s, self._drained))
        self._close_when_drained()

    def close(self, code: int, reason: str) -> None:
        """End the socket; whatever runs on it is over at once. A `host.Closer`."""
        if not self._closed:
            self._closed = True
            self._release()
            self._wire.close(code, messages.shortened(reason))

    def _release(self) -> None:
        self._set_timer(None)
        self._endpoint.open.discard(self)
        for operation in list(self._operations.values()):
            self._stop(operation)
        if self._admitting is not None:
            self._admitting.cancel()
        self._places.leave()
        self._place.leave()
        if self._held is not None:
            held, self._held = self._held, None
            held.__exit__(None, None, None)

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _too_late(self) -> None:
        self.close(TIMEOUT, "Connection initialisation timeout")

    def _received(self, text: str | bytes) -> None:
        if not self._may_speak():
            self.close(TOO_MANY, "Too many messages")
            return
        try:
            self._handle(messages.read(text))
        except Malformed as why:
            self.close(BAD_REQUEST, str(why))
        except Exception:
            log.exception("socket_failed")
            self.close(INTERNAL_ERROR, "Something went wrong on our side")

    def _handle(self, message: Message) -> None:
        match message.kind:
            case "subscribe":
                self._subscribe(message)
            case "complete":
                operation = self._operations.get(message.id)
                if operation is not None:
                    self._stop(operation)
            case "ping":
                self._wire.write(messages.pong(message.payload))
            case "connection_init":
                self._initialise(message.payload or {})
            case "pong":
                pass

    def _may_speak(self) -> bool:
        manners, now = self._endpoint.manners, asyncio.get_running_loop().time()
        gained = (now - self._spoke_at) * manners.messages_per_s
        self._tokens = min(manners.burst, self._tokens + gained) - 1
        self._spoke_at = now
        return self._tokens >= 0

    def _initialise(self, payload: dict[str, Any]) -> None:
        if self._initialised:
            self.close(TOO_MANY, "Too many initialisation requests")
            return
        self._initialised = True
        self._set_timer(None)
        given = payload.get("authorization")
        self._admitting = asyncio.create_task(self._admit(given if isinstance(given, str) else None))

    async def _admit(self, authorization: str | None) -> None:
        host, admission = self._endpoint.host, self._endpoint.admission
        try:
            async with asyncio.timeout(self._endpoint.manners.admit_within_s):
                self._context = await admission.admit(authorization, self._client, self._request_id)
            place = self._endpoint.places.hold(host.caller_id(self._context), None)
            self._place.leave()
            self._place = place
            self._held = host.open_socket(self._context, self.close)
            self._held.__enter__()
        except Rejected as no:
            self.close(UNAUTHORIZED if no.status == _UNAUTHENTICATED else TRY_LATER, no.message)
        except TimeoutError:
            self.close(TRY_LATER, "It could not be found out who this is; try again later")
        except Exception:
            log.exception("socket_failed")
            self.close(INTERNAL_ERROR, "Something went wrong on our side")
        else:
            self._acknowledged = True
            self._wire.write(messages.ACKNOWLEDGED)
        finally:
            self._admitting = None

    def _subscribe(self, message: Message) -> None:
        if not self._acknowledged:
            self.close(UNAUTHORIZED, "Unauthorized")
        elif message.id in self._operations:
            self.close(ID_IN_USE, f"Subscriber for {message.id} already exists")
        elif not self._draining:
            # One that is not begun any more is told by the close that follows.
            self._begin(message)

    def _begin(self, message: Message) -> None:
        service = self._endpoint.service
        try:
            self._take_a_place()
            request = requests.operation(message.payload)
            operation = service.begin(request, self._context)
            crowd = self._enter(operation.kind)
        except Rejected as no:
            errors = no.body["errors"]
        except Invalid as no:
            errors = service.refused(no, request, self._context).errors
        except Exception as fault:  # noqa: BLE001 - it ends this operation, and nothing else on the socket
            errors = self._fault(fault)
        else:
            self._run(_Running(message.id, operation.kind, crowd), operation, request)
            return
        self._wire.write(messages.failed(messages.head(message.id), errors))

    def _take_a_place(self) -> None:
        most = self._endpoint.manners.operations
        if self._running >= most:
            raise Rejected(429, "RATE_LIMITED", f"A socket runs at most {most} operations at once.")
        self._endpoint.admission.ask(self._context)

    def _enter(self, kind: OperationType) -> str | None:
        """Join those under way, and say as whom; a stream takes a place on its socket, and no more."""
        if kind is OperationType.SUBSCRIPTION:
            return None
        return self._endpoint.admission.enter(self._context, query=kind is OperationType.QUERY)

    def _run(self, running: _Running, operation: Operation, request: Request) -> None:
        self._operations[running.id] = running
        self._running += 1
        running.task = asyncio.create_task(self._answer(running, operation, request))
        # Not in the task itself: of one that is stopped before its first step, nothing is ever run.
        running.task.add_done_callback(partial(self._leave, running.crowd))

    def _leave(self, crowd: str | None, _task: asyncio.Task[None]) -> None:
        """An operation is over, and its places are free."""
        self._running -= 1
        if crowd is not None:
            self._endpoint.admission.leave(crowd)

    def _stop(self, running: _Running) -> None:
        """The client has stopped listening: nothing more is said about the operation."""
        self._operations.pop(running.id, None)
        if running.kind is OperationType.MUTATION:
            # Half of it may have happened, and nobody would know which half.
            self._endpoint.finishing.add(running.task)
            running.task.add_done_callback(self._endpoint.finishing.discard)
        else:
            running.task.cancel()

    async def _answer(self, running: _Running, operation: Operation, request: Request) -> None:
        try:
            end = await self._messages(running, operation, request)
        except Exception as fault:  # noqa: BLE001 - it ends this operation, and nothing else on the socket
            end = messages.failed(running.head, self._fault(fault))
        finally:
            current = self._operations.get(running.id) is running
            if current:
                del self._operations[running.id]
        if current:
            self._wire.write(end)
            self._close_when_drained()

    async def _messages(self, running: _Running, operation: Operation, request: Request) -> bytes:
        """Send what the operation brings; the message that ends it is left to the caller."""
        service = self._endpoint.service
        if running.kind is not OperationType.SUBSCRIPTION:
            answer = await service.execute(operation, request, self._context)
            if not answer.executed:
                return messages.failed(running.head, answer.errors)
            if self._wire.full:
                await self._room()
            self._tell(running, answer)
            return messages.completed(running.head)
        answers = await service.subscribe(operation, request, self._context)
        if isinstance(answers, Answer):
            return messages.failed(running.head, answers.errors)
        async with aclosing(answers):
            async for answer in answers:
                if not answer.executed:
                    return messages.failed(running.head, answer.errors)
                if self._wire.full:
                    await self._room()
                self._tell(running, answer)
        return messages.completed(running.head)

    def _tell(self, running: _Running, answer: Answer) -> None:
        if self._operations.get(running.id) is running:
            self._wire.write(messages.following(running.head, answer.encoded()))

    async def _room(self) -> None:
        """Wait until the peer has read enough; whoever lets one wait for too long is cut off (A54)."""
        try:
            async with asyncio.timeout(self._endpoint.manners.send_within_s):
                while self._wire.full and not self._closed:
                    room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.append(room)
                    await room
        except TimeoutError:
            log.info("socket_cut", code=SLOW_CONSUMER)
            cursor = self._endpoint.host.resume_from() or "your last cursor"
            self.close(SLOW_CONSUMER, f"Slow consumer; resume after {cursor}")

    def _close_when_drained(self) -> None:
        streams_only = all(each.kind is OperationType.SUBSCRIPTION for each in self._operations.values())
        if self._draining and streams_only:
            self._drained()

    def _drained(self) -> None:
        self.close(GOING_AWAY, "Stopping; come back and resume from your last cursor")

    def _fault(self, fault: Exception) -> list[dict[str, Any]]:
        """A fault of ours, as the client may see it (A26)."""
        log.error("operation_failed", exc_info=fault)
        text = f"Something went wrong on our side. Quote the reference {self._request_id} when you report it."
        errors: list[dict[str, Any]] = Rejected(500, "INTERNAL_SERVER_ERROR", text).body["errors"]
        return errors
