"""Refunds, top-ups, disputes and voids in any order: the figures agree after every step (invariants 1-3, 11; T1)."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from saifu import wallets
from saifu.disputes import rows as dispute_rows
from saifu.payments import rows as payment_rows
from saifu.processors.contract import DisputeReport, RefundState
from saifu.refunds import rows
from saifu.refunds.begin import NewRefund
from saifu.refunds.rows import Destination, RefundStatus
from saifu.refusals import Refusal
from saifu.store import Origin, Store, Tx
from saifu.tables import Payment, Refund
from tests.builders import a_customer, post
from tests.refunding import Fake, a_gift, a_payment, dispute_flow, refund_flow

BY = Origin()
STEPS = 40


class World:
    """One customer, two payments, and whatever chance wants done with them."""

    def __init__(self, store: Store, chance: random.Random, payments: list[Payment]) -> None:
        self.store, self.chance, self.payments = store, chance, payments
        self.fake = Fake()
        self.refunds, self.disputes = refund_flow(store, self.fake), dispute_flow(store, self.fake)
        self.done = 0

    async def refund(self) -> None:
        self.fake.script = [
            self.chance.choice(["succeeded", "succeeded", "failed", "done but silent", "pending"])
        ]
        payment = self.chance.choice(self.payments)
        amount = self.chance.choice([None, 1, self.chance.randint(1, 3_000), 9_999])
        await self.refunds.create(
            NewRefund(payment.id, amount, destination=self.chance.choice(list(Destination))), BY
        )

    async def void(self) -> None:
        found = await self._all()
        if found:
            await self.refunds.void(self.chance.choice(found).id, f"void_{self.chance.random()}", BY)

    async def settle(self) -> None:
        for refund in await self._all():
            if refund.status == RefundStatus.PENDING:
                answer = self.fake.refunds[refund.id]
                if answer.state is RefundState.PENDING:
                    state = self.chance.choice([RefundState.SUCCEEDED, RefundState.FAILED])
                    self.fake.refunds[refund.id] = answer.__class__(state, answer.processor_ref)
                await self.refunds.look(refund.id)

    async def dispute(self) -> None:
        payment = self.chance.choice(self.payments)
        report = DisputeReport(
            f"dp_{payment.id}_{self.chance.randint(1, 2)}", payment.id, self.chance.randint(1, 7_000), "USD",
            self.chance.choice(["pre_dispute", "dispute", "pre_arbitration"]), None,
            self.chance.choice([None, None, "won", "lost", "cancelled"]),
        )  # fmt: skip
        await self.disputes.apply_report("fake", report)

    async def spend(self) -> None:
        owner = str(self.payments[0].customer_id)
        await self.store.write(lambda tx: post(tx, owner, self.chance.choice([-700, -50, 300])))

    async def _all(self) -> list[Refund]:
        ids = [payment.id for payment in self.payments]
        found = await self.store.read(lambda tx: rows.of_payments(tx, ids))
        return [refund for refunds in found.values() for refund in refunds]

    async def agrees(self) -> None:
        await self.store.read(self._check, consistent=True)

    def _check(self, tx: Tx) -> None:
        for given in self.payments:
            payment = payment_rows.existing(tx, given.id)
            counted = rows.counting(rows.of_payments(tx, [given.id])[given.id])
            by_status = dict.fromkeys(RefundStatus, 0)
            for refund in counted:
                by_status[RefundStatus(refund.status)] += refund.amount_minor
            assert payment.refunded_minor == by_status[RefundStatus.SUCCEEDED]
            assert payment.refunding_minor == by_status[RefundStatus.PENDING]
            assert sum(refund.amount_minor for refund in counted) <= payment.total_minor
            assert sum(refund.of_source_minor for refund in counted) <= payment.source_minor
            back = {refund.id: refund.source_minor for refund in counted if refund.source_minor}
            sent = {order.reference: order.amount_minor for order in self.fake.orders}
            assert back.items() <= sent.items()
            for dispute in dispute_rows.of_payments(tx, [given.id])[given.id]:
                assert dispute.amount_minor <= payment.source_minor
                assert dispute_rows.is_out(dispute) or dispute.wallet_minor == 0
        owner = str(self.payments[0].customer_id)
        assert wallets.verify(tx, owner, "USD").intact
        for balance in wallets.trial_balance(tx, None, ("USD",)):
            assert (balance.sum_minor, balance.drifted) == (0, ())


def two_payments(tx: Tx) -> list[Payment]:
    """A mixed one, and a top-up, of one customer with a little money besides."""
    customer = a_customer(tx)
    post(tx, customer.id, 3_000)
    a_gift(tx, customer.id, 1_000)
    mixed = a_payment(tx, source=6_000, wallet=4_000, customer_id=customer.id)
    top_up = a_payment(tx, 5_000, customer_id=customer.id, purpose="wallet_top_up")
    return [mixed, top_up]


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_in_whatever_order_the_figures_agree(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    world = World(store, chance, await store.write(two_payments))
    steps: list[Callable[[], Awaitable[None]]] = [
        world.refund, world.refund, world.void, world.settle, world.dispute, world.spend
    ]  # fmt: skip
    for _ in range(STEPS):
        with suppress(Refusal):
            await chance.choice(steps)()
            world.done += 1
        await world.agrees()
    assert world.done > STEPS / 4, "chance has refused nearly everything"
