"""The published numbers are what payments.md §9 says they are (PM90, PM91)."""

import pytest

from saifu.processors.simulator.accounts import ACCOUNTS, IBANS, UPI_IDS, US_ACCOUNTS
from saifu.processors.simulator.cards import BY_ALIAS, BY_NUMBER, CARDS, INCORRECT_NUMBER
from saifu.redaction import passes_luhn
from saifu.sources import iban

LENGTHS = {"amex": 15}


def digits(number: str) -> list[int]:
    return [int(digit) for digit in number]


@pytest.mark.parametrize("number", sorted(BY_NUMBER))
def test_every_published_card_passes_the_luhn_check(number):
    """PM90."""
    assert passes_luhn(digits(number))


def test_the_one_number_that_is_meant_to_fail_it_does():
    """PM90."""
    assert not passes_luhn(digits(INCORRECT_NUMBER))
    assert INCORRECT_NUMBER not in BY_NUMBER


@pytest.mark.parametrize("number", sorted(IBANS))
def test_every_published_iban_passes_mod_97_and_has_its_country_s_length(number):
    """PM90, SR24."""
    assert iban.checked(number) == number
    moved = "".join(str(int(letter, 36)) for letter in number[4:] + number[:4])
    assert int(moved) % 97 == 1


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_a_card_s_brand_is_that_of_its_number(card):
    """§12: brand by number range, whatever the documentation it comes from calls it."""
    ranges = {
        "visa": ("4",),
        "mastercard": tuple(map(str, range(51, 56))),
        "amex": ("34", "37"),
        "discover": ("6011",),
        "diners": ("30", "36", "38"),
        "jcb": ("35",),
        "unionpay": ("62",),
        "rupay": ("60",),
    }
    assert card.number.startswith(ranges[card.brand])
    assert len(card.number) == LENGTHS.get(card.brand, 16)
    assert card.funding in {"credit", "debit", "prepaid"}


def test_what_is_stored_of_an_instrument_does_not_hold_its_number():
    """SR92, SR94: the slug stands for it."""
    numbers = [*BY_NUMBER, *IBANS, *US_ACCOUNTS]
    slugs = [*(card.slug for card in CARDS), *ACCOUNTS]
    assert not [slug for slug in slugs if any(number in slug or slug in number for number in numbers)]
    assert len(slugs) == len(set(slugs))


def test_every_alias_is_a_token_and_names_one_card():
    assert all(alias.startswith("tok_") for alias in BY_ALIAS)
    assert sum(len(card.aliases) for card in CARDS) == len(BY_ALIAS) == 26


def test_there_are_as_many_as_the_table_has():
    assert (len(CARDS), len(IBANS), len(UPI_IDS)) == (36, 8, 2)
