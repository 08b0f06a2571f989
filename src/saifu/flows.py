"""What takes more than one transaction: whatever talks to a processor. Put together once for each process.

A use case is a function of a `tx`; a flow is what stands around several of them, with a call to the outside between
two commits and never inside one (RELIABILITY §3.4).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .checkout.flow import CheckoutFlow
from .disputes.flow import DisputeFlow
from .jobs import Job
from .payments.callbacks import CallbackFlow
from .payments.flow import PaymentFlow
from .payments.rules import PaymentRules
from .processors.contract import CallbackKind
from .processors.installed import SIMULATOR, installed
from .processors.registry import Processors
from .processors.simulator import Simulator
from .refunds.flow import RefundFlow
from .settings import Settings
from .sources.customer_flow import CustomerFlow
from .sources.flow import SourceFlow
from .store import Store
from .tables import ProcessorCallback


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows of one process."""

    processors: Processors
    rules: PaymentRules
    payments: PaymentFlow
    callbacks: CallbackFlow
    sources: SourceFlow
    customers: CustomerFlow
    refunds: RefundFlow
    disputes: DisputeFlow
    checkout: CheckoutFlow

    @property
    def simulator(self) -> Simulator | None:
        """The bank that is played in test mode."""
        found = self.processors.named(SIMULATOR)
        return found if isinstance(found, Simulator) else None

    def jobs(self) -> list[Job]:
        """What is due without a request: recovery, expiry, callbacks."""
        return [
            *([self.simulator.job(self._from_simulator)] if self.simulator else ()),
            *self.payments.jobs(),
            *self.callbacks.jobs(),
            *self.sources.jobs(),
            *self.refunds.jobs(),
            *self.disputes.jobs(),
            *self.checkout.jobs(),
        ]

    async def _from_simulator(self, headers: Mapping[str, str], body: bytes) -> None:
        await self.callbacks.receive(SIMULATOR, headers, body)

    async def close(self) -> None:
        await self.callbacks.close()
        await self.payments.close()
        await self.sources.close()
        await self.refunds.close()
        await self.disputes.close()
        await self.processors.close()


def build(settings: Settings, store: Store) -> Flows:
    """The flows around a store, with the processors that the settings name."""
    rules = PaymentRules.of(settings)
    processors = installed(settings, store)
    payments = PaymentFlow(store, processors, rules)
    sources = SourceFlow(store, processors, rules)
    refunds = RefundFlow(store, processors, rules)
    disputes = DisputeFlow(store, processors, rules)

    async def sources_told(callback: ProcessorCallback) -> bool:
        return await sources.refresh(callback.processor, callback.processor_ref or "")

    return Flows(
        processors=processors,
        rules=rules,
        payments=payments,
        callbacks=CallbackFlow(
            store,
            processors,
            {
                CallbackKind.CHARGE: payments.told,
                CallbackKind.SOURCE: sources_told,
                CallbackKind.REFUND: refunds.told,
                CallbackKind.DISPUTE: disputes.told,
            },
        ),
        sources=sources,
        customers=CustomerFlow(sources),
        refunds=refunds,
        disputes=disputes,
        checkout=CheckoutFlow(store, payments, sources, rules),
    )


@asynccontextmanager
async def opened(settings: Settings, store: Store) -> AsyncIterator[Flows]:
    """The same, closed afterwards."""
    house = build(settings, store)
    try:
        yield house
    finally:
        await house.close()
