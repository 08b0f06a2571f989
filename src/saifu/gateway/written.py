"""Answers as JSON, parts of which may have been written elsewhere already."""

import json
from typing import Any

import orjson


class Written:
    """A part of an answer that is JSON already. (No dataclass: orjson would write its fields.)"""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text


def encoded(answer: Any) -> bytes:
    """JSON as it goes over the wire."""
    try:
        return orjson.dumps(answer, _as_it_is)
    except TypeError:
        # A number beyond 64 bits or half a surrogate pair, echoed in an error's text.
        return json.dumps(answer, default=_read_again).encode()


def _as_it_is(value: Any) -> Any:
    if isinstance(value, Written):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _read_again(value: Any) -> Any:
    if isinstance(value, Written):
        return orjson.loads(value.text)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
