"""The merchant's answer to a dispute: what is recorded before its processor is asked, and what after (PM51, PM52)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import orjson

from saifu import audit, fields
from saifu.clock import rfc3339
from saifu.idempotency import once
from saifu.payments import rows as payment_rows
from saifu.posting import Rules
from saifu.processors.contract import DisputeReport
from saifu.refunds.held import hold
from saifu.refunds.methods import BANK_DEBITS
from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.store import Tx
from saifu.tables import Dispute

from . import moves, opening, rows
from .transitions import DisputeStatus

MAX_EVIDENCE = 20_000
LOOK_AGAIN_AFTER = timedelta(minutes=1)
"""How long the processor has to answer before it is asked again."""


class Asked(StrEnum):
    """What a processor is asked to do about a dispute."""

    CHALLENGE = "challenge"
    ACCEPT = "accept"


BECOMES = {
    Asked.CHALLENGE: DisputeStatus.DISPUTE_CHALLENGED,
    Asked.ACCEPT: DisputeStatus.DISPUTE_ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a dispute as a client gives it; `evidence` is the text of a challenge."""

    dispute_id: str
    kind: Asked
    evidence: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The dispute, and whether an earlier request with this key gave the answer already."""

    dispute: Dispute
    replayed: bool


def begin(tx: Tx, answer: Answer) -> Begun:
    """Record what the processor is to be asked; until it has answered, the dispute stays open and cannot expire.

    Raises:
        Refusal: NOT_FOUND, INVALID_REQUEST_PARAMETERS; DISPUTE_NOT_CHALLENGEABLE when a challenge comes too late, twice
            in a stage, or to a dispute that is final (PM57, PM59c).
        TransitionNotAllowed: it cannot be accepted any more.
        IdempotencyKeyReused: the key belongs to another request.
    """
    text = _evidence(answer)
    dispute = _held(tx, answer.dispute_id)

    def make() -> str:
        _refuse(tx, dispute, answer.kind)
        _ask(tx, dispute, answer.kind, text)
        return dispute.id

    mutation = f"dispute{answer.kind.capitalize()}"
    request = {"dispute_id": dispute.id, "evidence": text}
    done = once(tx, answer.idempotency_key, mutation, request, make)
    return Begun(rows.existing(tx, dispute.id), done.replayed)


def answered(tx: Tx, dispute_id: str, report: DisputeReport, rules: Rules) -> Dispute:
    """The processor has done what it was asked to do; it may know the decision already (PM59c)."""
    held = hold(tx, rows.existing(tx, dispute_id).payment_id)
    dispute = rows.locked(tx, dispute_id)
    if dispute.asked is not None:
        dispute = moves.go(tx, held, dispute, BECOMES[Asked(dispute.asked)], rules)
    return opening.apply(tx, dispute.processor, report, rules) or dispute


def refused(tx: Tx, dispute_id: str) -> Dispute:
    """The processor did not take the answer: the dispute is as if it had not been asked."""
    dispute = _held(tx, dispute_id)
    if dispute.asked is None:
        return dispute
    submitted = rows.evidence(dispute)
    kept = submitted[:-1] if dispute.asked == Asked.CHALLENGE else submitted
    nothing = {"asked": None, "next_look_at": None, "evidence_json": orjson.dumps(kept).decode()}
    return rows.save(tx, dispute, nothing)


def _held(tx: Tx, dispute_id: str) -> Dispute:
    hold(tx, rows.existing(tx, dispute_id).payment_id)
    return rows.locked(tx, dispute_id)


def _evidence(answer: Answer) -> str | None:
    if answer.kind is Asked.ACCEPT:
        return None
    text = fields.free_text(answer.evidence, MAX_EVIDENCE, "evidence")
    if text is None:
        raise invalid("A challenge needs evidence.", "evidence")
    return text


def _refuse(tx: Tx, dispute: Dispute, kind: Asked) -> None:
    is_open = rows.status_of(dispute, tx.now) is DisputeStatus.DISPUTE_OPENED and dispute.asked is None
    if kind is Asked.ACCEPT:
        if not is_open:
            raise moves.not_allowed(tx, dispute, DisputeStatus.DISPUTE_ACCEPTED)
        return
    payment = payment_rows.existing(tx, dispute.payment_id)
    if not is_open or payment.payment_method in BANK_DEBITS:
        raise Refusal(
            ErrorCode.DISPUTE_NOT_CHALLENGEABLE,
            f"The dispute is {rows.status_of(dispute, tx.now)}, or its evidence is with the bank already.",
            ("input", "disputeId"),
        )


def _ask(tx: Tx, dispute: Dispute, kind: Asked, text: str | None) -> None:
    submitted = rows.evidence(dispute)
    if text is not None:
        submitted.append({"stage": dispute.stage, "text": text, "submitted_at": rfc3339(tx.now)})
    rows.save(
        tx,
        dispute,
        {
            "asked": kind,
            "next_look_at": tx.now + LOOK_AGAIN_AFTER,
            "evidence_json": orjson.dumps(submitted).decode(),
        },
    )
    audit.record(tx, f"dispute{kind.capitalize()}", dispute.id, dispute.customer_id)
