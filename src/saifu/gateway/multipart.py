"""`multipart/mixed;subscriptionSpec=1.0`, how Apollo's clients listen over HTTP.

Each part is a JSON object: `{"payload": …}` with one answer, `{}` for a heartbeat, and `{"payload": null, "errors": …}`
when it is not the subscription that failed but what carries it, after which the client decides whether to come back.
"""

from .framing import Framing

_END = b"--\r\n"
# With the line break that belongs to it: Apollo's reader looks for both together, also at the very beginning.
_BOUNDARY = b"\r\n--graphql"


def _part(body: bytes) -> bytes:
    """A part, and the boundary after it: until that is there, a reader cannot know that the part is whole."""
    return b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n%b%b" % (body, _BOUNDARY)


def _event(body: bytes) -> bytes:
    return _part(b'{"payload":%b}' % body)


def _broken(body: bytes) -> bytes:
    """`body` is `{"errors": …}`: its brace is opened to let the empty payload in."""
    return _part(b'{"payload":null,%b' % body[1:]) + _END


FRAMING = Framing(
    content_type=b'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    opening=_BOUNDARY,
    heartbeat=_part(b"{}"),
    event=_event,
    complete=_END,
    refused=_broken,
    interrupted=_broken,
)
