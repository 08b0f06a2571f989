"""Logs: one line per event, JSON or for eyes, with the request's id and no secret (S22).

Everything goes one way: our own lines and those of libraries meet in one handler, where redaction is the last
step before the line is written. Nothing reaches the output around it.
"""

import asyncio
import json
import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import nullcontext, suppress
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from functools import lru_cache
from time import time_ns
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from saifu.redaction import allowed, scrub

Format = Literal["auto", "console", "json"]
Level = Literal["debug", "info", "warning", "error"]

# Libraries that tell each step of theirs at these levels.
_QUIETER = {
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
    "httpx": logging.WARNING,
    "nats": logging.WARNING,
    # It would show whole requests, with a customer's account number in them.
    "stripe": logging.WARNING,
}


def configure(log_format: Format = "auto", log_level: Level = "info", output: TextIO | None = None) -> None:
    """Send all logging of the process to `output` (standard error); uvicorn is then started with `log_config=None`.

    Calling it again replaces the earlier configuration.
    """
    stream = output or sys.stderr
    renderer = _renderer(log_format, stream)
    handler = (
        _JsonHandler if isinstance(renderer, structlog.processors.JSONRenderer) else logging.StreamHandler
    )(stream)
    handler.setFormatter(_formatter(renderer))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(log_level.upper())
    logging.captureWarnings(True)
    for name, level in _QUIETER.items():
        logging.getLogger(name).setLevel(max(level, root.level))
    _adopt_uvicorn()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # A logger made at import time must still follow a later configuration, as tests do.
        cache_logger_on_first_use=False,
    )


class in_request:  # noqa: N801 - it is read as a word: `with logs.in_request(id):`
    """Within it every line, also of libraries and of tasks begun there, carries the request's id."""

    __slots__ = ("_request_id", "_token")
    _token: Token[str | None]

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._token = _request_id.set(self._request_id)

    def __exit__(self, *_: object) -> None:
        _request_id.reset(self._token)


_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def _with_request_id(_logger: Any, _method: str, fields: EventDict) -> EventDict:
    request_id = _request_id.get()
    if request_id is not None:
        fields.setdefault("request_id", request_id)
    return fields


def answered(request_id: str, method: str, path: str, status: int, duration_ms: float) -> None:
    """One line on a request that was answered, the same as any other line; see `_JsonHandler` for why it is here."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    if len(_root.handlers) == 1 and isinstance(only := _root.handlers[0], _JsonHandler):
        only.answered(request_id, method, path, status, duration_ms)
    else:
        fields = {"method": method, "path": path, "status": status, "duration_ms": duration_ms}
        structlog.get_logger(_requests.name).info("request", **fields)


class _JsonHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of requests itself: the general way costs five times what all else of a request does.

    Lines of one turn of the event loop are written together, before any other line and before the next turn.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._gathered: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.flush()
        super().emit(record)

    def flush(self) -> None:
        # Nobody's request fails because its line cannot be written: the stream may be closed, the disk full.
        with self.lock or nullcontext(), suppress(OSError, ValueError):
            if self._gathered:
                gathered, self._gathered = "".join(self._gathered), []
                self.stream.write(gathered)
            super().flush()

    def answered(self, request_id: str, method: str, path: str, status: int, duration_ms: float) -> None:
        own = _OWN_ID.fullmatch(request_id) and not _LONG_NUMBER.search(request_id)
        shown_id = request_id if own else orjson.dumps(scrub(request_id)).decode()[1:-1]
        line = (
            f'{_opening(method, path, status)}"duration_ms":{duration_ms},"request_id":"{shown_id}",'
            f'"timestamp":"{_instant(time_ns() // 1_000)}"}}{self.terminator}'
        )
        with self.lock or nullcontext():
            self._gathered.append(line)
            if len(self._gathered) == 1:
                self._flush_soon()

    def _flush_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()


_root = logging.getLogger()
_requests = logging.getLogger("saifu.requests")
# As we make them; what looks like one and could hold a card's number is looked at.
_OWN_ID = re.compile(r"req_[0-9A-Z]{26}")
_LONG_NUMBER = re.compile(r"\d{13}")


@lru_cache(maxsize=1_024)
def _opening(method: str, path: str, status: int) -> str:
    """How a line begins, for each method, path and status: they are few, unless somebody tries them out."""
    said = {"method": _scrubbed(method), "path": _scrubbed(path), "status": status}
    line = said | {"event": "request", "level": "info", "logger": _requests.name}
    return orjson.dumps(line).decode()[:-1] + ","


def _scrubbed(text: str) -> str:
    return scrub(text[:_LONGEST_PATH]).replace("\n", "\\n")


_LONGEST_PATH = 512


def _instant(microseconds: int) -> str:
    """An instant of the Unix clock as the other lines show it."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the values of local variables, which the richer renderings show.
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact, renderer],
    )


def _renderer(log_format: Format, stream: TextIO) -> Processor:
    terminal = stream.isatty()
    if log_format == "json" or (log_format == "auto" and not terminal):
        # The standard library's writer escapes what orjson refuses, lone surrogates and numbers beyond 64 bits.
        return structlog.processors.JSONRenderer(serializer=json.dumps)
    return structlog.dev.ConsoleRenderer(
        colors=terminal, exception_formatter=structlog.dev.plain_traceback, event_key="event"
    )


def _redact(_logger: Any, _method: str, fields: EventDict) -> MutableMapping[str, Any]:
    shown = allowed(fields)
    # Only a traceback has lines; anywhere else a line break would let one event pass for two.
    return {
        name: value.replace("\n", "\\n")
        if isinstance(value, str) and name not in {"exception", "stack"}
        else value
        for name, value in shown.items()
    }


class _WithoutQuery(logging.Filter):
    """Takes the query from the path of an access line: a GraphQL GET carries its variables there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                each.partition("?")[0] if isinstance(each, str) and each.startswith("/") else each
                for each in record.args
            )
        return True


_WITHOUT_QUERY = _WithoutQuery()


def _adopt_uvicorn() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    # Adding it twice is adding it once.
    logging.getLogger("uvicorn.access").addFilter(_WITHOUT_QUERY)
    # Websocket handshakes are told here, with their query.
    logging.getLogger("uvicorn.error").addFilter(_WITHOUT_QUERY)
