"""Whatever of a source needs its processor: asked between two transactions, and never inside one.

What was true before the processor was asked is looked at again afterwards, under the locks. A client that goes away
in between changes nothing: what has begun ends.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

from saifu import audit, idempotency, locks
from saifu.idempotency import Outcome, once
from saifu.ids import new_id
from saifu.jobs import Job
from saifu.payments.rules import PaymentRules
from saifu.processors.contract import CustomerAt, Instrument, OutcomeUnknown, Pending, Processor, SourceOrder
from saifu.processors.registry import Processors
from saifu.refusals import Refusal
from saifu.store import Origin, Store, Tx, Work
from saifu.tables import Source
from saifu.tasks import Undisturbed

from . import attaching, changing, completing, creating, defaults, rows, upkeep, velocity
from .asked import NewSource, checked
from .creating import Begun, Made
from .given import Given, reference
from .kinds import SourceType
from .proving import Proven, Prover, customer_at, introduced, unanswered

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceFlow:
    """The flows of sources."""

    store: Store
    processors: Processors
    rules: PaymentRules
    undisturbed: Undisturbed = field(default_factory=Undisturbed)

    @property
    def prover(self) -> Prover:
        return Prover(self.processors)

    async def create(self, new: NewSource, key: str | None, origin: Origin) -> Made:
        """A new source (SR20), with its client secret, which is shown this once (SR96).

        Raises:
            Refusal: what `asked.checked` and the processor say; SERVICE_UNAVAILABLE, it did not answer.
            IdempotencyKeyReused: the key belongs to another request.
        """
        return await self.undisturbed.run(self._create(new, key, origin))

    async def attach(
        self,
        customer_id: str,
        given: Given,
        key: str | None,
        origin: Origin,
        *,
        reject_duplicates: bool = False,
        make_default: bool = False,
    ) -> Outcome[Source]:
        """Attach a source, or what a token becomes, to a customer (SR30-SR39).

        Args:
            make_default: it becomes the default also where there is one, which then stays attached (SR51).

        Raises:
            Declined: the check of the instrument failed (SR35).
            Refusal: what `attaching.refuse` and the processor say; TOO_MANY_REQUESTS (SR98).
            IdempotencyKeyReused: the key belongs to another request.
        """
        return await self.undisturbed.run(
            self._attach(customer_id, given, key, origin, Wish(reject_duplicates, make_default))
        )

    async def detach(
        self, customer_id: str, source_id: str, key: str | None, origin: Origin
    ) -> Outcome[Source]:
        """Take a source from its customer, for good (SR70-SR77); its processor forgets it afterwards.

        Raises:
            Refusal: NOT_FOUND, SOURCE_NOT_ATTACHED.
        """
        return await self.undisturbed.run(self._detach(customer_id, source_id, key, origin))

    async def verify(self, source_id: str, code: str, key: str | None, origin: Origin) -> Outcome[Source]:
        """Try the code of a source that waits for one (SR26).

        Raises:
            Refusal: NOT_FOUND, SOURCE_STATE_CONFLICT; INVALID_REQUEST_PARAMETERS, it is wrong.
        """
        return await self.undisturbed.run(self._verify(source_id, code, key, origin))

    async def close(self) -> None:
        """Let what is under way finish."""
        await self.undisturbed.close()

    async def refresh(self, processor: str, processor_ref: str) -> bool:
        """Ask a processor how a source stands, and apply what it says; what a callback is followed by.

        Returns:
            Whether there is such a source here; without it, ask again later.

        Raises:
            contract.OutcomeUnknown: the processor did not answer.
        """
        source = await self.store.read(lambda tx: rows.at_processor(tx, processor, processor_ref))
        asked = self.processors.named(processor)
        if source is None or asked is None:
            return False
        report = await asked.look_up_source(processor_ref)
        if report is not None:
            source_id = source.id
            await self.store.write(lambda tx: completing.reported(tx, source_id, report, self.rules))
        return True

    def jobs(self) -> list[Job]:
        """What is due without a request: sources whose time is over, cards that run out, tries to forget."""
        return [
            Job("source_timeouts", timedelta(seconds=15), upkeep.lapse),
            Job("source_notices", timedelta(hours=1), upkeep.give_notice),
            Job("source_tries", timedelta(hours=1), upkeep.forget_tries),
        ]

    async def _create(self, new: NewSource, key: str | None, origin: Origin) -> Made:
        new = checked(new, live=not self.rules.is_test)
        earlier = await self.store.read(
            lambda tx: _row(tx, idempotency.earlier(tx, key, "sourceCreate", new.identity))
        )
        if earlier is not None:
            return Made(earlier, None, replayed=True)
        begun = await self._begun(new, key)

        def make(tx: Tx) -> Made:
            done = once(
                tx,
                key,
                "sourceCreate",
                new.identity,
                lambda: creating.insert(tx, new, begun, self.rules).id,
            )
            return Made(
                rows.locked(tx, done.object_id), None if done.replayed else begun.secret, done.replayed
            )

        return await self.store.write(make, origin)

    async def _begun(self, new: NewSource, key: str | None) -> Begun:
        processor, secret, source_id = self.processors.chosen, creating.new_secret(), new_id("src")
        try:
            made = await self._made(processor, new, key, source_id, secret)
        except OutcomeUnknown:
            raise unanswered() from None
        return Begun(source_id, processor.name, made, secret)

    async def _made(
        self, processor: Processor, new: NewSource, key: str | None, source_id: str, secret: str
    ) -> Instrument | Pending:
        if new.type is SourceType.CARD:
            return await processor.instrument(new.secrets["token"], reference(key))
        back = creating.address_back(new, source_id, secret, live=not self.rules.is_test)
        order = SourceOrder(
            source_id, new.type.value, new.amount_minor, new.currency, new.owner or {}, back, new.secrets
        )
        return await processor.create_source(order)

    async def _attach(
        self, customer_id: str, given: Given, key: str | None, origin: Origin, wish: "Wish"
    ) -> Outcome[Source]:
        request = {
            "customer_id": customer_id,
            "source": given.text,
            "make_default": wish.make_default or None,
        }

        def look(tx: Tx) -> tuple[Source | None, Source | None]:
            customer = locks.lock(tx, customer_id)
            done = _row(tx, idempotency.earlier(tx, key, "sourceAttach", request))
            source = given.row(tx)
            if done is None and (source is None or source.customer_id != customer_id):
                attaching.refuse(tx, customer, source, reject_duplicates=wish.reject_duplicates)
            return done, source

        done, source = await self.store.write(look, origin)
        if done is not None:
            return Outcome(done, replayed=True)
        if source is not None and source.customer_id == customer_id:
            proven = Proven(source.processor, None, source.id)
        else:
            proven = await self.proven(customer_id, given, source, key)

        def attach(tx: Tx) -> Outcome[Source]:
            locks.lock(tx, customer_id)
            done = once(
                tx,
                key,
                "sourceAttach",
                request,
                partial(_attached, tx, customer_id, proven, wish),
            )
            return Outcome(rows.locked(tx, done.object_id), done.replayed)

        return await self.kept(attach, proven, origin)

    async def proven(self, customer_id: str, given: Given, source: Source | None, key: str | None) -> Proven:
        """Have an instrument checked for a customer, unless either was tried too often (SR35, SR98)."""
        instrument = await self.instrument(given, key)
        fingerprint = instrument.fingerprint if instrument else source.fingerprint if source else None
        keeper = self.prover.processor_of(source)

        def count(tx: Tx) -> CustomerAt:
            customer = locks.living(tx, customer_id)
            velocity.refuse(tx, customer_id, fingerprint)
            velocity.count(tx, customer_id, fingerprint)
            return customer_at(tx, customer, keeper.name)

        at = await introduced(self.store, keeper, await self.store.write(count))
        return await self.prover.prove(source, instrument, at, reference(key))

    async def introduce(self, customer_id: str) -> None:
        """Make a customer known to whom new sources go to, so that it can keep what is charged (PM77).

        Raises:
            Refusal: NOT_FOUND, GONE; what the processor says; SERVICE_UNAVAILABLE, it did not answer.
        """
        keeper = self.prover.processor_of(None)
        known = await self.store.write(lambda tx: customer_at(tx, locks.living(tx, customer_id), keeper.name))
        await introduced(self.store, keeper, known)

    async def instrument(self, given: Given, key: str | None) -> Instrument | None:
        """What a token becomes; None for what is a source already."""
        return None if given.token is None else await self.prover.instrument(given.token, reference(key))

    async def kept(self, work: Work[T], proven: Proven, origin: Origin) -> T:
        """Commit what an instrument was proven for; if that is refused, the processor forgets what a token became."""
        try:
            return await self.store.write(work, origin)
        except Refusal:
            if proven.instrument is not None:
                await self.prover.forget(proven.processor, proven.instrument.ref)
            raise

    async def _detach(
        self, customer_id: str, source_id: str, key: str | None, origin: Origin
    ) -> Outcome[Source]:
        done = await self.store.write(lambda tx: changing.detach(tx, customer_id, source_id, key), origin)
        if not done.replayed:
            await self.prover.forget(done.value.processor, done.value.processor_ref)
        return done

    async def _verify(self, source_id: str, code: str, key: str | None, origin: Origin) -> Outcome[Source]:
        request = {"source_id": source_id, "code": code}
        earlier = await self.store.read(
            lambda tx: _row(tx, idempotency.earlier(tx, key, "sourceVerify", request))
        )
        if earlier is not None:
            return Outcome(earlier, replayed=True)
        source = await self.store.write(lambda tx: completing.attempt(tx, source_id), origin)
        try:
            is_right = await self.prover.processor_of(source).verify(source.processor_ref or "", code)
        except OutcomeUnknown:
            raise unanswered() from None
        if not is_right:
            raise await self.store.write(lambda tx: completing.misjudged(tx, source_id), origin)

        def verified(tx: Tx) -> Outcome[Source]:
            done = once(
                tx, key, "sourceVerify", request, lambda: completing.verified(tx, source_id, self.rules).id
            )
            audit.record(tx, "sourceVerify", source_id)
            return Outcome(rows.locked(tx, done.object_id), done.replayed)

        return await self.store.write(verified, origin)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a source is to be attached."""

    reject_duplicates: bool = False
    make_default: bool = False


def _attached(tx: Tx, customer_id: str, proven: Proven, wish: Wish) -> str:
    customer = locks.lock(tx, customer_id)
    source = attaching.attach_in(tx, customer, proven.row(tx), reject_duplicates=wish.reject_duplicates)
    if wish.make_default:
        before, after = defaults.choose(tx, customer, source.id)
        if before != after:
            defaults.tell(tx, customer, before, after)
    proven.remember(tx, customer_id)
    audit.record(tx, "sourceAttach", source.id, customer_id)
    return source.id


def _row(tx: Tx, source_id: str | None) -> Source | None:
    return None if source_id is None else rows.get(tx, source_id)
