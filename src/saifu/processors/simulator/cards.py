"""The published test cards and what each does (payments.md §9). Data, not code.

A card's slug is what is stored of it: its number is in this table alone, and no other number is ever accepted (SR95).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from saifu.processors.declines import DeclineCode


class Asks(StrEnum):
    """When the bank asks the customer to confirm (3DS)."""

    NEVER = "never"
    ALWAYS = "always"
    UNLESS_SET_UP = "unless_set_up"
    ON_SESSION = "on_session"


class Refunding(StrEnum):
    """What becomes of refunds."""

    AT_ONCE = "at_once"
    LATER = "later"
    FAILS_LATER = "fails_later"


@dataclass(frozen=True, slots=True)
class Disputed:
    """A dispute that opens by itself once the charge has succeeded; a final one is lost as it opens (PM57)."""

    stage: str
    reason: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One published card.

    Attributes:
        slug: what is stored in place of the number.
        check: what the check on attaching says; None is good (SR35).
        charge: what a charge says, after 3DS if there is any; None succeeds.
        refused_in: billing country → what a charge says there.
    """

    slug: str
    number: str
    aliases: tuple[str, ...]
    brand: str
    funding: str = "credit"
    country: str = "US"
    check: DeclineCode | None = None
    charge: DeclineCode | None = None
    asks: Asks = Asks.NEVER
    dispute: Disputed | None = None
    refunding: Refunding = Refunding.AT_ONCE
    refused_in: Mapping[str, DeclineCode] = field(default_factory=dict)

    @property
    def cvc_length(self) -> int:
        return 4 if self.brand == "amex" else 3

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _good(
    slug: str, number: str, brand: str, alias: str = "", funding: str = "credit", country: str = "US"
) -> Card:
    return Card(slug, number, (alias,) if alias else (), brand, funding, country)


def _declined(slug: str, number: str, code: DeclineCode, *aliases: str, country: str = "US") -> Card:
    return Card(slug, number, aliases, "visa", country=country, check=code, charge=code)


def _asking(slug: str, number: str, asks: Asks, charge: DeclineCode | None = None, alias: str = "") -> Card:
    return Card(slug, number, (alias,) if alias else (), "visa", charge=charge, asks=asks)


def _disputed(slug: str, number: str, alias: str, stage: str, reason: str) -> Card:
    return Card(slug, number, (alias,), "visa", dispute=Disputed(stage, reason))


_C = DeclineCode
CARDS: tuple[Card, ...] = (
    _good("visa", "4242424242424242", "visa", "tok_visa"),
    _good("visa_1111", "4111111111111111", "visa"),
    _good("visa_debit", "4000056655665556", "visa", "tok_visa_debit", "debit"),
    _good("mastercard", "5555555555554444", "mastercard", "tok_mastercard"),
    _good("mastercard_debit", "5200828282828210", "mastercard", "tok_mastercard_debit", "debit"),
    Card(
        "mastercard_prepaid",
        "5105105105105100",
        ("tok_mastercard_prepaid",),
        "mastercard",
        "prepaid",
        refused_in=MappingProxyType({"IN": _C.GENERIC_DECLINE}),
    ),
    _good("amex", "378282246310005", "amex", "tok_amex"),
    _good("discover", "6011111111111117", "discover", "tok_discover"),
    _good("diners", "3056930009020004", "diners", "tok_diners"),
    _good("jcb", "3566002020360505", "jcb", "tok_jcb", country="JP"),
    _good("unionpay", "6200000000000005", "unionpay", "tok_unionpay", country="CN"),
    _good("visa_in", "4576238912771450", "visa", country="IN"),
    _good("mastercard_in", "5409162669381034", "mastercard", country="IN"),
    _good("rupay_in", "6074825972083818", "rupay", country="IN"),
    _declined(
        "declined",
        "4000000000000002",
        _C.GENERIC_DECLINE,
        "tok_chargeDeclined",
        "tok_visa_chargeDeclined",
    ),
    _declined("declined_in", "4706131211212123", _C.GENERIC_DECLINE, country="IN"),
    _declined(
        "insufficient_funds",
        "4000000000009995",
        _C.INSUFFICIENT_FUNDS,
        "tok_chargeDeclinedInsufficientFunds",
        "tok_visa_chargeDeclinedInsufficientFunds",
    ),
    _declined("lost", "4000000000009987", _C.LOST_CARD, "tok_visa_chargeDeclinedLostCard"),
    _declined("stolen", "4000000000009979", _C.STOLEN_CARD, "tok_visa_chargeDeclinedStolenCard"),
    _declined("expired", "4000000000000069", _C.EXPIRED_CARD, "tok_chargeDeclinedExpiredCard"),
    _declined("incorrect_cvc", "4000000000000127", _C.INCORRECT_CVC, "tok_chargeDeclinedIncorrectCvc"),
    _declined(
        "processing_error", "4000000000000119", _C.PROCESSING_ERROR, "tok_chargeDeclinedProcessingError"
    ),
    _declined(
        "velocity",
        "4000000000006975",
        _C.CARD_VELOCITY_EXCEEDED,
        "tok_visa_chargeDeclinedVelocityLimitExceeded",
    ),
    _declined("fraudulent", "4100000000000019", _C.FRAUDULENT, "tok_chargeDeclinedFraudulent"),
    Card(
        "attach_then_fail", "4000000000000341", ("tok_chargeCustomerFail",), "visa", charge=_C.GENERIC_DECLINE
    ),
    _asking("3ds_unless_set_up", "4000002500003155", Asks.UNLESS_SET_UP),
    _asking("3ds_always", "4000002760003184", Asks.ALWAYS),
    _asking("3ds_on_session", "4000003800000446", Asks.ON_SESSION),
    _asking("3ds_then_no_funds", "4000008260003178", Asks.ALWAYS, _C.INSUFFICIENT_FUNDS),
    _asking("3ds_then_declined", "4000008400001629", Asks.ALWAYS, _C.GENERIC_DECLINE),
    _asking("3ds2_required", "4000000000003220", Asks.ALWAYS, alias="tok_threeDSecure2Required"),
    _disputed("dispute_fraudulent", "4000000000000259", "tok_createDispute", "dispute", "fraudulent"),
    _disputed(
        "dispute_not_received",
        "4000000000002685",
        "tok_createDisputeProductNotReceived",
        "dispute",
        "product_not_received",
    ),
    _disputed("dispute_inquiry", "4000000000001976", "tok_createDisputeInquiry", "pre_dispute", "fraudulent"),
    Card("refund_later", "4000000000007726", (), "visa", refunding=Refunding.LATER),
    Card("refund_fails_later", "4000000000005126", (), "visa", refunding=Refunding.FAILS_LATER),
)
INCORRECT_NUMBER = "4242424242424241"
"""The one number of §9 that is meant to fail the check digit."""

BY_NUMBER: Mapping[str, Card] = MappingProxyType({card.number: card for card in CARDS})
BY_SLUG: Mapping[str, Card] = MappingProxyType({card.slug: card for card in CARDS})
BY_ALIAS: Mapping[str, Card] = MappingProxyType({alias: card for card in CARDS for alias in card.aliases})
assert len(BY_NUMBER) == len(BY_SLUG) == len(CARDS)
