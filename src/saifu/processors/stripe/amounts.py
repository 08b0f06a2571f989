"""Amounts as Stripe writes them: its minor units are ISO 4217's, but for what its list of currencies says.

Ours are those of Unicode CLDR, which has dropped the decimals of currencies that have none in daily life (ISK, UGX,
RSD, LBP, …) where Stripe keeps two. Stripe takes 0 decimals for fifteen currencies. Five have 3, and the last
digit must be 0. ISK and UGX have none but are written with two, so whole units times 100, which is what comes out
here anyhow. HUF and TWD are special for payouts only: charges take two decimals.
"""

from saifu.money import exponent, rdiv

_WITHOUT_DECIMALS = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
_WITH_THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def stripe_exponent(currency: str) -> int:
    """How many decimals Stripe's minor unit of a currency has."""
    if currency in _WITHOUT_DECIMALS:
        return 0
    return 3 if currency in _WITH_THREE else 2


def to_stripe(amount_minor: int, currency: str) -> int | None:
    """Our minor units as Stripe's; None for an amount that it cannot take."""
    shift = stripe_exponent(currency) - exponent(currency)
    amount, rest = divmod(amount_minor * 10 ** max(shift, 0), 10 ** max(-shift, 0))
    return None if rest or (currency in _WITH_THREE and amount % 10) else amount


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's minor units as ours, rounded where Stripe has decimals that we have not (C3)."""
    shift = stripe_exponent(currency) - exponent(currency)
    return rdiv(amount * 10 ** max(-shift, 0), 10 ** max(shift, 0))
