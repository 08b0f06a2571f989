"""The messages of graphql-transport-ws: what a client may say, read strictly, and what it is told."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import orjson

from . import requests
from .host import Rejected
from .written import encoded

LONGEST_ID = 256
LONGEST_REASON_BYTES = 123
ACKNOWLEDGED = b'{"type":"connection_ack"}'

Kind = Literal["connection_init", "ping", "pong", "subscribe", "complete"]
_KINDS: frozenset[str] = frozenset(("connection_init", "ping", "pong", "subscribe", "complete"))
_OF_AN_OPERATION: frozenset[str] = frozenset(("subscribe", "complete"))
_NAMES_A_DOCUMENT = ("extensions", "documentId", "id")


class Malformed(Exception):
    """What was received is no message of the protocol; the text says why, and fits into a close frame."""


class Message(NamedTuple):
    """One message of a client. `id` means nothing where the kind has none; `payload` is None where it was left out."""

    kind: Kind
    id: str
    payload: dict[str, Any] | None


def read(text: str | bytes) -> Message:
    """The message in a frame.

    Raises:
        Malformed: it is none, and the socket is to be closed with 4400.
    """
    if isinstance(text, bytes):
        raise Malformed("A message must be text, not binary")
    try:
        sent = requests.parsed(text)
    except Rejected:
        raise Malformed("A message must be valid JSON") from None
    if not isinstance(sent, dict):
        raise Malformed("A message must be a JSON object")
    kind, payload = sent.get("type"), sent.get("payload")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Malformed("Unknown message type")
    if not isinstance(payload, (dict, type(None))):
        raise Malformed("The payload must be an object")
    identity = sent.get("id") if kind in _OF_AN_OPERATION else "-"
    if not isinstance(identity, str) or not 0 < len(identity) <= LONGEST_ID:
        raise Malformed(f"The id must be a text of 1 to {LONGEST_ID} characters")
    if kind == "subscribe":
        _check_operation(payload)
    return Message(kind, identity, payload)  # type: ignore[arg-type]


def _check_operation(payload: dict[str, Any] | None) -> None:
    """Types only, as the protocol has them: what the texts say is for the operation's own `error`."""
    if payload is None:
        raise Malformed("The payload must be an object")
    for name in ("variables", "extensions"):
        if not isinstance(payload.get(name), (dict, type(None))):
            raise Malformed(f"The payload's {name} must be an object, or null")
    if not isinstance(payload.get("operationName"), (str, type(None))):
        raise Malformed("The payload's operationName must be a text, or null")
    query = payload.get("query")
    if query is None and any(payload.get(name) is not None for name in _NAMES_A_DOCUMENT):
        return
    if not isinstance(query, str):
        raise Malformed("The payload's query must be a text")


def head(identity: str) -> bytes:
    """What every message about an operation begins with."""
    return b'{"id":' + encoded(identity) + b',"type":"'


def following(of: bytes, payload: bytes) -> bytes:
    """A `next` with a payload that is JSON already; `of` is the operation's head."""
    return b'%snext","payload":%s}' % (of, payload)


def failed(of: bytes, errors: Sequence[Mapping[str, Any]]) -> bytes:
    return b'%serror","payload":%s}' % (of, encoded(errors))


def completed(of: bytes) -> bytes:
    return of + b'complete"}'


def pong(payload: dict[str, Any] | None) -> bytes:
    return orjson.dumps({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def shortened(reason: str) -> str:
    """A reason that fits into a close frame."""
    return reason.encode(errors="replace")[:LONGEST_REASON_BYTES].decode(errors="ignore")
