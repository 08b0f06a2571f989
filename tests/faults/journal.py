"""What clients know for sure: every post they sent, when, and what they were told about it.

Every answer is exactly one of: acknowledged, refused for certain, never sent, unknown. What fits nowhere is
`Unclassified`, and that is a failure of the gateway whatever the ledger looks like (RELIABILITY §2.1, 5).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Post:
    """A ledger entry that a client asks for: all that makes two requests the same (W33), and the key."""

    customer_id: str
    currency: str
    is_credit: bool
    amount_minor: int
    key: str

    @property
    def wallet(self) -> tuple[str, str]:
        return self.customer_id, self.currency

    @property
    def signed_minor(self) -> int:
        return self.amount_minor if self.is_credit else -self.amount_minor

    def variables(self) -> dict[str, Any]:
        """The variables of `contract.POST`."""
        return {
            "input": {
                "customerId": self.customer_id,
                "currency": self.currency,
                "amount": self.amount_minor,
                "entryType": "CREDIT" if self.is_credit else "DEBIT",
                "idempotencyKey": self.key,
            }
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry as the gateway shows it."""

    id: str
    customer_id: str
    currency: str
    sequence: int
    is_credit: bool
    amount_minor: int
    before_minor: int
    after_minor: int
    key: str | None

    @property
    def wallet(self) -> tuple[str, str]:
        return self.customer_id, self.currency

    @property
    def signed_minor(self) -> int:
        return self.amount_minor if self.is_credit else -self.amount_minor

    def is_of(self, post: Post) -> bool:
        """Whether this is the entry that the post asked for."""
        asked = (*post.wallet, post.is_credit, post.amount_minor, post.key)
        return asked == (*self.wallet, self.is_credit, self.amount_minor, self.key)


@dataclass(frozen=True, slots=True)
class Acked:
    """Done, for ever: this is the entry."""

    entry: Entry
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not done. A short wallet also says what it held at that moment."""

    code: str
    balance_minor: int | None = None


@dataclass(frozen=True, slots=True)
class NeverSent:
    """Certainly not done: there was nobody to send it to."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done. Its key will tell."""

    why: str


@dataclass(frozen=True, slots=True)
class Unclassified:
    """An answer that this test does not accept from this request."""

    what: str


Outcome = Acked | Refused | NeverSent | Unknown | Unclassified


class Intent(StrEnum):
    """Why a post was sent: it decides which answers are acceptable."""

    FRESH = "fresh"
    """A key never used before."""
    DOUBLE = "double"
    """Sent twice at the same time."""
    REPEAT = "repeat"
    """Sent again after it was acknowledged."""
    REUSE = "reuse"
    """An acknowledged key, with other content."""
    RACE = "race"
    """Two different contents with one new key at the same time."""
    RESOLVE = "resolve"
    """Sent again because the first answer never came."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One post, sent once. Instants are seconds of one monotonic clock."""

    post: Post
    intent: Intent
    sent_at: float
    answered_at: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Read:
    """A wallet as it was read between two instants."""

    wallet: tuple[str, str]
    sent_at: float
    answered_at: float
    sequence: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """What `operation(idempotencyKey:)` said about an unknown outcome: the entry's id, or None for never."""

    customer_id: str
    key: str
    entry_id: str | None


@dataclass
class Journal:
    """All that the clients of one run know."""

    attempts: list[Attempt] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    resolutions: list[Resolution] = field(default_factory=list)

    @property
    def acked(self) -> list[tuple[Attempt, Acked]]:
        """Every acknowledgement, replays included."""
        return [(a, a.outcome) for a in self.attempts if isinstance(a.outcome, Acked)]

    @property
    def effects(self) -> int:
        """How many acknowledgements were of an entry made by that very request."""
        return sum(not acked.replayed for _, acked in self.acked)

    def by_key(self) -> Mapping[tuple[str, str], list[Attempt]]:
        """Attempts by customer and key, in the order of their answers (W30: a key is one customer's)."""
        found: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in self.attempts:
            found.setdefault((attempt.post.customer_id, attempt.post.key), []).append(attempt)
        return found

    def unresolved(self) -> list[list[Post]]:
        """Per key of which nobody can say yet whether it was used: the posts that were sent with it."""
        return [
            list(dict.fromkeys(attempt.post for attempt in attempts))
            for attempts in self.by_key().values()
            if _is_open(attempts)
        ]

    def summary(self) -> str:
        outcomes = Counter(_name(a.outcome) for a in self.attempts)
        intents = Counter(a.intent.value for a in self.attempts)
        return (
            f"{len(self.attempts)} attempts ({_counts(intents)}): {_counts(outcomes)}; "
            f"{self.effects} entries, {len(self.reads)} reads, {len(self.resolutions)} resolved"
        )


def _is_open(attempts: list[Attempt]) -> bool:
    known = any(
        isinstance(a.outcome, Acked) or (a.intent is Intent.RESOLVE and isinstance(a.outcome, Refused))
        for a in attempts
    )
    return not known and any(isinstance(a.outcome, Unknown) for a in attempts)


def _name(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, Refused) else type(outcome).__name__.lower()


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))


def unclassified(attempts: Iterable[Attempt]) -> list[str]:
    """What the gateway answered and should not have."""
    return [
        f"{attempt.intent} {attempt.post}: {attempt.outcome.what}"
        for attempt in attempts
        if isinstance(attempt.outcome, Unclassified)
    ]
