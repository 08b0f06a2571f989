"""The installation's secret at the simulator, and the names that are made with it."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from saifu.store import Tx
from saifu.tables import Instant, SimulatorHouse

PAGE_PREFIX = "pt_"
"""By which logs know the token of a page, and leave it out."""

_ONLY = 1
_SECRET_BYTES = 32
_NAME_LETTERS = 26
_HOUSE = select(SimulatorHouse)
_LOCKED = _HOUSE.with_for_update()


def _opening(insert: Any) -> Any:
    """Makes the row unless another process has: in one statement, so that there are never two secrets."""
    values = {
        "id": _ONLY,
        "secret": bindparam("secret"),
        "created_at": bindparam("created_at", type_=Instant()),
    }
    return insert(SimulatorHouse).values(values).on_conflict_do_nothing().returning(col(SimulatorHouse.id))


_OPEN: dict[str, Any] = {"sqlite": _opening(sqlite.insert), "postgresql": _opening(postgresql.insert)}


@dataclass(frozen=True, slots=True)
class House:
    """One installation of the simulator. What it names is different from what any other one names (SR93)."""

    secret: bytes

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self.secret, f"{purpose}:{text}".encode(), "sha256")

    def fingerprint(self, number: str) -> str:
        """Equal for equal numbers; 128 bits, and nobody can try numbers without the secret (SR93)."""
        return self._digest("fingerprint", number)[:16].hex()

    def name(self, kind: str, reference: str) -> str:
        """The simulator's own name of what we call `reference`: the same one always (PM95)."""
        letters = base64.b32encode(self._digest(kind, reference)).decode().lower()
        return f"sim_{kind}_{letters[:_NAME_LETTERS]}"

    def page_token(self, reference: str) -> str:
        """The secret in the address of a page: 256 bits that can be made again and are stored only as a hash."""
        return PAGE_PREFIX + base64.urlsafe_b64encode(self._digest("page", reference)).decode().rstrip("=")

    def signature(self, timestamp: int, body: bytes) -> str:
        """Of a callback: over `timestamp.body` (S18)."""
        return hmac.digest(self._digest("callbacks", ""), b"%d." % timestamp + body, "sha256").hex()


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def opened(tx: Tx) -> House:
    """The installation's house, with a secret from now on if it had none."""
    known = tx.first(_HOUSE)
    if known is None:
        tx.all(_OPEN[tx.dialect.name], secret=secrets.token_hex(_SECRET_BYTES), created_at=tx.now)
        known = tx.first(_HOUSE)
    assert known is not None, "it was made a moment ago"
    return House(bytes.fromhex(known.secret))


def lock(tx: Tx) -> None:
    """Whoever makes something for which there is no row yet waits here, so that two cannot both make it."""
    if not tx.all(_LOCKED):
        # One that was given its secret may come before there is a row.
        opened(tx)
        tx.all(_LOCKED)
