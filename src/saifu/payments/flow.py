"""Payments from outside: written down, sent to the processor, and settled, in a task of their own (W46, §3.4).

Between two commits stands one call to the processor, and never inside one. Whoever asked may go away meanwhile: the
payment goes on. Whoever asks again with the same key gets the same payment, as it is then (PM20).
"""

import asyncio
import hashlib
from dataclasses import dataclass, replace

from saifu import idempotency
from saifu.jobs import Job
from saifu.processors.contract import Instrument, OutcomeUnknown
from saifu.processors.registry import Processors
from saifu.refusals import ErrorCode, Refusal
from saifu.refusals import OutcomeUnknown as NobodyKnows
from saifu.store import SYSTEM, Origin, Store
from saifu.tables import Payment, ProcessorCallback
from saifu.tasks import Undisturbed

from . import cancelling, checks, rows
from .asking import Asking
from .begin import Begun, begin
from .machine import PaymentStatus
from .orders import WALLET_TOP_UP, PaymentOrder, Purpose
from .recovery import Recovery
from .retrying import Retry, order_of
from .rules import PaymentRules

WAIT_FOR_TWIN_S = 30.0
"""How long a request waits for an earlier one with the same key (PM22)."""
_GLANCE_S = 0.05


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as it is now; `replayed` when an earlier request with this key had asked for it."""

    payment: Payment
    replayed: bool


class PaymentFlow:
    """Payments, from the order to their end.

    Args:
        wait_s: how long a request waits for its twin.
    """

    def __init__(
        self, store: Store, processors: Processors, rules: PaymentRules, wait_s: float = WAIT_FOR_TWIN_S
    ) -> None:
        self._store = store
        self._processors = processors
        self._rules = rules
        self._wait_s = wait_s
        self._asking = Asking(store, processors, rules)
        self._recovery = Recovery(self._asking)
        self._undisturbed = Undisturbed()

    async def create(self, order: PaymentOrder, origin: Origin) -> Paid:
        """Charge what an order says, once per key; a decline is a payment that failed (PM20-PM28, A25).

        Raises:
            Refusal: as `begin`; IDEMPOTENT_REQUEST_IN_PROGRESS (PM22); of a token TOKEN_ALREADY_USED,
                TOKEN_EXPIRED, LIVE_MODE_TEST_CARD; UNSUPPORTED_ACTION without a processor.
        """
        return await self._undisturbed.run(self._create(order, origin))

    async def top_up(self, order: PaymentOrder, origin: Origin) -> Paid:
        """Charge a customer's source for the customer's own wallet, which is credited on success (W63).

        Raises:
            Refusal: as `create`.
        """
        wanted = replace(
            order, purpose=Purpose.WALLET_TOP_UP, mutation=WALLET_TOP_UP, description="Wallet top-up"
        )
        return await self.create(wanted, origin)

    async def retry(self, retry: Retry, origin: Origin) -> Paid:
        """Try again what a payment did not pay, with a new payment (PM19b).

        Raises:
            Refusal: as `create`; NOT_FOUND; PREVIOUS_PAYMENT_PENDING while one for the same is live (W50).
        """
        order = await self._store.read(lambda tx: order_of(tx, retry))
        return await self.create(order, origin)

    async def cancel(self, payment_id: str, origin: Origin = Origin(SYSTEM), key: str | None = None) -> Paid:
        """Give up a payment that waits for its customer; one that was completed meanwhile has succeeded (PM18).

        Raises:
            TransitionNotAllowed: it cannot be given up.
            Refusal: NOT_FOUND; OUTCOME_UNKNOWN, the processor did not say: it is asked again without a request.
        """
        return await self._undisturbed.run(self._cancel(payment_id, origin, key))

    async def deliver(self, payment_id: str) -> Payment:
        """Send a payment that was begun, and settle it; one that has its answer already is left as it is."""
        return await self._undisturbed.run(self._deliver(payment_id))

    async def look(self, payment_id: str) -> Payment:
        """Ask the processor how a payment stands, and bring it there; without an answer it stays as it is."""
        payment = await self._store.read(lambda tx: rows.existing(tx, payment_id))
        if payment.source_id is None:
            return payment
        try:
            return await self._undisturbed.run(self._asking.look(payment_id))
        except OutcomeUnknown:
            return payment

    async def told(self, callback: ProcessorCallback) -> None:
        """Follow up a callback about a charge.

        Raises:
            Refusal: NOT_FOUND, the charge is none of ours.
            OutcomeUnknown: the processor does not say.
        """
        payment = await self._store.read(lambda tx: rows.existing(tx, callback.reference or ""))
        if payment.source_id is not None:
            await self._asking.look(payment.id)

    def jobs(self) -> list[Job]:
        return self._recovery.jobs()

    async def close(self) -> None:
        """Let what is under way finish; what does not is found by the recovery job of whoever comes next."""
        await self._undisturbed.close()

    async def _create(self, order: PaymentOrder, origin: Origin) -> Paid:
        order = checks.well_formed(order, self._rules)  # before a token is used up
        name = self._processors.chosen_name
        instrument = await self._instrument(order)
        begun = await self._store.write(lambda tx: begin(tx, order, self._rules, name, instrument), origin)
        return await self._finished(begun)

    async def _finished(self, begun: Begun) -> Paid:
        if begun.to_send:
            return Paid(await self._asking.charge(begun.payment.id), begun.replayed)
        payment = begun.payment
        return Paid(await self._after_twin(payment) if begun.replayed else payment, begun.replayed)

    async def _deliver(self, payment_id: str) -> Payment:
        payment = await self._store.read(lambda tx: rows.existing(tx, payment_id))
        if payment.status != PaymentStatus.REQUIRES_CONFIRMATION:
            return payment
        return await self._asking.charge(payment_id)

    async def _cancel(self, payment_id: str, origin: Origin, key: str | None) -> Paid:
        begun = await self._store.write(
            lambda tx: cancelling.cancel(tx, payment_id, key, self._rules), origin
        )
        if not begun.to_send:
            return Paid(begun.payment, begun.replayed)
        try:
            return Paid(await self._asking.cancel(payment_id), begun.replayed)
        except OutcomeUnknown as fault:
            raise NobodyKnows from fault

    async def _instrument(self, order: PaymentOrder) -> Instrument | None:
        """What the processor makes of a token; the same key gets the same one, and a known key needs none."""
        token, key = order.token, order.idempotency_key
        if token is None:
            return None
        if key is not None and await self._store.read(lambda tx: idempotency.find(tx, key)) is not None:
            return None
        reference = hashlib.sha256(f"{order.mutation}:{key or token}".encode()).hexdigest()
        try:
            return await self._processors.chosen.instrument(token, reference)
        except OutcomeUnknown as fault:
            raise NobodyKnows from fault

    async def _after_twin(self, payment: Payment) -> Payment:
        """A payment that an earlier request with the same key is charging just now, once that has its answer."""
        deadline = asyncio.get_running_loop().time() + self._wait_s
        while payment.status == PaymentStatus.REQUIRES_CONFIRMATION:
            if asyncio.get_running_loop().time() >= deadline:
                raise Refusal(
                    ErrorCode.IDEMPOTENT_REQUEST_IN_PROGRESS,
                    f"The payment {payment.id} of an earlier request with this key is still being charged.",
                    ("input", "idempotencyKey"),
                )
            await asyncio.sleep(_GLANCE_S)
            payment = await self._store.read(lambda tx: rows.existing(tx, payment.id))  # noqa: B023
        return payment
