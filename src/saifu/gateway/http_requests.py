"""The GraphQL request in an HTTP request: its headers, its address or its body, each within bounds (SERVING trap 6)."""

import asyncio
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from .host import Rejected
from .http_cycle import whole_body
from .requests import Request, bad, operation, parsed

LARGEST_BODY_BYTES = 1024 * 1024
BODY_WITHIN_S = 30.0
JSON_TYPE = b"application/json"

_PARAMETERS = frozenset({"query", "operationName", "variables", "extensions", "documentId", "id"})
_JSON_PARAMETERS = ("variables", "extensions")
_MOST_PARAMETERS = 20


class Head:
    """The headers that matter here, each as it was sent, and None where it was not."""

    __slots__ = (
        "accept",
        "authorization",
        "content_encoding",
        "content_length",
        "content_type",
        "origin",
        "request_id",
    )

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        last = dict(headers)
        self.accept = last.get(b"accept")
        self.authorization = last.get(b"authorization")
        self.content_encoding = last.get(b"content-encoding")
        self.content_length = last.get(b"content-length")
        self.content_type = last.get(b"content-type")
        self.origin = last.get(b"origin")
        self.request_id = last.get(b"x-request-id")
        if len(last) < len(headers) and self.accept is not None:
            self.accept = b",".join([value for name, value in headers if name == b"accept"])

    @property
    def credential(self) -> str | None:
        return None if self.authorization is None else self.authorization.decode("latin-1")


async def read(scope: Scope, receive: Receive, head: Head) -> Request:
    """The GraphQL request that an HTTP request carries: in its address for GET and HEAD, in its body for POST.

    Raises:
        Rejected: it carries none, or is too large or too slow.
    """
    if scope["method"] != "POST":
        return operation(_from_query_string(scope["query_string"]))
    _check_type(head)
    return operation(parsed(await _body(receive, head)))


def asks_for_something(scope: Scope) -> bool:
    """Whether the address holds a GraphQL request, good or not."""
    return any(name in _PARAMETERS for name, _ in _pairs(scope["query_string"]))


def _check_type(head: Head) -> None:
    if head.content_type != JSON_TYPE:
        content_type = Message()
        content_type["content-type"] = (head.content_type or b"").decode("latin-1")
        if content_type.get_content_type() != JSON_TYPE.decode():
            # Also what keeps forms of other sites out: this type needs a preflight (A60, S11).
            raise bad(f"Send the request as {JSON_TYPE.decode()}.", 415)
        if str(content_type.get_param("charset") or "utf-8").lower() not in {"utf-8", "utf8"}:
            raise bad("JSON is UTF-8.", 415)
    if head.content_encoding not in {None, b"identity"}:
        # What inflates to a hundred times its size is not worth the bytes that honest clients would save.
        raise bad("Send the body as it is, without a content encoding.", 415, accept_encoding="identity")


async def _body(receive: Receive, head: Head) -> bytes:
    declared = head.content_length
    if declared is not None and declared.isdigit() and int(declared[:12]) > LARGEST_BODY_BYTES:
        # Before a byte of it is asked for: a client that waits for `100 Continue` sends none.
        raise _too_large()
    arrived = whole_body(receive)
    if arrived is not None:
        return _bounded(arrived)
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await _whole(receive)
    except TimeoutError:
        raise bad("The request took too long to arrive.", 408, connection="close") from None


async def _whole(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _bounded(message.get("body", b""))
    pieces = bytearray()
    while message["type"] == "http.request":
        pieces += message.get("body", b"")
        if len(pieces) > LARGEST_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(pieces)
        message = await receive()
    raise bad("The client went away.")


def _bounded(body: bytes) -> bytes:
    if len(body) > LARGEST_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> Rejected:
    return bad(f"A request has at most {LARGEST_BODY_BYTES} bytes.", 413)


def _from_query_string(query_string: bytes) -> dict[str, Any]:
    """The parameters of a GraphQL request; an empty one is one that was not sent, as the specification has it."""
    sent: dict[str, Any] = {}
    for name, value in _pairs(query_string):
        if name not in _PARAMETERS:
            continue
        if name in sent:
            raise bad(f"`{name}` must be given once.")
        sent[name] = value
    sent = {name: value for name, value in sent.items() if value}
    return {name: parsed(value) if name in _JSON_PARAMETERS else value for name, value in sent.items()}


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except (UnicodeDecodeError, ValueError):
        raise bad("The address is not one of a GraphQL request.") from None
