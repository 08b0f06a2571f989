"""All of a customer's wallets in one figure, for display only (W5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from .money import exponent, rdiv
from .setting_values import UsdRate

_USD = "USD"


@dataclass(frozen=True, slots=True)
class Total:
    """The sum in US cents, or None and the currencies whose rate is missing: never a silent partial sum."""

    cents: int | None
    missing: tuple[str, ...] = ()


def total(balances_minor: Mapping[str, int], rates: Mapping[str, UsdRate]) -> Total:
    """One conversion per wallet, rounded half up (C3), then the sum.

    Args:
        balances_minor: minor units by currency. A balance of 0 is 0 at any rate and needs none.
        rates: how many units of a currency one US dollar buys; US dollars need no rate.
    """
    held = {currency: amount for currency, amount in balances_minor.items() if amount}
    missing = tuple(currency for currency in held if currency != _USD and currency not in rates)
    if missing:
        return Total(None, missing)
    return Total(sum(_cents(amount, currency, rates) for currency, amount in held.items()))


def _cents(amount_minor: int, currency: str, rates: Mapping[str, UsdRate]) -> int:
    per_usd = Fraction(1) if currency == _USD else rates[currency].per_usd
    cents = Fraction(amount_minor * 10 ** exponent(_USD), 10 ** exponent(currency)) / per_usd
    return rdiv(cents.numerator, cents.denominator)
