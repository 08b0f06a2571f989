"""The division of an amount between wallet and source (W44, W45)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.payments.split import Split, split

MINIMUM = 50


@pytest.mark.parametrize(
    ("amount", "balance", "expected"),
    [
        (15_00, 50_00, Split(15_00, 0)),
        (29_00, 7_00, Split(7_00, 22_00)),
        (10_00, 9_90, Split(9_50, 50)),
        (10_00, 9_50, Split(9_50, 50)),
        (40, 10, None),
        (40, 45, Split(40, 0)),
        (29_00, 0, Split(0, 29_00)),
        (50_00, 20_00, Split(20_00, 30_00)),
        (50, 49, Split(0, 50)),
        (51, 50, Split(1, 50)),
        (49, 49, Split(49, 0)),
        (49, 48, None),
    ],
)
def test_the_worked_table_is_right(amount: int, balance: int, expected: Split | None) -> None:
    """wallets.md §4; 50_00 against 20_00 stands for the SEPA row."""
    assert split(amount, balance, MINIMUM) == expected


amounts = st.integers(1, 10**12)


@given(amounts, st.integers(0, 10**12), st.integers(1, 500))
def test_the_parts_add_up_and_neither_is_more_than_may_be(amount: int, balance: int, minimum: int) -> None:
    """PM1, W13, PM26."""
    parts = split(amount, balance, minimum)
    if parts is None:
        assert amount < minimum
        assert balance < amount
        return
    assert parts.wallet_minor + parts.source_minor == amount
    assert 0 <= parts.wallet_minor <= balance
    assert parts.source_minor == 0 or parts.source_minor >= minimum
    # The wallet gives all it can: one more, and the source would be asked for too little, or nothing is left to give.
    more = parts.wallet_minor + 1
    assert more > min(amount, balance) or 0 < amount - more < minimum
