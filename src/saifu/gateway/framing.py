"""How the answers of a subscription are written, one after another, into the body of one HTTP response."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Framing:
    """One kind of stream.

    Attributes:
        content_type: as the response's header says it.
        opening: written at once, so that the client sees its request was taken.
        heartbeat: written when nothing else was for a while, so that nobody between takes the connection for dead.
        event: frames one answer, given as JSON without line breaks.
        complete: the last words of a stream that came to its end.
        refused: frames the JSON of `{"errors": …}` as the last words of a stream that was ended for the client.
        interrupted: the same where the client is to come back and resume: the gateway stops, and another is there.
    """

    content_type: bytes
    opening: bytes
    heartbeat: bytes
    event: Callable[[bytes], bytes]
    complete: bytes
    refused: Callable[[bytes], bytes]
    interrupted: Callable[[bytes], bytes]
