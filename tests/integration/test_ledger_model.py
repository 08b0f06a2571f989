"""Random lives of four wallets against a plain model (RELIABILITY T1): after every step all invariants hold.

A failing life is printed step by step, shortened as far as it still fails. A run that exercised too little fails.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from saifu import wallets
from saifu.clock import ManualClock
from saifu.ledger.entries import EntryType
from saifu.ledger.lots import Fill
from saifu.refusals import IdempotencyKeyReused, InsufficientFunds, Refusal
from saifu.store import Store, Tx, open_store
from saifu.wallets import ManualEntry, Posting
from tests.builders import CURRENCIES, RULES
from tests.databases import SERVER, copy_of
from tests.desk import Desk, Rows, a_desk, all_rows, everything
from tests.oracle import Purse, Short

BEGIN = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
AMOUNTS = st.one_of(st.integers(1, 60), st.sampled_from([100, 250, 499, 1_500]))
DAYS = st.sampled_from([2, 1, 3, 1, 5, 12, None])
HOURS = st.sampled_from([24, 48, 7, 36, 60, 100])
THRESHOLDS = st.sampled_from([200, 0, 500, 1_000, None])
WHICH = st.integers(0, 3)

WHEEL = [
    *["credit"] * 6, *["debit"] * 6, *["payment"] * 3, *["reversal"] * 3, *["advance"] * 3, *["to_expiry"] * 3,
    "clock_back", *["sweep"] * 2, "notice", *["repeat"] * 2, *["reuse"] * 2, *["threshold"] * 2, *["lot_expiry"] * 2,
]  # fmt: skip
"""What may happen next, the likelier the oftener it stands here."""

FLOORS = {
    "credit": 60, "gift": 40, "debit": 40, "refused": 40, "advance": 30, "clock_back": 10, "expired": 12,
    "sweep": 15, "repeat": 12, "reuse": 12, "threshold": 12, "lot_expiry": 12, "payment": 20, "reversal": 10,
    "low": 8, "notice": 10, "to_expiry": 15, "grace": 1,
}  # fmt: skip
"""How often each thing must have happened, per 1 000 steps planned, for a run to prove anything."""


class Lives(RuleBasedStateMachine):
    """Two customers with two wallets each, on a database of their own."""

    done: ClassVar[Counter[str]] = Counter()
    database: ClassVar[Callable[[], Any]]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.loop = self.stack.enter_context(asyncio.Runner())
        self.clock = ManualClock(BEGIN)
        self.store: Store = self.run(open_store(self.stack.enter_context(type(self).database()), self.clock))
        desks = [self.run(a_desk(self.store)) for _ in range(2)]
        self.desks = [Desk(self.store, desk.customer_id, code) for desk in desks for code in CURRENCIES]
        self.purses = [Purse(last_at=BEGIN) for _ in self.desks]
        self.used: list[tuple[ManualEntry, str]] = []
        self.open_payments: list[tuple[int, dict[str, int]]] = []
        self.references = 0
        self.number = 0

    def teardown(self) -> None:
        expired = [
            row for row in self.run(everything(self.store))["ledger_entry"] if row["entry_type"] == "expiry"
        ]
        self.done["expired"] += len(expired)
        self.done["low"] += sum(len(purse.lows) for purse in self.purses)
        self.run(self.store.close())
        self.stack.close()

    def run(self, coroutine: Any) -> Any:
        return self.loop.run(coroutine)

    def entry(self, which: int, kind: str, amount: int, **more: Any) -> ManualEntry:
        self.number += 1
        desk = self.desks[which]
        key = f"key {self.number}"
        return ManualEntry(desk.customer_id, desk.currency, kind, amount, idempotency_key=key, **more)

    def post(self, entry: ManualEntry) -> wallets.Posted:
        posted: wallets.Posted = self.run(self.store.write(lambda tx: wallets.post_manual(tx, entry, RULES)))
        return posted

    def refuses(self, refusal: type[Refusal], act: Callable[[], Any]) -> None:
        """It says no, and leaves every row as it was (invariant 5)."""
        before = self.run(everything(self.store))
        with pytest.raises(refusal):
            act()
        assert self.run(everything(self.store)) == before
        self.done["refused"] += 1

    # What can happen

    @initialize()
    def begin(self) -> None:
        for which in range(len(self.desks)):
            self.credited(which, 300, gift=False, days=None)
            self.set_threshold(which, 200)

    @rule(what=st.sampled_from(WHEEL), data=st.data())
    def happens(self, what: str, data: st.DataObject) -> None:
        """One rule, turning a wheel: Hypothesis would leave out kinds of rules for whole lives."""
        self.draw = data.draw
        self.which = data.draw(WHICH, label="wallet")
        getattr(self, what)()

    def credit(self) -> None:
        self.credited(self.which, self.draw(AMOUNTS), self.draw(st.booleans()), self.draw(DAYS))

    def credited(self, which: int, amount: int, gift: bool, days: int | None) -> None:
        expires = None if days is None else self.clock.now() + timedelta(days=days)
        entry = self.entry(
            which, "CREDIT", amount, funding="promotional" if gift else None, expires_at=expires
        )
        posted = self.post(entry)
        (lot_id,) = self.run(self.desks[which].moved(posted.entry))
        self.purses[which].credit(lot_id, amount, gift, expires, self.clock.now())
        self.used.append((entry, posted.entry.id))
        self.agrees(which, posted)
        self.done["gift" if gift else "credit"] += 1

    def debit(self) -> None:
        entry = self.entry(self.which, "DEBIT", self.draw(AMOUNTS))
        try:
            taken = self.purses[self.which].debit(entry.amount_minor, self.clock.now())
        except Short:
            self.refuses(InsufficientFunds, lambda: self.post(entry))
            return
        posted = self.post(entry)
        assert self.run(self.desks[self.which].moved(posted.entry)) == taken, "W70, W71"
        self.used.append((entry, posted.entry.id))
        self.agrees(self.which, posted)
        self.done["debit"] += 1

    def agrees(self, which: int, posted: wallets.Posted) -> None:
        """The answer of a write is what a reader sees after it."""
        assert posted.replayed is False
        assert posted.wallet == self.run(self.desks[which].view())

    def a_reference(self) -> str:
        """A payment has one debit and one reversal at most (W51), so that each needs a payment of its own."""
        self.references += 1
        return f"pay_{self.references}"

    def payment(self) -> None:
        which, amount = self.which, self.draw(st.integers(1, 300))
        posting = Posting(EntryType.PAYMENT, False, amount, reference_id=self.a_reference())
        try:
            taken = self.purses[which].debit(amount, self.clock.now())
        except Short:
            self.refuses(InsufficientFunds, lambda: self.run(self.desks[which].post(posting)))
            return
        entry = self.run(self.desks[which].post(posting))
        assert self.run(self.desks[which].moved(entry)) == taken
        self.open_payments.append((which, taken))
        self.done["payment"] += 1

    def reversal(self) -> None:
        """W48, W77: back into the same lots, with days of grace where they have expired."""
        if not self.open_payments:
            self.payment()
            return
        which, taken = self.open_payments.pop(self.pick(self.open_payments))
        fills = tuple(Fill(lot_id, amount) for lot_id, amount in taken.items())
        self.done["grace"] += self.purses[which].give_back(taken, self.clock.now())
        amount = sum(taken.values())
        posting = Posting(
            EntryType.PAYMENT_REVERSAL, True, amount, reference_id=self.a_reference(), fills=fills
        )
        self.run(self.desks[which].post(posting))
        self.done["reversal"] += 1

    def advance(self) -> None:
        self.clock.advance(timedelta(hours=self.draw(HOURS)))
        self.done["advance"] += 1

    def to_expiry(self) -> None:
        """To the very instant at which money goes: rules break at edges, and chance seldom finds them (W74)."""
        lots = [lot for purse in self.purses for lot in purse.lots.values() if lot.left and lot.expires]
        ahead = sorted(lot.expires for lot in lots if lot.expires and lot.expires > self.clock.now())
        if not ahead:
            self.advance()
            return
        self.clock.move_to(ahead[0])
        self.done["to_expiry"] += 1

    def clock_back(self) -> None:
        self.clock.advance(timedelta(minutes=-self.draw(st.integers(1, 180))))
        self.done["clock_back"] += 1

    def sweep(self) -> None:
        purse = self.purses[self.which]
        before = len(purse.entries)
        purse.sweep(self.clock.now())
        swept = self.run(self.desks[self.which].sweep())
        assert len(swept) == len(purse.entries) - before
        self.done["sweep"] += 1

    def notice(self) -> None:
        self.purses[self.which].sweep(self.clock.now())
        self.run(self.desks[self.which].notices())
        assert self.run(self.desks[self.which].notices()) == 0, "W79: once"
        self.done["notice"] += 1

    def repeat(self) -> None:
        """W31, W35: the first answer again, whatever has happened since, and nothing written."""
        entry, entry_id = self.used[self.pick(self.used)]
        before = self.run(everything(self.store))
        again = self.post(replace(entry, reason="said otherwise"))
        assert (again.replayed, again.entry.id) == (True, entry_id)
        assert self.run(everything(self.store)) == before
        self.done["repeat"] += 1

    def reuse(self) -> None:
        """W32."""
        entry, _ = self.used[self.pick(self.used)]
        other = replace(entry, amount_minor=entry.amount_minor + 1)
        self.refuses(IdempotencyKeyReused, lambda: self.post(other))
        self.done["reuse"] += 1

    def threshold(self) -> None:
        """W83."""
        self.set_threshold(self.which, self.draw(THRESHOLDS))
        self.done["threshold"] += 1

    def set_threshold(self, which: int, threshold: int | None) -> None:
        self.run(self.desks[which].threshold(threshold))
        self.purses[which].set_threshold(threshold, self.clock.now())

    def lot_expiry(self) -> None:
        """W78: never into the past, and never of what has expired."""
        now = self.clock.now()
        lots = [(lot_id, lot) for purse in self.purses for lot_id, lot in purse.lots.items()]
        lot_id, lot = lots[self.pick(lots)]
        days = self.draw(st.one_of(st.none(), st.integers(-1, 20)))
        wanted = None if days is None else now + timedelta(days=days)

        def act() -> Any:
            return self.run(self.store.write(lambda tx: wallets.update_lot_expiry(tx, lot_id, wanted, None)))

        if lot.swept or not lot.live(now) or (wanted is not None and wanted <= now):
            self.refuses(Refusal, act)
        else:
            act()
            lot.expires = wanted
        self.done["lot_expiry"] += 1

    def pick(self, some: Sequence[Any]) -> int:
        return self.draw(st.integers(0, len(some) - 1), label="which of them")

    # What always holds

    @invariant()
    def all_invariants_hold(self) -> None:
        """Everything is read in one snapshot, after every step."""
        keys = [(desk.customer_id, desk.currency) for desk in self.desks]

        def read(tx: Tx) -> Any:
            verdicts = [wallets.verify(tx, *key) for key in keys]
            return (
                all_rows(tx),
                wallets.views(tx, keys),
                verdicts,
                wallets.trial_balance(tx, None, CURRENCIES),
            )

        rows, views, verdicts, trial = self.run(self.store.read(read, consistent=True))
        assert all(verdict.intact for verdict in verdicts), "ruling 12"
        assert [(one.currency, one.balanced) for one in trial] == [(code, True) for code in CURRENCIES], (
            "ruling 11"
        )
        for key, purse in zip(keys, self.purses, strict=True):
            self.wallet_holds(_of_wallet(rows, key), purse)
            assert views[key].balance_minor == purse.can_spend(self.clock.now()), "W75"
            self.alerts_hold(_of_wallet(rows, key), rows["event"], purse)
        for customer_id in {customer_id for customer_id, _ in keys}:
            self.log_holds([row for row in rows["event"] if row["customer_id"] == customer_id])

    def wallet_holds(self, rows: Rows, purse: Purse) -> None:
        entries = rows["ledger_entry"]
        amounts = [row["amount_minor"] if row["is_credit"] else -row["amount_minor"] for row in entries]
        assert amounts == purse.entries
        assert [row["sequence"] for row in entries] == list(range(1, len(entries) + 1)), "W11"
        balance = 0
        for row, amount in zip(entries, amounts, strict=True):
            assert (row["before_minor"], row["after_minor"]) == (balance, balance + amount), "W10, W11"
            balance += amount
            assert balance >= 0, "W13"
        times = [row["created_at"] for row in entries]
        assert times == sorted(times)
        lots = {row["id"]: (row["remaining_minor"], row["expires_at"]) for row in rows["lot"]}
        assert lots == {lot_id: (lot.left, lot.expires) for lot_id, lot in purse.lots.items()}
        (wallet,) = rows["wallet"]
        parts = wallet["paid_minor"] + wallet["promotional_minor"]
        assert wallet["balance_minor"] == balance == parts == sum(left for left, _ in lots.values()), "W12"
        assert wallet["promotional_minor"] == sum(lot.left for lot in purse.lots.values() if lot.promotional)

    def alerts_hold(self, rows: Rows, log: list[dict[str, Any]], purse: Purse) -> None:
        entries = {row["id"]: row for row in rows["ledger_entry"]}
        log = sorted(log, key=lambda row: row["sequence"])
        told = [row["object_id"] for row in log if row["type"] == "wallet.balance_changed"]
        assert [entry_id for entry_id in told if entry_id in entries] == list(entries), "W15, W85"
        expired = [row["object_id"] for row in log if row["type"] == "wallet.funds_expired"]
        assert [entry_id for entry_id in expired if entry_id in entries] == [
            entry_id for entry_id, row in entries.items() if row["entry_type"] == "expiry"
        ]
        lows = [orjson.loads(row["data_json"]) for row in log if row["type"] == "wallet.balance_low"]
        assert [low["balance"] for low in lows if low["ledger_entry_id"] in entries] == purse.lows, "W81"

    def log_holds(self, log: list[dict[str, Any]]) -> None:
        assert sorted(row["sequence"] for row in log) == list(range(1, len(log) + 1)), "ruling 14"
        notices = [row["object_id"] for row in log if row["type"] == "wallet.funds_expiring"]
        assert len(notices) == len(set(notices)), "W79"


def _of_wallet(rows: Rows, key: tuple[str, str]) -> Rows:
    """The rows of one wallet, its entries by number."""
    own = {
        table: [row for row in rows[table] if (row["customer_id"], row["currency"]) == key]
        for table in ("ledger_entry", "wallet", "lot")
    }
    own["ledger_entry"].sort(key=lambda row: row["sequence"])
    return own


COUNTED_FROM = 6


@pytest.fixture
def lives(template_url: str, tmp_path: Path) -> Iterator[type[Lives]]:
    class OwnLives(Lives):
        done: ClassVar = Counter()
        database = staticmethod(lambda: copy_of(template_url, tmp_path))

    yield OwnLives
    sys.stdout.write(f"\nexercised: {dict(sorted(OwnLives.done.items()))}\n")


def live(lives: type[Lives], examples: int, steps: int) -> None:
    """Run so many lives of so many steps; fail as well when too little of anything happened."""
    run_state_machine_as_test(
        lives,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    planned = examples * steps
    wanted = {kind: floor * planned // 1_000 for kind, floor in FLOORS.items()}
    # Of what is rare, a short run may by chance have none: it is the long run that must show it.
    lacking = {kind: (lives.done[kind], floor) for kind, floor in wanted.items() if floor >= COUNTED_FROM}
    assert not {kind: found for kind, found in lacking.items() if found[0] < found[1]}, "exercised, wanted"


@pytest.mark.timeout(900)  # a failing life takes minutes to shorten
def test_random_lives_keep_every_invariant(lives):
    """W10-W15, W22, W31-W35, W70-W83, rulings 11, 12 and 14."""
    live(lives, *((12, 25) if SERVER else (60, 30)))


@pytest.mark.large
@pytest.mark.timeout(1_800)
def test_many_long_lives_keep_every_invariant(lives):
    """T1 at its full size."""
    live(lives, 300, 60)
