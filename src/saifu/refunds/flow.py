"""Refunds between two transactions: what is sent to the processor, and asked of it when it was silent (PM29)."""

from contextlib import suppress
from datetime import timedelta

import structlog

from saifu.idempotency import Outcome
from saifu.jobs import Job, Run, each
from saifu.payments import rows as payment_rows
from saifu.payments.rules import PaymentRules
from saifu.processors.calls import asked
from saifu.processors.contract import OutcomeUnknown, Processor, RefundAnswer, RefundOrder
from saifu.processors.registry import Processors
from saifu.store import Origin, Store, Tx
from saifu.tables import Payment, ProcessorCallback, Refund
from saifu.tasks import Undisturbed

from . import begin, elsewhere, rows, settling, voiding
from .begin import NewRefund
from .rows import RefundStatus

log = structlog.get_logger(__name__)

BATCH = 200
_OURS = "ref_"
_FIRST_LOOK = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
_MOST_DOUBLINGS = 9


def look_again_after(looks: int) -> timedelta:
    """How long to wait after so many looks: a minute, then twice as long each time, at most six hours."""
    return min(_FIRST_LOOK * (1 << min(looks, _MOST_DOUBLINGS)), _LONGEST_WAIT)


class RefundFlow:
    """What happens to refunds, on both sides of their processor."""

    def __init__(self, store: Store, processors: Processors, rules: PaymentRules) -> None:
        self._store = store
        self._processors = processors
        self._rules = rules
        self._undisturbed = Undisturbed()

    def jobs(self) -> list[Job]:
        """Refunds whose processor was silent, and those that had to wait for their payment."""
        return [Job("refunds", timedelta(seconds=5), self._recover)]

    async def create(self, new: NewRefund, origin: Origin) -> Outcome[Refund]:
        """Refund a payment; the answer is the refund as it stands then, `pending` when that is not known yet.

        Raises:
            Refusal: as `begin.begin` says; nothing has moved.
        """
        return await self._undisturbed.run(self._create(new, origin))

    async def void(self, refund_id: str, key: str | None, origin: Origin) -> Outcome[Refund]:
        """Take a refund out of the wallet again (W62).

        Raises:
            Refusal: as `voiding.void` says.
        """
        return await self._store.write(lambda tx: voiding.void(tx, refund_id, key, self._rules), origin)

    async def look(self, refund_id: str) -> Refund:
        """Ask the processor how a refund stands, and apply it: what callbacks and the recovery job ask for.

        One that certainly never got there is sent again, under the same reference.

        Raises:
            Refusal: NOT_FOUND.
            OutcomeUnknown: the processor does not say; the refund stays as it is.
        """
        return await self._undisturbed.run(self._look(refund_id))

    async def told(self, callback: ProcessorCallback) -> bool:
        """Follow up a callback that names a refund (S18): by our reference, or one that was made elsewhere (PM43).

        Returns:
            Whether that was all; False when it has to wait for another refund.

        Raises:
            OutcomeUnknown: the processor does not say.
        """
        reference, ref = callback.reference, callback.processor_ref
        if reference is None:
            return ref is None or await self._undisturbed.run(self._made_elsewhere(callback.processor, ref))
        if reference.startswith(_OURS):  # what goes back of a payment that had failed is no refund (PM19)
            await self.look(reference)
        return True

    async def close(self) -> None:
        """Let what is under way finish."""
        await self._undisturbed.close()

    async def _create(self, new: NewRefund, origin: Origin) -> Outcome[Refund]:
        begun = await self._store.write(lambda tx: begin.begin(tx, new, self._rules), origin)
        refund = await self._deliver(begun.refund) if begun.to_send else begun.refund
        return Outcome(refund, begun.replayed)

    async def _deliver(self, refund: Refund) -> Refund:
        processor, order = await self._asking(refund)
        if processor is None:
            return refund
        try:
            answer = await asked(processor.refund(order), refund.id)
        except OutcomeUnknown:
            log.warning("refund_outcome_unknown", object_id=refund.id)
            return refund
        return await self._apply(refund.id, answer)

    async def _look(self, refund_id: str) -> Refund:
        refund = await self._store.read(lambda tx: rows.existing(tx, refund_id))
        if refund.status != RefundStatus.PENDING or refund.next_look_at is None:
            return refund
        processor, order = await self._asking(refund)
        if processor is None:
            return refund
        answer = await asked(processor.look_up_refund(order), refund.id)
        if answer is None and order.processor_ref is not None:
            raise OutcomeUnknown("it was there, so it is not sent again")
        if answer is None:
            answer = await asked(processor.refund(order), refund.id)
        return await self._apply(refund.id, answer)

    async def _made_elsewhere(self, processor_name: str, ref: str) -> bool:
        processor = self._processors.named(processor_name)
        report = None if processor is None else await asked(processor.find_refund(ref), ref)
        if report is None:
            log.warning("refund_not_ours", processor=processor_name, object_id=ref)
            return True
        try:
            await self._store.write(lambda tx: elsewhere.adopt(tx, report, self._rules))
        except elsewhere.AnotherUnderWay:
            return False
        return True

    async def _apply(self, refund_id: str, answer: RefundAnswer) -> Refund:
        return await self._store.write(lambda tx: settling.apply(tx, refund_id, answer, self._rules))

    async def _asking(self, refund: Refund) -> tuple[Processor | None, RefundOrder]:
        """Whom to ask, and what; nobody where the processor of the payment is not configured any more."""
        payment = await self._store.read(lambda tx: payment_rows.existing(tx, refund.payment_id))
        processor = self._processors.named(refund.processor)
        if processor is None:
            log.error("refund_without_processor", object_id=refund.id, processor=refund.processor)
        return processor, _order(refund, payment)

    async def _recover(self, store: Store) -> Run:
        due = await store.read(lambda tx: rows.due(tx, BATCH))
        return await each(due, self._look_if_mine, "refunds", BATCH)

    async def _look_if_mine(self, refund_id: str) -> None:
        if await self._store.write(lambda tx: _claimed(tx, refund_id)):
            with suppress(OutcomeUnknown):
                await self._look(refund_id)
            await self._store.write(lambda tx: _review(tx, refund_id))


def _order(refund: Refund, payment: Payment) -> RefundOrder:
    """The same order every time: its reference is the refund's id (PM29)."""
    return RefundOrder(
        reference=refund.id,
        charge_reference=payment.id,
        charge_ref=payment.processor_ref,
        amount_minor=refund.source_minor,
        currency=refund.currency,
        reason=refund.reason,
        processor_ref=refund.processor_ref,
    )


def _claimed(tx: Tx, refund_id: str) -> bool:
    refund = rows.existing(tx, refund_id)
    return rows.claim(tx, refund_id, tx.now + look_again_after(refund.looks))


def _review(tx: Tx, refund_id: str) -> None:
    """Raise the alarm, once, about a refund of which nobody can say in time what became of it (RELIABILITY §3.4)."""
    refund = rows.locked(tx, refund_id)
    if refund.deadline_at is None or refund.deadline_at > tx.now or refund.needs_review_at is not None:
        return
    rows.save(tx, refund, {"needs_review_at": tx.now})
    log.error("refund_needs_review", object_id=refund.id, status=refund.status)
