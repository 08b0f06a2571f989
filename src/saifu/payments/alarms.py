"""Outcomes that people have to look for: unknown for most of a day, or under way for three weeks (§3.4, PM19c)."""

from datetime import datetime, timedelta

import structlog

from saifu.store import Tx
from saifu.tables import PaymentAttempt

from . import attempts, rows, settling
from .attempts import AttemptKind
from .machine import TERMINAL, PaymentStatus, standing

log = structlog.get_logger(__name__)

PROCESSING_BUSINESS_DAYS = 15
_WEEK = 5
"""How many of its days are business days; which of them are holidays, nobody here knows."""


def raise_due(tx: Tx, payment_id: str) -> None:
    """Say once that a payment needs people, when it does. It is never failed for that."""
    payment = settling.held(tx, payment_id).payment
    charges = [each for each in attempts.of_payment(tx, payment_id) if each.kind == AttemptKind.CHARGE]
    if payment.status in TERMINAL or payment.needs_review_at is not None or not charges:
        return
    if tx.now >= _deadline(standing(payment), charges):
        log.error("payment_needs_review", payment_id=payment_id, status=payment.status)
        rows.save(tx, payment, {"needs_review_at": tx.now})


def after_business_days(start: datetime, days: int) -> datetime:
    """The same hour so many business days later; Saturdays and Sundays are none (UTC)."""
    at = start
    while days:
        at += timedelta(days=1)
        days -= at.weekday() < _WEEK
    return at


def _deadline(status: PaymentStatus, charges: list[PaymentAttempt]) -> datetime:
    if status is PaymentStatus.PROCESSING:
        return after_business_days(charges[-1].answered_at or charges[-1].sent_at, PROCESSING_BUSINESS_DAYS)
    return charges[0].sent_at + attempts.REVIEW_AFTER
