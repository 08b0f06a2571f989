"""What follows from a processor's word on a refund, once, whoever brings it and however often (W58, PM49a)."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog

from saifu import events
from saifu.disputes import moves
from saifu.documents import issuing
from saifu.events import EventType
from saifu.payments import rows as payment_rows
from saifu.payments.rules import PaymentRules
from saifu.processors.contract import RefundAnswer, RefundState
from saifu.store import Tx
from saifu.tables import Payment, Refund

from . import postings, rows
from .checks import TOP_UP
from .held import Held, hold
from .rows import RefundStatus

log = structlog.get_logger(__name__)

NOTHING_MOVED = "The payment itself did not succeed: no money had moved."
AT_THE_BANK_FOR = timedelta(days=30)
"""How long a refund may be on its way to a bank before somebody has to look."""


def apply(tx: Tx, refund_id: str, answer: RefundAnswer, rules: PaymentRules) -> Refund:
    """Take a refund forward as its processor says; what is final stays so."""
    held = hold(tx, rows.existing(tx, refund_id).payment_id)
    refund = rows.locked(tx, refund_id)
    if refund.status != RefundStatus.PENDING:
        if refund.status != answer.state:
            log.error("refund_contradicted", object_id=refund.id, status=answer.state)
        return refund
    return _STEPS[answer.state](tx, held, refund, answer, rules)


def succeed(
    tx: Tx, held: Held, refund: Refund, rules: PaymentRules, changes: Mapping[str, Any] = MappingProxyType({})
) -> Refund:
    """Its money is where it was to go: now the wallet gets its part, and the payment counts it (W58, PM48)."""
    before = refund
    figures = _without_wallet(refund) if refund.wallet_minor and held.owner is None else {}
    settled = {**_SETTLED, **figures, **changes, "status": RefundStatus.SUCCEEDED}
    refund = rows.save(tx, refund, settled)
    if refund.wallet_minor and held.owner:
        postings.credit(tx, held.owner, refund, held.payment, rules.wallet)
    elif held.payment.purpose == TOP_UP and held.owner:
        postings.judge_top_up(tx, held.owner, refund, rules.wallet)
    payment = _counted(tx, held.payment, before.amount_minor, refund.amount_minor)
    _tell(tx, refund, EventType.REFUND_SUCCEEDED)
    moves.close_inquiries(tx, held, rules.wallet)
    issuing.refunded(tx, refund, payment, rules)
    return refund


def fail(
    tx: Tx, held: Held, refund: Refund, rules: PaymentRules, changes: Mapping[str, Any] = MappingProxyType({})
) -> Refund:
    """It did not arrive: its amount is free again, and a top-up is in the wallet again (PM49a, W58, W64)."""
    refund = rows.save(tx, refund, {**_SETTLED, **changes, "status": RefundStatus.FAILED})
    if held.payment.purpose == TOP_UP and held.owner:
        postings.return_top_up(tx, held.owner, refund, held.payment, rules.wallet)
    _counted(tx, held.payment, refund.amount_minor, 0)
    _tell(tx, refund, EventType.REFUND_FAILED)
    return refund


def payment_settled(tx: Tx, payment: Payment, rules: PaymentRules) -> None:
    """The bank has decided about a debit: what was to be refunded of it is sent now, or never will be (SR86).

    Call it in the transaction in which the payment became terminal, after its own events and wallet entries. It writes
    the payment's refund figures: read the payment again before writing it once more.
    """
    waiting = [each for each in rows.of_payments(tx, [payment.id])[payment.id] if _is_pending(each)]
    for queued in waiting:
        held = hold(tx, payment.id)
        refund = rows.locked(tx, queued.id)
        if payment.status == "succeeded":
            release(tx, held, refund, rules)
        else:
            fail(tx, held, refund, rules, {"failure_reason": NOTHING_MOVED})


def release(tx: Tx, held: Held, refund: Refund, rules: PaymentRules) -> Refund:
    """Let a refund go that the payment no longer keeps waiting: to the processor, or into the wallet at once."""
    if held.payment.purpose == TOP_UP and held.owner:
        postings.take_top_up(tx, held.owner, refund, held.payment, rules.wallet)
    if refund.source_minor == 0:
        return succeed(tx, held, refund, rules) if held.owner else fail(tx, held, refund, rules, _NOBODY)
    return rows.save(tx, refund, {"next_look_at": tx.now, "deadline_at": tx.now + REVIEW_AFTER})


REVIEW_AFTER = timedelta(days=1)
"""How long a processor may leave us without any word of a refund before somebody has to look."""
_NOBODY: Mapping[str, Any] = MappingProxyType(
    {"failure_reason": "The customer was deleted: there is no wallet to refund into."}
)
_SETTLED: Mapping[str, Any] = MappingProxyType(
    {"next_look_at": None, "deadline_at": None, "needs_review_at": None}
)


def _succeeded(tx: Tx, held: Held, refund: Refund, answer: RefundAnswer, rules: PaymentRules) -> Refund:
    return succeed(tx, held, refund, rules, _said(refund, answer))


def _failed(tx: Tx, held: Held, refund: Refund, answer: RefundAnswer, rules: PaymentRules) -> Refund:
    return fail(tx, held, refund, rules, _said(refund, answer))


def _waiting(tx: Tx, _held: Held, refund: Refund, answer: RefundAnswer, _rules: PaymentRules) -> Refund:
    """It is on its way; the processor calls back, and we look now and then in case it does not."""
    if refund.processor_ref is not None:
        return refund
    later = {"deadline_at": tx.now + AT_THE_BANK_FOR, "needs_review_at": None}
    return rows.save(tx, refund, {**_said(refund, answer), **later})


_STEPS: Mapping[RefundState, Callable[[Tx, Held, Refund, RefundAnswer, PaymentRules], Refund]] = {
    RefundState.PENDING: _waiting,
    RefundState.SUCCEEDED: _succeeded,
    RefundState.FAILED: _failed,
}
assert _STEPS.keys() == set(RefundState)


def _said(refund: Refund, answer: RefundAnswer) -> dict[str, Any]:
    return {
        "processor_ref": answer.processor_ref or refund.processor_ref,
        "failure_reason": answer.failure_reason,
        "network_reference": answer.network_reference or refund.network_reference,
        "network_reference_type": answer.network_reference_type or refund.network_reference_type,
    }


def _without_wallet(refund: Refund) -> dict[str, Any]:
    """A customer who was deleted meanwhile has no wallet: only what went to the source was refunded (CU57)."""
    return {"amount_minor": refund.source_minor, "wallet_minor": 0, "is_partial": True}


def _counted(tx: Tx, payment: Payment, from_minor: int, to_minor: int) -> Payment:
    """Move an amount from what is under way to what was refunded, or to nothing."""
    figures = {
        "refunding_minor": payment.refunding_minor - from_minor,
        "refunded_minor": payment.refunded_minor + to_minor,
    }
    return payment_rows.save(tx, payment, figures)


def _tell(tx: Tx, refund: Refund, kind: EventType) -> None:
    events.append(tx, refund.customer_id, kind, refund.id, rows.snapshot(refund))


def _is_pending(refund: Refund) -> bool:
    return refund.status == RefundStatus.PENDING
