"""`text/event-stream`, in the "distinct connections" mode of the protocol that graphql-sse speaks.

Lines end in LF alone, which every reader takes (SERVING trap 4: CRLF is not read by all). A client treats `complete`
as the end it was waiting for, and a body that ends without one as a broken connection, after which it comes back; so
a gateway that stops does not say `complete`.
"""

from .framing import Framing

_COMPLETE = b"event: complete\ndata:\n\n"


def _event(body: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % body


FRAMING = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    opening=b":\n\n",
    heartbeat=b":\n\n",
    event=_event,
    complete=_COMPLETE,
    refused=lambda body: _event(body) + _COMPLETE,
    interrupted=lambda _body: b"",
)
