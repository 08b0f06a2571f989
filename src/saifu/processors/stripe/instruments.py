"""What a PaymentMethod says, as an instrument of ours. Pure: data in, data out."""

import re
from typing import Any

from saifu.processors.contract import Instrument

from .api import Object, dig

# `tok_visa` and `pm_card_visa` are Stripe's names of test cards; every id that it gives out has digits.
_TEST_NAMES = re.compile(r"tok_[A-Za-z_]+|pm_card_\w+", re.ASCII)
_TOKENS = re.compile(r"(?:tok|pm)_[A-Za-z0-9_]{3,250}", re.ASCII)
_CARD = ("brand", "last4", "exp_month", "exp_year", "funding", "country")
_SEPA_DEBIT = ("country", "bank_code", "last4")


def is_token(text: str) -> bool:
    """Whether it is the name of something at Stripe; a card number is never one (S23)."""
    return _TOKENS.fullmatch(text) is not None


def is_test_card(text: str) -> bool:
    """Whether it is Stripe's own name of a test card."""
    return _TEST_NAMES.fullmatch(text) is not None


def instrument(method: Object) -> Instrument | None:
    """A PaymentMethod as an instrument; None for a type that we do not charge."""
    reader = {"card": _card, "sepa_debit": _sepa_debit}.get(str(method.get("type")))
    if reader is None:
        return None
    return Instrument(
        ref=method["id"],
        type=method["type"],
        detail=reader(method),
        fingerprint=dig(method, method["type"], "fingerprint"),
    )


def _card(method: Object) -> dict[str, Any]:
    card = method["card"]
    supported = dig(card, "three_d_secure_usage", "supported")
    return {
        **{name: card.get(name) for name in _CARD},
        "name": dig(method, "billing_details", "name"),
        "three_d_secure": None if supported is None else "optional" if supported else "not_supported",
        "cvc_check": dig(card, "checks", "cvc_check"),
    }


def _sepa_debit(method: Object) -> dict[str, Any]:
    return {name: dig(method, "sepa_debit", name) for name in _SEPA_DEBIT}
