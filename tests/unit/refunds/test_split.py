"""W58, W60: whose money a refund returns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.refunds.split import Shares, left, split

PAID = Shares(6_000, 4_000)


def test_the_worked_example_goes_back_in_reverse_order_of_use() -> None:
    """W58's table: 7 000 of 6 000 + 4 000, then the remaining 3 000."""
    first = split(7_000, left(PAID, []))
    assert first == Shares(6_000, 1_000)
    then = split(3_000, left(PAID, [first]))
    assert then == Shares(0, 3_000)
    assert left(PAID, [first, then]) == Shares(0, 0)


@pytest.mark.parametrize(("amount", "shares"), [
    (1, Shares(1, 0)),  # W58: the source first, down to the smallest amount
    (6_000, Shares(6_000, 0)),
    (6_001, Shares(6_000, 1)),
    (10_000, Shares(6_000, 4_000)),
])  # fmt: skip
def test_the_source_comes_first(amount: int, shares: Shares) -> None:
    assert split(amount, PAID) == shares


@pytest.mark.parametrize("amount", [0, -1, 10_001])
def test_more_than_is_left_or_nothing_is_a_fault(amount: int) -> None:
    with pytest.raises(ValueError, match="minor units"):
        split(amount, PAID)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.lists(st.integers(1, 10**12), max_size=8))
def test_no_order_of_refunds_returns_more_to_anybody_than_was_paid(
    source: int, wallet: int, amounts: list[int]
) -> None:
    """PM43, W58: each part is bounded by itself."""
    paid = Shares(source, wallet)
    given_back: list[Shares] = []
    for amount in amounts:
        rest = left(paid, given_back)
        if amount <= rest.total_minor:
            given_back.append(split(amount, rest))
    rest = left(paid, given_back)
    assert rest.of_source_minor >= 0
    assert rest.of_wallet_minor >= 0
    assert rest.of_source_minor == 0 or all(each.of_wallet_minor == 0 for each in given_back)
