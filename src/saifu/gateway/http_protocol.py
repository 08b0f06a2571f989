"""uvicorn's HTTP protocol, with an end to everybody's patience (SERVING trap 14).

uvicorn waits for ever for the rest of a request's head, for the body of a request that was answered already, and for
a peer that does not read its answer. Here each of them is given so many seconds, and a head so many bytes.
"""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote

import httptools
import orjson
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .http_cycle import Cycle

EXTENSION = "saifu.http"
"""In the scope's extensions: a dict of the connection, where an application may leave `on_shutdown`."""

_TEXTS = {
    400: "This is not HTTP.",
    408: "The request took too long to arrive.",
    414: "The address is too long: send the request by POST.",
    431: "The headers are too long, or too many.",
}


class Door(Protocol):
    """What an application may have in its attribute `door`: asked of requests that have arrived whole."""

    def __call__(self, peer: "HttpProtocol", cycle: Cycle) -> ASGIApp | None:
        """Take a request, to `reply` to it now or later; or say what is to be run in a task."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a peer may take.

    Attributes:
        head_within_s: for the head of a request, from its first byte, or from when the connection was made.
        rest_within_s: for what is left of a body when the request has been answered without it.
        read_within_s: in which it must have read `read_bytes`, or all there is, of what was written for it.
        head_bytes: of names and values of the headers.
        headers: how many of them.
        address_bytes: of the path and the query.
    """

    head_within_s: float = 10.0
    rest_within_s: float = 5.0
    read_within_s: float = 30.0
    read_bytes: int = 16 * 1024
    head_bytes: int = 32 * 1024
    headers: int = 100
    address_bytes: int = 16 * 1024


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    bounds = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hooks: dict[Any, Any] = {}
        self._extensions: dict[str, dict[object, object]] = {EXTENSION: self._hooks}
        self._in_head = False
        self._in_message = False
        self._messages = 0
        self._head_bytes = 0
        self._may_be_large = True
        self._refused_with = 400
        self._over = False
        self._due: Cycle | None = None
        self._idle_since: float | None = None
        self._door: Door | None = getattr(self.config.app, "door", None)
        self._waiting: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self.bounds.head_within_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        in_head, in_message, messages = self._in_head, self._in_message, self._messages
        self._may_be_large = in_head or len(data) > self.bounds.head_bytes
        super().data_received(data)
        if self._due is not None:
            # Not before all is read that came with its head: mostly that is the whole of it.
            cycle, self._due = self._due, None
            self._begin(cycle)
        if not self._in_head or self._over:
            return
        # A head in one piece, as nearly all are, never comes here.
        if not in_head:
            # Where other messages were in the same piece, it cannot be told how much of it is this one's.
            self._head_bytes = 0 if in_message or self._messages > messages + 1 else len(data)
            self._wait(self.bounds.head_within_s, self._head_is_late)
        else:
            self._head_bytes += len(data)
        if self._head_bytes > self.bounds.head_bytes + self.bounds.address_bytes:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """As uvicorn has it, for a scope with extensions of ours."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": self.headers,
            "state": self.app_state.copy(),
            "extensions": self._extensions,
        }
        self.scope = scope
        self._in_head = self._in_message = True
        self._messages += 1
        if self._unread is not None and not self.flow.write_paused:
            # Who asks again has read; and who only seems to have is found out once nothing more can be written.
            self._expect_nothing()

    def on_headers_complete(self) -> None:
        """As uvicorn has it, for cycles of our own."""
        self._in_head = False
        if self._waiting is not None:
            self._wait_no_more()
        self._check_head()
        if self.limit_concurrency is not None:
            super().on_headers_complete()
            return
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        path, raw_path, scope["query_string"] = (_split if b"?" in self.url else _remembered)(self.url)
        scope["path"] = self.root_path + path
        scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        before: Cycle | None = self.cycle  # type: ignore[assignment] # None at first
        self.cycle = cycle = Cycle(self, version != "1.0" and parser.should_keep_alive())
        if before is None or before.response_complete:
            self._due = cycle
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def run(self, cycle: Cycle, app: ASGIApp) -> None:
        """Have an application answer a request, in a task."""
        self._start_asgi_task(cycle, app)  # type: ignore[arg-type] # uvicorn has narrower types for the same

    def _begin(self, cycle: Cycle) -> None:
        if self._door is None or cycle.more_body or self._over or self.flow.write_paused:
            self._start_asgi_task(cycle, self.app)
            return
        app = self._door(self, cycle)
        if app is not None:
            self.run(cycle, app)

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn has it, but for the timer of an idle connection: one goes on where each answer had its own."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._idle_since = self.loop.time()
                if self.timeout_keep_alive_task is None:
                    self._close_if_idle_for(self.timeout_keep_alive)
        if self._in_message and not self.pipeline:
            self._wait(self.bounds.rest_within_s, self._rest_is_late)
        if self.transport.get_write_buffer_size():
            self._expect_reading()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _close_if_idle_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for so long; look again later where it has not been."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._close_if_idle_for(left)
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refused_with)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._expect_nothing()

    def shutdown(self) -> None:
        """The server is stopping: a stream is told, so that it can say so to its client."""
        super().shutdown()
        on_shutdown = self._hooks.get("on_shutdown")
        if on_shutdown is not None:
            on_shutdown()

    def _check_head(self) -> None:
        """Raise what the parser hands on as an error of its own, so that it stops here."""
        bounds = self.bounds
        if len(self.url) > bounds.address_bytes:
            self._refused_with = 414
        elif len(self.headers) > bounds.headers or (
            self._may_be_large and _size(self.headers) > bounds.head_bytes
        ):
            self._refused_with = 431
        else:
            return
        raise ValueError(_TEXTS[self._refused_with])

    def _wait(self, seconds: float, then: Any) -> None:
        self._wait_no_more()
        self._waiting = self.loop.call_later(seconds, then)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _head_is_late(self) -> None:
        if self._in_head:
            self._refuse(408)
        else:
            self.transport.close()

    def _rest_is_late(self) -> None:
        if self._in_message:
            self.transport.abort()

    def _expect_reading(self) -> None:
        self._expect_nothing()
        size = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(self.bounds.read_within_s, self._look_again, size)

    def _expect_nothing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look_again(self, size_before: int) -> None:
        self._unread = None
        size = self.transport.get_write_buffer_size()
        if not size:
            return
        if size_before - size < self.bounds.read_bytes:
            self.transport.abort()
        else:
            self._expect_reading()

    def _refuse(self, status: int) -> None:
        """Answer, and read on for a while without listening: closing at once would reset what the peer still sends,
        and a reset overtakes the answer.
        """
        self._over = True
        extensions = {"code": "BAD_USER_INPUT", "httpStatus": status}
        body = orjson.dumps({"errors": [{"message": _TEXTS[status], "extensions": extensions}]})
        self.transport.write(
            b"%bcontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n"
            b"x-content-type-options: nosniff\r\nconnection: close\r\n\r\n%b"
            % (STATUS_LINE[status], len(body), body)
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._wait(self.bounds.rest_within_s, self.transport.abort)


def bounded(bounds: Bounds) -> type[HttpProtocol]:
    """The protocol with other bounds, for uvicorn's configuration."""
    return type("BoundedHttpProtocol", (HttpProtocol,), {"bounds": bounds})


def _split(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it was sent, and query."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


# The same few addresses come again and again; what stands behind a question mark may be anybody's secret.
_remembered = lru_cache(maxsize=32)(_split)


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) for name, value in headers])
