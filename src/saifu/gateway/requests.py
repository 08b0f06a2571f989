"""What a client sends, read strictly: anything malformed is a 4xx with a code, never a fault of ours."""

import asyncio
import json
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any

import orjson
from graphql import GraphQLError, OperationDefinitionNode, parse
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from .host import Rejected

LARGEST_BODY_BYTES = 1024 * 1024
BODY_WITHIN_S = 30.0
JSON_TYPE = "application/json"
_OPERATION = re.compile(r"\b(?:query|mutation|subscription)\b|}\s*{")
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Request:
    """One GraphQL request, over whatever transport it came.

    Attributes:
        query: the document's text; None when the request names a document instead of sending it (A62).
        name: which of the document's operations is meant.
        extensions: as sent; `persistedQuery` in them names a document by the hash of its text.
        document_id: names a trusted document; then there is no `query`.
    """

    query: str | None
    variables: dict[str, Any] | None = None
    name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None

    @property
    def kind(self) -> str:
        """`query`, `mutation` or `subscription`, told by the document's first word: good enough to count by."""
        for line in (self.query or "").splitlines():
            word = line.lstrip(" \t,\ufeff")
            if word and not word.startswith("#"):
                return next((kind for kind in ("mutation", "subscription") if word.startswith(kind)), "query")
        return "query"


def bad(message: str, status: int = 400, **headers: str) -> Rejected:
    return Rejected(status, "BAD_USER_INPUT", message, **headers)


async def read(request: HttpRequest) -> Request:
    """The GraphQL request that an HTTP request carries.

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


def operation(sent: Any) -> Request:
    """The GraphQL request in a parsed body or message.

    Raises:
        Rejected: it is none. Whether a document it names exists is for others to say.
    """
    if isinstance(sent, list):
        raise bad("Batches are not supported: send one operation per request.")
    if not isinstance(sent, dict):
        raise bad("A GraphQL request is a JSON object with a `query`.")
    for name in ("variables", "extensions"):
        if not isinstance(sent.get(name), (dict, type(None))):
            raise bad(f"`{name}` must be an object, or null.")
    if not isinstance(sent.get("operationName"), (str, type(None))):
        raise bad("`operationName` must be a text, or null.")
    query, document_id, extensions = sent.get("query"), _document_id(sent), sent.get("extensions")
    named = document_id is not None or (extensions or {}).get("persistedQuery") is not None
    if query is None and not named:
        raise bad("`query` must be a text that holds a GraphQL document.")
    if query is not None and (not isinstance(query, str) or not query.strip()):
        raise bad("`query` must be a text that holds a GraphQL document.")
    return Request(query, sent.get("variables"), sent.get("operationName") or None, extensions, document_id)


def _document_id(sent: dict[str, Any]) -> str | None:
    """Relay and others call it `id`; beside a `query` that key is anybody's, and ignored."""
    name = "documentId" if sent.get("documentId") is not None or sent.get("query") is not None else "id"
    given = sent.get(name)
    if given is None:
        return None
    if not isinstance(given, str) or not given:
        raise bad(f"`{name}` must be a text that names a document.")
    if sent.get("query") is not None:
        raise bad("Send `query` or `documentId`, not both.")
    return given


def refuse_ambiguity(operation: Request) -> None:
    """Refuse a document of several operations that does not say which one is meant.

    Strawberry would run the first, and the first may move money.

    Raises:
        Rejected: BAD_USER_INPUT; PERSISTED_QUERY_NOT_FOUND for a document that was named, not sent.
    """
    if operation.query is None:
        raise Rejected(400, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
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


def _from_query_string(request: HttpRequest) -> dict[str, Any]:
    sent: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if sent.get(name):
            sent[name] = parsed(sent[name])
        else:
            sent.pop(name, None)
    return sent


async def _body(request: HttpRequest) -> bytes:
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
