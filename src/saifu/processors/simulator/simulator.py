"""The simulator as a processor: each call is one transaction of its own, and what the bank would say (PM29, PM95)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from saifu.jobs import Job, Run
from saifu.processors.contract import (
    Attached,
    Callback,
    Charge,
    ChargeAnswer,
    ChargeSeen,
    CustomerAt,
    DisputeReport,
    Instrument,
    OutcomeUnknown,
    Pending,
    RefundAnswer,
    RefundOrder,
    RefundReport,
    SourceOrder,
    SourceReport,
)
from saifu.refusals import ErrorCode, Refusal, Unavailable
from saifu.store import Store, Tx
from saifu.tables import SimulatorCharge

from . import approvals, callbacks, charges, disputes, instruments, record, refunds, scripts, sources, tokens
from .approvals import Page, Reply
from .callbacks import SignedCallback
from .cards import Disputed
from .house import House, opened
from .record import Recorded
from .tokens import CardDetails

log = structlog.get_logger(__name__)

T = TypeVar("T")
Door = Callable[[Mapping[str, str], bytes], Awaitable[None]]
"""Takes a callback: headers and body; raises where it could not."""

BATCH = 100
PAGES = "/simulator/approve/"


class Simulator:
    """The bank of an installation in test mode.

    Args:
        store: where its record is, and whose clock it goes by.
        secret: what it signs and fingerprints with; without it what the installation's own database keeps, made on
            first use.
        public_url: where customers' browsers find its pages.
    """

    name = "simulator"

    def __init__(
        self, store: Store, secret: bytes | None = None, public_url: str = "http://127.0.0.1:8000"
    ) -> None:
        self._store = store
        self._house = House(secret) if secret is not None else None
        self._public_url = public_url

    async def start(self) -> House:
        """Know the installation's secret; whatever needs it asks for it by itself, except `callbacks`."""
        if self._house is None:
            self._house = await self._store.write(opened)
        return self._house

    async def close(self) -> None:
        """There is nothing to close: the store is its owner's."""

    async def tokenise(self, card: CardDetails) -> str:
        """A token for a published card; of the number and the CVC nothing is left when this returns (SR90).

        Raises:
            Declined: INCORRECT_NUMBER, INVALID_EXPIRY_YEAR, INVALID_CVC.
            Refusal: TEST_CARD_REQUIRED, INVALID_REQUEST_PARAMETERS.
        """
        accepted = tokens.accepted(card, await self.start(), self._now)
        return await self._store.write(lambda tx: tokens.issue(tx, accepted))

    async def instrument(self, token: str, reference: str) -> Instrument:
        return await self._write(partial(instruments.of_token, token=token, reference=reference))

    async def create_source(self, order: SourceOrder) -> Pending:
        return await self._write(partial(sources.create, order=order, page_url=self._page_url))

    async def introduce(self, customer: CustomerAt) -> None:
        """It keeps no customers."""

    async def attach(self, instrument_ref: str, customer: CustomerAt, reference: str) -> Attached:
        return await self._store.write(lambda tx: instruments.attach(tx, instrument_ref, customer))

    async def detach(self, instrument_ref: str) -> None:
        await self._store.write(lambda tx: instruments.detach(tx, instrument_ref))

    async def verify(self, source_ref: str, code: str) -> bool:
        return await self._write(partial(instruments.verify, ref=source_ref, code=code))

    async def charge(self, charge: Charge) -> ChargeAnswer:
        told = await self._write(partial(charges.order, charge=charge))
        if told.charge is None:
            raise OutcomeUnknown
        return await self._answer(told.charge)

    async def look_up(self, reference: str) -> ChargeAnswer | None:
        found = await self._store.read(lambda tx: charges.CHARGES.get(tx, reference))
        if found is None:
            return None
        if charges.is_kept_back(found, self._now):
            raise OutcomeUnknown
        return await self._answer(found)

    async def charges_since(self, since: datetime) -> list[ChargeSeen]:
        return await self._store.read(lambda tx: charges.since(tx, since))

    async def cancel(self, reference: str) -> ChargeAnswer | None:
        found = await self._write(partial(charges.cancel, reference=reference))
        return None if found is None else await self._answer(found)

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        row = await self._write(partial(refunds.order, given=order))
        return refunds.answer(row, self._now)

    async def look_up_refund(self, order: RefundOrder) -> RefundAnswer | None:
        found = await self._store.read(lambda tx: refunds.REFUNDS.get(tx, order.reference))
        return None if found is None else refunds.answer(found, self._now)

    async def find_refund(self, processor_ref: str) -> RefundReport | None:
        now = self._now
        return await self._store.read(lambda tx: refunds.find(tx, processor_ref, now))

    async def look_up_dispute(self, processor_ref: str) -> DisputeReport | None:
        now = self._now
        found = await self._store.read(lambda tx: disputes.get(tx, processor_ref, now))
        return None if found is None else disputes.report(found, now)

    async def look_up_source(self, source_ref: str) -> SourceReport | None:
        found = await self._store.read(lambda tx: instruments.INSTRUMENTS.get(tx, source_ref))
        return None if found is None else instruments.report(found, self._now)

    async def submit_evidence(self, processor_ref: str, text: str) -> DisputeReport:
        return await self._write(partial(disputes.submit, ref=processor_ref, text=text))

    async def accept_dispute(self, processor_ref: str) -> DisputeReport:
        return await self._write(partial(disputes.end, ref=processor_ref, outcome=disputes.LOST))

    def callbacks(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Callback]:
        """What a callback of ours says.

        Raises:
            ForgedCallback: see `Processor`.
            Unavailable: this process does not know the secret yet, so it cannot tell; whoever sent it tries again.
        """
        if self._house is None:
            raise Unavailable("The simulator has not begun here yet.")
        return callbacks.verified(headers, body, self._house, now)

    async def due_callbacks(self, now: datetime, limit: int = BATCH) -> list[SignedCallback]:
        """What is to be delivered now, in order; whatever is not said to be `delivered` comes again after a minute."""
        return await self._write(partial(callbacks.take, now=now, limit=limit))

    async def delivered(self, ids: Sequence[str]) -> None:
        await self._store.write(lambda tx: callbacks.delivered(tx, ids))

    async def deliver_due(self, door: Door, limit: int = BATCH) -> int:
        """Deliver what is due; answers how many were taken. One that is not taken is tried again later."""
        taken = 0
        for callback in await self.due_callbacks(self._now, limit):
            try:
                await door(callback.headers, callback.body)
            except Exception:
                log.exception("callback_not_taken", object_id=callback.id)
                continue
            await self.delivered([callback.id])
            taken += 1
        return taken

    def job(self, door: Door) -> Job:
        """Delivers callbacks as they fall due."""

        async def run(_store: Store) -> Run:
            taken = await self.deliver_due(door)
            return Run(taken, more=taken >= BATCH)

        return Job("simulator_callbacks", timedelta(seconds=1), run)

    async def script(self, source_ref: str | None, outcomes: Sequence[str]) -> None:
        """Have the next charges of an instrument, or of any, come to these outcomes, in order (PM96).

        Raises:
            Refusal: INVALID_REQUEST_PARAMETERS.
        """
        await self._store.write(lambda tx: scripts.queue(tx, source_ref, outcomes))

    async def record(self) -> Sequence[Recorded]:
        """Every charge and refund as the world outside sees it (T9)."""
        return await self._store.read(record.record)

    async def receive_transfer(self, source_ref: str, amount_minor: int) -> None:
        """Let money arrive at the address of an `ach_credit_transfer`."""
        await self._write(partial(instruments.receive, ref=source_ref, amount_minor=amount_minor))

    async def open_dispute(self, charge_reference: str, stage: str, reason: str = "general") -> DisputeReport:
        """Let a customer dispute a charge now, whatever its card.

        Raises:
            Refusal: NOT_FOUND, INVALID_REQUEST_PARAMETERS.
        """
        return await self._write(
            partial(
                _open_dispute, reference=charge_reference, disputed=Disputed(disputes.stage(stage), reason)
            )
        )

    async def withdraw_dispute(self, processor_ref: str) -> DisputeReport:
        return await self._write(partial(disputes.end, ref=processor_ref, outcome=disputes.CANCELLED))

    async def escalate_dispute(self, processor_ref: str) -> DisputeReport:
        return await self._write(partial(disputes.escalate, ref=processor_ref))

    async def page(self, token: str) -> Page | None:
        return await self._store.read(lambda tx: approvals.look(tx, token))

    async def reply(self, token: str, given: Reply) -> Page | None:
        """Answer a page as its customer would."""
        return await self._write(partial(approvals.reply, token=token, given=given))

    @property
    def _now(self) -> datetime:
        return self._store.clock.now()

    async def _write(self, work: Callable[[Tx, House], T]) -> T:
        house = await self.start()
        return await self._store.write(lambda tx: work(tx, house))

    async def _answer(self, row: SimulatorCharge) -> ChargeAnswer:
        house = await self.start()
        url = self._page_url(house.page_token(row.ref)) if row.page_hash else None
        return charges.answer(row, self._now, url)

    def _page_url(self, token: str) -> str:
        return f"{self._public_url}{PAGES}{token}"


def _open_dispute(tx: Tx, house: House, reference: str, disputed: Disputed) -> DisputeReport:
    charge = charges.CHARGES.locked(tx, reference)
    if charge is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such charge.", ("input", "paymentId"))
    return disputes.report(disputes.open_by_itself(tx, house, charge, disputed, tx.now), tx.now)
