"""A key does its work once, for ever (A30-A32, W30-W37), and its record keeps nobody's data (CU54).

A record outlives the personal data of the request that made it, and clients build keys out of names and
reasons. So it holds neither: the key as its digest, each value of the request as a digest keyed with the key.
Whoever repeats the request has both; whoever reads the table cannot even try values without guessing a key.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import bindparam
from sqlmodel import col, select

from .fields import storable
from .refusals import IdempotencyKeyReused, invalid
from .store import Tx
from .tables import IdempotencyRecord

INSTALLATION = "installation"
"""The scope of keys that do not belong to one customer (A31)."""

MAX_KEY_LENGTH = 512
_DIGEST_BYTES = 16

T = TypeVar("T")

_RECORD = select(IdempotencyRecord).where(
    col(IdempotencyRecord.scope) == bindparam("scope"), col(IdempotencyRecord.key) == bindparam("key")
)


@dataclass(frozen=True, slots=True)
class Once:
    """The object that the request made, and whether it was made by an earlier request."""

    object_id: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a use case answers: the object as it is now, and whether an earlier request had made the change."""

    value: T
    replayed: bool


def once(
    tx: Tx,
    key: str | None,
    mutation: str,
    request: Mapping[str, Any],
    do: Callable[[], str],
    scope: str = INSTALLATION,
) -> Once:
    """Do something once per key. The record commits with the change, and a refusal leaves no record (W35).

    Args:
        key: 1-512 characters of any script, compared byte for byte (W36); None protects nothing.
            Two requests with one key at the same moment must meet at a lock, the customer's, before
            they come here; those that make a customer meet at the record itself.
        mutation: the name of the GraphQL field: a key of one mutation is no key of another.
        request: what makes two requests the same (W33), snake_case names and JSON values. A value of None
            is as good as none, so that a field added later does not make old requests different.
        do: makes the change and answers with the id of its object.
        scope: a customer's id for ledger entries (W30), the whole installation otherwise.

    Raises:
        IdempotencyKeyReused: the key belongs to another request (W32).
    """
    if key is None:
        return Once(do(), replayed=False)
    known = earlier(tx, key, mutation, request, scope)
    if known is not None:
        return Once(known, replayed=True)
    object_id = do()
    tx.insert(
        IdempotencyRecord(
            scope=scope,
            key=_name(key),
            mutation=mutation,
            request_json=orjson.dumps(_digests(key, request)).decode(),
            object_id=object_id,
            created_at=tx.now,
        )
    )
    return Once(object_id, replayed=False)


def earlier(
    tx: Tx, key: str | None, mutation: str, request: Mapping[str, Any], scope: str = INSTALLATION
) -> str | None:
    """The id of what this request made when it came before, for whoever has to know before the work is done.

    Raises:
        IdempotencyKeyReused: the key belongs to another request (W32).
    """
    if key is None:
        return None
    check_key(key)
    known = find(tx, key, scope)
    if known is None:
        return None
    _compare(known, mutation, _digests(key, request))
    return known.object_id


def check_key(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise invalid(f"An idempotency key has 1 to {MAX_KEY_LENGTH} characters.", "idempotencyKey")
    if not storable(key):
        raise invalid("An idempotency key cannot hold NUL or half a surrogate pair.", "idempotencyKey")


def find(tx: Tx, key: str, scope: str = INSTALLATION) -> IdempotencyRecord | None:
    """What a key was used for, or None if nothing ever came of it (A32)."""
    return tx.first(_RECORD, scope=scope, key=_name(key)) if storable(scope + key) else None


def _compare(known: IdempotencyRecord, mutation: str, request: Mapping[str, str]) -> None:
    before = orjson.loads(known.request_json)
    fields = sorted(name for name in before.keys() | request.keys() if before.get(name) != request.get(name))
    if known.mutation != mutation:
        fields = ["mutation", *fields]
    if fields:
        raise IdempotencyKeyReused(fields)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _digests(key: str, request: Mapping[str, Any]) -> dict[str, str]:
    """A digest for each value, bound to its name, so that equal values do not show as equal."""
    secret = key.encode()
    return {name: _digest(secret, name, value) for name, value in request.items() if value is not None}


def _digest(secret: bytes, name: str, value: Any) -> str:
    content = orjson.dumps([name, value], option=orjson.OPT_SORT_KEYS)
    return hmac.digest(secret, content, "sha256")[:_DIGEST_BYTES].hex()
