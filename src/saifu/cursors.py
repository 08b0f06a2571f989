"""Cursors of the log: the place of an event, as a client keeps it (A50, A51).

Opaque and versioned, with a check against what was mistyped, cut short or made up. A cursor carries no
authority: whoever uses it sees what they may see anyway (S8).
"""

import base64
import binascii
import hashlib

from .refusals import ErrorCode, Refusal

BEGINNING = "0"
"""Instead of a cursor: the first event that is kept (A51)."""

_VERSION = b"\x01"
_POSITION_BYTES = 8
_CHECK_BYTES = 3
_LENGTH = len(_VERSION) + _POSITION_BYTES + _CHECK_BYTES


def cursor_of(position: int) -> str:
    """The cursor of a place in the whole log: 16 URL-safe characters."""
    body = _VERSION + position.to_bytes(_POSITION_BYTES, "big")
    return base64.urlsafe_b64encode(body + _check(body)).decode()


def position_of(cursor: str) -> int:
    """The place that a cursor names.

    Raises:
        Refusal: INVALID_QUERY_PARAMS; it is no cursor of ours (A51: never taken for "now").
    """
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise unusable("This is not a cursor of the event log.") from None
    body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if len(raw) != _LENGTH or not body.startswith(_VERSION) or check != _check(body):
        raise unusable("This is not a cursor of the event log.")
    return int.from_bytes(body[len(_VERSION) :], "big")


def unusable(message: str) -> Refusal:
    hint = f'Pass one that a message carried, "{BEGINNING}" for the first event kept, or none to begin now.'
    return Refusal(ErrorCode.INVALID_QUERY_PARAMS, f"{message} {hint}", ("after",))


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES, person=b"saifu-cursor").digest()
