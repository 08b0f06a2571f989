"""Tamper evidence: every entry seals its own content and all entries of its wallet before it (ruling 12).

`hash` = SHA-256 over the previous entry's hash (64 hex digits, for the first entry `GENESIS`), a line feed
and the entry's canonical content. That content is compact JSON in UTF-8 with sorted keys, byte for byte what
RFC 8785 asks for, so a ledger can be checked in any language without this program.

A chain cannot tell that its newest entries were cut off: compare the last `Link` with the wallet's row.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import orjson

from saifu.ledger.entries import signed

CONTENT_VERSION = "saifu.entry.v1"
"""Part of what is sealed: another set of fields is another version, and old entries keep their seal."""

GENESIS = "0" * 64
"""Stands for the previous hash in front of a wallet's first entry."""


class EntryContent(Protocol):
    """What is sealed: every field of an entry that never changes. A table row fits as it is."""

    @property
    def id(self) -> str: ...
    @property
    def customer_id(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def entry_type(self) -> str: ...
    @property
    def is_credit(self) -> bool: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def before_minor(self) -> int: ...
    @property
    def after_minor(self) -> int: ...
    @property
    def contra_account(self) -> str: ...
    @property
    def reference_type(self) -> str | None: ...
    @property
    def reference_id(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def funding(self) -> str | None: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def idempotency_key(self) -> str | None: ...
    @property
    def metadata_json(self) -> str | None: ...
    @property
    def actor_type(self) -> str: ...
    @property
    def actor_id(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...


class SealedEntry(EntryContent, Protocol):
    """An entry as stored: its content and the seal written with it."""

    @property
    def hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Link:
    """Where a wallet's chain stands after one entry: all that the next entry has to continue."""

    sequence: int
    balance_minor: int
    hash: str


START = Link(sequence=0, balance_minor=0, hash=GENESIS)
"""The chain of a wallet without entries (W11)."""


class Fault(StrEnum):
    """What is wrong with an entry; when several things are, the first in this order is named."""

    SEQUENCE = "sequence"
    """The number does not follow the previous one: an entry was removed, added or moved (W11)."""
    CONTINUITY = "continuity"
    """`before` is not the previous `after` (W11)."""
    ARITHMETIC = "arithmetic"
    """`after` is not `before` plus or minus a positive amount, or is negative (W10, W13)."""
    HASH = "hash"
    """The numbers agree, but the seal is not that of this content after this predecessor."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not hold."""

    entry_id: str
    sequence: int
    fault: Fault


def canonical(entry: EntryContent) -> bytes:
    """The content that is sealed: deterministic JSON, instants in UTC with exactly six decimals and `Z`.

    Raises:
        ValueError: an instant has no time zone, so nobody could say later which instant was sealed.
    """
    return orjson.dumps(
        {
            "version": CONTENT_VERSION,
            "id": entry.id,
            "customer_id": entry.customer_id,
            "currency": entry.currency,
            "sequence": entry.sequence,
            "entry_type": entry.entry_type,
            "is_credit": entry.is_credit,
            "amount_minor": entry.amount_minor,
            "before_minor": entry.before_minor,
            "after_minor": entry.after_minor,
            "contra_account": entry.contra_account,
            "reference_type": entry.reference_type,
            "reference_id": entry.reference_id,
            "reason": entry.reason,
            "funding": entry.funding,
            "expires_at": None if entry.expires_at is None else _instant(entry.expires_at),
            "idempotency_key": entry.idempotency_key,
            "metadata_json": entry.metadata_json,
            "actor_type": entry.actor_type,
            "actor_id": entry.actor_id,
            "created_at": _instant(entry.created_at),
        },
        option=orjson.OPT_SORT_KEYS,
    )


def entry_hash(previous_hash: str, entry: EntryContent) -> str:
    """The seal of an entry: 64 lower-case hex digits."""
    return hashlib.sha256(previous_hash.encode("ascii") + b"\n" + canonical(entry)).hexdigest()


def link(entry: SealedEntry) -> Link:
    """Where the chain stands after this entry: hand it to `verify` with the next page."""
    return Link(entry.sequence, entry.after_minor, entry.hash)


def verify(entries: Iterable[SealedEntry], after: Link = START) -> Broken | None:
    """The first entry that breaks the chain of its wallet; None when all of them hold.

    Args:
        entries: of one wallet, by rising sequence: all, or the page that follows `after`.
        after: where the chain stood before the first of them.

    A big ledger is verified in pages: `verify(page, after)`, then `after = link(page[-1])`. At the end the
    last link must agree with the wallet's stored sequence and balance, or entries were cut off.
    """
    for entry in entries:
        fault = _fault(entry, after)
        if fault is not None:
            return Broken(entry.id, entry.sequence, fault)
        after = link(entry)
    return None


def _fault(entry: SealedEntry, after: Link) -> Fault | None:
    if entry.sequence != after.sequence + 1:
        return Fault.SEQUENCE
    if entry.before_minor != after.balance_minor:
        return Fault.CONTINUITY
    if not _adds_up(entry):
        return Fault.ARITHMETIC
    return None if entry.hash == entry_hash(after.hash, entry) else Fault.HASH


def _adds_up(entry: EntryContent) -> bool:
    moved_minor = signed(entry.amount_minor, entry.is_credit)
    return entry.amount_minor > 0 and 0 <= entry.after_minor == entry.before_minor + moved_minor


def _instant(at: datetime) -> str:
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
