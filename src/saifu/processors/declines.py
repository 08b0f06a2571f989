"""Why a payment was declined: the codes, and how each is to be taken (payments.md §4, PM30). Data, not code.

A decline is an answer of the bank, not an error of ours: the payment exists and records it (PM28, A25).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

MASKED_MESSAGE = "The payment was declined. Contact your bank, or use another card."
"""What a customer reads instead of a reason that would help a thief, and where there is none to read (PM32)."""


class DeclineType(StrEnum):
    """Whether trying the same instrument again can ever help."""

    SOFT = "soft"
    HARD = "hard"


class DeclineCode(StrEnum):
    """Every reason for a decline, whatever the processor calls it."""

    AUTHENTICATION_FAILURE = "AUTHENTICATION_FAILURE"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    AUTHENTICATION_TIMEOUT = "AUTHENTICATION_TIMEOUT"
    CARD_DECLINED = "CARD_DECLINED"
    CARD_NOT_ACTIVATED = "CARD_NOT_ACTIVATED"
    CARD_VELOCITY_EXCEEDED = "CARD_VELOCITY_EXCEEDED"
    CUSTOMER_CANCELLED = "CUSTOMER_CANCELLED"
    DO_NOT_HONOR = "DO_NOT_HONOR"
    EXPIRED_CARD = "EXPIRED_CARD"
    FRAUDULENT = "FRAUDULENT"
    GENERIC_DECLINE = "GENERIC_DECLINE"
    INCORRECT_CVC = "INCORRECT_CVC"
    INCORRECT_NUMBER = "INCORRECT_NUMBER"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    INVALID_ACCOUNT = "INVALID_ACCOUNT"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_CARD_NUMBER = "INVALID_CARD_NUMBER"
    INVALID_CARD_OWNER = "INVALID_CARD_OWNER"
    INVALID_CVC = "INVALID_CVC"
    INVALID_EXPIRY_YEAR = "INVALID_EXPIRY_YEAR"
    INVALID_PIN = "INVALID_PIN"
    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_UPI_ID = "INVALID_UPI_ID"
    ISSUER_UNAVAILABLE = "ISSUER_UNAVAILABLE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    LIVE_MODE_TEST_CARD = "LIVE_MODE_TEST_CARD"
    LOST_CARD = "LOST_CARD"
    MANDATE_INVALID = "MANDATE_INVALID"
    MANDATE_REQUIRED = "MANDATE_REQUIRED"
    MANDATE_REQUIRED_SYSTEM = "MANDATE_REQUIRED_SYSTEM"
    NETWORK_ERROR = "NETWORK_ERROR"
    NETWORK_TIMEOUT = "NETWORK_TIMEOUT"
    NO_ELIGIBLE_PAYMENT_METHODS = "NO_ELIGIBLE_PAYMENT_METHODS"
    ORDER_CREATION_FAILED = "ORDER_CREATION_FAILED"
    PAYMENT_METHOD_PROVIDER_DECLINED = "PAYMENT_METHOD_PROVIDER_DECLINED"
    PAYMENT_METHOD_UNSUPPORTED = "PAYMENT_METHOD_UNSUPPORTED"
    PICKUP_CARD = "PICKUP_CARD"
    PROCESSING_ERROR = "PROCESSING_ERROR"
    PROVIDER_UNSUPPORTED = "PROVIDER_UNSUPPORTED"
    REENTER_TRANSACTION = "REENTER_TRANSACTION"
    REVOCATION_OF_AUTHORIZATION = "REVOCATION_OF_AUTHORIZATION"
    STOLEN_CARD = "STOLEN_CARD"
    TRANSACTION_NOT_ALLOWED = "TRANSACTION_NOT_ALLOWED"
    TRANSACTION_NOT_APPROVED = "TRANSACTION_NOT_APPROVED"
    TRY_AGAIN_LATER = "TRY_AGAIN_LATER"
    UNKNOWN_ERROR = "UNKNOWN_ERROR"


@dataclass(frozen=True, slots=True)
class Decline:
    """How a code is to be taken.

    Attributes:
        customer_can_fix: whether the customer can do something about it.
        auto_retry: whether an unattended retry makes sense (PM33).
        shown_as: what the customer reads.
        masked: the customer never learns the real reason (PM32).
    """

    type: DeclineType
    customer_can_fix: bool
    auto_retry: bool
    shown_as: str
    masked: bool = False


_SOFT, _HARD = DeclineType.SOFT, DeclineType.HARD

DECLINES: Mapping[DeclineCode, Decline] = MappingProxyType(
    {
        DeclineCode.AUTHENTICATION_FAILURE: Decline(
            _HARD, True, False, "The bank could not confirm that it was you. Try again."
        ),
        DeclineCode.AUTHENTICATION_REQUIRED: Decline(
            _SOFT, True, False, "The bank wants you to confirm this payment."
        ),
        DeclineCode.AUTHENTICATION_TIMEOUT: Decline(
            _SOFT, True, False, "The confirmation took too long. Try again."
        ),
        DeclineCode.CARD_DECLINED: Decline(_HARD, False, False, "The card was declined."),
        DeclineCode.CARD_NOT_ACTIVATED: Decline(_SOFT, True, False, "The card has not been activated yet."),
        DeclineCode.CARD_VELOCITY_EXCEEDED: Decline(
            _SOFT, True, True, "The card was used too often in a short time. Try again later."
        ),
        DeclineCode.CUSTOMER_CANCELLED: Decline(_SOFT, True, False, "The payment was cancelled."),
        DeclineCode.DO_NOT_HONOR: Decline(_HARD, False, False, "The card was declined."),
        DeclineCode.EXPIRED_CARD: Decline(_HARD, True, False, "The card has expired."),
        DeclineCode.FRAUDULENT: Decline(_HARD, True, False, MASKED_MESSAGE, masked=True),
        DeclineCode.GENERIC_DECLINE: Decline(_SOFT, False, True, MASKED_MESSAGE),
        DeclineCode.INCORRECT_CVC: Decline(_SOFT, True, False, "The security code is wrong."),
        DeclineCode.INCORRECT_NUMBER: Decline(_SOFT, True, False, "The card number is wrong."),
        DeclineCode.INSUFFICIENT_FUNDS: Decline(
            _SOFT, True, True, "There is not enough money on the card or account."
        ),
        DeclineCode.INVALID_ACCOUNT: Decline(_HARD, True, False, "The account cannot be used."),
        DeclineCode.INVALID_AMOUNT: Decline(_SOFT, True, False, "The amount was not accepted."),
        DeclineCode.INVALID_CARD_NUMBER: Decline(_SOFT, True, False, "The card number is wrong."),
        DeclineCode.INVALID_CARD_OWNER: Decline(_SOFT, True, False, "The name does not match the card."),
        DeclineCode.INVALID_CVC: Decline(_SOFT, True, False, "The security code is wrong."),
        DeclineCode.INVALID_EXPIRY_YEAR: Decline(_SOFT, True, False, "The card's date is in the past."),
        DeclineCode.INVALID_PIN: Decline(_SOFT, True, False, "The PIN is wrong."),
        DeclineCode.INVALID_REQUEST: Decline(
            _SOFT, True, False, "The payment was not accepted. Check what you entered."
        ),
        DeclineCode.INVALID_UPI_ID: Decline(_SOFT, True, False, "There is no such UPI id."),
        DeclineCode.ISSUER_UNAVAILABLE: Decline(
            _SOFT, False, True, "The bank cannot be reached. Try again later."
        ),
        DeclineCode.LIMIT_EXCEEDED: Decline(
            _SOFT, True, True, "The amount is above a limit of the card or account."
        ),
        DeclineCode.LIVE_MODE_TEST_CARD: Decline(
            _SOFT, True, False, "This is a test card, and the payment is real."
        ),
        DeclineCode.LOST_CARD: Decline(_HARD, True, False, MASKED_MESSAGE, masked=True),
        DeclineCode.MANDATE_INVALID: Decline(_SOFT, True, False, "The mandate does not allow this payment."),
        DeclineCode.MANDATE_REQUIRED: Decline(_SOFT, True, False, "This needs your mandate first."),
        DeclineCode.MANDATE_REQUIRED_SYSTEM: Decline(
            _HARD, False, False, "This needs a mandate that is not there."
        ),
        DeclineCode.NETWORK_ERROR: Decline(
            _SOFT, False, True, "The bank cannot be reached. Try again later."
        ),
        DeclineCode.NETWORK_TIMEOUT: Decline(
            _SOFT, False, True, "The bank did not answer in time. Try again later."
        ),
        DeclineCode.NO_ELIGIBLE_PAYMENT_METHODS: Decline(
            _SOFT, True, False, "There is nothing to pay with. Add a card or another method."
        ),
        DeclineCode.ORDER_CREATION_FAILED: Decline(
            _SOFT, False, True, "The payment could not be begun. Try again later."
        ),
        DeclineCode.PAYMENT_METHOD_PROVIDER_DECLINED: Decline(
            _HARD, True, False, "The payment was declined. Use another method."
        ),
        DeclineCode.PAYMENT_METHOD_UNSUPPORTED: Decline(
            _HARD, True, False, "This cannot be paid with that method."
        ),
        DeclineCode.PICKUP_CARD: Decline(_HARD, True, False, MASKED_MESSAGE, masked=True),
        DeclineCode.PROCESSING_ERROR: Decline(
            _SOFT, False, True, "Something went wrong at the bank. Try again later."
        ),
        DeclineCode.PROVIDER_UNSUPPORTED: Decline(
            _HARD, False, False, "This cannot be paid with that method."
        ),
        DeclineCode.REENTER_TRANSACTION: Decline(
            _SOFT, True, True, "Something went wrong at the bank. Try again."
        ),
        DeclineCode.REVOCATION_OF_AUTHORIZATION: Decline(
            _HARD, True, False, "The authorisation was withdrawn."
        ),
        DeclineCode.STOLEN_CARD: Decline(_HARD, True, False, MASKED_MESSAGE, masked=True),
        DeclineCode.TRANSACTION_NOT_ALLOWED: Decline(
            _HARD, True, False, "The card or account does not allow this payment."
        ),
        DeclineCode.TRANSACTION_NOT_APPROVED: Decline(_HARD, True, False, "The payment was not approved."),
        DeclineCode.TRY_AGAIN_LATER: Decline(
            _SOFT, False, True, "The payment did not go through. Try again later."
        ),
        DeclineCode.UNKNOWN_ERROR: Decline(
            _SOFT, False, True, "The payment did not go through. Try again later."
        ),
    }
)
assert DECLINES.keys() == set(DeclineCode)


def decline_code(raw: str | None) -> DeclineCode:
    """Our code for a processor's, in any case; UNKNOWN_ERROR for one that we do not know (PM31, PM35)."""
    return DeclineCode.__members__.get((raw or "").upper(), DeclineCode.UNKNOWN_ERROR)
