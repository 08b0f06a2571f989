"""Rounding and tax: the arithmetic of every line (C3-C6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from saifu.money import WHOLE_BPS, rdiv, tax_of

AMOUNTS = some.integers(0, 999_999_999_999)
RATES = some.integers(0, WHOLE_BPS)


@pytest.mark.parametrize(
    ("amount", "rate", "inclusive", "tax"),
    [
        (7_872, 1_800, False, 1_417),  # the examples that the catalog works out
        (99_900, 1_800, True, 15_239),
        (14, 1_200, True, 1),  # the net is 12.5, which is 13: it is the net that is rounded
        (119, 1_900, True, 19),
        (1, 10_000, True, 0),
        (1, 10_000, False, 1),
        (0, 1_900, True, 0),
        (500, 0, True, 0),
    ],
)
def test_tax_is_worked_out_as_the_catalog_says(amount: int, rate: int, inclusive: bool, tax: int) -> None:
    """C6."""
    assert tax_of(amount, rate, inclusive) == tax


@given(AMOUNTS, RATES)
def test_net_and_tax_are_the_amount_whole(amount: int, rate: int) -> None:
    """C6: the net is the rounded one, and the tax is never negative."""
    net = rdiv(amount * WHOLE_BPS, WHOLE_BPS + rate)
    assert net + tax_of(amount, rate, inclusive=True) == amount
    assert 0 <= tax_of(amount, rate, inclusive=True) <= amount


@given(AMOUNTS, RATES)
def test_a_price_with_tax_on_top_holds_nearly_that_tax_when_it_is_taken_out_again(
    amount: int, rate: int
) -> None:
    on_top = tax_of(amount, rate, inclusive=False)
    assert abs(tax_of(amount + on_top, rate, inclusive=True) - on_top) <= 1
