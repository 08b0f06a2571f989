"""All wallets in one figure: converted one by one, rounded once each, never a silent partial sum (W5)."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

import pytest

from saifu.setting_values import UsdRate
from saifu.usd import Total, total

DAY = date(2026, 1, 31)
RATES = {
    "INR": UsdRate(Fraction(83), DAY),
    "JPY": UsdRate(Fraction("150.5"), DAY),
    "KWD": UsdRate(Fraction("0.307"), DAY),
}


@pytest.mark.parametrize(
    ("balances", "cents"),
    [
        ({}, 0),
        ({"USD": 5_000}, 5_000),
        ({"USD": 5_000, "INR": 830_000}, 15_000),  # the example of W5: $150.00
        ({"JPY": 301}, 200),  # no decimals: 301 yen are 2 dollars
        ({"KWD": 307}, 100),  # three decimals: 0.307 dinars are 1 dollar
        ({"INR": 41}, 0),  # 0.4939… cents
        ({"INR": 42}, 1),  # 0.506… cents
        ({"INR": 42, "JPY": 1}, 2),  # each is rounded by itself: 0.506 and 0.664
        ({"USD": 2**53 - 1, "INR": 2**53 - 1}, 2**53 - 1 + 108_520_472_948_687),
    ],
)
def test_each_wallet_is_converted_and_rounded_by_itself(balances: Mapping[str, int], cents: int) -> None:
    assert total(balances, RATES) == Total(cents)


def test_a_missing_rate_leaves_no_sum_and_is_named() -> None:
    assert total({"USD": 1, "EUR": 1, "GBP": 1}, RATES) == Total(None, ("EUR", "GBP"))


def test_a_balance_of_nothing_needs_no_rate() -> None:
    assert total({"USD": 7, "EUR": 0}, {}) == Total(7)
