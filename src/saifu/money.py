"""Money: integers of minor units, one rounding primitive, and what ISO 4217 knows of currencies."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from babel.core import get_global
from babel.numbers import get_currency_precision

MAX_MINOR_UNITS = 2**53 - 1
"""The largest amount that every JSON consumer reads exactly (G2)."""


def rdiv(numerator: int, denominator: int) -> int:
    """Divide and round half up on magnitudes, the only rounding there is (C3).

    A credit and a charge of the same size always cancel: the sign is put back after rounding.

    Raises:
        ValueError: the denominator is not positive.
    """
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the minor unit of its currency; negative means owed the other way."""

    amount_minor: int
    currency: str

    def scale(self, ratio: Fraction) -> "Money":
        """Multiply by a ratio, rounding once (C3)."""
        return Money(rdiv(self.amount_minor * ratio.numerator, ratio.denominator), self.currency)


@lru_cache(maxsize=1)
def iso_4217() -> frozenset[str]:
    """The codes of currencies in circulation, by the Unicode CLDR that babel carries."""
    territories = get_global("territory_currencies")
    return frozenset(
        code
        for currencies in territories.values()
        for code, _since, until, is_tender in currencies
        if until is None and is_tender
    )


def exponent(currency: str) -> int:
    """How many decimals the minor unit has: USD 2, JPY 0, KWD 3 (C2)."""
    return get_currency_precision(currency)
