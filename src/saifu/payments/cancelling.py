"""Giving up a payment before it is completed (PM18)."""

from dataclasses import dataclass

from saifu import audit, idempotency
from saifu.refusals import TransitionNotAllowed
from saifu.store import Tx
from saifu.tables import Payment

from . import attempts, rows, settling
from .attempts import AttemptKind
from .machine import PaymentStatus
from .rules import PaymentRules
from .settling import Held

PAYMENT_CANCEL = "paymentCancel"


@dataclass(frozen=True, slots=True)
class Cancelling:
    """A payment that is being given up: `to_send` when the processor has to be told before it is."""

    payment: Payment
    replayed: bool
    to_send: bool


def cancel(tx: Tx, payment_id: str, key: str | None, rules: PaymentRules) -> Cancelling:
    """Give up a payment that waits for its customer; one that is cancelled already stays so.

    Raises:
        TransitionNotAllowed: it was sent and has no answer yet, or has ended.
        IdempotencyKeyReused: the key belongs to another request.
        Refusal: NOT_FOUND.
    """
    now = settling.held(tx, payment_id)

    def make() -> str:
        _give_up(tx, now, rules)
        audit.record(tx, PAYMENT_CANCEL, payment_id, now.payment.customer_id)
        return payment_id

    once = idempotency.once(tx, key, PAYMENT_CANCEL, {"payment_id": payment_id}, make)
    payment = rows.existing(tx, payment_id)
    return Cancelling(payment, once.replayed, _waits(payment))


def expired(tx: Tx, payment_id: str) -> bool:
    """Whether a payment whose time has run out is to be given up at the processor now."""
    payment = settling.held(tx, payment_id).payment
    due = _waits(payment) and payment.expires_at is not None and payment.expires_at <= tx.now
    if due:
        # Asked again in a while if this call fails; meanwhile it is not due.
        rows.save(tx, payment, {"expires_at": tx.now + attempts.ANSWER_WITHIN})
        _record(tx, payment_id)
    return due


def _give_up(tx: Tx, now: Held, rules: PaymentRules) -> None:
    status = PaymentStatus(now.payment.status)
    if status is PaymentStatus.CANCELLED:
        return
    if status is PaymentStatus.REQUIRES_PAYMENT_METHOD:
        settling.moved(tx, now, PaymentStatus.CANCELLED, {"expires_at": None}, rules)
    elif _waits(now.payment):
        _record(tx, now.payment.id)
    else:
        raise TransitionNotAllowed(
            "The payment", status, PaymentStatus.CANCELLED.value, ("input", "paymentId")
        )


def _waits(payment: Payment) -> bool:
    return payment.status == PaymentStatus.REQUIRES_CUSTOMER_ACTION


def _record(tx: Tx, payment_id: str) -> None:
    """One record of the call, however often it is made: cancelling twice is cancelling once."""
    if attempts.latest(tx, payment_id, AttemptKind.CANCEL) is None:
        attempts.begin(tx, payment_id, AttemptKind.CANCEL)
