"""After a crash: what is due is done on a clock that is moved on, and then everything has to agree with everything.

The judge is the simulator's own record, which is written in transactions of its own: what the world outside has seen.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import select

from saifu import flows, wallet_proofs
from saifu.clock import ManualClock
from saifu.flows import Flows
from saifu.jobs import Jobs
from saifu.ledger.entries import EntryType, signed
from saifu.processors.simulator.record import Recorded
from saifu.server import build_app
from saifu.settings import Settings
from saifu.store import Store, open_store
from saifu.tables import LedgerEntry, Payment, Refund, Wallet
from tests.client import Api
from tests.conftest import ADMIN_KEY

STEP = timedelta(seconds=90)
MOST_STEPS = 40
ENDED = {"succeeded", "failed", "cancelled"}

_PAYMENTS, _REFUNDS, _ENTRIES, _WALLETS = select(Payment), select(Refund), select(LedgerEntry), select(Wallet)


@dataclass
class Aftermath:
    """An installation whose processes have died, in the hands of one that has not."""

    store: Store
    flows: Flows
    clock: ManualClock
    settings: Settings

    async def settle(self) -> timedelta:
        """Do what is due until every payment and refund has ended; answers after how long that was."""
        jobs = Jobs(self.store, self.flows.jobs())
        began = self.clock.now()
        for _ in range(MOST_STEPS):
            await jobs.run_once(self.clock.now())
            if not await self._open():
                break
            self.clock.advance(STEP)
        return self.clock.now() - began

    async def _open(self) -> list[str]:
        payments = [each.id for each in await self.payments() if each.status not in ENDED]
        refunds = [each.id for each in await self.refunds() if each.status not in {"succeeded", "failed"}]
        return payments + refunds

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """An admin's client of a gateway around the same store, in process."""
        app = build_app(self.settings, store=self.store)
        async with app.router.lifespan_context(app), Api.in_process(app, ADMIN_KEY) as api:
            yield api

    async def payments(self) -> list[Payment]:
        return await self.store.read(lambda tx: tx.all(_PAYMENTS))

    async def refunds(self) -> list[Refund]:
        return await self.store.read(lambda tx: tx.all(_REFUNDS))

    async def record(self) -> list[Recorded]:
        assert self.flows.simulator is not None
        return list(await self.flows.simulator.record())

    async def check(self) -> Counter[str]:
        """Everything agrees (invariants 1, 2, 8, 11, 12, W51); answers how many payments ended how."""
        payments = {each.id: each for each in await self.payments()}
        entries = await self.store.read(lambda tx: tx.all(_ENTRIES))
        record = await self.record()
        _charged_once(payments, record)
        for payment in payments.values():
            _wallet_is_whole(payment, entries)
        await self._proofs()
        return Counter(each.status for each in payments.values())

    async def _proofs(self) -> None:
        wallets = await self.store.read(lambda tx: tx.all(_WALLETS))
        for wallet in wallets:
            verdict = await self.store.read(
                lambda tx, one=wallet: wallet_proofs.verify(tx, one.customer_id, one.currency),  # type: ignore[misc]
                consistent=True,
            )
            assert verdict.intact, f"{wallet.customer_id} {wallet.currency}: {verdict}"


@asynccontextmanager
async def aftermath(url: str) -> AsyncIterator[Aftermath]:
    """Opened some time after the crash, so that whoever was working is known to be gone."""
    clock = ManualClock(datetime.now(UTC) + STEP)
    settings = Settings.model_validate({"database_url": url, "mode": "test"})
    store = await open_store(url, clock)
    try:
        async with flows.opened(settings, store) as house:
            yield Aftermath(store, house, clock, settings)
    finally:
        await store.close()


def _charged_once(payments: dict[str, Payment], record: list[Recorded]) -> None:
    """At most one charge for each payment, and the outside world's money is ours (T9, invariants 11 and 12)."""
    charges = [each for each in record if each.kind == "charge"]
    assert max(Counter(each.reference for each in charges).values(), default=0) <= 1
    assert {each.reference for each in charges} <= payments.keys(), "somebody was charged for nothing"
    taken = {each.reference: each.amount_minor for each in charges if each.moved}
    given_back = Counter[str]()
    for each in record:
        if each.kind == "refund" and each.moved and each.charge_reference:
            given_back[each.charge_reference] += each.amount_minor
    for payment in payments.values():
        kept = taken.get(payment.id, 0) - given_back[payment.id]
        assert kept == _owed(payment), f"{payment.id} is {payment.status}, and {kept} minor units were kept"


def _owed(payment: Payment) -> int:
    """What a source has paid for good, by our own books; refunds here go to the source first (W58)."""
    if payment.status != "succeeded":
        return 0
    return payment.source_minor - min(payment.refunded_minor, payment.source_minor)


def _wallet_is_whole(payment: Payment, entries: list[LedgerEntry]) -> None:
    """W51: a payment that ended without success took nothing from its wallet, one that succeeded its part."""
    of_payment = [
        each
        for each in entries
        if each.reference_id == payment.id
        and each.entry_type in {EntryType.PAYMENT, EntryType.PAYMENT_REVERSAL}
    ]
    net = -sum(signed(each.amount_minor, each.is_credit) for each in of_payment)
    assert net == payment.wallet_minor, f"{payment.id} is {payment.status}, its wallet gave {net}"
    assert len(of_payment) <= 2
    if payment.status in {"failed", "cancelled"}:
        assert net == 0
