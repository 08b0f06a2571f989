"""Spend reports, trends, summaries and their export, on a real store (wallets.md §8)."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from saifu import wallets
from saifu.ledger.entries import EntryType, Funding
from saifu.ledger.lots import Fill
from saifu.ledger.reports import Granularity, Summary
from saifu.refusals import ErrorCode, Refusal
from saifu.wallet_csv import spend_csv, trend_csv
from saifu.wallets import Period, Posting
from tests.desk import Desk, a_desk

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
MONTH = Period(JANUARY, FEBRUARY, Granularity.MONTH)
DAYS = Period(JANUARY, FEBRUARY, Granularity.DAY)
EMPTY = Period(JANUARY - timedelta(days=62), JANUARY, Granularity.MONTH)


def on(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


@pytest.fixture
async def desk(store, clock):
    """The wallet of the worked January, on the 1st of February."""
    clock.move_to(JANUARY)
    desk = await a_desk(store)
    clock.move_to(on(2))
    await desk.post(Posting(EntryType.TOP_UP, True, 5_000, Funding.PAID, reference_id="pay_1"))
    clock.move_to(on(5))
    await desk.credit(1_000, funding="promotional", expires_at=on(31))
    clock.move_to(on(10))
    await desk.post(Posting(EntryType.PAYMENT, False, 1_500, reference_id="pay_2"))
    clock.move_to(on(12))
    payment = await desk.post(Posting(EntryType.PAYMENT, False, 4_500, reference_id="pay_3"))
    fills = tuple(Fill(lot, amount) for lot, amount in (await desk.moved(payment)).items())
    await desk.post(Posting(EntryType.PAYMENT_REVERSAL, True, 4_500, reference_id="pay_3", fills=fills))
    clock.move_to(on(20))
    await desk.debit(600)
    clock.move_to(on(21))
    await desk.credit(700, funding="promotional", expires_at=on(31))
    clock.move_to(on(25))
    await desk.post(Posting(EntryType.PAYMENT, False, 200, reference_id="pay_4"))
    clock.move_to(on(31))
    await desk.sweep()
    clock.move_to(FEBRUARY)
    return desk


async def spending(desk: Desk, period: Period, whole: bool = False):
    customer = None if whole else desk.customer_id
    return await desk.store.read(
        lambda tx: wallets.spend_report(tx, desk.currency, period, customer), consistent=True
    )


async def trend(desk: Desk, period: Period):
    return await desk.store.read(
        lambda tx: wallets.balance_trend(tx, desk.customer_id, desk.currency, period), consistent=True
    )


async def test_the_ledger_of_january_is_the_worked_one(desk):
    """§8: entries, balances and what each took from which lot."""
    assert [(entry.entry_type, entry.amount_minor, entry.after_minor) for entry in await desk.entries()] == [
        ("top_up", 5_000, 5_000),
        ("merchant_adjustment", 1_000, 6_000),
        ("payment", 1_500, 4_500),
        ("payment", 4_500, 0),
        ("payment_reversal", 4_500, 4_500),
        ("merchant_adjustment", 600, 3_900),
        ("merchant_adjustment", 700, 4_600),
        ("payment", 200, 4_400),
        ("expiry", 500, 3_900),
    ]
    one, two, _ = await desk.lots()
    assert await desk.moved((await desk.entries())[2]) == {one.id: 500, two.id: 1_000}
    assert await desk.left() == [3_900, 0, 0]
    assert (await desk.verdict()).intact


async def test_january_as_one_month(desk):
    """W91, W92: the worked bucket, figure by figure."""
    (bucket,) = await spending(desk, MONTH)
    assert (bucket.opening_minor, bucket.closing_minor) == (0, 3_900)
    assert (bucket.credits_minor, bucket.debits_minor) == (11_200, 7_300)
    assert (bucket.spend_minor, bucket.expired_minor) == (2_300, 500)
    assert (bucket.paid_in_minor, bucket.promotional_granted_minor) == (5_000, 1_700)
    assert [
        (one.entry_type.value, one.is_credit, one.amount_minor, one.count) for one in bucket.by_event_type
    ] == [
        ("merchant_adjustment", True, 1_700, 2),
        ("merchant_adjustment", False, 600, 1),
        ("payment", False, 6_200, 3),
        ("payment_reversal", True, 4_500, 1),
        ("top_up", True, 5_000, 1),
        ("expiry", False, 500, 1),
    ]


async def test_january_day_by_day_has_no_seam(desk):
    """W91: each opening is the closing before it, also of empty days; W95: twice the same."""
    buckets = await spending(desk, DAYS)
    assert len(buckets) == 31
    assert [bucket.opening_minor for bucket in buckets[1:]] == [
        bucket.closing_minor for bucket in buckets[:-1]
    ]
    closing = {bucket.starts_at.day: bucket.closing_minor for bucket in buckets}
    assert [closing[day] for day in (1, 2, 9, 10, 12, 20, 21, 25, 30, 31)] == [
        0,
        5_000,
        6_000,
        4_500,
        4_500,
        3_900,
        4_600,
        4_400,
        4_400,
        3_900,
    ]
    assert await spending(desk, DAYS) == buckets


async def test_a_period_is_half_open_and_opens_with_what_was_there(desk):
    """W90: an entry at the start counts, one at the end does not."""
    (bucket,) = await spending(desk, Period(on(10), on(12), Granularity.MONTH))
    assert (bucket.opening_minor, bucket.debits_minor, bucket.closing_minor) == (6_000, 1_500, 4_500)
    (before,) = await spending(desk, Period(on(9), on(10), Granularity.DAY))
    assert (before.opening_minor, before.debits_minor, before.closing_minor) == (6_000, 0, 6_000)


async def test_days_are_those_of_the_time_zone(desk):
    """W90: midnight in Kolkata is 18:30 UTC of the day before, midnight in New York 05:00 UTC."""
    kolkata = await spending(desk, Period(on(8), on(14), Granularity.DAY, "Asia/Kolkata"))
    half_past = timedelta(minutes=30)
    assert [bucket.starts_at for bucket in kolkata[1:3]] == [on(8, 18) + half_past, on(9, 18) + half_past]
    assert [bucket.debits_minor for bucket in kolkata] == [0, 0, 1_500, 0, 4_500, 0, 0]
    york = await spending(desk, Period(on(8, 5), on(14, 5), Granularity.DAY, "America/New_York"))
    assert [bucket.debits_minor for bucket in york] == [0, 1_500, 0, 4_500, 0, 0]


async def test_weeks_start_on_monday(desk):
    """W90: the 1st of January 2026 is a Thursday."""
    buckets = await spending(desk, Period(JANUARY, FEBRUARY, Granularity.WEEK))
    assert [bucket.starts_at.day for bucket in buckets] == [1, 5, 12, 19, 26]
    assert [bucket.closing_minor for bucket in buckets] == [5_000, 4_500, 4_500, 4_400, 3_900]


@pytest.mark.parametrize(
    ("period", "field"),
    [
        (Period(FEBRUARY, JANUARY, Granularity.DAY), "to"),
        (Period(JANUARY, JANUARY, Granularity.DAY), "to"),
        (Period(JANUARY, JANUARY + timedelta(days=401), Granularity.DAY), "granularity"),
        (Period(JANUARY, FEBRUARY, Granularity.DAY, "Mars/Olympus"), "timezone"),
        (
            Period(datetime(9999, 12, 30, tzinfo=UTC), datetime.max.replace(tzinfo=UTC), Granularity.DAY),
            "from",
        ),
    ],
)
async def test_a_period_that_cannot_be_cut_is_refused(store, period, field):
    """W90: 422."""
    desk = await a_desk(store)
    for report in (spending, trend):
        with pytest.raises(Refusal) as refused:
            await report(desk, period)
        assert (refused.value.code, refused.value.path) == (ErrorCode.INVALID_QUERY_PARAMS, (field,))
        assert refused.value.manner.http_status == 422


async def test_the_whole_business_is_the_sum_of_its_wallets(desk, store, clock):
    """W90: without a customer; one currency per report."""
    clock.move_to(on(15))
    other = await a_desk(store)
    await other.credit(1_000)
    await Desk(store, other.customer_id, "INR").credit(77)
    clock.move_to(FEBRUARY)
    (whole,) = await spending(desk, MONTH, whole=True)
    (own,) = await spending(desk, MONTH)
    assert whole.closing_minor == own.closing_minor + 1_000
    assert whole.credits_minor == own.credits_minor + 1_000
    assert whole.spend_minor == own.spend_minor
    (later,) = await spending(
        desk, Period(FEBRUARY, FEBRUARY + timedelta(days=1), Granularity.DAY), whole=True
    )
    assert later.opening_minor == later.closing_minor == whole.closing_minor


async def test_the_trend_of_january(desk):
    """W93: closing per bucket, split by funding, with the lowest and the highest inside."""
    (month,) = await trend(desk, MONTH)
    assert (month.closing_minor, month.paid_minor, month.promotional_minor) == (3_900, 3_900, 0)
    assert (month.lowest_minor, month.highest_minor) == (0, 6_000)
    days = {bucket.starts_at.day: bucket for bucket in await trend(desk, DAYS)}
    assert [(days[day].paid_minor, days[day].promotional_minor) for day in (2, 5, 10, 12, 21, 25, 31)] == [
        (5_000, 0),
        (5_000, 1_000),
        (4_500, 0),
        (4_500, 0),
        (3_900, 700),
        (3_900, 500),
        (3_900, 0),
    ]
    assert (days[12].lowest_minor, days[12].highest_minor) == (0, 4_500)
    assert (days[15].lowest_minor, days[15].highest_minor) == (4_500, 4_500)
    late = await trend(desk, Period(on(22), on(24), Granularity.DAY))
    assert [(bucket.paid_minor, bucket.promotional_minor) for bucket in late] == [(3_900, 700)] * 2


async def test_reports_before_the_first_entry_are_empty(desk):
    assert [bucket.closing_minor for bucket in await spending(desk, EMPTY)] == [0] * 3
    assert [bucket.closing_minor for bucket in await trend(desk, EMPTY)] == [0] * 3


async def test_the_summary_on_the_first_of_february(desk, store, clock):
    """W94: window 2 January to 1 February: 2 300 / 30 = 76.67 a day, 50 days left."""
    key = desk.customer_id, "USD"
    assert (await store.read(lambda tx: wallets.summaries(tx, [key])))[key] == Summary("76.67", 50)
    clock.advance(timedelta(days=40))
    assert (await store.read(lambda tx: wallets.summaries(tx, [key])))[key] == Summary("0.00", None)


async def test_past_balances_of_january(desk):
    """`balanceAt`: at the instant of an entry it counts; at its expiry a lot does not."""
    expected = {
        on(1): 0,
        on(2): 5_000,
        on(9): 6_000,
        on(12): 4_500,
        on(20, 1): 3_900,
        on(30): 4_400,
        on(31): 3_900,
    }
    assert {at: await desk.balance_at(at) for at in expected} == expected


async def test_exports_have_the_columns_of_the_reports(desk):
    """W95."""
    (spent,) = csv.DictReader(StringIO(spend_csv(await spending(desk, MONTH))))
    assert spent["starts_at"] == "2026-01-01T00:00:00.000000Z"
    figures = {name: int(spent[name]) for name in spent if name not in {"starts_at", "ends_at"}}
    assert {name: value for name, value in figures.items() if value} == {
        "closing_balance": 3_900,
        "credits_total": 11_200,
        "debits_total": 7_300,
        "spend": 2_300,
        "expired": 500,
        "promotional_granted": 1_700,
        "paid_in": 5_000,
        "merchant_adjustment_credit_amount": 1_700,
        "merchant_adjustment_credit_count": 2,
        "merchant_adjustment_debit_amount": 600,
        "merchant_adjustment_debit_count": 1,
        "payment_debit_amount": 6_200,
        "payment_debit_count": 3,
        "payment_reversal_credit_amount": 4_500,
        "payment_reversal_credit_count": 1,
        "top_up_credit_amount": 5_000,
        "top_up_credit_count": 1,
        "expiry_debit_amount": 500,
        "expiry_debit_count": 1,
    }
    rows = list(csv.DictReader(StringIO(trend_csv(await trend(desk, DAYS)))))
    assert len(rows) == 31
    assert rows[20] == {
        "starts_at": "2026-01-21T00:00:00.000000Z",
        "ends_at": "2026-01-22T00:00:00.000000Z",
        "closing_balance": "4600",
        "paid_balance": "3900",
        "promotional_balance": "700",
        "lowest_balance": "3900",
        "highest_balance": "4600",
    }
