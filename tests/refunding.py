"""Payments to be refunded and disputed, and a processor that says what a test wants it to say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from saifu import flows, locks, wallets
from saifu.clock import ManualClock
from saifu.disputes.flow import DisputeFlow
from saifu.ids import new_id
from saifu.ledger.entries import EntryType, Funding
from saifu.payments.rules import PaymentRules
from saifu.posting import Posting
from saifu.processors.contract import (
    DisputeReport,
    OutcomeUnknown,
    RefundAnswer,
    RefundOrder,
    RefundState,
)
from saifu.processors.registry import Processors
from saifu.refunds.flow import RefundFlow
from saifu.refusals import Refusal
from saifu.settings import Settings
from saifu.store import Store, Tx
from saifu.tables import LedgerEntry, Payment, Refund
from tests.builders import RULES, a_customer

PAYMENT_RULES = PaymentRules(
    wallet=RULES,
    mode="test",
    business_id="bus_default",
    business_name="Your business",
    business_contact="",
    minimums={},
    refund_window_days=30,
    invoice_number_prefix="INV-",
)


def a_payment(
    tx: Tx,
    source: int = 6_000,
    wallet: int = 0,
    customer_id: str | None = None,
    anonymous: bool = False,
    lines: Sequence[Mapping[str, Any]] | None = None,
    **columns: Any,
) -> Payment:
    """A payment by card that succeeded now: so much from the source, so much from what is in the wallet already."""
    owner = None if anonymous else customer_id or a_customer(tx).id
    total = source + wallet
    usual = {"id": "itm_all", "name": "All", "description": None, "quantity": 1, "amount": total, "tax": 0}
    items = [usual | {"unit_amount": total} | dict(line) for line in lines or [{}]]
    row = tx.insert(
        Payment(**(_blank(tx) | {"customer_id": owner, "total_minor": total, "source_minor": source}
                   | {"wallet_minor": wallet, "lines_json": orjson.dumps(items).decode()} | columns))
    )  # fmt: skip
    if wallet and owner:
        paid = Posting(EntryType.PAYMENT, False, wallet, reference_id=row.id)
        wallets.post(tx, locks.lock(tx, owner), row.currency, paid, RULES)
    if row.purpose == "wallet_top_up" and owner and row.status == "succeeded":
        top_up = Posting(EntryType.TOP_UP, True, total, funding=Funding.PAID, reference_id=row.id)
        wallets.post(tx, locks.lock(tx, owner), row.currency, top_up, RULES)
    return row


def _blank(tx: Tx) -> dict[str, Any]:
    payment_id = new_id("pay")
    nothing = dict.fromkeys(Payment.__table__.columns.keys())  # type: ignore[attr-defined]
    return nothing | {
        "id": payment_id,
        "pays_for": payment_id,
        "status": "succeeded",
        "purpose": "direct",
        "currency": "USD",
        "tax_minor": 0,
        "retry_attempt": 0,
        "processor": "fake",
        "processor_ref": f"ch_{payment_id}",
        "payment_method": "card",
        "outcome_unknown": False,
        "uses_wallet": True,
        "on_session": True,
        "metadata_json": "{}",
        "refunded_minor": 0,
        "refunding_minor": 0,
        "succeeded_at": tx.now,
        "version": 1,
        "created_at": tx.now,
        "updated_at": tx.now,
    }


def a_gift(tx: Tx, customer_id: str, amount: int, expires_at: datetime | None = None) -> LedgerEntry:
    """Promotional money in the wallet."""
    gift = Posting(EntryType.MERCHANT_ADJUSTMENT, True, amount, Funding.PROMOTIONAL, expires_at)
    return wallets.post(tx, locks.lock(tx, customer_id), "USD", gift, RULES)


@dataclass
class Fake:
    """A processor with a record of its own: what it was asked, and once for each reference.

    Attributes:
        says: how refunds end that nobody scripted.
        script: answers to come, for refunds: a state, or `silent` and what it does all the same.
    """

    name: str = "fake"
    says: RefundState = RefundState.SUCCEEDED
    script: list[str] = field(default_factory=list)
    refunds: dict[str, RefundAnswer] = field(default_factory=dict)
    orders: list[RefundOrder] = field(default_factory=list)
    disputes: dict[str, DisputeReport] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    is_silent: bool = False
    no: Refusal | None = None

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        self.orders.append(order)
        step = self.script.pop(0) if self.script else str(self.says)
        if step == "lost on the way":
            raise OutcomeUnknown(step)
        state = RefundState.SUCCEEDED if step == "done but silent" else RefundState(step)
        answer = RefundAnswer(
            state, f"re_{order.reference}", "no such account" if state == "failed" else None
        )
        self.refunds.setdefault(order.reference, answer)
        if step == "done but silent":
            raise OutcomeUnknown(step)
        return self.refunds[order.reference]

    async def look_up_refund(self, order: RefundOrder) -> RefundAnswer | None:
        if self.is_silent:
            raise OutcomeUnknown("silent")
        return self.refunds.get(order.reference)

    async def look_up_dispute(self, processor_ref: str) -> DisputeReport | None:
        return self.disputes.get(processor_ref)

    async def submit_evidence(self, processor_ref: str, text: str) -> DisputeReport:
        return self._told(processor_ref, text)

    async def accept_dispute(self, processor_ref: str) -> DisputeReport:
        return self._told(processor_ref, "accepted")

    def _told(self, processor_ref: str, what: str) -> DisputeReport:
        if self.is_silent:
            raise OutcomeUnknown("silent")
        if self.no:
            raise self.no
        self.told.append((processor_ref, what))
        return self.disputes[processor_ref]

    async def close(self) -> None:
        return None


def processors(fake: Any) -> Processors:
    return Processors({fake.name: fake}, fake.name)


def refund_flow(store: Store, fake: Any) -> RefundFlow:
    return RefundFlow(store, processors(fake), PAYMENT_RULES)


def dispute_flow(store: Store, fake: Any) -> DisputeFlow:
    return DisputeFlow(store, processors(fake), PAYMENT_RULES)


async def run_jobs(store: Store, flow: RefundFlow | DisputeFlow) -> None:
    """Everything that is due now, once."""
    for job in flow.jobs():
        await job.run(store)


async def everything_due(store: Store, settings: Settings, clock: ManualClock) -> None:
    """What the processor does in the next ten seconds, with all that follows: its callbacks, and our jobs."""
    clock.advance(timedelta(seconds=10))
    async with flows.opened(settings, store) as house:
        for job in house.jobs() * 2:
            await job.run(store)


def returned(refund: Refund) -> tuple[str, int, int]:
    """How it stands, and what the source and the wallet get."""
    return refund.status, refund.source_minor, refund.wallet_minor
