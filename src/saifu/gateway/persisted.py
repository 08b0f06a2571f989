"""Documents that a request names instead of sending them (A62).

Two ways. *Automatic* persisted queries are Apollo's protocol: the client sends the SHA-256 of a text, and the text with
it when that is not known. *Trusted* documents were given to the gateway before it started, each with an id.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from graphql import GraphQLError

from .host import Rejected
from .limits import BAD_REQUEST, failed
from .requests import Request

VERSION = 1
FORMAT = "apollo-persisted-query-manifest"
_PREFIX = "sha256:"
_OK = 200


def digest(text: str) -> str:
    """The SHA-256 of a document, in lower-case hexadecimal digits, as clients compute it."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def named(request: Request) -> str | None:
    """The id or hash by which a request names its document, also where it sends the text with it.

    Raises:
        Rejected: BAD_USER_INPUT, for an extension that is not of Apollo's protocol, version 1.
    """
    if request.document_id is not None:
        return request.document_id.removeprefix(_PREFIX)
    given = (request.extensions or {}).get("persistedQuery")
    if given is None:
        return None
    version = given.get("version") if isinstance(given, dict) else None
    if version != VERSION or isinstance(version, bool):
        raise _bad(f"`extensions.persistedQuery` must be of version {VERSION}.")
    name = given.get("sha256Hash")
    if not isinstance(name, str) or not name:
        raise _bad("`extensions.persistedQuery.sha256Hash` must be a text.")
    return name


def mismatched() -> Rejected:
    return _bad("The hash of `extensions.persistedQuery` is not the SHA-256 of `query`.")


def untrusted() -> Rejected:
    return Rejected(
        403, "FORBIDDEN", "Only documents that were registered beforehand are run here: send one's id."
    )


def unknown() -> GraphQLError:
    """What makes Apollo Client and urql send the text: they look for exactly this message.

    Its status is Apollo Server's, 200; older Apollo clients take 400 for "no persisted queries here" and stop
    using them.
    """
    return failed("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound", _OK)


def trusted(source: str | Path) -> dict[str, str]:
    """The documents of a manifest, by id.

    Args:
        source: a file, or its text: Apollo's persisted query manifest, or an object of texts by id, as the Relay
            compiler and GraphQL Code Generator write it.

    Raises:
        ValueError: it is neither, or an id comes twice with different texts.
    """
    text = source if isinstance(source, str) and source.lstrip().startswith("{") else _content(source)
    try:
        manifest = json.loads(text)
    except ValueError as wrong:
        raise ValueError(f"The manifest is not valid JSON: {wrong}") from None
    if not isinstance(manifest, dict):
        raise ValueError("A manifest is a JSON object.")  # noqa: TRY004
    return _of_apollo(manifest) if "format" in manifest else _texts(manifest)


def _content(source: str | Path) -> str:
    try:
        return Path(source).read_text(encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"The manifest cannot be read: {wrong.strerror}.") from None


def _of_apollo(manifest: Mapping[str, Any]) -> dict[str, str]:
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise ValueError(f"The manifest must be of format {FORMAT}, version {VERSION}.")
    operations = manifest.get("operations")
    if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
        raise ValueError("The manifest's `operations` must be a list of objects.")
    texts: dict[str, str] = {}
    for each in operations:
        name, text = each.get("id"), each.get("body")
        if texts.setdefault(name, text) != text:
            raise ValueError(f"The manifest has two documents with the id {name!r}.")
    return _texts(texts)


def _texts(manifest: Mapping[Any, Any]) -> dict[str, str]:
    for name, text in manifest.items():
        if not isinstance(name, str) or not name or not isinstance(text, str):
            raise ValueError(f"The manifest's entry {name!r} must be a text with an id.")
    return dict(manifest)


def _bad(message: str) -> Rejected:
    return Rejected(BAD_REQUEST, "BAD_USER_INPUT", message)
