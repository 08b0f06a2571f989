"""Payments against a model: whatever is asked, answered, lost, late or repeated, the money adds up (T9, T10).

The model knows nothing of lots, attempts or callbacks. It knows what a customer had, what the bank took, and that a
payment which ended without money left everything as it was.
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from saifu.clock import ManualClock
from saifu.payments.retrying import Retry
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Origin, Store, open_store
from saifu.tables import Payment
from tests.builders import post
from tests.cashier import ACTION, PROCESSING, SUCCEEDED, Cashier, Lost, NeverArrived, declined
from tests.conftest import STARTS_AT
from tests.databases import copy_of
from tests.till import a_payer, balance, is_whole, payments

# What is interesting comes first: the first of a list is what is tried most.
ANSWERS = st.sampled_from([declined(), PROCESSING, ACTION, Lost, NeverArrived, SUCCEEDED])
AMOUNTS = st.one_of(st.integers(5_00, 40_00), st.integers(5_00, 40_00), st.integers(1, 1_00))
OUTCOMES = st.sampled_from([declined("INSUFFICIENT_FUNDS"), SUCCEEDED])
TOO_MANY = ErrorCode.TOO_MANY_REQUESTS
ENDED = {"succeeded", "failed", "cancelled"}


class Payments(RuleBasedStateMachine):
    """One customer, one bank, and everything that can happen between them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(STARTS_AT)
        self.credited = 3_00
        self.keys: list[tuple[str, int]] = []

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.databases = copy_of(TEMPLATE["url"], TEMPLATE["path"])
        self.store: Store = self.do(open_store(self.databases.__enter__(), self.clock))
        self.desk = Cashier(self.store)
        self.customer_id: str = self.do(a_payer(self.store, self.credited))

    @rule(amount=st.integers(1, 3_00))
    def credit(self, amount: int) -> None:
        self.do(self.store.write(lambda tx: post(tx, self.customer_id, amount)))
        self.credited += amount

    @rule(
        amount=AMOUNTS,
        answer=ANSWERS,
        use_wallet=st.sampled_from([True, True, False]),
        on_session=st.booleans(),
    )
    def charge(self, amount: int, answer: Any, use_wallet: bool, on_session: bool) -> None:
        key = f"key-{len(self.keys)}"
        self.desk.bank.told.clear()
        self.desk.bank.next(answer)
        wanted = {"use_wallet": use_wallet, "on_session": on_session, "idempotency_key": key}
        try:
            self.do(self.desk.charge(amount, customer_id=self.customer_id, **wanted))
        except Refusal as refusal:
            assert amount < 50 or refusal.code is TOO_MANY, refusal  # noqa: PT017 - W45 and SR98
            return
        self.keys.append((key, amount))

    @rule(amount=st.integers(50, 40_00), answer=ANSWERS)
    def top_up(self, amount: int, answer: Any) -> None:
        self.desk.bank.told.clear()
        self.desk.bank.next(answer)
        try:
            self.do(self.desk.top_up(amount, self.customer_id))
        except Refusal as refusal:
            assert refusal.code is TOO_MANY, refusal  # noqa: PT017 - SR98

    @precondition(lambda self: self.live())
    @rule(data=st.data(), outcome=OUTCOMES, by_callback=st.booleans())
    def bank_decides(self, data: Any, outcome: Any, by_callback: bool) -> None:
        payment = data.draw(st.sampled_from(self.live()))
        if payment.id in self.desk.bank.orders:
            self.desk.bank.becomes(payment.id, outcome)
        if by_callback:
            self.do(self.desk.told(f"evt-{payment.id}", payment.id))
        else:
            self.do(self.desk.flow.look(payment.id))

    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        waiting = [each for each in self.live() if each.status == "requires_customer_action"]
        if waiting:
            self.do(self.desk.flow.cancel(data.draw(st.sampled_from(waiting)).id))

    @rule(data=st.data(), answer=ANSWERS)
    def retry(self, data: Any, answer: Any) -> None:
        unpaid = [each for each in self.all() if each.status in ("failed", "cancelled")]
        if not unpaid:
            return
        again = data.draw(st.sampled_from(unpaid))
        self.desk.bank.told.clear()
        self.desk.bank.next(answer)
        try:
            self.do(self.desk.flow.retry(Retry(again.id, f"retry-{again.id}-{len(self.all())}"), Origin()))
        except Refusal as refusal:
            if refusal.code is TOO_MANY:
                return
            others = [each for each in self.all() if each.pays_for == again.pays_for]
            assert any(each.status not in ("failed", "cancelled") for each in others)

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.desk.bank.told.clear()
        self.clock.advance(timedelta(minutes=minutes))
        self.do(self.desk.run_jobs())

    @invariant()
    def everything_adds_up(self) -> None:
        """PM1, W48, W51, W63: the balance is what came in less what payments that stand have taken."""
        if not hasattr(self, "desk"):
            return
        found = self.all()
        spent = sum(each.wallet_minor for each in found if each.status not in ("failed", "cancelled"))
        filled = sum(
            each.total_minor
            for each in found
            if each.purpose == "wallet_top_up" and each.status == "succeeded"
        )
        assert self.do(balance(self.store, self.customer_id)) == self.credited + filled - spent
        self.do(is_whole(self.store, self.desk.bank, to_the_end=False))

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        for _ in range(3):
            self.time_passes(61)
        self.do(is_whole(self.store, self.desk.bank))
        self.do(self.store.close())
        self.databases.__exit__(None, None, None)
        self.loop.close()

    def all(self) -> list[Payment]:
        return list(self.do(payments(self.store)))

    def live(self) -> list[Payment]:
        return [each for each in self.all() if each.status not in ENDED] if hasattr(self, "desk") else []


TEMPLATE: dict[str, Any] = {}


def test_whatever_happens_the_money_adds_up(
    template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """T9, T10, PM1, W48-W51."""
    TEMPLATE.update(url=template_url, path=tmp_path_factory.mktemp("copies"))
    Payments.TestCase.settings = settings(
        max_examples=30,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    Payments.TestCase().runTest()
