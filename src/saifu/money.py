"""Money: integers of minor units, one rounding primitive, and what ISO 4217 knows of currencies."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from babel.core import get_global
from babel.numbers import get_currency_precision

MAX_MINOR_UNITS = 2**53 - 1
"""The largest amount that every JSON consumer reads exactly (G2)."""


WHOLE_BPS = 10_000
"""A whole in basis points: 100 % (C5)."""


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


def tax_of(amount_minor: int, rate_bps: int, inclusive: bool) -> int:
    """The tax of a line, in minor units: within its amount, or to be added to it (C6).

    Of an amount that holds its tax it is the net that is rounded, and the tax is the rest of it.

    Args:
        rate_bps: the rate in hundredths of a percent, >= 0.
    """
    if inclusive:
        return amount_minor - rdiv(amount_minor * WHOLE_BPS, WHOLE_BPS + rate_bps)
    return rdiv(amount_minor * rate_bps, WHOLE_BPS)


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
