"""What a client asks for, read strictly: anything malformed is a 4xx with a code, never a fault of ours.

Of a key that a JSON object holds twice the last one counts, as with every reader a client is likely to have.
"""

from typing import Any, NamedTuple

import orjson

from .host import Rejected


class Request(NamedTuple):
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


def operation(sent: Any) -> Request:
    """The GraphQL request in a parsed body or message.

    Raises:
        Rejected: it is none. Whether a document it names exists is for others to say.
    """
    if type(sent) is dict and sent.keys() <= _USUAL:
        query, variables, name = sent.get("query"), sent.get("variables"), sent.get("operationName")
        good = type(query) is str and query and not query.isspace()
        if good and type(variables) in _VARIABLES and type(name) in _NAME:
            return Request(query, variables, name or None)
    return _unusual(sent)


_USUAL = frozenset({"query", "variables", "operationName"})
_VARIABLES, _NAME = frozenset({dict, type(None)}), frozenset({str, type(None)})


def _unusual(sent: Any) -> Request:
    """The same, looked at piece by piece: there is more in it, or something wrong."""
    if isinstance(sent, list):
        raise bad("Batches are not supported: send one operation per request.")
    if not isinstance(sent, dict):
        raise bad("A GraphQL request is a JSON object with a `query`.")
    for name in ("variables", "extensions"):
        if not isinstance(sent.get(name), (dict, type(None))):
            raise bad(f"`{name}` must be an object, or null.")
    if not isinstance(sent.get("operationName"), (str, type(None))):
        raise bad("`operationName` must be a text, or null.")
    # Clients that cannot leave out the text of a document that they name send an empty one.
    query = None if sent.get("query") == "" else sent.get("query")
    document_id, extensions = _document_id(sent, query), sent.get("extensions")
    named = document_id is not None or (extensions or {}).get("persistedQuery") is not None
    if query is None and not named:
        raise bad("`query` must be a text that holds a GraphQL document.")
    if query is not None and (not isinstance(query, str) or not query.strip()):
        raise bad("`query` must be a text that holds a GraphQL document.")
    return Request(query, sent.get("variables"), sent.get("operationName") or None, extensions, document_id)


def _document_id(sent: dict[str, Any], query: Any) -> str | None:
    """Relay and others call it `id`; beside a `query` that key is anybody's, and ignored."""
    name = "documentId" if sent.get("documentId") is not None or query is not None else "id"
    given = sent.get(name)
    if given is None:
        return None
    if not isinstance(given, str) or not given:
        raise bad(f"`{name}` must be a text that names a document.")
    if query is not None:
        raise bad("Send `query` or `documentId`, not both.")
    return given


def parsed(text: bytes | bytearray | str) -> Any:
    """Strict JSON: no NaN, no broken UTF-8, no bottomless nesting."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise bad("The request is not valid JSON.") from None
