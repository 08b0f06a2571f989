"""Customer sessions: what a frontend holds, short-lived, and good for one customer (A41, S6)."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, overload

from sqlalchemy import bindparam, update
from sqlmodel import col, select

from . import audit, locks
from .idempotency import once
from .ids import new_id
from .refusals import invalid
from .store import Store, Tx, asking
from .tables import CustomerSession, Instant

PREFIX: Final = "cs_"
SHORTEST_S = 60
LONGEST_S = 3_600
DEFAULT_S = 900
_RANDOM_BYTES = 32

_BY_HASH = select(CustomerSession).where(col(CustomerSession.token_hash) == bindparam("token_hash"))
_BY_ID = select(CustomerSession).where(
    col(CustomerSession.customer_id) == bindparam("customer_id"), col(CustomerSession.id) == bindparam("id")
)
_REVOKE_ALL = (
    update(CustomerSession)
    .where(
        col(CustomerSession.customer_id) == bindparam("of_customer"),
        col(CustomerSession.revoked_at).is_(None),
    )
    .values(revoked_at=bindparam("to_revoked_at", type_=Instant()))
)


@overload
def create(tx: Tx, customer_id: str, ttl_s: int, key: None) -> tuple[CustomerSession, str]: ...
@overload
def create(tx: Tx, customer_id: str, ttl_s: int, key: str | None) -> tuple[CustomerSession, str | None]: ...
def create(tx: Tx, customer_id: str, ttl_s: int, key: str | None) -> tuple[CustomerSession, str | None]:
    """A session for a customer, good for `ttl_s` seconds, and its token, which is never shown again.

    The token is None when an earlier request with this key had made the session: only its hash is stored, so
    there is nothing to show. Whoever lost it asks with a new key.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS (60 to 3 600 seconds), NOT_FOUND, GONE, CUSTOMER_BLOCKED (CU79).
    """
    if not SHORTEST_S <= ttl_s <= LONGEST_S:
        raise invalid(f"A session lasts from {SHORTEST_S} to {LONGEST_S} seconds.", "ttlSeconds")
    customer = locks.lock(tx, customer_id)
    token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)

    def do() -> str:
        locks.refuse_anonymised(customer)
        locks.refuse_blocked(customer)
        return _open(tx, customer_id, ttl_s, token)

    done = once(tx, key, "customerSessionCreate", {"customer_id": customer_id, "ttl_seconds": ttl_s}, do)
    session = tx.first(_BY_ID, customer_id=customer_id, id=done.object_id)
    assert session is not None
    return session, None if done.replayed else token


async def by_token(store: Store, token: str) -> CustomerSession | None:
    """The session of a token; None when there is none, or none that is still good.

    Asked with every request, and so read the shortest way.
    """
    if not _plausible(token):
        return None
    return _good(await store.read_now(asking(_BY_HASH, token_hash=_hash(token))), token, store.clock.now())


def _plausible(token: str) -> bool:
    return token.startswith(PREFIX) and token.isascii()


def _good(found: Sequence[CustomerSession], token: str, now: datetime) -> CustomerSession | None:
    if not found or not hmac.compare_digest(found[0].token_hash, _hash(token)):
        return None
    return found[0] if found[0].revoked_at is None and now < found[0].expires_at else None


def revoke_all(tx: Tx, customer_id: str) -> int:
    """End all sessions of a customer, as when it is deleted (CU53); answers how many were not ended before.

    A new e-mail address does not end them (CU24): the business made them for the customer's id, and nothing that
    was sent to the old address leads to one.
    """
    return tx.run(_REVOKE_ALL, of_customer=customer_id, to_revoked_at=tx.now)


def _open(tx: Tx, customer_id: str, ttl_s: int, token: str) -> str:
    session = tx.insert(
        CustomerSession(
            customer_id=customer_id,
            id=new_id("cse"),
            token_hash=_hash(token),
            created_at=tx.now,
            expires_at=tx.now + timedelta(seconds=ttl_s),
        )
    )
    audit.record(tx, "customerSessionCreate", session.id, customer_id, {"ttl_seconds": ttl_s})
    return session.id


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
