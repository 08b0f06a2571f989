"""The secret in the link of a checkout page: whoever has it sees that one session and nothing else (A41, PM86)."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.store import Store, asking
from saifu.tables import CheckoutSession

PREFIX: Final = "ct_"
_RANDOM_BYTES = 32
LONGEST = 64
STAYS = timedelta(hours=1)
"""How long after the session's end its token still shows how it ended."""

_BY_HASH = select(CheckoutSession).where(col(CheckoutSession.token_hash) == bindparam("token_hash"))


def new() -> str:
    """A fresh token of 256 random bits; only its hash is stored."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def opens(token: str, session: CheckoutSession) -> bool:
    """Whether a token is the one of a session, compared in constant time."""
    return hmac.compare_digest(session.token_hash, hashed(token))


def good_until(session: CheckoutSession) -> datetime:
    """Until when the token of a session is a credential (A42)."""
    return session.expires_at + STAYS


async def session_of(store: Store, token: str) -> CheckoutSession | None:
    """The session whose link has this token, whatever its state; None when there is none."""
    if not token.startswith(PREFIX) or not token.isascii() or len(token) > LONGEST:
        return None
    found = await store.read_now(asking(_BY_HASH, token_hash=hashed(token)))
    return found[0] if found and opens(token, found[0]) else None


async def by_token(store: Store, token: str) -> CheckoutSession | None:
    """The session that a bearer of this token may ask about; None when it is nobody, or nobody any more."""
    session = await session_of(store, token)
    return session if session is not None and store.clock.now() < good_until(session) else None
