"""W90–W95: reports add up, whatever the calendar does."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.ledger.entries import EntryType, Funding, allows, signed
from saifu.ledger.reports import (
    SUMMARY_WINDOW,
    BalanceMove,
    EmptyPeriod,
    EntryTotal,
    EventTypeTotal,
    Granularity,
    OutsideCalendar,
    Summary,
    TooManyBuckets,
    TrendBucket,
    UncuttablePeriod,
    UnknownTimezone,
    bucket_edges,
    bucket_of,
    by_event_type,
    spend,
    spend_buckets,
    summary,
    trend_buckets,
)

DAY, WEEK, MONTH = Granularity.DAY, Granularity.WEEK, Granularity.MONTH
PAID, PROMOTIONAL = Funding.PAID, Funding.PROMOTIONAL


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


JANUARY = (utc(2026, 1, 1), utc(2026, 2, 1))

# The worked table: day, type, signed amount, funding of a credit, change of promotional money.
WORKED = [
    (2, EntryType.TOP_UP, 5000, PAID, 0),
    (5, EntryType.MERCHANT_ADJUSTMENT, 1000, PROMOTIONAL, 1000),
    (10, EntryType.PAYMENT, -1500, None, -1000),
    (12, EntryType.PAYMENT, -4500, None, 0),
    (12, EntryType.PAYMENT_REVERSAL, 4500, PAID, 0),
    (20, EntryType.MERCHANT_ADJUSTMENT, -600, None, 0),
    (21, EntryType.MERCHANT_ADJUSTMENT, 700, PROMOTIONAL, 700),
    (25, EntryType.PAYMENT, -200, None, -200),
    (31, EntryType.EXPIRY, -500, None, -500),
]


def worked_totals(edges: tuple[datetime, ...]) -> list[EntryTotal]:
    return [
        EntryTotal(bucket_of(edges, utc(2026, 1, day)), kind, amount > 0, funding, abs(amount), 1)
        for day, kind, amount, funding, _ in WORKED
    ]


def worked_moves(edges: tuple[datetime, ...]) -> list[BalanceMove]:
    grouped = defaultdict(list)
    balance = 0
    for day, _, amount, _, promotional in WORKED:
        balance += amount
        grouped[bucket_of(edges, utc(2026, 1, day))].append((amount - promotional, promotional, balance))
    return [
        BalanceMove(
            bucket,
            sum(row[0] for row in rows),
            sum(row[1] for row in rows),
            min(row[2] for row in rows),
            max(row[2] for row in rows),
        )
        for bucket, rows in grouped.items()
    ]


class TestTheWorkedJanuary:
    def test_the_month_has_all_its_figures(self) -> None:
        edges = bucket_edges(*JANUARY, MONTH, "UTC")
        (month,) = spend_buckets(0, edges, worked_totals(edges))
        assert (month.starts_at, month.ends_at) == JANUARY
        assert (month.opening_minor, month.closing_minor) == (0, 3900)
        assert (month.credits_minor, month.debits_minor) == (11_200, 7_300)
        assert month.spend_minor == 2300
        assert month.expired_minor == 500
        assert month.paid_in_minor == 5000
        assert month.promotional_granted_minor == 1700
        assert month.by_event_type == (
            EventTypeTotal(EntryType.MERCHANT_ADJUSTMENT, True, 1700, 2),
            EventTypeTotal(EntryType.MERCHANT_ADJUSTMENT, False, 600, 1),
            EventTypeTotal(EntryType.PAYMENT, False, 6200, 3),
            EventTypeTotal(EntryType.PAYMENT_REVERSAL, True, 4500, 1),
            EventTypeTotal(EntryType.TOP_UP, True, 5000, 1),
            EventTypeTotal(EntryType.EXPIRY, False, 500, 1),
        )

    def test_day_by_day_it_closes_as_the_table_says(self) -> None:
        edges = bucket_edges(*JANUARY, DAY, "UTC")
        days = spend_buckets(0, edges, worked_totals(edges))
        assert len(days) == 31
        closing = {bucket.starts_at.day: bucket.closing_minor for bucket in days}
        expected = {1: 0, 2: 5000, 4: 5000, 5: 6000, 10: 4500, 12: 4500, 19: 4500, 20: 3900, 21: 4600}
        assert {day: closing[day] for day in expected} == expected
        assert (closing[25], closing[30], closing[31]) == (4400, 4400, 3900)
        assert days[11].spend_minor == 0  # the 12th: paid and reversed on the same day

    def test_week_by_week_the_spend_adds_up_to_the_month(self) -> None:
        edges = bucket_edges(*JANUARY, WEEK, "UTC")
        weeks = spend_buckets(0, edges, worked_totals(edges))
        assert [week.starts_at.day for week in weeks] == [1, 5, 12, 19, 26]
        assert [week.spend_minor for week in weeks] == [0, 1500, 0, 800, 0]

    def test_the_trend_shows_how_low_the_balance_was_inside(self) -> None:
        edges = bucket_edges(*JANUARY, MONTH, "UTC")
        assert trend_buckets(0, 0, edges, worked_moves(edges)) == (TrendBucket(*JANUARY, 3900, 0, 0, 6000),)
        edges = bucket_edges(*JANUARY, DAY, "UTC")
        days = trend_buckets(0, 0, edges, worked_moves(edges))
        twelfth = days[11]
        assert (twelfth.closing_minor, twelfth.lowest_minor, twelfth.highest_minor) == (4500, 0, 4500)
        assert (days[4].paid_minor, days[4].promotional_minor) == (5000, 1000)
        assert (days[24].paid_minor, days[24].promotional_minor) == (3900, 500)
        assert (days[25].lowest_minor, days[25].highest_minor) == (4400, 4400)  # an empty day

    def test_read_on_1_february_the_average_is_76_67_and_50_days_are_left(self) -> None:
        read_at = utc(2026, 2, 1)
        assert read_at - SUMMARY_WINDOW == utc(2026, 1, 2)
        edges = bucket_edges(read_at - SUMMARY_WINDOW, read_at, MONTH, "UTC")
        assert summary(3900, spend(worked_totals(edges))) == Summary("76.67", 50)


@pytest.mark.parametrize(
    ("balance", "spent", "average", "days"),
    [
        (3900, 0, "0.00", None),
        (3900, -1, "-0.03", None),
        (3900, -2300, "-76.67", None),
        (0, 2300, "76.67", 0),
        (2300, 2300, "76.67", 30),  # exact, where 2300 / 76.67 would say 29
        (2299, 2300, "76.67", 29),
        (100, 1, "0.03", 3000),
        (1, 30, "1.00", 1),
        (100, 31, "1.03", 96),
        (5, 15, "0.50", 10),
        (2**53 - 1, 2**53 - 1, "300239975158033.03", 30),
    ],
)
def test_the_summary_rounds_only_what_it_shows(
    balance: int, spent: int, average: str, days: int | None
) -> None:
    assert summary(balance, spent) == Summary(average, days)


def row(
    kind: EntryType, amount: int, is_credit: bool, funding: Funding | None = None, *, bucket: int = 0
) -> EntryTotal:
    return EntryTotal(bucket, kind, is_credit, funding, amount, 1)


@pytest.mark.parametrize(
    ("kind", "is_credit", "sign"),
    [
        (EntryType.PAYMENT, False, 1),
        (EntryType.PAYMENT_REVERSAL, True, -1),
        (EntryType.MERCHANT_ADJUSTMENT, False, 1),
        (EntryType.MERCHANT_ADJUSTMENT, True, 0),
        (EntryType.REFUND, True, 0),
        (EntryType.REFUND_REVERSAL, False, 0),
        (EntryType.DISPUTE, False, 0),
        (EntryType.DISPUTE_REVERSAL, True, 0),
        (EntryType.TOP_UP, True, 0),
        (EntryType.TOP_UP_REVERSAL, False, 0),
        (EntryType.EXPIRY, False, 0),
    ],
)
def test_what_counts_as_spend(kind: EntryType, is_credit: bool, sign: int) -> None:
    assert spend([row(kind, 100, is_credit)]) == sign * 100


@pytest.mark.parametrize(
    ("kind", "is_credit", "funding", "paid_in", "granted"),
    [
        (EntryType.TOP_UP, True, PAID, 100, 0),
        (EntryType.MERCHANT_ADJUSTMENT, True, PAID, 100, 0),
        (EntryType.MERCHANT_ADJUSTMENT, True, PROMOTIONAL, 0, 100),
        (EntryType.MERCHANT_ADJUSTMENT, False, None, 0, 0),
        (EntryType.PAYMENT_REVERSAL, True, PAID, 0, 0),
        (EntryType.PAYMENT_REVERSAL, True, PROMOTIONAL, 0, 0),
        (EntryType.REFUND, True, PAID, 0, 0),
        (EntryType.REFUND, True, PROMOTIONAL, 0, 0),
        (EntryType.DISPUTE_REVERSAL, True, PAID, 0, 0),
        (EntryType.TOP_UP_REVERSAL, False, None, 0, 0),
    ],
)
def test_only_new_money_is_paid_in_or_granted(
    kind: EntryType, is_credit: bool, funding: Funding | None, paid_in: int, granted: int
) -> None:
    edges = bucket_edges(*JANUARY, MONTH, "UTC")
    (bucket,) = spend_buckets(1000, edges, [row(kind, 100, is_credit, funding)])
    assert (bucket.paid_in_minor, bucket.promotional_granted_minor) == (paid_in, granted)


def test_a_reversal_counts_where_it_is_booked_so_spend_can_be_negative() -> None:
    edges = bucket_edges(utc(2026, 1, 1), utc(2026, 1, 3), DAY, "UTC")
    totals = [
        row(EntryType.PAYMENT, 400, False, bucket=0),
        row(EntryType.PAYMENT_REVERSAL, 400, True, bucket=1),
    ]
    assert [bucket.spend_minor for bucket in spend_buckets(400, edges, totals)] == [400, -400]


def test_types_are_added_over_fundings_and_listed_credits_first() -> None:
    totals = [
        EntryTotal(0, EntryType.MERCHANT_ADJUSTMENT, False, None, 5, 1),
        EntryTotal(0, EntryType.MERCHANT_ADJUSTMENT, True, PROMOTIONAL, 20, 2),
        EntryTotal(0, EntryType.MERCHANT_ADJUSTMENT, True, PAID, 30, 3),
    ]
    assert by_event_type(totals) == (
        EventTypeTotal(EntryType.MERCHANT_ADJUSTMENT, True, 50, 5),
        EventTypeTotal(EntryType.MERCHANT_ADJUSTMENT, False, 5, 1),
    )
    assert by_event_type([]) == ()


@pytest.mark.parametrize("bucket", [-1, 1, 7])
def test_a_row_for_a_bucket_that_is_not_there_is_a_fault(bucket: int) -> None:
    edges = bucket_edges(*JANUARY, MONTH, "UTC")
    with pytest.raises(ValueError):
        spend_buckets(0, edges, [row(EntryType.TOP_UP, 1, True, PAID, bucket=bucket)])
    with pytest.raises(ValueError):
        trend_buckets(0, 0, edges, [BalanceMove(bucket, 1, 0, 1, 1)])


def test_two_moves_for_one_bucket_are_a_fault() -> None:
    edges = bucket_edges(*JANUARY, MONTH, "UTC")
    with pytest.raises(ValueError):
        trend_buckets(0, 0, edges, [BalanceMove(0, 1, 0, 1, 1), BalanceMove(0, 1, 0, 2, 2)])


def test_the_trend_counts_the_opening_balance_as_seen() -> None:
    edges = bucket_edges(utc(2026, 1, 1), utc(2026, 1, 3), DAY, "UTC")
    first, second = trend_buckets(500, 100, edges, [BalanceMove(1, -450, -100, 50, 70)])
    assert (first.closing_minor, first.lowest_minor, first.highest_minor) == (600, 600, 600)
    assert (second.paid_minor, second.promotional_minor) == (50, 0)
    assert (second.lowest_minor, second.highest_minor) == (50, 600)


kinds = st.tuples(st.sampled_from(EntryType), st.booleans()).filter(lambda kind: allows(*kind))
totals_of_five = st.lists(
    st.tuples(st.integers(0, 4), kinds, st.none() | st.sampled_from(Funding), st.integers(1, 10**12)).map(
        lambda raw: EntryTotal(raw[0], raw[1][0], raw[1][1], raw[2], raw[3], 1)
    ),
    max_size=30,
)


@given(st.integers(0, 10**13), totals_of_five)
def test_every_bucket_adds_up_and_opens_where_the_last_closed(opening: int, totals: list[EntryTotal]) -> None:
    edges = bucket_edges(utc(2026, 1, 1), utc(2026, 1, 6), DAY, "UTC")
    buckets = spend_buckets(opening, edges, totals)
    assert len(buckets) == 5
    assert buckets[0].opening_minor == opening
    for one, following in pairwise(buckets):
        assert following.opening_minor == one.closing_minor
        assert following.starts_at == one.ends_at
    for index, bucket in enumerate(buckets):
        moved = sum(signed(row.amount_minor, row.is_credit) for row in totals if row.bucket == index)
        assert bucket.closing_minor == bucket.opening_minor + moved
        assert bucket.opening_minor + bucket.credits_minor - bucket.debits_minor == bucket.closing_minor
        lines = bucket.by_event_type
        assert sum(line.amount_minor for line in lines if line.is_credit) == bucket.credits_minor
        assert sum(line.amount_minor for line in lines if not line.is_credit) == bucket.debits_minor
        assert sum(line.count for line in lines) == sum(1 for row in totals if row.bucket == index)
    assert sum(bucket.spend_minor for bucket in buckets) == spend(totals)


# --- cutting the calendar


def local_starts(edges: tuple[datetime, ...], timezone: str) -> list[str]:
    return [f"{edge.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}" for edge in edges]


def hours(edges: tuple[datetime, ...]) -> list[float]:
    return [(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(edges)]


@pytest.mark.parametrize(
    ("timezone", "first_day", "expected"),
    [
        ("America/New_York", date(2026, 3, 7), [24, 23, 24]),
        ("America/New_York", date(2026, 10, 31), [24, 25, 24]),
        ("Europe/London", date(2026, 3, 28), [24, 23, 24]),
        ("Europe/London", date(2026, 10, 24), [24, 25, 24]),
        ("Australia/Lord_Howe", date(2026, 4, 4), [24, 24.5, 24]),  # half an hour is all they move
        ("Australia/Lord_Howe", date(2026, 10, 3), [24, 23.5, 24]),
        ("America/Havana", date(2026, 3, 7), [24, 23, 24]),  # midnight itself is skipped
        (
            "America/Havana",
            date(2026, 10, 31),
            [24, 25, 24],
        ),  # midnight comes twice; the first begins the day
        ("Asia/Kolkata", date(2026, 3, 7), [24, 24, 24]),
        ("UTC", date(2026, 3, 28), [24, 24, 24]),
    ],
)
def test_a_local_day_is_as_long_as_the_clocks_there_make_it(
    timezone: str, first_day: date, expected: list[float]
) -> None:
    zone = ZoneInfo(timezone)
    starts_at = datetime(first_day.year, first_day.month, first_day.day, tzinfo=zone)
    last = first_day + timedelta(days=3)
    edges = bucket_edges(starts_at, datetime(last.year, last.month, last.day, tzinfo=zone), DAY, timezone)
    assert hours(edges) == expected
    assert all(edge.tzinfo is UTC for edge in edges)


def test_a_day_that_never_was_in_apia_has_no_bucket() -> None:
    zone = ZoneInfo("Pacific/Apia")
    starts_at, ends_at = datetime(2011, 12, 29, tzinfo=zone), datetime(2012, 1, 1, tzinfo=zone)
    edges = bucket_edges(starts_at, ends_at, DAY, "Pacific/Apia")
    assert local_starts(edges, "Pacific/Apia") == ["2011-12-29 00:00", "2011-12-31 00:00", "2012-01-01 00:00"]
    assert hours(edges) == [24, 24]


def test_weeks_start_on_monday_and_the_first_and_last_may_be_partial() -> None:
    edges = bucket_edges(utc(2026, 1, 1, 9), utc(2026, 1, 14, 15), WEEK, "UTC")
    assert edges == (utc(2026, 1, 1, 9), utc(2026, 1, 5), utc(2026, 1, 12), utc(2026, 1, 14, 15))


def test_a_week_over_a_change_of_clocks_begins_and_ends_at_local_midnight() -> None:
    edges = bucket_edges(utc(2026, 3, 20), utc(2026, 4, 3), WEEK, "Europe/London")
    assert edges[1:3] == (utc(2026, 3, 23), utc(2026, 3, 29, 23))


@pytest.mark.parametrize(
    ("timezone", "expected"),
    [
        ("UTC", [utc(2026, 3, 1), utc(2026, 4, 1)]),
        ("America/New_York", [utc(2026, 3, 1, 5), utc(2026, 4, 1, 4)]),
        ("Asia/Kolkata", [utc(2026, 2, 28, 18, 30), utc(2026, 3, 31, 18, 30)]),
        ("Australia/Lord_Howe", [utc(2026, 2, 28, 13), utc(2026, 3, 31, 13)]),
    ],
)
def test_months_are_cut_at_the_local_first(timezone: str, expected: list[datetime]) -> None:
    edges = bucket_edges(utc(2026, 2, 10), utc(2026, 4, 10), MONTH, timezone)
    assert list(edges) == [utc(2026, 2, 10), *expected, utc(2026, 4, 10)]


def test_the_cut_after_a_31st_and_after_december_is_the_first() -> None:
    edges = bucket_edges(utc(2025, 12, 31), utc(2026, 2, 2), MONTH, "UTC")
    assert edges == (utc(2025, 12, 31), utc(2026, 1, 1), utc(2026, 2, 1), utc(2026, 2, 2))


@pytest.mark.parametrize("granularity", Granularity)
def test_a_period_inside_one_bucket_is_one_bucket(granularity: Granularity) -> None:
    edges = bucket_edges(utc(2026, 1, 7, 1), utc(2026, 1, 7, 2), granularity, "UTC")
    assert edges == (utc(2026, 1, 7, 1), utc(2026, 1, 7, 2))


def test_a_period_that_ends_on_a_cut_has_no_empty_bucket_behind_it() -> None:
    assert len(bucket_edges(utc(2026, 1, 1), utc(2026, 1, 2), DAY, "UTC")) == 2


def test_instants_may_come_in_any_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    given_in_tokyo = bucket_edges(
        JANUARY[0].astimezone(tokyo), JANUARY[1].astimezone(tokyo), WEEK, "America/New_York"
    )
    assert given_in_tokyo == bucket_edges(*JANUARY, WEEK, "America/New_York")


def test_four_hundred_buckets_are_allowed_and_one_more_is_not() -> None:
    start = utc(2025, 1, 1)
    assert len(bucket_edges(start, start + timedelta(days=400), DAY, "UTC")) == 401
    with pytest.raises(TooManyBuckets):
        bucket_edges(start, start + timedelta(days=400, microseconds=1), DAY, "UTC")
    with pytest.raises(TooManyBuckets):
        bucket_edges(utc(1, 2, 1), utc(9999, 1, 1), DAY, "UTC")


@pytest.mark.parametrize("ends_at", [utc(2026, 1, 1), utc(2025, 12, 31)])
def test_a_period_of_nothing_is_refused(ends_at: datetime) -> None:
    with pytest.raises(EmptyPeriod):
        bucket_edges(utc(2026, 1, 1), ends_at, DAY, "UTC")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Nope/Zone",
        "America",
        "../UTC",
        "/etc/localtime",
        "a\0b",
        "x" * 5000,
        "東京",
        "localtime",
        "posixrules",
    ],
)
def test_a_zone_that_iana_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(UnknownTimezone):
        bucket_edges(*JANUARY, MONTH, name)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "timezone"),
    [
        (datetime.max.replace(tzinfo=UTC) - timedelta(hours=2), datetime.max.replace(tzinfo=UTC), "UTC"),
        (utc(9999, 12, 30), datetime.max.replace(tzinfo=UTC), "Asia/Tokyo"),
        (utc(1, 1, 1), utc(1, 1, 2), "America/New_York"),
    ],
)
def test_the_edge_of_the_calendar_is_refused_and_not_a_crash(
    starts_at: datetime, ends_at: datetime, timezone: str
) -> None:
    with pytest.raises(OutsideCalendar):
        bucket_edges(starts_at, ends_at, DAY, timezone)


def test_a_time_without_a_zone_is_a_fault_of_ours_not_of_the_client() -> None:
    with pytest.raises(ValueError) as caught:
        bucket_edges(datetime(2026, 1, 1), utc(2026, 2, 1), DAY, "UTC")
    assert not isinstance(caught.value, UncuttablePeriod)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=300)),
    st.sampled_from(Granularity),
    st.sampled_from(
        ["UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana"]
    ),
)
def test_buckets_tile_the_period_and_inner_cuts_begin_a_local_day_week_or_month(
    starts_at: datetime, length: timedelta, granularity: Granularity, timezone: str
) -> None:
    edges = bucket_edges(starts_at, starts_at + length, granularity, timezone)
    assert (edges[0], edges[-1]) == (starts_at, starts_at + length)
    assert all(earlier < later for earlier, later in pairwise(edges))
    for cut in edges[1:-1]:
        local = cut.astimezone(ZoneInfo(timezone))
        just_before = (cut - timedelta(microseconds=1)).astimezone(ZoneInfo(timezone))
        assert just_before.date() < local.date()
        if granularity is WEEK:
            assert local.weekday() == 0
        if granularity is MONTH:
            assert local.day == 1


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2020, 2, 1), timezones=st.just(UTC)),
    st.sampled_from(["UTC", "America/New_York"]),
)
def test_every_instant_of_the_period_is_in_the_bucket_that_holds_it(at: datetime, timezone: str) -> None:
    edges = bucket_edges(utc(2020, 1, 1), utc(2020, 2, 1, 1), WEEK, timezone)
    index = bucket_of(edges, at)
    assert edges[index] <= at < edges[index + 1]


def test_an_edge_belongs_to_the_later_bucket_and_the_end_to_none() -> None:
    edges = bucket_edges(utc(2026, 1, 1), utc(2026, 1, 3), DAY, "UTC")
    assert bucket_of(edges, utc(2026, 1, 2)) == 1
    for outside in (utc(2026, 1, 3), utc(2025, 12, 31, 23)):
        with pytest.raises(ValueError):
            bucket_of(edges, outside)
