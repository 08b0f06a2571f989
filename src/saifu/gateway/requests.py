"""What a client sends, read strictly: anything malformed is a 4xx with a code, never a fault of ours."""

import asyncio
import json
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any

import orjson
from graphql import GraphQLError, OperationDefinitionNode, parse
from starlette.requests import ClientDisconnect, Request

from .host import Rejected

LARGEST_BODY_BYTES = 1024 * 1024
BODY_WITHIN_S = 30.0
JSON_TYPE = "application/json"
_OPERATION = re.compile(r"\b(?:query|mutation|subscription)\b|}\s*{")
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Operation:
    """One GraphQL request."""

    query: str
    variables: dict[str, Any] | None
    name: str | None

    @property
    def kind(self) -> str:
        """`query`, `mutation` or `subscription`, told by the document's first word: good enough to count by."""
        for line in self.query.splitlines():
            word = line.lstrip(" \t,\ufeff")
            if word and not word.startswith("#"):
                return next((kind for kind in ("mutation", "subscription") if word.startswith(kind)), "query")
        return "query"


def bad(message: str, status: int = 400, **headers: str) -> Rejected:
    return Rejected(status, "BAD_USER_INPUT", message, **headers)


async def read(request: Request) -> Operation:
    """The operation that an HTTP request carries.

    Raises:
        Rejected: the request is not one, or is too large or too slow.
    """
    if request.method == "GET":
        return operation(_from_query_string(request))
    content_type = Message()
    content_type["content-type"] = request.headers.get("content-type", "")
    if content_type.get_content_type() != JSON_TYPE:
        # Also what keeps forms of other sites out: this type needs a preflight (A60).
        raise bad(f"Send the request as {JSON_TYPE}.", 415)
    if (content_type.get_param("charset") or "utf-8") not in {"utf-8", "utf8", "UTF-8"}:
        raise bad("JSON is UTF-8.", 415)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise bad("Send the body as it is, without a content encoding.", 415)
    return operation(parsed(await _body(request)))


def operation(sent: Any) -> Operation:
    """The operation in a parsed request, over HTTP and websocket alike."""
    if isinstance(sent, list):
        raise bad("Batches are not supported: send one operation per request.")
    if not isinstance(sent, dict):
        raise bad("A GraphQL request is a JSON object with a `query`.")
    query = sent.get("query")
    if not isinstance(query, str) or not query.strip():
        raise bad("`query` must be a text that holds a GraphQL document.")
    for name in ("variables", "extensions"):
        if not isinstance(sent.get(name), (dict, type(None))):
            raise bad(f"`{name}` must be an object, or null.")
    if not isinstance(sent.get("operationName"), (str, type(None))):
        raise bad("`operationName` must be a text, or null.")
    return Operation(query, sent.get("variables"), sent.get("operationName") or None)


def refuse_ambiguity(operation: Operation) -> None:
    """Refuse a document of several operations that does not say which one is meant.

    Strawberry would run the first, and the first may move money.

    Raises:
        Rejected: BAD_USER_INPUT.
    """
    # Parsing twice is only for the few documents that look as if they had several.
    if operation.name is not None or len(_OPERATION.findall(operation.query)) < _SEVERAL:
        return
    try:
        document = parse(operation.query)
    except GraphQLError:
        return
    if sum(isinstance(each, OperationDefinitionNode) for each in document.definitions) >= _SEVERAL:
        raise bad("The document has several operations: say which one by `operationName`.")


def parsed(text: bytes | str) -> Any:
    """Strict JSON: no NaN, no broken UTF-8, no bottomless nesting."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise bad("The request is not valid JSON.") from None


def _from_query_string(request: Request) -> dict[str, Any]:
    sent: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if sent.get(name):
            sent[name] = parsed(sent[name])
        else:
            sent.pop(name, None)
    return sent


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY_BYTES:
                    raise bad(f"A request has at most {LARGEST_BODY_BYTES} bytes.", 413, connection="close")
    except TimeoutError:
        raise bad("The request took too long to arrive.", 408, connection="close") from None
    except ClientDisconnect:
        raise bad("The client went away.", 400) from None
    return bytes(body)


def encoded(answer: Any) -> bytes:
    """JSON as it goes over the wire."""
    try:
        return orjson.dumps(answer)
    except TypeError:
        # A number beyond 64 bits or half a surrogate pair, echoed in an error's text.
        return json.dumps(answer).encode()
