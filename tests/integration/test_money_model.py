"""The whole of the engine against the simulator: whatever is done in whatever order, the books are right (T1, T9, T10).

A random walk with a seed: charges and top-ups with every outcome, refunds, disputes, gifts that expire, deletions, and
time. After every step `tests.auditor` checks the books against themselves and against the bank's own record.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from saifu import customers, flows, wallets
from saifu.clock import ManualClock
from saifu.disputes import rows as dispute_rows
from saifu.disputes.answering import Answer, Asked
from saifu.ledger.entries import Funding
from saifu.manual_entries import ManualEntry
from saifu.payments import rows as payment_rows
from saifu.payments.orders import Line, PaymentOrder
from saifu.payments.retrying import Retry
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator.approvals import Reply
from saifu.processors.simulator.disputes import STAGES
from saifu.processors.simulator.scripts import Scripted
from saifu.processors.simulator.tokens import CardDetails
from saifu.refunds.amounts import ItemOrder
from saifu.refunds.begin import NewRefund
from saifu.refunds.rows import Destination
from saifu.refusals import Refusal
from saifu.settings import Settings
from saifu.sources.given import Given
from saifu.store import Origin, Store
from saifu.tables import Dispute, Payment, Refund, SimulatorDispute
from tests.auditor import audit, every
from tests.builders import RULES, a_customer

BY = Origin()
STEPS = 80
REST = 8
"""How often an hour passes at the end, until nothing is under way."""
CARDS = (
    *("tok_visa", "tok_mastercard", "tok_visa", "tok_threeDSecure2Required", "tok_chargeCustomerFail"),
    *("tok_createDispute", "tok_createDisputeInquiry", "4000000000007726", "4000000000005126"),
)
DECLINES = [DeclineCode.INSUFFICIENT_FUNDS, DeclineCode.GENERIC_DECLINE]
OUTCOMES: list[str] = [*Scripted, *DECLINES]


class World:
    """A few customers, one bank, and whatever chance wants done."""

    def __init__(self, store: Store, clock: ManualClock, house: flows.Flows, seed: int) -> None:
        assert house.simulator is not None
        self.store, self.clock, self.house, self.bank = store, clock, house, house.simulator
        self.chance = random.Random(seed)
        self.people: list[str] = []
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    async def step(self, name: str) -> None:
        """One thing, done or refused."""
        try:
            if await getattr(self, name)() is not False:
                self.done[name] += 1
        except Refusal as refusal:
            self.refused[refusal.code] += 1

    async def somebody(self) -> None:
        customer = await self.store.write(a_customer)
        self.people.append(customer.id)
        for token in self.chance.sample(CARDS, 3):
            await self.attach(customer.id, token)

    async def attach(self, customer_id: str, token: str) -> None:
        given = Given.of(await self.token(token))
        await self.house.sources.attach(customer_id, given, None, BY, make_default=self.chance.random() < 0.5)

    async def token(self, name: str) -> str:
        """What the page makes of a card, where it has no token that everybody knows."""
        if name.startswith("tok_"):
            return name
        return await self.bank.tokenise(CardDetails(name, 6, 2034, "123"))

    async def gift(self) -> None:
        """Money with an expiry, or without; or some of it taken away."""
        days = self.chance.choice([None, 1, 40])
        takes = self.chance.random() < 0.2
        entry = ManualEntry(
            self.person(), "USD", "DEBIT" if takes else "CREDIT", self.chance.randint(1, 3_000),
            idempotency_key=self.key(),
            funding=None if takes else self.chance.choice(list(Funding)),
            expires_at=None if takes or days is None else self.clock.now() + timedelta(days=days),
        )  # fmt: skip
        await self.store.write(lambda tx: wallets.post_manual(tx, entry, RULES))

    async def charge(self) -> None:
        await self.script()
        whose = self.chance.random() < 0.85
        amounts = [self.chance.randint(1, 4_000) for _ in range(self.chance.randint(1, 3))]
        order = PaymentOrder(
            "USD",
            customer_id=self.person() if whose else None,
            token=None if whose else await self.token("tok_visa"),
            use_wallet=whose and self.chance.random() < 0.7,
            lines=[Line(f"Line {each}", each, tax_minor=each // 7) for each in amounts],
            on_session=self.chance.random() < 0.5,
            idempotency_key=self.key(),
        )
        paid = await self.house.payments.create(order, BY)
        again = await self.house.payments.create(order, BY)
        assert (again.replayed, again.payment.id) == (True, paid.payment.id)

    async def top_up(self) -> None:
        await self.script()
        order = PaymentOrder("USD", self.person(), self.chance.randint(50, 5_000), idempotency_key=self.key())
        await self.house.payments.top_up(order, BY)

    async def together(self) -> None:
        """Three things at once: who is first is nobody's choice."""
        names = self.chance.choices(["charge", "top_up", "refund", "retry", "void", "gift", "cancel"], k=3)
        await asyncio.gather(*map(self.step, names))

    async def script(self) -> None:
        if self.chance.random() < 0.5:
            await self.bank.script(None, [self.chance.choice(OUTCOMES)])

    async def retry(self) -> bool | None:
        payment = await self.one(Payment, lambda each: each.status in ("failed", "cancelled"))
        if payment is None:
            return False
        await self.script()
        await self.house.payments.retry(Retry(payment.id, self.key()), BY)
        return None

    async def cancel(self) -> bool | None:
        payment = await self.one(Payment, lambda each: each.status == "requires_customer_action")
        if payment is None:
            return False
        await self.house.payments.cancel(payment.id)
        return None

    async def confirm(self) -> bool | None:
        """The customer answers the bank's page."""
        payment = await self.one(Payment, lambda each: each.status == "requires_customer_action")
        if payment is None:
            return False
        url = payment_rows.loaded(payment.action_json)["url"]
        await self.bank.reply(url.rpartition("/")[2], self.chance.choice(list(Reply)))
        return None

    async def refund(self) -> bool | None:
        payment = await self.one(Payment, lambda each: each.status == "succeeded")
        if payment is None:
            return False
        amount, items = self.chance.choice([None, self.chance.randint(1, 4_000)]), None
        if self.chance.random() < 0.3:
            line = self.chance.choice(payment_rows.lines(payment))
            items = [ItemOrder(line["id"], amount, self.chance.random() < 0.5)]
        new = NewRefund(
            payment.id,
            None if items else amount,
            items,
            self.chance.choice(list(Destination)),
            idempotency_key=self.key(),
        )
        refund = (await self.house.refunds.create(new, BY)).value
        held = await self.all(
            Dispute, lambda each: each.payment_id == payment.id and dispute_rows.is_out(each)
        )
        assert not (held and refund.of_source_minor), "PM49: the bank has what the source had paid"
        return None

    async def void(self) -> bool | None:
        refund = await self.one(Refund, lambda each: each.wallet_minor > 0)
        if refund is None:
            return False
        await self.house.refunds.void(refund.id, self.key(), BY)
        return None

    async def dispute(self) -> bool | None:
        payment = await self.one(Payment, lambda each: each.status == "succeeded" and each.source_minor > 0)
        if payment is None:
            return False
        await self.bank.open_dispute(payment.id, self.chance.choice(STAGES[:2]))
        return None

    async def answer(self) -> bool | None:
        dispute = await self.one(Dispute, lambda each: each.status == "dispute_opened")
        if dispute is None:
            return False
        evidence = self.chance.choice(["winning_evidence", "losing_evidence", "a photograph", None])
        kind = Asked.ACCEPT if evidence is None else Asked.CHALLENGE
        await self.house.disputes.answer(Answer(dispute.id, kind, evidence, self.key()), BY)
        return None

    async def escalate(self) -> bool | None:
        found = await self.one(SimulatorDispute, lambda each: each.opens_at <= self.clock.now())
        if found is None:
            return False
        await (self.bank.escalate_dispute if self.chance.random() < 0.6 else self.bank.withdraw_dispute)(
            found.ref
        )
        return None

    async def delete(self) -> None:
        person = self.person()
        await self.store.write(lambda tx: customers.delete(tx, person, True))
        self.people.remove(person)

    async def wait(self) -> None:
        self.clock.advance(
            self.chance.choice([timedelta(seconds=7), timedelta(minutes=12), timedelta(hours=30)])
        )
        await self.jobs()

    async def jobs(self) -> None:
        for job in self.house.jobs():
            await job.run(self.store)
        await self.store.write(lambda tx: wallets.run_due(tx, RULES))
        await self.house.callbacks.close()

    def person(self) -> str:
        return self.chance.choice(self.people)

    def key(self) -> str:
        return f"key_{self.chance.getrandbits(60)}"

    async def all(self, kind: type[Any], wanted: Any) -> list[Any]:
        found = await self.store.read(lambda tx: every(tx, kind))
        return sorted(
            filter(wanted, found), key=lambda each: getattr(each, "created_at", None) or each.opens_at
        )

    async def one(self, kind: type[Any], wanted: Any) -> Any:
        found = await self.all(kind, wanted)
        return self.chance.choice(found) if found else None


