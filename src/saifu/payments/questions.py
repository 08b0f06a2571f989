"""What is written down around a question to a processor that asks for no new charge: look-ups and cancelling."""

from saifu.processors.contract import ChargeAnswer
from saifu.store import Tx
from saifu.tables import Payment

from . import attempts, settling
from .attempts import ANSWERED, AttemptKind, AttemptState
from .machine import PaymentStatus, standing
from .rules import PaymentRules


def looking(tx: Tx, payment_id: str) -> Payment:
    """The processor is about to be asked: nobody else has to for a while."""
    payment = settling.held(tx, payment_id).payment
    charge = attempts.latest(tx, payment_id, AttemptKind.CHARGE)
    if charge is not None and charge.next_look_at is not None:
        attempts.looked(tx, charge)
    return payment


def missing(tx: Tx, payment_id: str) -> bool:
    """The processor certainly has no such charge: whether it is to be sent now, again under the same key (§3.4)."""
    payment = settling.held(tx, payment_id).payment
    sent = [each for each in attempts.of_payment(tx, payment_id) if each.kind == AttemptKind.CHARGE]
    if standing(payment) is not PaymentStatus.REQUIRES_CONFIRMATION or not sent:
        return False
    may_turn_up = tx.now < sent[-1].sent_at + attempts.SETTLING
    if may_turn_up or tx.now >= sent[0].sent_at + attempts.REVIEW_AFTER:
        return False
    attempts.stands(tx, sent[-1], AttemptState.NOT_FOUND)
    attempts.begin(tx, payment_id, AttemptKind.CHARGE, order_json=sent[0].order_json)
    return True


def cancelled(tx: Tx, payment_id: str, answer: ChargeAnswer, rules: PaymentRules) -> Payment:
    """The processor has said how a charge stands that it was asked to give up."""
    settling.held(tx, payment_id)
    asked = attempts.latest(tx, payment_id, AttemptKind.CANCEL)
    if asked is not None:
        attempts.stands(tx, asked, ANSWERED[answer.state])
        attempts.ended(tx, asked)
    return settling.apply(tx, payment_id, answer, rules)


def not_cancelled(tx: Tx, payment_id: str) -> None:
    """Nobody could say whether a charge was given up: asked again later."""
    settling.held(tx, payment_id)
    asked = attempts.latest(tx, payment_id, AttemptKind.CANCEL)
    if asked is not None:
        attempts.looked(tx, asked)
