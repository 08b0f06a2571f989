"""API keys: secrets with scopes (A40, S1-S5).

A key that we generate is `sk_test_` or `sk_live_`, 43 random base62 characters (256 bits), an underscore and six
characters of checksum, so that a mistyped one is turned away without a query. Only the SHA-256 of a key is stored:
a slow hash would protect nothing, since nobody can try 2^256 keys.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import overload

from sqlalchemy import bindparam, func, literal_column, or_, update
from sqlalchemy import select as columns_of
from sqlmodel import col, select

from . import audit, fields
from .idempotency import Outcome, once
from .ids import new_id
from .paging import Listing
from .refusals import ErrorCode, Refusal, invalid
from .statements import any_of
from .store import Store, Tx, asking
from .tables import ApiKey, Installation, Instant

SHAPE_OF_SECRETS = r"sk_(?:test|live)_[A-Za-z0-9_-]{32,200}"
"""Every secret key there can be, for scanners of repositories and logs (S2)."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 43
_CHECKSUM_LENGTH = 6
_PREFIX_LENGTH = len("sk_test_") + 4
_SECRET = re.compile(SHAPE_OF_SECRETS)
_GENERATED = re.compile(
    rf"(sk_(?:test|live)_[A-Za-z0-9]{{{_RANDOM_LENGTH}}})_([A-Za-z0-9]{{{_CHECKSUM_LENGTH}}})"
)


class Scope(StrEnum):
    """What a key may do (S4); `admin` is everything."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    WALLETS_READ = "wallets:read"
    WALLETS_WRITE = "wallets:write"
    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    EVENTS_READ = "events:read"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    AUDIT_READ = "audit:read"
    ADMIN = "admin"


LISTING: Listing[ApiKey] = Listing(
    ApiKey,
    orders={"CREATED_AT": [col(ApiKey.created_at), col(ApiKey.id)]},
    filters={"unrevoked": col(ApiKey.revoked_at).is_(None)},
)
"""Keys, the newest first unless an order says otherwise."""

_BY_HASH = select(ApiKey).where(col(ApiKey.secret_hash) == bindparam("secret_hash"))
_BY_ID = select(ApiKey).where(col(ApiKey.id) == bindparam("id"))
_LOCKED = _BY_ID.with_for_update()
_COUNT = columns_of(func.count(literal_column("*"))).select_from(ApiKey)
_INSTALLATION = select(Installation).with_for_update()
_REVOKE = (
    update(ApiKey)
    .where(col(ApiKey.id) == bindparam("key_id"))
    .values(revoked_at=bindparam("to_revoked_at", type_=Instant()))
)
_TOUCH = (
    update(ApiKey)
    .where(
        any_of(col(ApiKey.id), "ids"),
        or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < bindparam("at", type_=Instant())),
    )
    .values(last_used_at=bindparam("at", type_=Instant()))
)


def generate(mode: str) -> str:
    """A fresh secret for a mode, `test` or `live`."""
    assert mode in {"test", "live"}, mode
    body = f"sk_{mode}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"{body}_{_checksum(body)}"


def plausible(secret: str) -> bool:
    """Whether a text can be a key at all: its shape, and the checksum if it has the shape of one of ours."""
    if not _SECRET.fullmatch(secret):
        return False
    generated = _GENERATED.fullmatch(secret)
    return generated is None or hmac.compare_digest(_checksum(generated[1]), generated[2])


@overload
def create(tx: Tx, name: str, scopes: Iterable[Scope], mode: str, key: None = None) -> tuple[ApiKey, str]: ...
@overload
def create(
    tx: Tx, name: str, scopes: Iterable[Scope], mode: str, key: str | None
) -> tuple[ApiKey, str | None]: ...
def create(
    tx: Tx, name: str, scopes: Iterable[Scope], mode: str, key: str | None = None
) -> tuple[ApiKey, str | None]:
    """A new key and its secret, which is never shown again; None when a replay has none to show.

    Whether the caller may give away these scopes is for the resolver to know.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS: the name, or no scope at all.
    """
    label, wanted = fields.name(name), frozenset(scopes)
    if not wanted:
        raise invalid("A key needs at least one scope.", "scopes")
    secret = generate(mode)
    request = {"name": label, "scopes": sorted(wanted)}
    done = once(tx, key, "apiKeyCreate", request, lambda: _store(tx, label, wanted, secret).id)
    made = tx.first(_BY_ID, id=done.object_id)
    assert made is not None
    return made, None if done.replayed else secret


def revoke(tx: Tx, key_id: str, key: str | None = None) -> Outcome[ApiKey]:
    """Revoke a key at once; repeated, it changes nothing.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = tx.first(_LOCKED, id=key_id) if fields.storable(key_id) else None
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such key.", ("input", "apiKeyId"))
    done = once(tx, key, "apiKeyRevoke", {"api_key_id": key_id}, lambda: _revoke(tx, found))
    revoked = tx.first(_BY_ID, id=key_id)
    assert revoked is not None
    return Outcome(revoked, done.replayed)


