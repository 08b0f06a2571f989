"""Logs: one line per event, JSON or for eyes, with the request's id and no secret (S22).

Everything goes one way: our own lines and those of libraries meet in one handler, where redaction is the last
step before the line is written. Nothing reaches the output around it.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from saifu.redaction import allowed

Format = Literal["auto", "console", "json"]
Level = Literal["debug", "info", "warning", "error"]

# Libraries that tell each step of theirs at these levels.
_QUIETER = {
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
    "httpx": logging.WARNING,
    "nats": logging.WARNING,
}


def configure(log_format: Format = "auto", log_level: Level = "info", output: TextIO | None = None) -> None:
    """Send all logging of the process to `output` (standard error); uvicorn is then started with `log_config=None`.

    Calling it again replaces the earlier configuration.
    """
    stream = output or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(_renderer(log_format, stream)))
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


def in_request(request_id: str) -> AbstractContextManager[None]:
    """Within it every line, also of libraries and of tasks begun there, carries the request's id."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
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
