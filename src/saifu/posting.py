"""What a movement of money is before it is an entry, and what the installation has decided about wallets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from .ledger import lots
from .ledger.entries import REFERENCES, EntryType, Funding, ReferenceType, allows
from .ledger.lots import Draw, Fill, LotState, Spendable


@dataclass(frozen=True, slots=True)
class Rules:
    """What the installation has decided about wallets (W2, W73, W77, W79, W80).

    `thresholds` are the business's defaults by currency in minor units; days are calendar-free 24 hours.
    """

    currencies: tuple[str, ...]
    thresholds: Mapping[str, int]
    promotional_expiry_days: int | None
    reversal_grace_days: int
    expiry_notice_days: int

    @classmethod
    def of(cls, decided: "Decided") -> "Rules":
        """The rules that an installation's settings make."""
        return cls(
            decided.currencies,
            decided.low_balance_thresholds,
            decided.promotional_expiry_days,
            decided.reversal_grace_days,
            decided.expiry_notice_days,
        )


class Decided(Protocol):
    """Where the rules come from: settings have these and more."""

    @property
    def currencies(self) -> tuple[str, ...]: ...
    @property
    def low_balance_thresholds(self) -> Mapping[str, int]: ...
    @property
    def promotional_expiry_days(self) -> int | None: ...
    @property
    def reversal_grace_days(self) -> int: ...
    @property
    def expiry_notice_days(self) -> int: ...


class Taking(NamedTuple):
    """How a debit chooses its lots, and how much of what is spendable it may take at most."""

    draw: Callable[[Iterable[LotState], int, datetime], tuple[Draw, ...]]
    available: Callable[[Spendable], int]
    from_the_first: bool = False
    """Whether it takes lots in draw order, so that the first ones are enough to know."""


IN_ORDER = Taking(lots.draw, lambda money: money.total_minor, from_the_first=True)
"""What every ordinary debit does (W70)."""
PAID_FIRST = Taking(lots.draw_paid_first, lambda money: money.total_minor)
"""What a dispute claws back (W66)."""


def from_top_up(lot_id: str) -> Taking:
    """What the refund of a top-up takes: its own lot first, never promotional money (W64)."""

    def draw(found: Iterable[LotState], amount_minor: int, now: datetime) -> tuple[Draw, ...]:
        return lots.draw_top_up_reversal(found, lot_id, amount_minor, now)

    return Taking(draw, lambda money: money.paid_minor)


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of money, before it is an entry.

    Attributes:
        amount_minor: positive; the direction is `is_credit`.
        funding, expires_at: of the lot that a credit brings.
        fills: lots that a credit gives money back to (W59, W67, W77); what they do not take is a new lot.
        taking: how a debit chooses its lots.
        settled: False for a debit whose payment is not terminal yet: no alert is raised by it (W82).
    """

    entry_type: EntryType
    is_credit: bool
    amount_minor: int
    funding: Funding | None = None
    expires_at: datetime | None = None
    reference_id: str | None = None
    reason: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    fills: tuple[Fill, ...] = ()
    taking: Taking = IN_ORDER
    settled: bool = True

    def __post_init__(self) -> None:
        assert allows(self.entry_type, self.is_credit), f"{self.entry_type} never goes this way"
        assert self.is_credit or not (self.fills or self.funding or self.expires_at), "a debit has no lot"
        assert (REFERENCES[self.entry_type] is None) == (self.reference_id is None), "W2.1 says what refers"

    @property
    def reference_type(self) -> ReferenceType | None:
        return REFERENCES[self.entry_type]
