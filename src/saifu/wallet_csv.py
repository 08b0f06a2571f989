"""Reports as CSV, with the columns that the reports have (W95): RFC 4180, amounts in minor units, UTC."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from .clock import rfc3339
from .ledger.entries import EntryType, allows
from .ledger.reports import SpendBucket, TrendBucket

_KINDS = [(kind, credit) for kind in EntryType for credit in (True, False) if allows(kind, credit)]
"""Every type and direction there is: two columns each, so that all exports have the same columns."""

_SPEND_COLUMNS = [
    "starts_at",
    "ends_at",
    "opening_balance",
    "closing_balance",
    "credits_total",
    "debits_total",
    "spend",
    "expired",
    "promotional_granted",
    "paid_in",
    *(
        f"{kind}_{'credit' if credit else 'debit'}_{figure}"
        for kind, credit in _KINDS
        for figure in ("amount", "count")
    ),
]
_TREND_COLUMNS = [
    "starts_at",
    "ends_at",
    "closing_balance",
    "paid_balance",
    "promotional_balance",
    "lowest_balance",
    "highest_balance",
]


def spend_csv(buckets: Iterable[SpendBucket]) -> str:
    """The spend report, one line per bucket under a line of names."""
    return _csv(_SPEND_COLUMNS, (_spend_row(bucket) for bucket in buckets))


def trend_csv(buckets: Iterable[TrendBucket]) -> str:
    """The balance trend, one line per bucket under a line of names."""
    return _csv(_TREND_COLUMNS, (_trend_row(bucket) for bucket in buckets))


def _spend_row(bucket: SpendBucket) -> list[str | int]:
    by_kind = {(one.entry_type, one.is_credit): one for one in bucket.by_event_type}
    row: list[str | int] = [
        rfc3339(bucket.starts_at),
        rfc3339(bucket.ends_at),
        bucket.opening_minor,
        bucket.closing_minor,
        bucket.credits_minor,
        bucket.debits_minor,
        bucket.spend_minor,
        bucket.expired_minor,
        bucket.promotional_granted_minor,
        bucket.paid_in_minor,
    ]
    for kind in _KINDS:
        found = by_kind.get(kind)
        row += [found.amount_minor, found.count] if found else [0, 0]
    return row


def _trend_row(bucket: TrendBucket) -> list[str | int]:
    return [
        rfc3339(bucket.starts_at),
        rfc3339(bucket.ends_at),
        bucket.closing_minor,
        bucket.paid_minor,
        bucket.promotional_minor,
        bucket.lowest_minor,
        bucket.highest_minor,
    ]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows(rows)
    return written.getvalue()
