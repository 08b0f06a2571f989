"""How a payment is divided between the stored balance and an instrument (W44, W45). Pure arithmetic."""

from typing import NamedTuple


class Split(NamedTuple):
    """The two parts of an amount, in minor units; they add up to it (PM1)."""

    wallet_minor: int
    source_minor: int


def split(amount_minor: int, balance_minor: int, minimum_minor: int) -> Split | None:
    """What the wallet pays and what is left for the source; None when no source could be asked for it.

    The wallet gives what it has, and less where the rest would be an amount that every source refuses (W45). An
    amount below the minimum that the wallet does not cover cannot be paid at all.

    Args:
        amount_minor: what is due, at least 1.
        balance_minor: what the wallet can spend now; 0 where it is not to be used.
        minimum_minor: the least that a source is charged in this currency (C7).
    """
    assert amount_minor > 0, "nothing is due (W53)"
    wallet_minor = min(amount_minor, balance_minor)
    if 0 < amount_minor - wallet_minor < minimum_minor:
        wallet_minor = max(0, amount_minor - minimum_minor)
    source_minor = amount_minor - wallet_minor
    return None if 0 < source_minor < minimum_minor else Split(wallet_minor, source_minor)
