"""Ids: a prefix, a time and chance, in an order that is the order they were made in (G4, A2)."""

import re
import time

import pytest

from saifu.ids import PREFIXES, new_id, prefix_of, wallet_id, wallet_key

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def made_at_ms(object_id: str) -> int:
    """The time in an id: the first ten characters of its body."""
    value = 0
    for character in object_id.partition("_")[2][:10]:
        value = value * 32 + CROCKFORD.index(character)
    return value


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_id_says_what_it_is_of(prefix):
    assert re.fullmatch(rf"{prefix}_[0-7][{CROCKFORD}]{{25}}", new_id(prefix))
    assert prefix_of(new_id(prefix)) == prefix


def test_later_ids_sort_later_and_none_is_made_twice():
    made = [new_id("evt") for _ in range(5_000)]
    assert made == sorted(set(made))


def test_an_id_holds_the_millisecond_it_was_made_in():
    before = time.time_ns() // 1_000_000
    made = made_at_ms(new_id("cus"))
    assert before <= made <= time.time_ns() // 1_000_000 + 1


def test_one_id_does_not_give_away_the_next():
    steps = {second[-8:] for second in (new_id("cus") for _ in range(200))}
    assert len(steps) == 200


def test_a_wallets_id_is_its_customer_and_currency():
    customer_id = new_id("cus")
    assert wallet_key(wallet_id(customer_id, "USD")) == (customer_id, "USD")
    assert wallet_key(customer_id) is None
