"""What only the network can say of an instrument before it is attached (SR35, SR36); no transaction is open here."""

from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import locks
from saifu.processors.contract import CustomerAt, Instrument, OutcomeUnknown, Processor
from saifu.processors.declines import DECLINES
from saifu.processors.registry import Processors
from saifu.refusals import Declined, ErrorCode, Refusal, Unavailable
from saifu.store import Store, Tx
from saifu.tables import Customer, ProcessorCustomer, Source

from . import charging, rows

log = structlog.get_logger(__name__)

_AT = select(ProcessorCustomer).where(
    col(ProcessorCustomer.customer_id) == bindparam("customer_id"),
    col(ProcessorCustomer.processor) == bindparam("processor"),
)


@dataclass(frozen=True, slots=True)
class Proven:
    """An instrument that its processor has checked and keeps for a customer: what it made of a token, or a source's."""

    processor: str
    customer_ref: str | None
    source_id: str | None = None
    instrument: Instrument | None = None

    def row(self, tx: Tx) -> Source:
        """The source, locked; what was a token becomes one only now, when nothing can fail any more."""
        if self.source_id is not None:
            return rows.locked(tx, self.source_id)
        assert self.instrument is not None
        return charging.from_instrument(tx, self.instrument, self.processor, None)

    def remember(self, tx: Tx, customer_id: str) -> None:
        """Keep the name that the processor has given to the customer."""
        if self.customer_ref is not None:
            remember(tx, customer_id, self.processor, self.customer_ref)


def remember(tx: Tx, customer_id: str, processor: str, ref: str) -> None:
    """Keep the name that a processor has given to a customer; the first one counts. The caller holds its lock."""
    if _at(tx, customer_id, processor) is None:
        tx.insert(
            ProcessorCustomer(
                customer_id=customer_id, processor=processor, processor_ref=ref, created_at=tx.now
            )
        )


async def introduced(store: Store, processor: Processor, known: CustomerAt) -> CustomerAt:
    """A customer as a processor knows it: told of it now, and its name there kept, where it did not know it yet.

    Whatever is then kept for the customer is kept under that one name, whoever asks at the same moment.

    Raises:
        Refusal: NOT_FOUND, GONE; what the processor says; SERVICE_UNAVAILABLE, it did not answer.
    """
    if known.ref is not None:
        return known
    try:
        ref = await processor.introduce(known)
    except OutcomeUnknown:
        raise unanswered() from None
    return known if ref is None else await store.write(partial(_introduced, known.id, processor.name, ref))


def _introduced(customer_id: str, processor: str, ref: str, tx: Tx) -> CustomerAt:
    customer = locks.living(tx, customer_id)
    remember(tx, customer_id, processor, ref)
    return customer_at(tx, customer, processor)


def customer_at(tx: Tx, customer: Customer, processor: str) -> CustomerAt:
    """A customer as a processor is told of it."""
    return CustomerAt(customer.id, customer.email, customer.name, customer_ref(tx, customer.id, processor))


def customer_ref(tx: Tx, customer_id: str, processor: str) -> str | None:
    """The name that a processor has given to a customer, once it has."""
    known = _at(tx, customer_id, processor)
    return None if known is None else known.processor_ref


@dataclass(frozen=True, slots=True)
class Prover:
    """Asks processors about instruments."""

    processors: Processors

    def processor_of(self, source: Source | None) -> Processor:
        """Who keeps a source; for what is yet to be made, whom new sources go to.

        Raises:
            Refusal: UNSUPPORTED_ACTION, it is not configured here (any more).
        """
        if source is None:
            return self.processors.chosen
        found = self.processors.named(source.processor)
        if found is None:
            raise Refusal(
                ErrorCode.UNSUPPORTED_ACTION,
                f"This source is kept by {source.processor}, which is not configured here.",
            )
        return found

    async def instrument(self, token: str, reference: str) -> Instrument:
        """What the chosen processor makes of a token, which is used up by it (SR23).

        Raises:
            Refusal: TOKEN_ALREADY_USED, TOKEN_EXPIRED, LIVE_MODE_TEST_CARD, INVALID_REQUEST_PARAMETERS;
                SERVICE_UNAVAILABLE, the processor did not answer.
        """
        try:
            return await self.processors.chosen.instrument(token, reference)
        except OutcomeUnknown:
            raise unanswered() from None

    async def prove(
        self, source: Source | None, instrument: Instrument | None, at: CustomerAt, reference: str
    ) -> Proven:
        """Check an instrument, a source's or what a token became, and have it kept for a customer.

        Raises:
            Declined: the check failed, and nothing was attached (SR35).
            Refusal: SERVICE_UNAVAILABLE, the processor did not answer.
        """
        processor = self.processor_of(source)
        source_id = source.id if source else None
        ref = instrument.ref if instrument else source.processor_ref if source else None
        if ref is None:
            return Proven(processor.name, None, source_id, instrument)
        try:
            attached = await processor.attach(ref, at, f"{reference}:{at.id}")
        except OutcomeUnknown:
            raise unanswered() from None
        if attached.decline is not None:
            raise Declined(attached.decline, DECLINES[attached.decline].shown_as, ("input", "source"))
        return Proven(processor.name, attached.customer_ref, source_id, instrument)

    async def forget(self, processor_name: str, ref: str | None) -> None:
        """Have a processor forget an instrument; what it does not hear now it keeps, which harms nobody."""
        processor = self.processors.named(processor_name)
        if processor is None or ref is None:
            return
        try:
            await processor.detach(ref)
        except OutcomeUnknown:
            log.warning("instrument_not_forgotten", what="detach")


def unanswered() -> Unavailable:
    return Unavailable("The processor did not answer.")


def _at(tx: Tx, customer_id: str, processor: str) -> ProcessorCustomer | None:
    return tx.first(_AT, customer_id=customer_id, processor=processor)
