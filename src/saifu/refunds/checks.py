"""When a refund is refused, whatever its amount or because of it (PM40-PM49, W57, W64, CU57)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from saifu import wallets
from saifu.payments.rules import PaymentRules
from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.tables import Payment, Refund

from .held import Held
from .methods import BANK_DEBITS, may_be_refunded_in_parts
from .rows import Destination, RefundStatus
from .split import Shares

TOP_UP = "wallet_top_up"


def is_queued(payment: Payment) -> bool:
    """Whether a refund of it waits for the bank's word on the debit itself (PM40, SR86)."""
    return payment.status == "processing" and payment.payment_method in BANK_DEBITS


def refuse_payment(payment: Payment, refunds: Iterable[Refund]) -> None:
    """What is said of the payment before an amount is looked at (PM40, PM43, PM44).

    Raises:
        Refusal: ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED, PAYMENT_NOT_SUCCEEDED, PAYMENT_ALREADY_REFUNDED,
            EXISTING_REFUND_REQUEST_PROCESSING.
    """
    if payment.total_minor == 0:
        raise _no(ErrorCode.ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED, "Nothing was paid.")
    if payment.status != "succeeded" and not is_queued(payment):
        raise _no(ErrorCode.PAYMENT_NOT_SUCCEEDED, f"The payment is {payment.status}: nothing was paid yet.")
    if payment.refunded_minor == payment.total_minor:
        raise _no(ErrorCode.PAYMENT_ALREADY_REFUNDED, "All of this payment was refunded.")
    if any(refund.status == RefundStatus.PENDING for refund in refunds):
        raise _no(
            ErrorCode.EXISTING_REFUND_REQUEST_PROCESSING,
            "Another refund of this payment is under way. Ask again when it is done.",
        )


def destination_of(asked: Destination, held: Held) -> Destination:
    """Where a refund goes. A deleted customer has no wallet any more: the money goes back to the source (CU57).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, the payment has no customer (W57) or is a top-up (W64).
    """
    if asked is Destination.ORIGINAL:
        return asked
    if held.payment.purpose == TOP_UP:
        raise invalid("A top-up can only be refunded to its source.", "destination")
    if held.customer is None:
        raise invalid("The payment has no customer, and so no wallet to refund into.", "destination")
    return asked if held.owner else Destination.ORIGINAL


def refundable(left: Shares, held: Held) -> Shares:
    """What can still be refunded: of a deleted customer's payment only what the source had paid (CU57).

    Raises:
        Refusal: GONE, the customer was deleted and all that is left had come from the wallet.
    """
    if held.customer is None or held.owner:
        return left
    if left.of_source_minor == 0:
        raise Refusal(ErrorCode.GONE, "This customer was deleted: there is no wallet to refund into.", _PATH)
    return Shares(left.of_source_minor, 0)


def free_of_dispute(left: Shares, disputed: bool) -> Shares:
    """What can go into the wallet: while a bank holds what the source had paid, only what the wallet had (PM49).

    Else the merchant would pay it twice, to the bank and into the wallet.

    Raises:
        Refusal: PAYMENT_DISPUTED, nothing is left but the source's part.
    """
    if not disputed or left.of_source_minor == 0:
        return left
    if left.of_wallet_minor == 0:
        raise disputed_payment()
    return Shares(0, left.of_wallet_minor)


def disputed_payment() -> Refusal:
    """PM49."""
    return _no(
        ErrorCode.PAYMENT_DISPUTED, "The payment is disputed: its source's money is with the bank already."
    )


def refuse_original(payment: Payment, shares: Shares, disputed: bool, now: datetime, days: int) -> None:
    """What stands against a refund with destination `ORIGINAL` (PM41, PM43, PM49).

    Args:
        disputed: whether a bank has asked the source's money back, and not given it up again.
        days: the window, in days of 24 hours.

    Raises:
        Refusal: REFUND_WINDOW_EXPIRED, PAYMENT_DISPUTED, PARTIAL_REFUND_NOT_ALLOWED.
    """
    if payment.succeeded_at is not None and now > payment.succeeded_at + timedelta(days=days):
        raise _no(
            ErrorCode.REFUND_WINDOW_EXPIRED, f"Refunds to the source are made within {days} days of payment."
        )
    if shares.of_source_minor == 0:
        return
    if disputed:
        raise disputed_payment()
    if shares.of_source_minor < payment.source_minor and not may_be_refunded_in_parts(payment.payment_method):
        raise Refusal(
            ErrorCode.PARTIAL_REFUND_NOT_ALLOWED,
            f"What was paid by {payment.payment_method} goes back as a whole, or not at all.",
            ("input", "amount"),
        )


def refuse_wallet(currency: str, rules: PaymentRules) -> None:
    """W57: a refund into a wallet needs one, in an enabled currency.

    Raises:
        Refusal: UNSUPPORTED_CURRENCY.
    """
    wallets.refuse_currency(currency, rules.wallet)


_PATH = ("input", "paymentId")


def _no(code: ErrorCode, message: str) -> Refusal:
    return Refusal(code, message, _PATH)
