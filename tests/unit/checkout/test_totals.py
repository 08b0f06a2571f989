"""What a cart costs: one rounding for each line, and tax within the amount (C3, PM3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from saifu.checkout.totals import Line, Totals, stored

LINES = some.builds(
    Line,
    name=some.just("A"),
    quantity=some.integers(1, 1_000),
    unit_minor=some.integers(1, 1_000_000),
    tax_rate_bps=some.integers(0, 10_000),
    tax_inclusive=some.booleans(),
)


@pytest.mark.parametrize(
    ("line", "amount", "tax"),
    [
        (Line("A", 1, 100), 100, 0),
        (Line("A", 3, 33, tax_rate_bps=1_000), 109, 10),  # of 99: 9.9
        (Line("A", 1, 119, tax_rate_bps=1_900, tax_inclusive=True), 119, 19),
        (Line("A", 1, 100, tax_rate_bps=1_900, tax_inclusive=True), 100, 16),  # of 15.97
        (Line("A", 1, 5, tax_rate_bps=1_000), 6, 1),  # of 0.5, half up
        (Line("A", 1, 4, tax_rate_bps=1_000), 4, 0),
        (Line("A", 2, 7, tax_rate_bps=1_200, tax_inclusive=True), 14, 1),  # C6: the net is 12.5, and so 13
    ],
)
def test_tax_is_rounded_once_for_a_line(line: Line, amount: int, tax: int) -> None:
    assert (line.amount_minor, line.tax_minor) == (amount, tax)


@given(LINES)
def test_tax_is_a_part_of_the_amount_and_never_all_of_it(line: Line) -> None:
    assert 0 <= line.tax_minor <= line.amount_minor - line.tax_minor
    assert line.amount_minor >= line.quantity * line.unit_minor


@given(some.lists(LINES, min_size=1, max_size=20))
def test_what_is_stored_adds_up_to_the_total(lines: list[Line]) -> None:
    """PM3."""
    total, kept = Totals.of(lines), stored(lines)
    assert sum(line["amount"] for line in kept) == total.total_minor
    assert sum(line["tax"] for line in kept) == total.tax_minor
    assert len({line["id"] for line in kept}) == len(lines)
