"""What processors are asked about payments: steps B and C of a charge, look-ups, cancelling, giving back (§3.4).

Each question is asked with no transaction open, and its answer applied in one. Whatever goes wrong on the way is an
outcome that is not known; nothing here ever takes it for a no.
"""

import structlog

from saifu.processors.calls import asked
from saifu.processors.contract import (
    Charge,
    ChargeAnswer,
    ChargeState,
    OutcomeUnknown,
    Processor,
    RefundAnswer,
    RefundOrder,
)
from saifu.processors.registry import Processors
from saifu.store import Store, Tx
from saifu.tables import Payment, PaymentAttempt

from . import attempts, charges, questions, returning, rows, settling
from .attempts import AttemptKind
from .machine import UNPAID
from .rules import PaymentRules

log = structlog.get_logger(__name__)


class Asking:
    """Asks the processors of one process about payments, and applies what they say."""

    def __init__(self, store: Store, processors: Processors, rules: PaymentRules) -> None:
        self._store = store
        self._processors = processors
        self._rules = rules

    async def charge(self, payment_id: str) -> Payment:
        """Send a charge that was begun, and apply the answer; without one its outcome is unknown (W46, W49)."""
        payment, charge = await self._store.read(lambda tx: _charge(tx, payment_id), consistent=True)
        try:
            answer = await asked(self._of(payment).charge(charge), payment_id)
        except OutcomeUnknown:
            return await self._store.write(lambda tx: settling.unknown(tx, payment_id))
        return await self.apply(payment_id, answer)

    async def look(self, payment_id: str) -> Payment:
        """Ask how a charge stands, and apply it. One that never got there is sent again under the same key.

        Raises:
            OutcomeUnknown: the processor does not say.
        """
        payment = await self._store.write(lambda tx: questions.looking(tx, payment_id))
        answer = await asked(self._of(payment).look_up(payment_id), payment_id)
        if answer is not None:
            return await self.apply(payment_id, answer)
        to_send = await self._store.write(lambda tx: questions.missing(tx, payment_id))
        return await self.charge(payment_id) if to_send else payment

    async def cancel(self, payment_id: str) -> Payment:
        """Give up a charge that waits for its customer; answers the payment as it is then (PM18).

        Raises:
            OutcomeUnknown: nobody could say; the recovery job asks again.
        """
        payment = await self._store.read(lambda tx: rows.existing(tx, payment_id))
        try:
            answer = await asked(self._of(payment).cancel(payment_id), payment_id)
        except OutcomeUnknown:
            await self._store.write(lambda tx: questions.not_cancelled(tx, payment_id))
            raise
        gone = ChargeAnswer(ChargeState.CANCELLED)
        return await self._store.write(
            lambda tx: questions.cancelled(tx, payment_id, answer or gone, self._rules)
        )

    async def give_back(self, payment_id: str) -> None:
        """Return what was approved after the payment had ended (PM19). No ledger knows of it."""
        found = await self._store.read(lambda tx: _to_return(tx, payment_id), consistent=True)
        if found is None:
            return
        payment, attempt = found
        try:
            answer = await self._returned(self._of(payment), returning.order(payment, attempt), attempt)
        except OutcomeUnknown:
            await self._store.write(lambda tx: returning.unknown(tx, payment_id))
            return
        await self._store.write(lambda tx: returning.answered(tx, payment_id, answer))

    async def apply(self, payment_id: str, answer: ChargeAnswer) -> Payment:
        return await self._store.write(lambda tx: settling.apply(tx, payment_id, answer, self._rules))

    async def _returned(
        self, processor: Processor, order: RefundOrder, attempt: PaymentAttempt
    ) -> RefundAnswer:
        if attempt.looks:
            known = await asked(processor.look_up_refund(order), order.charge_reference)
            if known is not None:
                return known
        return await asked(processor.refund(order), order.charge_reference)

    def _of(self, payment: Payment) -> Processor:
        processor = self._processors.named(payment.processor)
        if processor is None:
            log.error("processor_missing", payment_id=payment.id, processor=payment.processor)
            raise OutcomeUnknown(f"{payment.processor} is not configured here any more")
        return processor


def _charge(tx: Tx, payment_id: str) -> tuple[Payment, Charge]:
    """The order to the processor, as step A wrote it down."""
    charge = charges.ordered(tx, payment_id)
    assert charge is not None, f"{payment_id} charges nothing"
    return rows.existing(tx, payment_id), charge


def _to_return(tx: Tx, payment_id: str) -> tuple[Payment, PaymentAttempt] | None:
    payment = rows.existing(tx, payment_id)
    attempt = attempts.latest(tx, payment_id, AttemptKind.GIVE_BACK)
    due = attempt is not None and attempt.next_look_at is not None and payment.status in UNPAID
    return (payment, attempt) if attempt is not None and due else None
