"""W66: how much of a dispute a wallet bears."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.disputes.clawback import Clawback, affected, capped

AMOUNTS = st.integers(0, 10**12)


@pytest.mark.parametrize(("amount", "in_wallet", "borne", "concerns"), [
    (6_000, 0, 0, 0),  # the money never came into the wallet
    (6_000, 6_000, 0, 6_000),
    (4_000, 6_000, 0, 4_000),  # a part is disputed
    (6_000, 2_500, 0, 2_500),  # a part was refunded into the wallet
    (6_000, 6_000, 4_000, 2_000),  # another dispute has claimed the rest
    (6_000, 1_000, 4_000, 0),
])  # fmt: skip
def test_only_what_came_into_the_wallet_concerns_it(
    amount: int, in_wallet: int, borne: int, concerns: int
) -> None:
    assert affected(amount, in_wallet, borne) == concerns


@pytest.mark.parametrize(("concerns", "balance", "clawback"), [
    (5_000, 9_000, Clawback(5_000, 0)),
    (5_000, 5_000, Clawback(5_000, 0)),
    (5_000, 1_200, Clawback(1_200, 3_800)),
    (5_000, 0, Clawback(0, 5_000)),
])  # fmt: skip
def test_a_wallet_gives_no_more_than_it_has(concerns: int, balance: int, clawback: Clawback) -> None:
    """W13: the rest is the shortfall."""
    assert capped(concerns, balance) == clawback


@given(AMOUNTS, AMOUNTS)
def test_what_is_taken_and_what_is_missing_are_the_whole(concerns: int, balance: int) -> None:
    taken = capped(concerns, balance)
    assert taken.taken_minor + taken.shortfall_minor == concerns
    assert 0 <= taken.taken_minor <= balance
