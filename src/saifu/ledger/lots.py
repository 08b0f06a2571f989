"""Lots: what each credit brought, in which order it is spent, when it goes, how it comes back (W58–W79).

A lot is live while `now < expires_at`; at `expires_at` itself it is gone (W74). Nothing here reads a clock:
`now` is an aware instant that the caller took once for its whole transaction. Callers of the `draw…`
functions have checked that the wallet covers the amount; being short here is a fault, not a refusal.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from saifu.ledger.entries import Funding

_NEVER = datetime.max.replace(tzinfo=UTC)

_PROMOTIONAL_FIRST: Mapping[Funding, int] = MappingProxyType({Funding.PROMOTIONAL: 0, Funding.PAID: 1})
_PAID_FIRST: Mapping[Funding, int] = MappingProxyType({Funding.PAID: 0, Funding.PROMOTIONAL: 1})
assert _PROMOTIONAL_FIRST.keys() == _PAID_FIRST.keys() == set(Funding)


@dataclass(frozen=True, slots=True)
class LotState:
    """One lot as it is now: `0 <= remaining_minor <= original_minor` (W13), `expires_at` None means never."""

    id: str
    funding: Funding
    original_minor: int
    remaining_minor: int
    expires_at: datetime | None
    created_at: datetime

    def __post_init__(self) -> None:
        if not 0 <= self.remaining_minor <= self.original_minor:
            raise ValueError(f"lot {self.id}: {self.remaining_minor} left of {self.original_minor}")

    def live(self, now: datetime) -> bool:
        """Whether its money may still be spent (W74)."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Draw:
    """What one debit takes from one lot; positive minor units."""

    lot_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Fill:
    """What one credit puts back into one lot; positive minor units."""

    lot_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a payment took from one lot and has not got back; minor units, 0 when all of it came back."""

    lot_id: str
    funding: Funding
    outstanding_minor: int


@dataclass(frozen=True, slots=True)
class Spendable:
    """What a wallet can spend at one instant, in minor units: the parts add up to the balance (W12)."""

    paid_minor: int
    promotional_minor: int

    @property
    def total_minor(self) -> int:
        return self.paid_minor + self.promotional_minor


class NextExpiry(NamedTuple):
    """The money that goes at the nearest instant at which any goes."""

    amount_minor: int
    expires_at: datetime


def draw_order(lot: LotState) -> tuple[bool, datetime, int, datetime, str]:
    """Sort key of W70: soonest expiry (never last), promotional before paid, oldest, lot id."""
    return (
        lot.expires_at is None,
        lot.expires_at or _NEVER,
        _PROMOTIONAL_FIRST[lot.funding],
        lot.created_at,
        lot.id,
    )


def spendable(lots: Iterable[LotState], now: datetime) -> Spendable:
    """The effective balance: what is left in live lots, split by funding (W75)."""
    parts = dict.fromkeys(Funding, 0)
    for lot in lots:
        if lot.live(now):
            parts[lot.funding] += lot.remaining_minor
    return Spendable(parts[Funding.PAID], parts[Funding.PROMOTIONAL])


def expired(lots: Iterable[LotState], now: datetime) -> tuple[LotState, ...]:
    """Lots to sweep, in draw order: expired with something left, since an empty one needs no entry (W76)."""
    return tuple(sorted((lot for lot in lots if lot.remaining_minor and not lot.live(now)), key=draw_order))


def next_expiry(lots: Iterable[LotState], now: datetime) -> NextExpiry | None:
    """The nearest future expiry and all that goes at that same instant; None when nothing will expire."""
    going: dict[datetime, int] = {}
    for lot in lots:
        if lot.expires_at is not None and lot.remaining_minor and lot.live(now):
            going[lot.expires_at] = going.get(lot.expires_at, 0) + lot.remaining_minor
    nearest = min(going, default=None)
    return None if nearest is None else NextExpiry(going[nearest], nearest)


def draw(lots: Iterable[LotState], amount_minor: int, now: datetime) -> tuple[Draw, ...]:
    """What an ordinary debit takes from which lots, in W70 order; the amounts add up to the debit (W71).

    Raises:
        ValueError: the amount is not positive, or live lots do not cover it.
    """
    return _draw(lots, amount_minor, now, lambda lot: 0)


def draw_paid_first(lots: Iterable[LotState], amount_minor: int, now: datetime) -> tuple[Draw, ...]:
    """What a dispute claws back: paid lots before promotional ones, W70 order inside each (W66).

    The caller has capped the amount at the balance and kept the rest as the dispute's shortfall.

    Raises:
        ValueError: the amount is not positive, or live lots do not cover it.
    """
    return _draw(lots, amount_minor, now, lambda lot: _PAID_FIRST[lot.funding])


def draw_top_up_reversal(
    lots: Iterable[LotState], own_lot_id: str, amount_minor: int, now: datetime
) -> tuple[Draw, ...]:
    """What refunding a top-up takes: its own lot, then other paid lots in W70 order, never promotional (W64).

    Raises:
        ValueError: the amount is not positive, or `spendable(…).paid_minor` does not cover it.
    """
    paid = (lot for lot in lots if lot.funding is Funding.PAID)
    return _draw(paid, amount_minor, now, lambda lot: int(lot.id != own_lot_id))


def draw_back(
    lots: Iterable[LotState], given: Mapping[str, int], amount_minor: int, now: datetime
) -> tuple[Draw, ...]:
    """What taking back a credit takes: of each lot what it was given, the rest in W70 order (W62).

    Args:
        given: what the credit put into which lots, positive minor units.

    Raises:
        ValueError: the amount is not positive, or live lots do not cover it.
    """
    live = sorted((lot for lot in lots if lot.live(now)), key=draw_order)
    own = [min(lot.remaining_minor, given.get(lot.id, 0)) for lot in live]
    others = [lot.remaining_minor - part for lot, part in zip(live, own, strict=True)]
    shares = _shares([*own, *others], amount_minor)
    taken = zip(live, shares[: len(live)], shares[len(live) :], strict=True)
    return tuple(Draw(lot.id, back + more) for lot, back, more in taken if back + more)


def refill(drawn: Sequence[Drawn], amount_minor: int) -> tuple[Fill, ...]:
    """Which lots get money back, and how much: paid lots first, promotional last (W59, W67, W77).

    Args:
        drawn: in the order in which the payment drew. Within one funding the last drawn is refilled
            first: that is W58's reverse order of use, and leaves the customer the later expiry.
        amount_minor: what comes back; positive.

    Raises:
        ValueError: the amount is not positive, or more than is outstanding: a lot never gets back more
            than was drawn from it.
    """
    last_first = drawn[::-1]
    order = sorted(last_first, key=lambda part: _PAID_FIRST[part.funding])
    shares = _shares([part.outstanding_minor for part in order], amount_minor)
    return tuple(Fill(part.lot_id, share) for part, share in zip(order, shares, strict=True) if share)


def revived_expiry(lot: LotState, now: datetime, grace_days: int) -> datetime | None:
    """The expiry of a lot that gets money back: kept while live, else `grace_days` from now (W77).

    With 0 days the answer is `now`, so the money expires again at once.
    """
    return lot.expires_at if lot.live(now) else now + timedelta(days=grace_days)


def expiry_notice_due(lot: LotState, now: datetime, notice_days: int) -> bool:
    """Whether the one warning of W79 is due: something is left, and it goes within `notice_days`."""
    if lot.expires_at is None or not lot.remaining_minor or not lot.live(now):
        return False
    # A distance, not `expires_at - notice_days`, which a far-off `now` or a huge notice could overflow.
    return lot.expires_at - now <= timedelta(days=notice_days)


def _draw(
    lots: Iterable[LotState], amount_minor: int, now: datetime, rank: Callable[[LotState], int]
) -> tuple[Draw, ...]:
    """Draw from live lots: the lowest rank first, W70 order inside a rank."""
    live = sorted((lot for lot in lots if lot.live(now)), key=lambda lot: (rank(lot), draw_order(lot)))
    shares = _shares([lot.remaining_minor for lot in live], amount_minor)
    return tuple(Draw(lot.id, share) for lot, share in zip(live, shares, strict=True) if share)


def _shares(available: Sequence[int], amount_minor: int) -> list[int]:
    """Take an amount from vessels in a row, emptying each before the next; one share each, 0 included."""
    if amount_minor < 1:
        raise ValueError(f"an amount is at least 1 minor unit, not {amount_minor}")
    shares = []
    missing = amount_minor
    for vessel in available:
        shares.append(min(vessel, missing))
        missing -= shares[-1]
    if missing:
        raise ValueError(f"{missing} of {amount_minor} minor units are not there")
    return shares
