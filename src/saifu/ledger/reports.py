"""Spend reports, balance trends and the summary of a wallet or of a whole business (W90–W94).

SQL adds up entries per bucket, these functions turn such totals into a report: the same arguments and the
same ledger give the same answer (W95). All amounts are minor units of one currency.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from saifu.ledger.entries import EntryType, Funding
from saifu.money import rdiv

MAX_BUCKETS = 400
SUMMARY_WINDOW = timedelta(days=30)
"""30 × 24 hours, whatever the calendar says (W94)."""


class Granularity(StrEnum):
    """How wide a bucket is, in the calendar of the report's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def _next_monday(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())


def _next_first(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


_NEXT_CUT: Mapping[Granularity, Callable[[date], date]] = MappingProxyType(
    {Granularity.DAY: _next_day, Granularity.WEEK: _next_monday, Granularity.MONTH: _next_first}
)
assert _NEXT_CUT.keys() == set(Granularity)


class UncuttablePeriod(ValueError):
    """A period that cannot be cut into buckets; W90 answers it with an invalid request."""


class EmptyPeriod(UncuttablePeriod):
    """It ends where it starts, or before."""


class TooManyBuckets(UncuttablePeriod):
    """It would take more than `MAX_BUCKETS`."""


class OutsideCalendar(UncuttablePeriod):
    """It touches the first or the last day that can be computed with."""


class UnknownTimezone(UncuttablePeriod):
    """The name is not an IANA time zone."""


def bucket_edges(
    starts_at: datetime, ends_at: datetime, granularity: Granularity, timezone: str
) -> tuple[datetime, ...]:
    """The instants that cut `[starts_at, ends_at)` into buckets, in UTC (W90).

    Args:
        starts_at, ends_at: aware instants. They need not lie on a cut: the first and the last bucket may
            be partial.
        timezone: an IANA name; days, weeks (from Monday) and months begin at its local midnight.

    Returns:
        n + 1 strictly rising instants for n buckets, 1 <= n <= `MAX_BUCKETS`; bucket i is
        `[edges[i], edges[i + 1])`. A local day that never was has no bucket, as 30 December 2011 in Apia.

    Raises:
        UncuttablePeriod: one of its subclasses says why.
    """
    if starts_at.utcoffset() is None or ends_at.utcoffset() is None:
        raise ValueError("a period is between two instants, and a time without a zone is none")
    if starts_at >= ends_at:
        raise EmptyPeriod(f"[{starts_at.isoformat()}, {ends_at.isoformat()}) holds nothing")
    zone = _zone(timezone)
    try:
        return _cut(starts_at.astimezone(UTC), ends_at.astimezone(UTC), _NEXT_CUT[granularity], zone)
    except OverflowError as error:
        raise OutsideCalendar(f"{starts_at.isoformat()} or {ends_at.isoformat()} is too far off") from error


def _cut(
    starts_at: datetime, ends_at: datetime, next_cut: Callable[[date], date], zone: ZoneInfo
) -> tuple[datetime, ...]:
    edges = [starts_at]
    day = next_cut(starts_at.astimezone(zone).date())
    while (edge := _midnight(day, zone)) < ends_at:
        # Not later than the last edge: a day that was skipped, or whose midnight was seen twice.
        if edge > edges[-1]:
            edges.append(edge)
        if len(edges) > MAX_BUCKETS:
            raise TooManyBuckets(f"more than {MAX_BUCKETS} buckets")
        day = next_cut(day)
    return (*edges, ends_at)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day.

    Where clocks jump over midnight this is the jump: fold 0 reads the missing 00:00 with the offset from
    before it. (No zone since 1970 jumps from *before* midnight to after it; all of them were tried.)
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _zone(timezone: str) -> ZoneInfo:
    # These two exist on some machines and mean what the machine is set to: not reproducible (W95).
    if timezone in ("localtime", "posixrules"):
        raise UnknownTimezone(timezone)
    try:
        return ZoneInfo(timezone)
    except (LookupError, ValueError, OSError) as error:
        raise UnknownTimezone(timezone[:80]) from error


def bucket_of(edges: Sequence[datetime], at: datetime) -> int:
    """The index of the bucket that holds an instant.

    Raises:
        ValueError: the instant lies outside the period.
    """
    if not edges[0] <= at < edges[-1]:
        raise ValueError(f"{at.isoformat()} is outside the period")
    return bisect_right(edges, at) - 1


@dataclass(frozen=True, slots=True)
class EntryTotal:
    """Entries of one bucket with the same type, direction and funding, as SQL adds them up."""

    bucket: int
    entry_type: EntryType
    is_credit: bool
    funding: Funding | None
    amount_minor: int
    count: int


@dataclass(frozen=True, slots=True)
class EventTypeTotal:
    """One line of `by_event_type`; credits and debits of one type are two lines (W91)."""

    entry_type: EntryType
    is_credit: bool
    amount_minor: int
    count: int


@dataclass(frozen=True, slots=True)
class SpendBucket:
    """What happened in `[starts_at, ends_at)`; `opening + credits - debits = closing` (W91).

    `spend_minor` may be negative: a reversal counts where it is booked (W92).
    """

    starts_at: datetime
    ends_at: datetime
    opening_minor: int
    closing_minor: int
    credits_minor: int
    debits_minor: int
    spend_minor: int
    expired_minor: int
    promotional_granted_minor: int
    paid_in_minor: int
    by_event_type: tuple[EventTypeTotal, ...]


_SPEND_SIGN: Mapping[tuple[EntryType, bool], int] = MappingProxyType(
    {
        (EntryType.PAYMENT, False): 1,
        (EntryType.PAYMENT_REVERSAL, True): -1,
        (EntryType.MERCHANT_ADJUSTMENT, False): 1,
    }
)
"""What is spend (W92). All else is not: expiry, clawbacks, top-up reversals, money that comes in."""


def spend(totals: Iterable[EntryTotal]) -> int:
    """Payments less reversals, plus manual debits; may be negative (W92)."""
    return sum(_SPEND_SIGN.get((one.entry_type, one.is_credit), 0) * one.amount_minor for one in totals)


def spend_buckets(
    opening_minor: int, edges: Sequence[datetime], totals: Iterable[EntryTotal]
) -> tuple[SpendBucket, ...]:
    """The spend report (W91): one bucket per pair of edges, empty ones included, no gap between balances.

    Raises:
        ValueError: a total names a bucket that is not there.
    """
    buckets = []
    grouped = _by_bucket(len(edges) - 1, totals)
    for (starts_at, ends_at), rows in zip(pairwise(edges), grouped, strict=True):
        buckets.append(_spend_bucket(starts_at, ends_at, opening_minor, rows))
        opening_minor = buckets[-1].closing_minor
    return tuple(buckets)


def by_event_type(totals: Iterable[EntryTotal]) -> tuple[EventTypeTotal, ...]:
    """Amount and count per type and direction, in the order of `EntryType`, credits before debits (W91)."""
    sums: dict[tuple[EntryType, bool], tuple[int, int]] = {}
    for one in totals:
        amount_minor, count = sums.get((one.entry_type, one.is_credit), (0, 0))
        sums[one.entry_type, one.is_credit] = amount_minor + one.amount_minor, count + one.count
    order = [(entry_type, is_credit) for entry_type in EntryType for is_credit in (True, False)]
    return tuple(EventTypeTotal(*key, *sums[key]) for key in order if key in sums)


def _spend_bucket(
    starts_at: datetime, ends_at: datetime, opening_minor: int, rows: Sequence[EntryTotal]
) -> SpendBucket:
    credits_minor = sum(one.amount_minor for one in rows if one.is_credit)
    debits_minor = sum(one.amount_minor for one in rows if not one.is_credit)
    return SpendBucket(
        starts_at=starts_at,
        ends_at=ends_at,
        opening_minor=opening_minor,
        closing_minor=opening_minor + credits_minor - debits_minor,
        credits_minor=credits_minor,
        debits_minor=debits_minor,
        spend_minor=spend(rows),
        expired_minor=sum(one.amount_minor for one in rows if one.entry_type is EntryType.EXPIRY),
        promotional_granted_minor=sum(one.amount_minor for one in rows if _brought(one, Funding.PROMOTIONAL)),
        paid_in_minor=sum(one.amount_minor for one in rows if _brought(one, Funding.PAID)),
        by_event_type=by_event_type(rows),
    )


def _brought(total: EntryTotal, funding: Funding) -> bool:
    """Whether entries brought *new* money of this funding: top-ups and manual credits.

    Reversals and refunds only bring back what came in before. The worked January says so: its
    `payment_reversal` of 4 500 into a paid lot is not in `paid_in`.
    """
    bringers = (EntryType.TOP_UP, EntryType.MERCHANT_ADJUSTMENT)
    return total.is_credit and total.funding is funding and total.entry_type in bringers


@dataclass(frozen=True, slots=True)
class BalanceMove:
    """What the entries of one bucket did: net change per funding, lowest and highest balance left by any."""

    bucket: int
    paid_minor: int
    promotional_minor: int
    lowest_after_minor: int
    highest_after_minor: int


@dataclass(frozen=True, slots=True)
class TrendBucket:
    """The balance when `[starts_at, ends_at)` ends, and how low and high it was inside, opening included."""

    starts_at: datetime
    ends_at: datetime
    paid_minor: int
    promotional_minor: int
    lowest_minor: int
    highest_minor: int

    @property
    def closing_minor(self) -> int:
        return self.paid_minor + self.promotional_minor


def trend_buckets(
    opening_paid_minor: int,
    opening_promotional_minor: int,
    edges: Sequence[datetime],
    moves: Iterable[BalanceMove],
) -> tuple[TrendBucket, ...]:
    """The balance trend: one bucket per pair of edges, empty ones included (W93).

    Args:
        moves: at most one per bucket; a bucket without entries needs none.

    Raises:
        ValueError: a move names a bucket that is not there, or two name the same.
    """
    trend = []
    paid_minor, promotional_minor = opening_paid_minor, opening_promotional_minor
    for (starts_at, ends_at), rows in zip(pairwise(edges), _by_bucket(len(edges) - 1, moves), strict=True):
        if len(rows) > 1:
            raise ValueError(f"{len(rows)} moves for the bucket of {starts_at.isoformat()}")
        seen = [paid_minor + promotional_minor]
        for move in rows:
            paid_minor += move.paid_minor
            promotional_minor += move.promotional_minor
            seen += [move.lowest_after_minor, move.highest_after_minor]
        trend.append(TrendBucket(starts_at, ends_at, paid_minor, promotional_minor, min(seen), max(seen)))
    return tuple(trend)


_Row = TypeVar("_Row", EntryTotal, BalanceMove)


def _by_bucket(count: int, rows: Iterable[_Row]) -> list[list[_Row]]:
    grouped: list[list[_Row]] = [[] for _ in range(count)]
    for row in rows:
        if not 0 <= row.bucket < count:
            raise ValueError(f"bucket {row.bucket} of {count}")
        grouped[row.bucket].append(row)
    return grouped


@dataclass(frozen=True, slots=True)
class Summary:
    """The last 30 × 24 hours in two figures (W94)."""

    average_daily_spend: str
    """Minor units per day with exactly 2 decimals, as `76.67`; may be negative."""
    projected_days_left: int | None
    """Whole days until the balance is spent at that pace; None when nothing is being spent."""


def summary(balance_minor: int, spend_minor: int) -> Summary:
    """Average daily spend and how long the balance lasts (W94).

    Args:
        balance_minor: the balance now.
        spend_minor: `spend` of the entries in `[now - SUMMARY_WINDOW, now)`.

    The days left come from the exact average, not from the printed one: 2 300 left at 2 300 per 30 days is
    30 days, but 2 300 / 76.67 would say 29. A ratio is rounded once, where it is shown.
    """
    average = Fraction(spend_minor, SUMMARY_WINDOW.days)
    days_left = balance_minor // average if average > 0 else None
    return Summary(_two_places(average), days_left)


def _two_places(value: Fraction) -> str:
    """Half up on the magnitude, the sign applied afterwards (C3)."""
    hundredths = rdiv(100 * abs(value.numerator), value.denominator)
    sign = "-" if value < 0 and hundredths else ""
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"
