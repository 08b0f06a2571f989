"""Instants as text (G3)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from saifu.clock import rfc3339


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 1, 15, 9, 30, tzinfo=UTC), "2026-01-15T09:30:00.000000Z"),
        (datetime(2026, 1, 15, 15, 0, 0, 5, timezone(timedelta(hours=5.5))), "2026-01-15T09:30:00.000005Z"),
        (datetime(999, 1, 1, tzinfo=UTC), "0999-01-01T00:00:00.000000Z"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_27_characters_in_any_year(instant: datetime, text: str) -> None:
    assert (rfc3339(instant), len(text)) == (text, 27)


def test_the_order_of_the_texts_is_the_order_of_time() -> None:
    instants = [datetime(year, 1, 1, tzinfo=UTC) for year in (1, 9, 10, 99, 999, 1000, 2026, 9999)]
    texts = [rfc3339(instant) for instant in instants]
    assert texts == sorted(texts)
