"""The enums of payments, in words."""

from enum import StrEnum

from saifu.payments.attempts import AttemptKind, AttemptState
from saifu.payments.machine import PaymentStatus
from saifu.payments.orders import Purpose

from .described import described

described(
    PaymentStatus,
    "PaymentStatus",
    "Where a payment stands (PM10-PM19). `SUCCEEDED`, `FAILED` and `CANCELLED` are never left again.",
    {
        PaymentStatus.REQUIRES_PAYMENT_METHOD: "Nothing to pay with was chosen yet.",
        PaymentStatus.REQUIRES_CONFIRMATION: "It is being sent to the processor.",
        PaymentStatus.REQUIRES_CUSTOMER_ACTION: "Its customer has to confirm it, at `actionUrl`.",
        PaymentStatus.REQUIRES_MERCHANT_ACTION: "Reserved; no payment is ever in it.",
        PaymentStatus.REQUIRES_CAPTURE: "Reserved; no payment is ever in it.",
        PaymentStatus.PROCESSING: "It was sent, and the outcome comes later; see `outcomeUnknown`.",
        PaymentStatus.PARTIALLY_CAPTURED: "Reserved; no payment is ever in it.",
        PaymentStatus.PARTIALLY_CAPTURED_AND_CAPTURABLE: "Reserved; no payment is ever in it.",
        PaymentStatus.SUCCEEDED: "The money has moved.",
        PaymentStatus.FAILED: "It was declined or failed; what the wallet had paid is back in it.",
        PaymentStatus.CANCELLED: "It was given up; what the wallet had paid is back in it.",
    },
)
described(
    Purpose,
    "PaymentPurpose",
    "What a payment is for.",
    {
        Purpose.PURCHASE: "A cart, paid in a checkout.",
        Purpose.SUBSCRIPTION: "A subscription.",
        Purpose.WALLET_TOP_UP: "The customer's own wallet (W63).",
        Purpose.DIRECT: "An amount, charged directly.",
    },
)
described(
    AttemptKind,
    "PaymentAttemptKind",
    "What a processor was asked to do.",
    {
        AttemptKind.CHARGE: "Charge the source.",
        AttemptKind.CANCEL: "Give up a charge that waits.",
        AttemptKind.GIVE_BACK: "Return what was approved after the payment had ended otherwise (PM19).",
    },
)
described(
    AttemptState,
    "PaymentAttemptState",
    "What is known of a call to a processor.",
    {
        AttemptState.SUBMITTING: "It is being made.",
        AttemptState.UNKNOWN: "No answer came: the processor is asked what became of it.",
        AttemptState.SUCCEEDED: "The processor did it.",
        AttemptState.DECLINED: "The processor said no.",
        AttemptState.PROCESSING: "The processor accepted it; the outcome comes later.",
        AttemptState.ACTION_REQUIRED: "It waits for the customer.",
        AttemptState.NOT_FOUND: "It never got there, so it was sent again under the same key.",
        AttemptState.CANCELLED: "It was given up.",
        AttemptState.NEEDS_REVIEW: "It failed where it must not: people have to look.",
    },
)


class PaymentRefundStatus(StrEnum):
    """How much of a payment was given back."""

    PARTIAL = "partial"
    FULL = "full"


described(
    PaymentRefundStatus,
    "PaymentRefundStatus",
    "How much of a payment was given back; only refunds that succeeded count.",
    {PaymentRefundStatus.PARTIAL: "Some of it.", PaymentRefundStatus.FULL: "All of it."},
)
__all__ = ["AttemptKind", "AttemptState", "PaymentRefundStatus", "PaymentStatus", "Purpose"]
