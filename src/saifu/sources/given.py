"""What clients give where a source is wanted: the id of one, or a token that one is made of (SR36)."""

import hashlib
import secrets
from dataclasses import dataclass, field

from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.store import Tx
from saifu.tables import Source

from . import rows

_PREFIX = "src_"
LONGEST_TOKEN = 255


@dataclass(frozen=True, slots=True)
class Given:
    """One of the two: `source_id`, or `token`, which is never logged."""

    source_id: str | None = None
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, text: str, name: str = "source") -> "Given":
        """What a client wrote: `src_…` is a source, all else a token of the processor.

        Raises:
            Refusal: INVALID_REQUEST_PARAMETERS.
        """
        if not text or len(text) > LONGEST_TOKEN or not (text.isascii() and text.isprintable()):
            raise invalid("This is the id of a source, or a token.", name)
        return cls(source_id=text) if text.startswith(_PREFIX) else cls(token=text)

    @property
    def text(self) -> str:
        return self.source_id or self.token or ""

    def row(self, tx: Tx) -> Source | None:
        """The source that is meant, not locked; None for a token.

        Raises:
            Refusal: NOT_FOUND.
        """
        if self.source_id is None:
            return None
        found = rows.get(tx, self.source_id)
        if found is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such source.", ("input", "source"))
        return found


def reference(key: str | None) -> str:
    """Under which name a processor is asked for something: the same for the same key, so that a repetition is one."""
    return hashlib.sha256(key.encode()).hexdigest() if key is not None else secrets.token_hex(32)
