"""S23: what looks like the number of a card, and what only looks long."""

import pytest

from saifu import card_numbers
from saifu.sources import iban


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "pay with 4242424242424242, please",
        "x4242424242424242x",
        "3782 822463 10005",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "7 4242 4242 4242 4242 12",
        "30569309020004",
    ],
)
def test_a_card_is_found_however_it_is_written(text: str) -> None:
    assert card_numbers.found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4242424242424241",
        "deposit_pay_1768469400005",
        "cus_01M7YG0VJJ5HK88DR2SAA7P1XN",
        "+49 170 1234567",
        "42424242424242424242424242",
        "4242  4242  4242  4242",
        "000123456789",
    ],
)
def test_what_is_no_card_passes(text: str) -> None:
    assert not card_numbers.found_in(text)


def test_an_account_is_not_a_card() -> None:
    """SR24: an IBAN is mostly digits, and one in ten would pass the check of cards."""
    assert iban.is_one("BE68 5390 0754 7034")
    assert iban.is_one("DE89370400440532013000")
    assert not iban.is_one("DE89370400440532013001")
    assert not iban.is_one("4242424242424242")
