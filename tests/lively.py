"""Customers of every kind, as a gateway may hold them after some months, and both ways to ask about them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from resolvers.context import Caller, CallerKind, Context
from saifu import customers, flows, locks, wallets
from saifu.clock import ManualClock
from saifu.customers import CustomerChange, Identifier, NewCustomer
from saifu.feed import Feed
from saifu.keys import Scope
from saifu.ledger.entries import EntryType, Funding
from saifu.posting import Posting, Rules
from saifu.settings import Settings
from saifu.store import Store, Tx, open_store
from tests.builders import CURRENCIES, RULES, a_customer, post
from tests.databases import copy_of
from tests.documents import a_payment
from tests.selections import Answers

BEGIN = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
SHOWN = (*CURRENCIES, "JPY")
"""What is enabled now. Nobody has a row in the last one yet, and some have one in EUR, which is not."""
USED = replace(RULES, currencies=(*CURRENCIES, "EUR"), thresholds={"USD": 50_00})
ODD = {
    "emoji": "🎌 財布",
    "rtl": "مرحبا",
    "line": "a\u2028b",
    "quote": '"\\\t\x7f',
    "float": 1.5,
    "yes": True,
    "no": 0,
}

POSTINGS = [
    Posting(EntryType.TOP_UP, True, 9_007_199_254, Funding.PAID, reference_id="pay_1", reason="Ünïcode “✓”"),
    Posting(EntryType.TOP_UP_REVERSAL, False, 100, reference_id="ref_1"),
    Posting(EntryType.PAYMENT, False, 2_000, reference_id="pay_2", metadata=ODD),
    Posting(EntryType.PAYMENT_REVERSAL, True, 700, reference_id="pay_2"),
    Posting(EntryType.REFUND, True, 300, reference_id="ref_2"),
    Posting(EntryType.REFUND_REVERSAL, False, 200, reference_id="ref_2"),
    Posting(EntryType.DISPUTE, False, 150, reference_id="dsp_1"),
    Posting(EntryType.DISPUTE_REVERSAL, True, 150, reference_id="dsp_1"),
    Posting(EntryType.MERCHANT_ADJUSTMENT, False, 1, reason="line\nbreak", key="k"),
]


def months(number: float) -> timedelta:
    return timedelta(days=30 * number, microseconds=120 * int(number))


@dataclass
class House:
    """Customers of every kind, and one instant: `rich` has lots that are over, soon over, and over in 9998."""

    store: Store
    clock: ManualClock
    settings: Settings
    runner: asyncio.Runner
    ids: dict[str, str]

    def context(self, caller: Caller | None = None) -> Context:
        admin = Caller(CallerKind.API_KEY, "key_1", frozenset({Scope.ADMIN}))
        rules = Rules.of(self.settings)
        feed = Feed(self.store)
        return Context(
            self.store,
            self.clock,
            self.settings,
            rules,
            feed,
            flows.build(self.settings, self.store),
            caller or admin,
            "req_1",
        )

    def write(self, work: Any) -> Any:
        return self.runner.run(self.store.write(work))

    def both(self, answers: Answers, caller: Caller | None = None) -> tuple[Any, str | None]:
        """The ordinary result, and what one statement says."""
        ctx = self.context(caller)
        return self.runner.run(answers.ordinary(ctx)), self.runner.run(answers.at_once(ctx))


@contextmanager
def a_house(template_url: str, folder: Path) -> Iterator[House]:
    clock = ManualClock(BEGIN)
    with copy_of(template_url, folder) as url, asyncio.Runner() as runner:
        store = runner.run(open_store(url, clock))
        given = {
            "database_url": url,
            "currencies": SHOWN,
            "mode": "test",
            "admin_key": "sk_test_" + "a1B2c3D4" * 5,
        }
        made = House(store, clock, Settings.model_validate(given), runner, {})
        _fill(made)
        yield made
        runner.run(store.close())


def _fill(house: House) -> None:
    new = NewCustomer(
        "Ai@example.com", "愛子 “Ai”", "+4917012345", ODD, "ja", {"country": "DE", "city": "Köln"}
    )
    rich = house.write(lambda tx: customers.create(tx, new, CURRENCIES).value).id
    for posting in POSTINGS:
        house.clock.advance(timedelta(hours=1, microseconds=12_300))
        house.write(lambda tx, one=posting: wallets.post(tx, locks.lock(tx, rich), "USD", one, USED))
    for number, currency in enumerate(("USD", "INR", "USD", "EUR")):
        for funding in ("paid", "promotional"):
            lot = (rich, currency, funding, house.clock.now() + months(number + 1))
            house.write(lambda tx, lot=lot: _lot(tx, *lot))
    house.write(lambda tx: _lot(tx, rich, "USD", "paid", datetime(9998, 12, 31, 23, 59, 59, 999_999, UTC)))
    house.write(lambda tx: wallets.set_threshold(tx, rich, "INR", 5_000, None, None, USED))
    house.clock.advance(months(1))
    house.write(lambda tx: wallets.sweep(tx, rich, "USD", USED))
    house.write(lambda tx: wallets.notices(tx, rich, "INR", USED))
    house.write(lambda tx: post(tx, rich, -100, "INR"))
    for currency, status in (("USD", "processing"), ("USD", "requires_customer_action"), ("EUR", "processing"),
                             ("USD", "succeeded")):  # fmt: skip
        paying = {"wallet": 300, "currency": currency, "status": status}
        house.write(lambda tx, paying=paying: a_payment(tx, rich, **paying))
    house.clock.advance(months(1))  # INR has expired by now, and nobody has swept it
    plain, blocked, gone = (house.write(a_customer).id for _ in range(3))
    house.clock.advance(timedelta(hours=1))
    house.write(lambda tx: post(tx, gone, 500, metadata={"a": "b"}))
    house.write(
        lambda tx: customers.update(tx, plain, CustomerChange(metadata={}, billing_address=None, name="P"))
    )
    house.write(lambda tx: customers.block(tx, Identifier(customer_id=blocked), "because", "notes"))
    house.write(lambda tx: customers.delete(tx, gone, forfeit_wallet_balance=True))
    house.ids = {"rich": rich, "plain": plain, "blocked": blocked, "gone": gone, "nobody": "cus_0"}
    house.runner.run(_stamped(house))


def _lot(tx: Tx, customer_id: str, currency: str, funding: str, expires_at: datetime) -> None:
    entry = wallets.ManualEntry(
        customer_id=customer_id,
        currency=currency,
        entry_type="CREDIT",
        amount_minor=1_111,
        reason=None,
        idempotency_key=f"{currency}{funding}{expires_at}",
        funding=funding,
        expires_at=expires_at,
        metadata={},
    )
    wallets.post_manual(tx, entry, USED)


async def _stamped(house: House) -> None:
    """PostgreSQL gives events their places a moment after the commit."""
    query = "query ($id: ID!) { customer(id: $id) { events(first: 1) { nodes { type } } } }"
    async with asyncio.timeout(20):
        while True:
            result = await Answers(query, {"id": house.ids["gone"]}).ordinary(house.context())
            assert result.data is not None, result.errors
            if result.data["customer"]["events"]["nodes"] == [{"type": "CUSTOMER_DELETED"}]:
                return
            await asyncio.sleep(0.02)