WALK = {
    "charge": 10,
    "top_up": 4,
    "refund": 9,
    "wait": 8,
    "gift": 4,
    "retry": 3,
    "together": 4,
    "confirm": 3,
    "cancel": 2,
    "dispute": 4,
    "answer": 3,
    "escalate": 2,
    "void": 3,
    "somebody": 1,
    "delete": 1,
}
"""What is done how often."""


@pytest.fixture
async def house(settings: Settings, store: Store) -> AsyncIterator[flows.Flows]:
    async with flows.opened(settings, store) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_is_done_the_books_are_right(
    store: Store, clock: ManualClock, house: flows.Flows, seed: int
) -> None:
    """Invariants 1-3, 8, 9, 11, 12, 18; PM1, PM43, PM44, PM49, PM61, W12, W13, W48-W51, W58-W67."""
    world = World(store, clock, house, seed)
    for _ in range(2):
        await world.somebody()
    for name in world.chance.choices(list(WALK), list(WALK.values()), k=STEPS):
        await world.step(name)
        if not world.people:
            await world.somebody()
        await store.read(audit, consistent=True)
    for _ in range(REST):
        clock.advance(timedelta(minutes=61))
        await world.jobs()
    await store.read(lambda tx: audit(tx, at_rest=True), consistent=True)
