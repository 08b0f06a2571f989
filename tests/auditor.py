"""The auditor: whatever has happened, the books agree with themselves and with the bank's record of it (T9)."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlmodel import select

from saifu import wallets
from saifu.disputes import rows as dispute_rows
from saifu.payments.attempts import AttemptKind
from saifu.payments.machine import TERMINAL
from saifu.processors.simulator import disputes as at_bank
from saifu.processors.simulator.record import Recorded, record
from saifu.refunds import rows as refund_rows
from saifu.store import Tx
from saifu.tables import (
    Customer,
    Dispute,
    Event,
    Invoice,
    LedgerEntry,
    Lot,
    Payment,
    PaymentAttempt,
    Receipt,
    Refund,
    SimulatorDispute,
    Wallet,
)

ENDS = {"payment.succeeded", "payment.failed", "payment.cancelled"}
UNPAID = {"failed", "cancelled"}
TOP_UP = "wallet_top_up"


@dataclass(frozen=True)
class Books:
    """Everything there is at one instant, and what the bank says of the same."""

    customers: dict[str, Customer]
    payments: dict[str, Payment]
    refunds: list[Refund]
    disputes: list[Dispute]
    attempts: list[PaymentAttempt]
    entries: list[LedgerEntry]
    events: list[Event]
    invoices: list[Invoice]
    receipts: list[Receipt]
    bank: dict[str, Recorded]
    bank_disputes: dict[str, str]

    @classmethod
    def read(cls, tx: Tx) -> "Books":
        return cls(
            {each.id: each for each in every(tx, Customer)},
            {each.id: each for each in every(tx, Payment)},
            every(tx, Refund),
            every(tx, Dispute),
            every(tx, PaymentAttempt),
            every(tx, LedgerEntry),
            every(tx, Event),
            every(tx, Invoice),
            every(tx, Receipt),
            {each.reference: each for each in record(tx)},
            {row.ref: at_the_bank(row, tx) for row in every(tx, SimulatorDispute)},
        )

    def is_alive(self, customer_id: str | None) -> bool:
        return customer_id is not None and self.customers[customer_id].anonymised_at is None

    def refunds_of(self, payment: Payment) -> list[Refund]:
        return [each for each in self.refunds if each.payment_id == payment.id]

    def net(self, object_id: str, *kinds: str) -> int:
        """What entries about an object have brought to wallets, in minor units."""
        return signed(
            each for each in self.entries if each.reference_id == object_id and each.entry_type in kinds
        )


def every(tx: Tx, kind: type[Any]) -> list[Any]:
    return tx.all(select(kind))


def at_the_bank(row: SimulatorDispute, tx: Tx) -> str:
    """`out` while the bank has the money, `not` otherwise."""
    outcome = at_bank.outcome_at(row, tx.now)
    is_out = row.opens_at <= tx.now and row.stage != "pre_dispute" and outcome in (None, at_bank.LOST)
    return "out" if is_out else "not"


def signed(entries: Iterable[LedgerEntry]) -> int:
    return sum(each.amount_minor if each.is_credit else -each.amount_minor for each in entries)


def audit(tx: Tx, at_rest: bool = False) -> None:
    """Assert all of it.

    Args:
        at_rest: nothing is under way any more, so that also the sums are the bank's.
    """
    books = Books.read(tx)
    _wallets(tx, books)
    _events(books)
    _documents(books)
    for payment in books.payments.values():
        _payment(books, payment)
        _refunds(books, payment)
        _bank(books, payment, at_rest)
    for dispute in books.disputes:
        _dispute(books, dispute)
    _nothing_unknown_at_the_bank(books)
    if at_rest:
        _sums(books)


def _wallets(tx: Tx, books: Books) -> None:
    """Invariants 1, 2, 3, 8; W12, W13; the chain."""
    for balance in wallets.trial_balance(tx, None, ("USD", "INR")):
        assert (balance.sum_minor, balance.drifted) == (0, ())
    for wallet in every(tx, Wallet):
        assert wallets.verify(tx, wallet.customer_id, wallet.currency).intact, wallet
        assert min(wallet.balance_minor, wallet.paid_minor, wallet.promotional_minor) >= 0
    held: dict[tuple[str, str], int] = defaultdict(int)
    for lot in every(tx, Lot):
        assert 0 <= lot.remaining_minor <= lot.original_minor
        held[lot.customer_id, lot.currency] += lot.remaining_minor
    for wallet in every(tx, Wallet):
        assert wallet.balance_minor == held[wallet.customer_id, wallet.currency]
    moved = Counter(each.customer_id for each in books.entries)
    told = Counter(each.customer_id for each in books.events if each.type == "wallet.balance_changed")
    assert moved == told, "one entry is one event (invariant 9)"


def _events(books: Books) -> None:
    """Invariant 9; a payment ends once, and says so once."""
    ends = Counter(each.object_id for each in books.events if each.type in ENDS)
    assert ends == Counter(each.id for each in books.payments.values() if each.status in TERMINAL)
    for refund in books.refunds:
        said = [each.type for each in books.events if each.object_id == refund.id]
        ended = [] if refund.status == "pending" else [f"refund.{refund.status}"]
        assert [kind for kind in said if kind in ("refund.succeeded", "refund.failed")] == ended
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in books.events:
        numbers[event.order_key].append(event.sequence)
    for found in numbers.values():
        assert sorted(found) == list(range(1, len(found) + 1))


def _documents(books: Books) -> None:
    """PM60, PM61, PM65: one each, without a gap."""
    paid = [each for each in books.payments.values() if each.status == "succeeded"]
    bought = Counter(each.id for each in paid if each.purpose != TOP_UP)
    assert Counter(each.payment_id for each in books.invoices) == bought
    received = [each.id for each in paid if each.purpose == TOP_UP]
    received += [each.id for each in books.refunds if each.status == "succeeded"]
    assert Counter(each.object_id for each in books.receipts) == Counter(received)
    for papers in (books.invoices, books.receipts):
        numbers = sorted(int(str(each.number).rpartition("-")[2]) for each in papers)
        assert numbers == list(range(1, len(numbers) + 1))


def _payment(books: Books, payment: Payment) -> None:
    """PM1, W48, W49, W51, W63, invariants 11 and 18: what it holds of a wallet is captured or released, once."""
    mine = [each for each in books.entries if each.reference_id == payment.id]
    debits = [each for each in mine if each.entry_type == "payment"]
    back = [each for each in mine if each.entry_type == "payment_reversal"]
    assert len(debits) <= 1
    if payment.status in UNPAID:
        assert [each.amount_minor for each in back] == [each.amount_minor for each in debits]
        assert payment.wallet_minor == 0
    else:
        assert payment.total_minor == payment.wallet_minor + payment.source_minor
        assert not back
        assert sum(each.amount_minor for each in debits) == payment.wallet_minor
    filled = payment.purpose == TOP_UP and payment.status == "succeeded" and payment.customer_id
    assert sum(each.amount_minor for each in mine if each.entry_type == "top_up" and each.funding) == (
        payment.total_minor if filled else 0
    )
    others = [each for each in books.payments.values() if each.pays_for == payment.pays_for]
    assert sum(each.status not in UNPAID for each in others) <= 1


def _refunds(books: Books, payment: Payment) -> None:
    """PM43, PM44, W58-W64: figures, shares and wallets say the same."""
    refunds = books.refunds_of(payment)
    counted = refund_rows.counting(refunds)
    under_way = [each for each in counted if each.status == "pending"]
    assert len(under_way) <= 1
    assert payment.refunding_minor == sum(each.amount_minor for each in under_way)
    assert payment.refunded_minor == sum(each.amount_minor for each in counted if each.status == "succeeded")
    assert payment.refunded_minor + payment.refunding_minor <= payment.total_minor
    assert sum(each.of_source_minor for each in counted) <= payment.source_minor
    assert sum(each.amount_minor - each.of_source_minor for each in counted) <= max(payment.wallet_minor, 0)
    for refund in refunds:
        gone = payment.purpose == TOP_UP and refund.status != "failed" and payment.status == "succeeded"
        if books.is_alive(payment.customer_id) and payment.purpose == TOP_UP:
            assert books.net(refund.id, "top_up_reversal") in (
                (-refund.amount_minor,) if gone else (0, -refund.amount_minor)
            )
        given = refund.wallet_minor if refund.status == "succeeded" and not refund.voided_at else 0
        assert books.net(refund.id, "refund", "refund_reversal") == given


def _dispute(books: Books, dispute: Dispute) -> None:
    """W66, W67, PM59: what a wallet bears is what its ledger says, and never more than the source had paid."""
    assert dispute.amount_minor <= books.payments[dispute.payment_id].source_minor
    if not dispute_rows.is_out(dispute):
        assert (dispute.wallet_minor, dispute.wallet_shortfall_minor) == (0, 0)
    if books.is_alive(dispute.customer_id):
        assert books.net(dispute.id, "dispute", "dispute_reversal") == -dispute.wallet_minor


def _bank(books: Books, payment: Payment, at_rest: bool) -> None:
    """What we say was taken and given back is what the bank has done, and it was asked once."""
    charge = books.bank.get(payment.id)
    if payment.status == "succeeded" and payment.source_minor:
        assert charge is not None
        assert (charge.moved, charge.amount_minor, charge.currency) == (
            True,
            payment.source_minor,
            payment.currency,
        )
    if at_rest and payment.status in UNPAID and charge is not None and charge.moved:
        backs = [
            each
            for each in books.attempts
            if (each.payment_id, each.kind) == (payment.id, AttemptKind.GIVE_BACK)
        ]
        assert sum(books.bank[each.reference].amount_minor for each in backs) == charge.amount_minor
    for refund in books.refunds_of(payment):
        made = books.bank.get(refund.id)
        if refund.status == "succeeded" and refund.source_minor:
            assert made is not None
            assert (made.moved, made.amount_minor) == (True, refund.source_minor)
        elif refund.status == "failed" or not refund.source_minor:
            assert made is None or not made.moved


def _nothing_unknown_at_the_bank(books: Books) -> None:
    ours = {
        *books.payments,
        *(each.id for each in books.refunds),
        *(each.reference for each in books.attempts),
    }
    assert set(books.bank) <= ours


def _sums(books: Books) -> None:
    """At rest what all sources have paid and not got back is what the bank has kept for us; disputes stand alike."""
    waiting: list[Any] = [each for each in books.payments.values() if each.status not in TERMINAL]
    # What was silent until its key was too old to be sent again is for people to decide (invariant 12, PM29).
    waiting = [each for each in waiting if each.needs_review_at is None or each.id in books.bank]
    waiting += [each for each in books.refunds if each.status == "pending"]
    assert not waiting, waiting
    kept = sum(each.source_minor for each in books.payments.values() if each.status == "succeeded")
    kept -= sum(each.source_minor for each in books.refunds if each.status == "succeeded")
    moved = [each for each in books.bank.values() if each.moved]
    assert kept == sum(each.amount_minor if each.kind == "charge" else -each.amount_minor for each in moved)
    stands = {each.processor_ref: "out" if dispute_rows.is_out(each) else "not" for each in books.disputes}
    apart = [
        each
        for each in books.disputes
        if books.bank_disputes[each.processor_ref] != stands[each.processor_ref]
    ]
    assert stands == books.bank_disputes, (apart, books.bank_disputes)
