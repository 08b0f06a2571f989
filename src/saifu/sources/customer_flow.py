"""Customers that are made or changed together with a source (CU9, CU25, SR40-SR47)."""

from dataclasses import dataclass

from saifu import customers, idempotency, locks
from saifu.customers import CustomerChange, NewCustomer
from saifu.idempotency import Outcome
from saifu.ids import new_id
from saifu.processors.contract import CustomerAt
from saifu.refusals import StaleVersion
from saifu.store import Origin, Tx
from saifu.tables import Customer, Source

from . import attaching, rows, velocity
from .flow import SourceFlow
from .given import Given, reference
from .proving import Proven
from .switching import Adoption, Replacement, source_identity


@dataclass(frozen=True, slots=True)
class CustomerFlow:
    """Creation and change of customers where a processor has to be asked about a source first."""

    sources: SourceFlow

    async def create(
        self, new: NewCustomer, given: Given, key: str | None, origin: Origin
    ) -> Outcome[Customer]:
        """A customer whose first source is attached and the default; if it cannot be, nothing is created (CU9).

        Raises:
            Declined: the check of the instrument failed (SR35).
            Refusal: what `customers.create`, `attaching.refuse` and the processor say.
        """
        return await self.sources.undisturbed.run(self._create(new, given, key, origin))

    async def update(
        self, customer_id: str, change: CustomerChange, given: Given, key: str | None, origin: Origin
    ) -> Outcome[Customer]:
        """Change a customer and replace its default source, or change nothing at all (SR40-SR44).

        Raises:
            Declined: the check of the instrument failed (SR35).
            Refusal: what `customers.update`, `attaching.refuse` and the processor say.
        """
        return await self.sources.undisturbed.run(self._update(customer_id, change, given, key, origin))

    async def _create(
        self, new: NewCustomer, given: Given, key: str | None, origin: Origin
    ) -> Outcome[Customer]:
        flow, rules = self.sources, self.sources.rules
        request = customers.creation(new, test_mode=rules.is_test) | source_identity(given)

        def look(tx: Tx) -> tuple[Customer | None, Source | None]:
            done = idempotency.earlier(tx, key, "customerCreate", request)
            if done is not None:
                return customers.get(tx, done), None
            source = given.row(tx)
            if source is not None:
                attaching.refuse_state(tx, source)
            return None, source

        done, source = await flow.store.read(look)
        if done is not None:
            return Outcome(done, replayed=True)
        instrument = await flow.instrument(given, key)
        fingerprint = instrument.fingerprint if instrument else source.fingerprint if source else None
        await flow.store.write(lambda tx: _count(tx, fingerprint))
        at = CustomerAt(new_id("cus"), new.email, new.name)
        proven = await flow.prover.prove(source, instrument, at, reference(key))
        adoption = Adoption(at.id, given, proven)
        currencies = rules.wallet.currencies
        return await flow.kept(
            lambda tx: customers.create(tx, new, currencies, key, test_mode=rules.is_test, adoption=adoption),
            proven,
            origin,
        )

    async def _update(
        self, customer_id: str, change: CustomerChange, given: Given, key: str | None, origin: Origin
    ) -> Outcome[Customer]:
        flow, test_mode = self.sources, self.sources.rules.is_test
        request = customers.changing(customer_id, change, test_mode=test_mode) | source_identity(given)

        def look(tx: Tx) -> tuple[Customer | None, Source | None]:
            customer = locks.lock(tx, customer_id)
            if idempotency.earlier(tx, key, "customerUpdate", request) is not None:
                return customer, None
            if change.expected_version not in (None, customer.version):
                raise StaleVersion(customer.version)
            source = given.row(tx)
            if source is None or source.customer_id != customer_id:
                attaching.refuse(tx, customer, source)
            return None, source

        done, source = await flow.store.write(look, origin)
        if done is not None:
            return Outcome(done, replayed=True)
        if source is not None and source.customer_id == customer_id:
            proven = Proven(source.processor, None, source.id)
        else:
            proven = await flow.proven(customer_id, given, source, key)
        before = await flow.store.read(lambda tx: rows.defaults(tx, [customer_id]).get(customer_id))
        switch = Replacement(given, proven)
        changed = await flow.kept(
            lambda tx: customers.update(tx, customer_id, change, key, test_mode=test_mode, switch=switch),
            proven,
            origin,
        )
        await self._forget_detached(before)
        return changed

    async def _forget_detached(self, before: Source | None) -> None:
        """Have the processor forget what was the default until now, if it is detached."""
        if before is None:
            return
        now = await self.sources.store.read(lambda tx: rows.get(tx, before.id))
        if now is not None and now.customer_id is None:
            await self.sources.prover.forget(now.processor, now.processor_ref)


def _count(tx: Tx, fingerprint: str | None) -> None:
    velocity.refuse(tx, fingerprint)
    velocity.count(tx, fingerprint)
