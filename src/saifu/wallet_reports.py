"""Reports of wallets: spend, balance trend, summary (W90-W95).

The database adds entries up per bucket, the rules in `ledger.reports` make a report of the sums. Only ledger
rows are read, and reports that take several statements must be read in one snapshot: `store.read(…,
consistent=True)`. The same arguments and the same ledger give the same report (W95).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sqlalchemy import ARRAY, Integer, String, and_, bindparam, case, func, literal_column, text
from sqlalchemy.sql import Subquery
from sqlmodel import col, select

from .clock import rfc3339
from .ledger import reports
from .ledger.entries import EntryType, Funding
from .ledger.reports import (
    BalanceMove,
    EntryTotal,
    Granularity,
    OutsideCalendar,
    SpendBucket,
    Summary,
    TooManyBuckets,
    TrendBucket,
    UncuttablePeriod,
    UnknownTimezone,
)
from .refusals import ErrorCode, Refusal
from .statements import any_of, total
from .store import Tx
from .tables import Instant, LedgerEntry, Lot, LotMovement
from .wallet_views import WalletKey, views


@dataclass(frozen=True, slots=True)
class Period:
    """`[starts_at, ends_at)`, cut into buckets of the calendar of `timezone`, an IANA name (W90)."""

    starts_at: datetime
    ends_at: datetime
    granularity: Granularity
    timezone: str = "UTC"


def spend_report(
    tx: Tx, currency: str, period: Period, customer_id: str | None = None
) -> tuple[SpendBucket, ...]:
    """What came in and went out per bucket (W91), of one wallet or, without a customer, of the whole business.

    Raises:
        Refusal: INVALID_QUERY_PARAMS when the period cannot be cut into 1 to 400 buckets (W90).
    """
    edges = _edges(period)
    whose = _whose(currency, customer_id)
    before = tx.first(_opening(customer_id is not None), **whose, at=edges[0])
    found = tx.all(_totals(tx.dialect.name, customer_id is not None), **whose, **_cuts(edges))
    totals = [_total(*row) for row in found]
    return reports.spend_buckets(before or 0, edges, totals)


def balance_trend(tx: Tx, customer_id: str, currency: str, period: Period) -> tuple[TrendBucket, ...]:
    """One wallet's balance per bucket: at its end, and how low and high it was (W93).

    Raises:
        Refusal: INVALID_QUERY_PARAMS when the period cannot be cut into 1 to 400 buckets (W90).
    """
    edges = _edges(period)
    whose = _whose(currency, customer_id)
    balance = tx.first(_opening(True), **whose, at=edges[0]) or 0
    promotional = tx.first(_PROMOTIONAL_BEFORE, **whose, at=edges[0]) or 0
    gifts: dict[int, int] = dict(tx.all(_promotional_moves(tx.dialect.name), **whose, **_cuts(edges)))
    moves = [
        BalanceMove(bucket, moved - gifts.get(bucket, 0), gifts.get(bucket, 0), lowest, highest)
        for bucket, moved, lowest, highest in tx.all(_moves(tx.dialect.name), **whose, **_cuts(edges))
    ]
    return reports.trend_buckets(balance - promotional, promotional, edges, moves)


def summaries(tx: Tx, keys: Sequence[WalletKey]) -> dict[WalletKey, Summary]:
    """What wallets spend per day and how long they last at that (W94), in a constant number of statements."""
    found = views(tx, keys)
    spent: dict[WalletKey, list[EntryTotal]] = {key: [] for key in found}
    if found:
        rows = tx.all(
            _SPENT,
            customers=sorted({customer for customer, _ in found}),
            currencies=sorted({currency for _, currency in found}),
            since=tx.now - reports.SUMMARY_WINDOW,
            now=tx.now,
        )
        for customer, currency, *row in rows:
            spent.get((customer, currency), []).append(_total(0, row[0], row[1], None, row[2], row[3]))
    return {
        key: reports.summary(view.balance_minor, reports.spend(spent[key])) for key, view in found.items()
    }


# Periods

_WHY: Mapping[type[UncuttablePeriod], tuple[str, str]] = {
    TooManyBuckets: ("granularity", f"The period has more than {reports.MAX_BUCKETS} buckets."),
    OutsideCalendar: ("from", "The period is too far off."),
    UnknownTimezone: ("timezone", "A time zone has an IANA name, such as Asia/Kolkata."),
}


def _edges(period: Period) -> tuple[datetime, ...]:
    try:
        return reports.bucket_edges(period.starts_at, period.ends_at, period.granularity, period.timezone)
    except UncuttablePeriod as uncuttable:
        field, message = _WHY.get(type(uncuttable), ("to", "A period ends after it starts."))
        raise Refusal(ErrorCode.INVALID_QUERY_PARAMS, message, (field,)) from uncuttable


def _cuts(edges: Sequence[datetime]) -> dict[str, list[str]]:
    """The buckets as two lists of instants, which both engines can make a table of."""
    starts, ends = zip(*pairwise(map(rfc3339, edges)), strict=True)
    return {"starts": list(starts), "ends": list(ends)}


def _whose(currency: str, customer_id: str | None) -> dict[str, str]:
    return {"currency": currency} | ({"customer_id": customer_id} if customer_id is not None else {})


def _total(
    bucket: int, entry_type: str, is_credit: bool, funding: str | None, amount_minor: int, count: int
) -> EntryTotal:
    known = Funding(funding) if funding else None
    return EntryTotal(bucket, EntryType(entry_type), is_credit, known, amount_minor, count)


# Statements

_BUCKETS = {
    "postgresql": "SELECT CAST(place AS integer) - 1 AS bucket, CAST(starts AS timestamptz) AS starts_at, "
    "CAST(ends AS timestamptz) AS ends_at FROM unnest(CAST(:starts AS text[]), CAST(:ends AS text[])) "
    "WITH ORDINALITY AS cut(starts, ends, place)",
    "sqlite": "SELECT key AS bucket, value AS starts_at, "
    "json_extract(:ends, '$[' || key || ']') AS ends_at FROM json_each(:starts)",
}


def _buckets(dialect: str) -> Subquery:
    strings = ARRAY(String)
    cut = text(_BUCKETS[dialect]).bindparams(
        bindparam("starts", type_=strings), bindparam("ends", type_=strings)
    )
    return cut.columns(bucket=Integer, starts_at=Instant, ends_at=Instant).subquery("cut")


def _of(per_customer: bool) -> Any:
    """The entries of one wallet, or of one currency of the whole business."""
    business = col(LedgerEntry.currency) == bindparam("currency")
    return (
        and_(business, col(LedgerEntry.customer_id) == bindparam("customer_id")) if per_customer else business
    )


def _signed(amount: Any) -> Any:
    return case((col(LedgerEntry.is_credit), amount), else_=-amount)


def _within(cut: Subquery) -> Any:
    return and_(col(LedgerEntry.created_at) >= cut.c.starts_at, col(LedgerEntry.created_at) < cut.c.ends_at)


_BEFORE = col(LedgerEntry.created_at) < bindparam("at", type_=Instant)


@lru_cache(maxsize=2)
def _opening(per_customer: bool) -> Any:
    """The balance before an instant: what a wallet's last entry left, or the sum of the business's entries."""
    if not per_customer:
        return select(total(_signed(col(LedgerEntry.amount_minor)))).where(_of(False), _BEFORE)
    return (
        select(col(LedgerEntry.after_minor))
        .where(_of(True), _BEFORE)
        .order_by(col(LedgerEntry.created_at).desc(), col(LedgerEntry.sequence).desc())
        .limit(literal_column("1"))
    )


@lru_cache(maxsize=4)
def _totals(dialect: str, per_customer: bool) -> Any:
    cut = _buckets(dialect)
    kinds = (cut.c.bucket, LedgerEntry.entry_type, LedgerEntry.is_credit, LedgerEntry.funding)
    return (
        select(*kinds, total(col(LedgerEntry.amount_minor)), func.count(literal_column("*")))  # type: ignore[call-overload]
        .select_from(cut)
        .join(LedgerEntry, and_(_of(per_customer), _within(cut)))
        .group_by(*kinds)
    )


@lru_cache(maxsize=2)
def _moves(dialect: str) -> Any:
    cut = _buckets(dialect)
    after = col(LedgerEntry.after_minor)
    return (
        select(cut.c.bucket, total(_signed(col(LedgerEntry.amount_minor))), func.min(after), func.max(after))
        .select_from(cut)
        .join(LedgerEntry, and_(_of(True), _within(cut)))
        .group_by(cut.c.bucket)
    )


_MOVEMENT = and_(
    col(LotMovement.customer_id) == col(LedgerEntry.customer_id),
    col(LotMovement.entry_id) == col(LedgerEntry.id),
)
_GIFT = and_(
    col(Lot.customer_id) == col(LotMovement.customer_id),
    col(Lot.id) == col(LotMovement.lot_id),
    col(Lot.funding) == literal_column("'promotional'"),
)
_PROMOTIONAL = total(_signed(col(LotMovement.amount_minor)))
_PROMOTIONAL_BEFORE = (
    select(_PROMOTIONAL)
    .select_from(LedgerEntry)
    .join(LotMovement, _MOVEMENT)
    .join(Lot, _GIFT)
    .where(_of(True), col(Lot.currency) == bindparam("currency"), _BEFORE)
)


@lru_cache(maxsize=2)
def _promotional_moves(dialect: str) -> Any:
    cut = _buckets(dialect)
    return (
        select(cut.c.bucket, _PROMOTIONAL)
        .select_from(cut)
        .join(LedgerEntry, and_(_of(True), _within(cut)))
        .join(LotMovement, _MOVEMENT)
        .join(Lot, _GIFT)
        .group_by(cut.c.bucket)
    )


_SPENT = (
    select(  # type: ignore[call-overload]
        LedgerEntry.customer_id,
        LedgerEntry.currency,
        LedgerEntry.entry_type,
        LedgerEntry.is_credit,
        total(col(LedgerEntry.amount_minor)),
        func.count(literal_column("*")),
    )
    .where(
        any_of(col(LedgerEntry.customer_id), "customers"),
        any_of(col(LedgerEntry.currency), "currencies"),
        col(LedgerEntry.created_at) >= bindparam("since", type_=Instant),
        col(LedgerEntry.created_at) < bindparam("now", type_=Instant),
    )
    .group_by(LedgerEntry.customer_id, LedgerEntry.currency, LedgerEntry.entry_type, LedgerEntry.is_credit)
)
