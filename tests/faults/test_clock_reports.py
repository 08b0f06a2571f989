"""T8: reports are cut in the calendar of any zone, also on days of 23, 24½ and 25 hours and on one that never was."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from saifu.clock import ManualClock
from tests.client import Api, Served
from tests.conftest import ADMIN_KEY
from tests.faults.test_clock import post
from tests.faults.test_hammer import a_seed
from tests.faults.traffic import create_customers
from tests.wire import Wire

REPORT = """
query ($id: ID!, $from: DateTime!, $to: DateTime!, $zone: String!) {
  walletSpendReport(customerId: $id, currency: "USD", from: $from, to: $to, granularity: DAY, timezone: $zone) {
    buckets {
      startsAt endsAt openingBalance { amount } closingBalance { amount }
      creditsTotal { amount } debitsTotal { amount } spend { amount } } }
  walletBalanceTrend(customerId: $id, currency: "USD", from: $from, to: $to, granularity: DAY, timezone: $zone) {
    buckets { startsAt endsAt closingBalance { amount } } } }
"""

ZONES = [
    ("America/New_York", date(2026, 3, 6), {date(2026, 3, 8): 23.0}),
    ("America/New_York", date(2026, 10, 30), {date(2026, 11, 1): 25.0}),
    ("Europe/London", date(2026, 3, 27), {date(2026, 3, 29): 23.0}),
    ("Europe/London", date(2026, 10, 23), {date(2026, 10, 25): 25.0}),
    ("Australia/Lord_Howe", date(2026, 4, 3), {date(2026, 4, 5): 24.5}),
    ("Australia/Lord_Howe", date(2026, 10, 2), {date(2026, 10, 4): 23.5}),
    ("Pacific/Apia", date(2011, 12, 28), {}),  # 30 December 2011 did not take place
    ("Asia/Kolkata", date(2026, 1, 14), {}),
    ("UTC", date(2028, 2, 27), {}),  # a leap year
    ("UTC", date(2100, 2, 26), {}),  # not a leap year
]
DAYS = 5


@pytest.fixture
async def api(server: Served) -> AsyncIterator[Api]:
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        yield client


def midnights(zone: ZoneInfo, first: date) -> list[datetime]:
    """The instants at which calendar days begin; one that does not exist has no midnight of its own."""
    begins = [
        datetime.combine(first + timedelta(days=day), datetime.min.time(), zone).astimezone(UTC)
        for day in range(DAYS + 1)
    ]
    return sorted(set(begins))


@pytest.mark.parametrize(("name", "first", "odd_hours"), ZONES)
async def test_a_day_of_a_report_is_a_day_of_the_zone(
    name: str, first: date, odd_hours: dict[date, float], server: Served, api: Api, clock: ManualClock
):
    """W90, W91, W93: every entry is in the one bucket of its local day, and each bucket opens where the last closed."""
    seed = a_seed()
    print(f"seed {seed}")
    zone, chance = ZoneInfo(name), random.Random(seed)
    days = midnights(zone, first)
    clock.move_to(days[0] - timedelta(hours=3))
    wire = Wire(server.port, ADMIN_KEY)
    (customer_id,) = await create_customers(wire, 1)
    wire.close()
    entries = await post_around(api, customer_id, clock, days, chance)
    data = await api.execute(
        REPORT, id=customer_id, **{"from": days[0].isoformat(), "to": days[-1].isoformat()}, zone=name
    )

    buckets = data["walletSpendReport"]["buckets"]
    spans = [(datetime.fromisoformat(b["startsAt"]), datetime.fromisoformat(b["endsAt"])) for b in buckets]
    assert spans == list(pairwise(days))
    lengths = {
        starts_at.astimezone(zone).date(): (ends_at - starts_at) / timedelta(hours=1)
        for starts_at, ends_at in spans
    }
    assert {day: hours for day, hours in lengths.items() if hours != 24} == odd_hours
    assert_adds_up(buckets, entries)
    assert [b["closingBalance"] for b in data["walletBalanceTrend"]["buckets"]] == [
        b["closingBalance"] for b in buckets
    ]


async def post_around(
    api: Api, customer_id: str, clock: ManualClock, days: list[datetime], chance: random.Random
) -> list[tuple[datetime, int]]:
    """Entries just before, at and after every midnight, and some between: instants and signed amounts, in order."""
    near = [day + timedelta(seconds=s) for day in days for s in (-1, 0, 1)]
    between = [days[0] + (days[-1] - days[0]) * chance.random() for _ in range(4)]
    made: list[tuple[datetime, int]] = []
    for number, at in enumerate(sorted({*near, *between})):
        clock.move_to(at)
        held = sum(amount for _, amount in made)
        amount = chance.randint(1, 900) if chance.random() < 0.6 or not held else -chance.randint(1, held)
        assert (await post(api, customer_id, amount, f"entry-{number}"))["errors"] == []
        made.append((at, amount))
    return made


def assert_adds_up(buckets: list[dict[str, Any]], entries: list[tuple[datetime, int]]) -> None:
    for bucket in buckets:
        starts_at, ends_at = (datetime.fromisoformat(bucket[name]) for name in ("startsAt", "endsAt"))
        inside = [amount for at, amount in entries if starts_at <= at < ends_at]
        opening = sum(amount for at, amount in entries if at < starts_at)
        added, taken = sum(a for a in inside if a > 0), -sum(a for a in inside if a < 0)
        shown = [
            bucket[name]["amount"]
            for name in ("openingBalance", "creditsTotal", "debitsTotal", "closingBalance", "spend")
        ]
        assert inside, "an empty bucket shows nothing"
        assert shown == [opening, added, taken, opening + added - taken, taken]
