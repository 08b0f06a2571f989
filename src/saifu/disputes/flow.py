"""Disputes between two transactions: whatever asks their processor, or tells it something (RELIABILITY §3.4)."""

from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta

import structlog

from saifu.idempotency import Outcome
from saifu.jobs import Job, Run, each
from saifu.payments.rules import PaymentRules
from saifu.processors.calls import asked
from saifu.processors.contract import DisputeReport, OutcomeUnknown, Processor
from saifu.processors.registry import Processors
from saifu.refunds.held import hold
from saifu.refusals import Refusal
from saifu.store import Origin, Store, Tx
from saifu.tables import Dispute, ProcessorCallback
from saifu.tasks import Undisturbed

from . import answering, moves, opening, rows
from .answering import LOOK_AGAIN_AFTER, Answer, Asked

log = structlog.get_logger(__name__)

BATCH = 200


class DisputeFlow:
    """What happens to disputes, on both sides of their processor."""

    def __init__(self, store: Store, processors: Processors, rules: PaymentRules) -> None:
        self._store = store
        self._processors = processors
        self._rules = rules
        self._undisturbed = Undisturbed()

    def jobs(self) -> list[Job]:
        """Deadlines that have passed, and processors that have not answered."""
        return [
            Job("dispute_deadlines", timedelta(seconds=15), self._expire_overdue),
            Job("dispute_answers", timedelta(seconds=15), self._ask_again),
        ]

    async def look(self, processor_name: str, processor_ref: str) -> Dispute | None:
        """Ask a processor how a dispute stands, and apply it: what an inbound callback asks for (S18).

        Raises:
            OutcomeUnknown: the processor does not say; ask again.
        """
        processor = self._processors.named(processor_name)
        if processor is None:
            log.error("processor_missing", processor=processor_name)
            return None
        report = await asked(processor.look_up_dispute(processor_ref), processor_ref)
        found = None if report is None else await self.apply_report(processor_name, report)
        if found is None:
            log.warning("dispute_not_ours", processor=processor_name, object_id=processor_ref)
        return found

    async def told(self, callback: ProcessorCallback) -> None:
        """Follow up a callback that names a dispute (S18).

        Raises:
            OutcomeUnknown: the processor does not say.
        """
        if callback.processor_ref is not None:
            await self.look(callback.processor, callback.processor_ref)

    async def close(self) -> None:
        """Let what is under way finish."""
        await self._undisturbed.close()

    async def apply_report(self, processor_name: str, report: DisputeReport) -> Dispute | None:
        """Open, raise or end a dispute as reported; None when it is about no payment of ours."""
        return await self._store.write(
            lambda tx: opening.apply(tx, processor_name, report, self._rules.wallet)
        )

    async def answer(self, answer: Answer, origin: Origin) -> Outcome[Dispute]:
        """Challenge or accept a dispute. Where the processor does not answer, it is asked again by a job, and the
        dispute stays open until then.

        Raises:
            Refusal: as `answering.begin` says.
        """
        return await self._undisturbed.run(self._answer(answer, origin))

    async def _answer(self, answer: Answer, origin: Origin) -> Outcome[Dispute]:
        begun = await self._store.write(lambda tx: answering.begin(tx, answer), origin)
        dispute = begun.dispute if begun.replayed else await self._tell(begun.dispute)
        return Outcome(dispute, begun.replayed)

    async def _tell(self, dispute: Dispute) -> Dispute:
        """Ask the processor what the merchant wants of it, and apply what it says.

        Raises:
            Refusal: the processor certainly did not do it; the dispute is then as the processor has it.
        """
        processor = self._processors.named(dispute.processor)
        if processor is None:
            log.error("dispute_without_processor", object_id=dispute.id, processor=dispute.processor)
            return dispute
        try:
            report = await asked(_answer_of(processor, dispute), dispute.id, Refusal)
        except OutcomeUnknown:
            log.warning("dispute_answer_unknown", object_id=dispute.id)
            return dispute
        except Refusal:
            await self._store.write(lambda tx: answering.refused(tx, dispute.id))
            await self.look(dispute.processor, dispute.processor_ref)
            raise
        return await self._store.write(
            lambda tx: answering.answered(tx, dispute.id, report, self._rules.wallet)
        )

    async def _ask_again(self, store: Store) -> Run:
        due = await store.read(lambda tx: rows.asked(tx, BATCH))
        return await each(due, self._retell, "dispute_answers", BATCH)

    async def _retell(self, dispute_id: str) -> None:
        def claim(tx: Tx) -> Dispute | None:
            mine = rows.claim(tx, dispute_id, tx.now + LOOK_AGAIN_AFTER)
            return rows.existing(tx, dispute_id) if mine else None

        dispute = await self._store.write(claim)
        if dispute is not None and dispute.asked is not None:
            with suppress(Refusal):
                await self._tell(dispute)

    async def _expire_overdue(self, store: Store) -> Run:
        due = await store.read(lambda tx: rows.overdue(tx, BATCH))
        return await each(due, self._expire, "dispute_deadlines", BATCH)

    async def _expire(self, dispute_id: str) -> None:
        def work(tx: Tx) -> None:
            held = hold(tx, rows.existing(tx, dispute_id).payment_id)
            moves.expire(tx, held, rows.locked(tx, dispute_id), self._rules.wallet)

        await self._store.write(work)


def _answer_of(processor: Processor, dispute: Dispute) -> Awaitable[DisputeReport]:
    """Repeating it changes nothing: the processor knows the dispute, and has one answer to it."""
    if dispute.asked == Asked.ACCEPT:
        return processor.accept_dispute(dispute.processor_ref)
    return processor.submit_evidence(dispute.processor_ref, rows.evidence(dispute)[-1]["text"])