async def by_secret(store: Store, secret: str) -> ApiKey | None:
    """The key of a secret; None when there is none or it was revoked. A mistyped one costs no query (S1).

    Asked with every request, and so read the shortest way.
    """
    if not plausible(secret):
        return None
    return _good(await store.read_now(asking(_BY_HASH, secret_hash=_hash(secret))), secret)


def _good(found: Sequence[ApiKey], secret: str) -> ApiKey | None:
    if not found or not hmac.compare_digest(found[0].secret_hash, _hash(secret)):
        return None
    return found[0] if found[0].revoked_at is None else None


def scopes_of(key: ApiKey) -> frozenset[Scope]:
    """What a key may do. A scope that this version does not know gives nothing."""
    known = {scope.value for scope in Scope}
    return frozenset(Scope(word) for word in key.scopes.split() if word in known)


def touch(tx: Tx, ids: Sequence[str], at: datetime) -> None:
    """Note when keys were last used, all in one statement; a later use is never overwritten by an earlier one."""
    tx.run(_TOUCH, ids=list(ids), at=at)


def adopt(tx: Tx, secret: str) -> ApiKey:
    """Make a secret that was given from outside an admin's key; the same secret again is the same key.

    A key that was revoked stays revoked, whatever the environment says.

    Raises:
        ValueError: it has not the shape of a key, or it looks like one of ours with a typing mistake.
    """
    if not plausible(secret):
        raise ValueError("the admin key has not the shape of one, or its checksum is wrong")
    # Processes that start together do this one after the other.
    tx.first(_INSTALLATION)
    known = tx.first(_BY_HASH, secret_hash=_hash(secret))
    return known or _store(tx, "SAIFU_ADMIN_KEY", frozenset({Scope.ADMIN}), secret)


def first_admin(tx: Tx, mode: str) -> str | None:
    """The secret of the first admin key, made because there is no key yet (A44); otherwise None."""
    tx.first(_INSTALLATION)
    counted = tx.first(_COUNT)
    assert counted is not None
    if counted[0]:
        return None
    secret = generate(mode)
    _store(tx, "first admin key", frozenset({Scope.ADMIN}), secret)
    return secret


def _store(tx: Tx, name: str, scopes: frozenset[Scope], secret: str) -> ApiKey:
    stored = tx.insert(
        ApiKey(
            id=new_id("key"),
            name=name,
            prefix=secret[:_PREFIX_LENGTH],
            secret_hash=_hash(secret),
            scopes=" ".join(sorted(scopes)),
            created_at=tx.now,
        )
    )
    audit.record(tx, "apiKeyCreate", stored.id, detail={"scopes": sorted(scopes), "prefix": stored.prefix})
    return stored


def _revoke(tx: Tx, key: ApiKey) -> str:
    if key.revoked_at is None:
        tx.run(_REVOKE, key_id=key.id, to_revoked_at=tx.now)
        audit.record(tx, "apiKeyRevoke", key.id, detail={"prefix": key.prefix})
    return key.id


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    """Six base62 characters of CRC-32: any single wrong character and nearly every other mistake shows."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
