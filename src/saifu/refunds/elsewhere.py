"""Refunds that were ordered elsewhere, as in a processor's dashboard: written down, so that they count too (PM43)."""

import structlog

from saifu.payments.machine import PaymentStatus
from saifu.payments.rules import PaymentRules
from saifu.processors.contract import RefundReport, RefundState
from saifu.store import Tx
from saifu.tables import Refund

from . import begin, rows, settling
from .begin import NewRefund
from .held import Held, hold
from .rows import Destination, RefundStatus
from .split import Shares, left

log = structlog.get_logger(__name__)


class AnotherUnderWay(Exception):
    """A refund of ours has not ended yet, and what is left of the payment depends on how it does: ask again later."""


def adopt(tx: Tx, report: RefundReport, rules: PaymentRules) -> Refund | None:
    """Write down a refund of a payment of ours, or what became of it; None when there is nothing to count.

    Raises:
        AnotherUnderWay: at most one of a payment is (PM44).
        Refusal: NOT_FOUND, the payment is none of ours.
        InsufficientFunds: of a top-up, what was deposited is spent already (W64).
    """
    held = hold(tx, report.charge_reference)
    refunds = rows.of_payments(tx, [held.payment.id])[held.payment.id]
    known = next((each for each in refunds if each.processor_ref == report.processor_ref), None)
    if known is None and report.answer.state is not RefundState.FAILED:
        known = _written(tx, held, refunds, report, rules)
    return None if known is None else settling.apply(tx, known.id, report.answer, rules)


def _written(
    tx: Tx, held: Held, refunds: list[Refund], report: RefundReport, rules: PaymentRules
) -> Refund | None:
    payment = held.payment
    if any(each.status == RefundStatus.PENDING for each in refunds):
        raise AnotherUnderWay
    counted = rows.counting(refunds)
    can = left(Shares(payment.source_minor, payment.wallet_minor), map(rows.shares, counted))
    fits = payment.currency == report.currency and report.amount_minor <= can.of_source_minor
    if payment.status != PaymentStatus.SUCCEEDED or not fits:
        # As when it was given back from here into the wallet, and there to the card: people have to look.
        log.error("refund_elsewhere_too_high", payment_id=payment.id, object_id=report.processor_ref)
        return None
    log.warning("refund_made_elsewhere", payment_id=payment.id, object_id=report.processor_ref)
    new = NewRefund(payment.id, report.amount_minor, reason=f"Refunded at {payment.processor}")
    due = begin.wanted(new, payment, counted, can.total_minor)
    shares = Shares(report.amount_minor, 0)
    return begin.written(tx, held, begin.Checked(new, due, Destination.ORIGINAL, shares), rules)
