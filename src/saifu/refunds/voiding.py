"""Taking back a refund that went into a wallet (W62)."""

from saifu import audit
from saifu.disputes import rows as dispute_rows
from saifu.idempotency import Outcome, once
from saifu.payments import rows as payment_rows
from saifu.payments.rules import PaymentRules
from saifu.refusals import ErrorCode, Refusal, TransitionNotAllowed
from saifu.store import Tx
from saifu.tables import Refund

from . import postings, rows
from .held import Held, hold
from .rows import RefundStatus

REFUND_VOID = "refundVoid"
_PATH = ("input", "refundId")


def void(tx: Tx, refund_id: str, key: str | None, rules: PaymentRules) -> Outcome[Refund]:
    """Take a refund out of the wallet again; its amount can then be refunded anew.

    Raises:
        Refusal: NOT_FOUND; GONE, the customer was deleted; UNSUPPORTED_ACTION, it went to a source;
            PAYMENT_DISPUTED, the bank has claimed the same money already (W66).
        TransitionNotAllowed: it did not succeed, or was voided already.
        InsufficientFunds: the wallet does not hold it any more.
        IdempotencyKeyReused: the key belongs to another request.
    """
    held = hold(tx, rows.existing(tx, refund_id).payment_id)
    refund = rows.locked(tx, refund_id)
    done = once(tx, key, REFUND_VOID, {"refund_id": refund_id}, lambda: _voided(tx, held, refund, rules).id)
    return Outcome(rows.existing(tx, done.object_id), done.replayed)


def _voided(tx: Tx, held: Held, refund: Refund, rules: PaymentRules) -> Refund:
    _refuse(tx, refund)
    if held.owner is None:
        raise Refusal(ErrorCode.GONE, "This customer was deleted.", _PATH)
    postings.take_back(tx, held.owner, refund, rules.wallet)
    after = rows.save(tx, refund, {"voided_at": tx.now})
    refunded = held.payment.refunded_minor - refund.amount_minor
    payment_rows.save(tx, held.payment, {"refunded_minor": refunded})
    audit.record(tx, REFUND_VOID, refund.id, refund.customer_id)
    return after


def _refuse(tx: Tx, refund: Refund) -> None:
    if refund.status != RefundStatus.SUCCEEDED or refund.voided_at is not None:
        stands = "voided" if refund.voided_at else refund.status
        raise TransitionNotAllowed("The refund", stands, "voided", _PATH)
    if refund.source_minor:
        raise Refusal(
            ErrorCode.UNSUPPORTED_ACTION, "What went to a source cannot be taken back from it.", _PATH
        )
    disputes = dispute_rows.of_payments(tx, [refund.payment_id])[refund.payment_id]
    if any(dispute_rows.is_out(dispute) for dispute in disputes):
        raise Refusal(
            ErrorCode.PAYMENT_DISPUTED, "The payment is disputed: the bank has claimed this money.", _PATH
        )
