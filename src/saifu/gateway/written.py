"""Answers as JSON, parts of which may have been written elsewhere already."""

import json
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Written:
    """A part of an answer that is JSON already."""

    text: bytes


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
