"""What a processor reports of a dispute becomes what we know of it: forward only, however often it is said."""

from collections.abc import Mapping
from typing import Any

import structlog

from saifu.ids import new_id
from saifu.payments import rows as payment_rows
from saifu.posting import Rules
from saifu.processors.contract import DisputeReport
from saifu.refunds.held import Held, hold
from saifu.refunds.methods import BANK_DEBITS
from saifu.store import Tx
from saifu.tables import Dispute, Payment

from . import moves, rows
from .transitions import ANSWER_WITHIN, OUTCOMES, DisputeStage, DisputeStatus, rises, way_to

log = structlog.get_logger(__name__)


def apply(tx: Tx, processor: str, report: DisputeReport, rules: Rules) -> Dispute | None:
    """Open, raise or end a dispute, as its processor has it now (PM50-PM58).

    Applying a report again, or an older one later, changes nothing. None when it is not about a payment of ours that
    a source has paid (W65): somebody has to look then, and the log says so.
    """
    payment = payment_rows.get(tx, report.charge_reference)
    if payment is None or not _is_ours(payment, processor, report):
        log.error("dispute_not_ours", object_id=report.charge_reference, processor=processor)
        return None
    held = hold(tx, payment.id)
    known = rows.at_processor(tx, processor, report.processor_ref)
    if known is None:
        opened = _opened(tx, held, processor, report, rules)
    else:
        opened = _risen(tx, held, moves.expire(tx, held, known, rules), report, rules)
    return _ended(tx, held, opened, report, rules)


def _is_ours(payment: Payment, processor: str, report: DisputeReport) -> bool:
    return (payment.processor, payment.currency) == (processor, report.currency) and payment.source_minor > 0


def _opened(tx: Tx, held: Held, processor: str, report: DisputeReport, rules: Rules) -> Dispute:
    payment = held.payment
    dispute = tx.insert(
        Dispute(
            id=new_id("dsp"),
            payment_id=payment.id,
            customer_id=payment.customer_id,
            processor=processor,
            processor_ref=report.processor_ref,
            currency=payment.currency,
            # The wallet's part cannot be disputed, whatever a bank says (PM59).
            amount_minor=min(report.amount_minor, payment.source_minor),
            stage=DisputeStage(report.stage),
            status=DisputeStatus.DISPUTE_OPENED,
            reason=report.reason,
            remarks=None,
            evidence_json="[]",
            respond_by=report.respond_by or tx.now + ANSWER_WITHIN,
            asked=None,
            next_look_at=None,
            wallet_minor=0,
            wallet_shortfall_minor=0,
            is_resolved_by_rdr=False,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    return moves.tell(tx, moves.settle_money(tx, held, None, dispute, rules))


def _risen(tx: Tx, held: Held, dispute: Dispute, report: DisputeReport, rules: Rules) -> Dispute:
    to = DisputeStage(report.stage)
    if not rises(DisputeStage(dispute.stage), to):
        return dispute
    changes: Mapping[str, Any] = {
        "respond_by": report.respond_by or tx.now + ANSWER_WITHIN,
        "reason": report.reason or dispute.reason,
    }
    return moves.rise(tx, held, dispute, to, rules, changes)


def _ended(tx: Tx, held: Held, dispute: Dispute, report: DisputeReport, rules: Rules) -> Dispute:
    # What is said of an earlier stage says nothing of this one (PM58).
    end = OUTCOMES.get(report.outcome or "") if report.stage == dispute.stage else None
    if end is None and is_final_at_once(held.payment, dispute):
        end = DisputeStatus.DISPUTE_LOST
    if end is None or dispute.status == end:
        return dispute
    way = way_to(DisputeStatus(dispute.status), end)
    if not way and not (rows.is_out(dispute) and end is DisputeStatus.DISPUTE_LOST):
        log.error("dispute_contradicted", object_id=dispute.id, status=end)
    for status in way:
        dispute = moves.go(tx, held, dispute, status, rules)
    return dispute


def is_final_at_once(payment: Payment, dispute: Dispute) -> bool:
    """Whether nobody is asked: a customer's bank gives a bank debit back on demand (PM57, SR85)."""
    return payment.payment_method in BANK_DEBITS and dispute.stage != DisputeStage.PRE_DISPUTE
