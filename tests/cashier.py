"""A desk for money that comes in: a processor that says what it is told, and a cashier who charges with it.

desk = Cashier(store)
paid = await desk.charge(25_00, customer_id=customer.id)
desk.bank.next(declined("INSUFFICIENT_FUNDS"))
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import orjson

from saifu.ids import new_id
from saifu.payments.callbacks import CallbackFlow
from saifu.payments.flow import Paid, PaymentFlow
from saifu.payments.orders import PaymentOrder
from saifu.payments.rules import PaymentRules
from saifu.processors.contract import (
    Attached,
    Callback,
    CallbackKind,
    Charge,
    ChargeAnswer,
    ChargeSeen,
    ChargeState,
    CustomerAt,
    DisputeReport,
    ForgedCallback,
    Instrument,
    OutcomeUnknown,
    Pending,
    RefundAnswer,
    RefundOrder,
    RefundReport,
    RefundState,
    SourceOrder,
    SourceReport,
)
from saifu.processors.declines import DeclineCode
from saifu.processors.registry import Processors
from saifu.sources import charging
from saifu.sources import rows as source_rows
from saifu.store import Origin, Store, Tx
from saifu.tables import Payment, Source
from tests.builders import RULES

SUCCEEDED = ChargeAnswer(ChargeState.SUCCEEDED)
PROCESSING = ChargeAnswer(ChargeState.PROCESSING)
CANCELLED = ChargeAnswer(ChargeState.CANCELLED)
ACTION = ChargeAnswer(ChargeState.ACTION_REQUIRED, action_url="https://bank.example/3ds")

PAYMENT_RULES = PaymentRules(
    wallet=RULES,
    mode="test",
    business_id="bus_test",
    business_name="Test",
    business_contact="Test Street 1",
    minimums={"USD": 50, "INR": 100},
    refund_window_days=30,
    invoice_number_prefix="INV-",
)
_numbers = count(1)


def declined(code: str = "GENERIC_DECLINE") -> ChargeAnswer:
    return ChargeAnswer(ChargeState.DECLINED, code=DeclineCode(code), raw_code=code.lower())


class Lost(Exception):
    """Told to the fake: it does the thing, and its answer is lost on the way."""


class NeverArrived(Exception):
    """Told to the fake: the call is lost on the way, and it never hears of it."""


Told = ChargeAnswer | type[Lost] | type[NeverArrived] | Callable[[], Any]


@dataclass
class Bank:
    """A processor whose next answers are given to it; without any, every charge succeeds.

    `taken` is what it has taken, by our reference and less what it gave back: the judge of every test about money.
    """

    name: str = "bank"
    told: deque[Told] = field(default_factory=deque)
    outcomes: dict[str, ChargeAnswer] = field(default_factory=dict)
    orders: dict[str, Charge] = field(default_factory=dict)
    refunds: dict[str, RefundOrder] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    silent: bool = False
    gate: asyncio.Event | None = None

    def next(self, *answers: Told) -> None:
        """What the next charges are answered, one each."""
        self.told.extend(answers)

    def becomes(self, reference: str, answer: ChargeAnswer) -> None:
        """What a charge has come to meanwhile."""
        self.outcomes[reference] = answer

    def taken(self, reference: str) -> int:
        """What the customer of a charge is out of pocket, in minor units."""
        outcome = self.outcomes.get(reference)
        got = self.orders[reference].amount_minor if outcome == SUCCEEDED or _took(outcome) else 0
        return got - sum(
            each.amount_minor for each in self.refunds.values() if each.charge_reference == reference
        )

    async def charge(self, charge: Charge) -> ChargeAnswer:
        self._called("charge", charge.reference)
        if self.gate is not None:
            await self.gate.wait()
        known = self.outcomes.get(charge.reference)
        if known is not None:  # the same reference is the same charge
            return known
        told = self.told.popleft() if self.told else SUCCEEDED
        if told is NeverArrived:
            raise OutcomeUnknown("lost on the way there")
        self.orders[charge.reference] = charge
        self.outcomes[charge.reference] = SUCCEEDED if told is Lost else told  # type: ignore[assignment]
        if told is Lost:
            raise OutcomeUnknown("lost on the way back")
        return self.outcomes[charge.reference]

    async def look_up(self, reference: str) -> ChargeAnswer | None:
        self._called("look_up", reference)
        return self.outcomes.get(reference)

    async def charges_since(self, since: datetime) -> list[ChargeSeen]:
        return [
            ChargeSeen(
                each.reference, f"ch_{each.reference}", each.amount_minor, each.currency, outcome.state
            )
            for each, outcome in ((self.orders[name], self.outcomes[name]) for name in self.orders)
        ]

    async def cancel(self, reference: str) -> ChargeAnswer | None:
        self._called("cancel", reference)
        outcome = self.outcomes.get(reference)
        if outcome is not None and outcome.state is ChargeState.ACTION_REQUIRED:
            self.outcomes[reference] = CANCELLED
        return self.outcomes.get(reference)

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        self._called("refund", order.charge_reference)
        self.refunds[order.reference] = order
        return RefundAnswer(RefundState.SUCCEEDED, processor_ref=f"re_{order.reference}")

    async def look_up_refund(self, order: RefundOrder) -> RefundAnswer | None:
        known = self.refunds.get(order.reference)
        if known is None:
            return None
        return RefundAnswer(RefundState.SUCCEEDED, processor_ref=f"re_{order.reference}")

    async def find_refund(self, processor_ref: str) -> RefundReport | None:
        return None

    async def instrument(self, token: str, reference: str) -> Instrument:
        self._called("instrument", token)
        known = self.instruments.get(reference)
        made = known or Instrument(f"pm_{len(self.instruments)}", "card", {"brand": "visa", "last4": "4242"})
        self.instruments[reference] = made
        return made

    async def create_source(self, order: SourceOrder) -> Pending:
        raise NotImplementedError

    async def introduce(self, customer: CustomerAt) -> str:
        self._called("introduce", customer.id)
        return f"cu_{customer.id}"

    async def attach(self, instrument_ref: str, customer: CustomerAt, reference: str) -> Attached:
        return Attached(f"cu_{customer.id}")

    async def detach(self, instrument_ref: str) -> None:
        return None

    async def verify(self, source_ref: str, code: str) -> bool:
        return code == "3245"

    async def look_up_dispute(self, processor_ref: str) -> DisputeReport | None:
        return None

    async def look_up_source(self, source_ref: str) -> SourceReport | None:
        return None

    async def submit_evidence(self, processor_ref: str, text: str) -> DisputeReport:
        raise NotImplementedError

    async def accept_dispute(self, processor_ref: str) -> DisputeReport:
        raise NotImplementedError

    def callbacks(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Callback]:
        if headers.get("signature") != "good":
            raise ForgedCallback
        return [
            Callback(each["id"], CallbackKind(each["kind"]), each.get("reference"), each.get("ref"))
            for each in orjson.loads(body)
        ]

    async def close(self) -> None:
        return None

    def _called(self, what: str, reference: str) -> None:
        self.calls[what].append(reference)
        if self.silent:
            raise OutcomeUnknown("nobody answers")


def _took(outcome: ChargeAnswer | None) -> bool:
    return outcome is not None and outcome.state is ChargeState.SUCCEEDED


def a_source(tx: Tx, customer_id: str | None = None, type: str = "card", **columns: Any) -> Source:
    """A chargeable source at the bank: of a customer, and then its default, or attached to nobody."""
    made = charging.from_instrument(
        tx, Instrument(f"pm_{next(_numbers)}", type, {"brand": "visa", "last4": "4242"}), "bank", None
    )
    changes: dict[str, Any] = dict(columns)
    if customer_id is not None:
        changes |= {
            "customer_id": customer_id,
            "last_customer_id": customer_id,
            "attached_at": tx.now,
            "is_default": True,
        }
    return source_rows.save(tx, made, changes) if changes else made


class Cashier:
    """Charges, tops up and looks, the way the API does, with a processor that is made of scripts."""

    def __init__(self, store: Store, rules: PaymentRules = PAYMENT_RULES, wait_s: float = 2.0) -> None:
        self.store = store
        self.bank = Bank()
        self.rules = rules
        processors = Processors({"bank": self.bank}, "bank")
        self.flow = PaymentFlow(store, processors, rules, wait_s)
        self.callbacks = CallbackFlow(store, processors, {CallbackKind.CHARGE: self.flow.told})

    async def charge(self, amount: int, **wanted: Any) -> Payment:
        """A direct charge in US cents unless told otherwise; answers the payment as it is afterwards."""
        return (await self.pay(amount, **wanted)).payment

    async def pay(self, amount: int, **wanted: Any) -> Paid:
        given = {"currency": "USD", "idempotency_key": new_id("req"), **wanted}
        return await self.flow.create(PaymentOrder(amount_minor=amount, **given), Origin())

    async def top_up(self, amount: int, customer_id: str, **wanted: Any) -> Payment:
        given = {"currency": "USD", "idempotency_key": new_id("req"), **wanted}
        order = PaymentOrder(amount_minor=amount, customer_id=customer_id, **given)
        return (await self.flow.top_up(order, Origin())).payment

    async def told(self, event_id: str, reference: str, signature: str = "good") -> int:
        """A callback of the bank about a charge, followed up; answers whether it was new."""
        body = orjson.dumps([{"id": event_id, "kind": "charge", "reference": reference}])
        new = await self.callbacks.receive("bank", {"signature": signature}, body)
        await self.callbacks.close()
        return new

    async def run_jobs(self) -> None:
        """What is due by now, each job once."""
        for job in (*self.flow.jobs(), *self.callbacks.jobs()):
            await job.run(self.store)
