"""Money that was approved after its payment had ended otherwise: it goes back at the processor (PM19)."""

import structlog

from saifu.processors.contract import RefundAnswer, RefundOrder, RefundState
from saifu.store import Tx
from saifu.tables import Payment, PaymentAttempt

from . import attempts, settling
from .attempts import AttemptKind, AttemptState

log = structlog.get_logger(__name__)

_STATES = {
    RefundState.SUCCEEDED: AttemptState.SUCCEEDED,
    RefundState.PENDING: AttemptState.PROCESSING,
    RefundState.FAILED: AttemptState.NEEDS_REVIEW,
}


def order(payment: Payment, attempt: PaymentAttempt) -> RefundOrder:
    """What the processor is told: everything that it had taken, under the attempt's own key."""
    return RefundOrder(
        attempt.reference, payment.id, payment.processor_ref, payment.source_minor, payment.currency
    )


def answered(tx: Tx, payment_id: str, answer: RefundAnswer) -> None:
    """Record how the money's way back stands; one that failed is for people to see."""
    settling.held(tx, payment_id)
    attempt = _attempt(tx, payment_id)
    attempts.stands(tx, attempt, _STATES[answer.state], processor_ref=answer.processor_ref)
    if answer.state is RefundState.FAILED:
        log.error("late_approval_not_given_back", payment_id=payment_id)


def unknown(tx: Tx, payment_id: str) -> None:
    """Nobody could say whether it was given back: asked again later."""
    settling.held(tx, payment_id)
    attempts.looked(tx, _attempt(tx, payment_id))


def _attempt(tx: Tx, payment_id: str) -> PaymentAttempt:
    found = attempts.latest(tx, payment_id, AttemptKind.GIVE_BACK)
    assert found is not None, "nothing is to be given back"
    return found
