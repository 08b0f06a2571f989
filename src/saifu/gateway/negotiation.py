"""What a client takes for an answer: its `Accept` header, read by quality and then by order (A60, SERVING trap 4).

Two lists are chosen from independently. A *result* is one JSON document; a *stream* is a body that lasts as long as a
subscription. Whoever lists both gets results for queries and mutations, and streams for subscriptions only: naming
`text/event-stream` never turns the answer to a query into one, unless nothing else is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from . import multipart, sse
from .framing import Framing

RESPONSE = b"application/graphql-response+json; charset=utf-8"
JSON = b"application/json; charset=utf-8"

# In the order of a wildcard's choice: a client that takes anything is likely to be an old one.
_RESULTS = {"application/json": JSON, "application/graphql-response+json": RESPONSE}
_LONGEST_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Accepted:
    """How a client wants to be answered.

    Attributes:
        result: the content type of a result; None when the client takes streams only, or nothing we have.
        stream: how a stream is framed; None when the client named no kind of stream that we know.
    """

    result: bytes | None
    stream: Framing | None

    @property
    def strict(self) -> bool:
        """Whether the status tells of errors in the GraphQL request: for `application/json` it never did."""
        return self.result != JSON


@dataclass(frozen=True, slots=True)
class _Range:
    type: str
    parameters: dict[str, str]
    quality: float


ANY = Accepted(JSON, None)
"""For a client that does not say."""


def accepted(header: bytes | None) -> Accepted:
    """What the `Accept` header asks for; nothing at all when nothing fits, which is for the caller to refuse."""
    if not header:
        return ANY
    return _remembered(header) if len(header) <= _LONGEST_REMEMBERED else _chosen(header)


def takes_html(header: bytes | None) -> bool:
    """Whether a browser asks for a page: it names HTML, which programs do not."""
    return header is not None and b"text/html" in header


def _chosen(header: bytes) -> Accepted:
    # Sorting is stable: equal qualities stay in the client's order.
    wanted = sorted(_ranges(header.decode("latin-1")), key=lambda each: -each.quality)
    return Accepted(_result(wanted), _stream(wanted))


_remembered = lru_cache(maxsize=256)(_chosen)


def _result(wanted: list[_Range]) -> bytes | None:
    refused = {each.type for each in wanted if not each.quality}
    for each in wanted:
        if not each.quality or each.parameters.get("charset", "utf-8") not in {"utf-8", "utf8"}:
            continue
        if each.type in _RESULTS:
            return _RESULTS[each.type]
        if each.type in {"*/*", "application/*"}:
            # A type that is named with a quality of its own is not what the wildcard means.
            named = {other.type for other in wanted}
            left = [kind for kind in _RESULTS if kind not in named] or [
                kind for kind in _RESULTS if kind not in refused
            ]
            if left:
                return _RESULTS[left[0]]
    return None


def _stream(wanted: list[_Range]) -> Framing | None:
    """Only by name: a wildcard is no promise to read an endless answer."""
    for each in wanted:
        if not each.quality:
            continue
        if each.type == "text/event-stream":
            return sse.FRAMING
        if each.type == "multipart/mixed" and each.parameters.get("subscriptionspec") == "1.0":
            return multipart.FRAMING
    return None


def _ranges(header: str) -> Iterator[_Range]:
    for each in header.lower().split(","):
        kind, *rest = (part.strip() for part in each.split(";"))
        if kind:
            parameters = dict(_parameter(part) for part in rest)
            yield _Range(kind, parameters, _quality(parameters.pop("q", "1")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip("\"'")


def _quality(text: str) -> float:
    """A quality that cannot be read counts as none given; RFC 9110 knows 0 to 1 with three decimals."""
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0
