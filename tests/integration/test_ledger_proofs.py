"""The books prove themselves: append-only tables, sealed entries, a trial balance of nought (rulings 11, 12; W14)."""

from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from saifu import wallet_proofs, wallets
from saifu.ledger.chain import GENESIS, Fault
from saifu.ledger.entries import EntryType
from saifu.store_postgres import postgres_dsn
from saifu.wallet_proofs import WalletFault
from saifu.wallets import Posting
from tests.builders import CURRENCIES
from tests.desk import Desk, a_desk, everything

APPEND_ONLY = ("ledger_entry", "lot_movement", "audit_record")


async def run(store, statement: str) -> None:
    """Whatever somebody with a console might type."""
    if store.url.startswith("sqlite"):
        await store.write(lambda tx: tx.run(text(statement)))
        return
    console = await asyncpg.connect(postgres_dsn(store.url), timeout=10)
    try:
        await console.execute(statement)
    finally:
        await console.close()


async def unlocked(store) -> None:
    """Take the triggers away, as only an owner of the database can."""
    if store.url.startswith("sqlite"):
        triggers = [f"{table}_no_{what}" for table in APPEND_ONLY for what in ("update", "delete", "replace")]
        for trigger in triggers:
            await run(store, f"DROP TRIGGER {trigger}")
    else:
        for table in APPEND_ONLY:
            await run(store, f"ALTER TABLE {table} DISABLE TRIGGER USER")


@pytest.fixture
async def desk(store, clock):
    """Six entries, 1 000 left in two lots."""
    desk = await a_desk(store)
    await desk.credit(1_000)
    await desk.credit(500, funding="promotional", expires_at=clock.now() + timedelta(days=30))
    await desk.debit(200)
    await desk.debit(300)
    await desk.credit(300)
    await desk.debit(300)
    return desk


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET customer_id = customer_id",
        "DELETE FROM {table}",
        "DELETE FROM {table} WHERE customer_id = 'nobody' OR 1 = 1",
    ],
)
async def test_the_database_itself_refuses_to_change_history(store, desk, table, statement):
    """W14, S20: enforced where no program can go round it."""
    before = await everything(store)
    with pytest.raises(Exception, match="append-only"):
        await run(store, statement.format(table=table))
    assert await everything(store) == before


@pytest.mark.sqlite_only
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
async def test_on_sqlite_a_replace_is_refused_too(store, desk, table, verb):
    """W14: a REPLACE deletes without firing a DELETE trigger."""
    before = await everything(store)
    with pytest.raises(Exception, match="append-only"):
        await run(store, f"{verb} INTO {table} SELECT * FROM {table} LIMIT 1")
    assert await everything(store) == before


@pytest.mark.postgres
@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_on_postgresql_a_truncate_is_refused_too(store, desk, table):
    """W14."""
    before = await everything(store)
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await run(store, f"TRUNCATE {table} CASCADE")
    assert await everything(store) == before


async def test_a_ledger_that_nobody_touched_is_intact(desk):
    """Ruling 12: and its head is the seal of the last entry."""
    verdict = await desk.verdict()
    assert (verdict.intact, verdict.entries_checked) == (True, 6)
    assert verdict.head == (await desk.entries())[-1].hash
    empty = await Desk(desk.store, desk.customer_id, "INR").verdict()
    assert (empty.intact, empty.entries_checked, empty.head) == (True, 0, GENESIS)


@pytest.mark.parametrize(
    ("tampering", "sequence", "fault"),
    [
        (
            "SET amount_minor = amount_minor + 1, after_minor = after_minor - 1 WHERE sequence = 3",
            3,
            Fault.HASH,
        ),
        ("SET before_minor = 1, after_minor = 1001 WHERE sequence = 1", 1, Fault.CONTINUITY),
        ("SET reason = 'gift' WHERE sequence = 4", 4, Fault.HASH),
        ("SET actor_id = 'somebody' WHERE sequence = 2", 2, Fault.HASH),
        ("SET metadata_json = '[]' WHERE sequence = 6", 6, Fault.HASH),
        ("SET expires_at = NULL WHERE sequence = 2", 2, Fault.HASH),
        ("SET hash = 'x' WHERE sequence = 5", 5, Fault.HASH),
        ("SET sequence = 99 WHERE sequence = 6", 99, Fault.SEQUENCE),
        ("SET sequence = 0 WHERE sequence = 1", 0, Fault.SEQUENCE),
    ],
)
async def test_the_first_broken_entry_is_named(store, desk, tampering, sequence, fault):
    """Ruling 12: with the triggers dropped by hand, every change of history still shows."""
    await unlocked(store)
    await run(store, f"UPDATE ledger_entry {tampering}")
    verdict = await desk.verdict()
    assert verdict.broken is not None
    assert (verdict.broken.sequence, verdict.broken.fault) == (sequence, fault)
    assert verdict.broken.entry_id == next(e.id for e in await desk.entries() if e.sequence == sequence)
    assert not verdict.intact


async def test_a_removed_entry_leaves_a_gap_that_is_named(store, desk):
    await unlocked(store)
    await run(store, "DELETE FROM ledger_entry WHERE sequence = 3")
    verdict = await desk.verdict()
    assert verdict.broken is not None
    assert (verdict.broken.sequence, verdict.broken.fault, verdict.entries_checked) == (4, Fault.SEQUENCE, 2)


async def test_cutting_off_the_newest_entry_shows_in_the_wallets_row(store, desk):
    """A chain alone cannot tell; the wallet's row, written with every entry, can (W12)."""
    await unlocked(store)
    await run(store, "DELETE FROM ledger_entry WHERE sequence = 6")
    verdict = await desk.verdict()
    assert (verdict.broken, verdict.fault, verdict.entries_checked) == (None, WalletFault.WALLET_ROW, 5)
    assert verdict.fault_id == (await desk.view()).id


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        (
            "UPDATE wallet SET balance_minor = balance_minor + 5, paid_minor = paid_minor + 5",
            WalletFault.WALLET_ROW,
        ),
        ("UPDATE wallet SET last_hash = 'x'", WalletFault.WALLET_ROW),
        ("UPDATE wallet SET sequence = sequence + 1", WalletFault.WALLET_ROW),
        ("UPDATE lot SET remaining_minor = remaining_minor - 1 WHERE remaining_minor > 0", WalletFault.LOTS),
        (
            "UPDATE wallet SET paid_minor = 995, promotional_minor = 5 WHERE currency = 'USD'",
            WalletFault.LOTS,
        ),
        ("UPDATE lot SET funding = 'promotional'", WalletFault.LOTS),
        ("UPDATE lot_movement SET amount_minor = amount_minor + 1", WalletFault.MOVEMENTS),
        ("DELETE FROM lot_movement", WalletFault.MOVEMENTS),
        ("DELETE FROM lot", WalletFault.LOTS),
    ],
)
async def test_what_disagrees_beside_the_chain_is_named(store, desk, tampering, fault):
    """W12, W71: the wallet's row, its lots, and what went through them."""
    await unlocked(store)
    await run(store, tampering)
    verdict = await desk.verdict()
    assert (verdict.broken, verdict.fault, verdict.intact) == (None, fault, False)
    assert verdict.fault_id


async def test_money_moved_between_lots_behind_the_ledger_shows(store, desk):
    """W12: the sum alone would still be right."""
    await run(store, "UPDATE lot SET remaining_minor = remaining_minor - 1 WHERE remaining_minor > 0")
    await run(store, "UPDATE lot SET remaining_minor = 2 WHERE original_minor = 500")
    assert (await desk.verdict()).fault is WalletFault.LOTS


async def test_a_ledger_is_verified_in_pages(store, desk, monkeypatch):
    """A million entries need the memory of one page; a fault on a seam is found like any other."""
    for page in (1, 2, 4, 6, 7):
        monkeypatch.setattr(wallet_proofs, "PAGE", page)
        verdict = await desk.verdict()
        assert (verdict.intact, verdict.entries_checked) == (True, 6)
    await unlocked(store)
    await run(store, "UPDATE ledger_entry SET reason = 'x' WHERE sequence = 5")
    for page in (1, 2, 4, 5):
        monkeypatch.setattr(wallet_proofs, "PAGE", page)
        verdict = await desk.verdict()
        assert verdict.broken is not None
        assert (verdict.broken.sequence, verdict.entries_checked) == (5, 4)


# The trial balance


async def trial(store, as_of=None):
    return await store.read(lambda tx: wallets.trial_balance(tx, as_of, CURRENCIES), consistent=True)


async def test_all_accounts_together_are_nought(store, desk, clock):
    """Ruling 11: each entry is a transfer between the wallet and its contra account."""
    rupees = Desk(store, desk.customer_id, "INR")
    await rupees.post(Posting(EntryType.TOP_UP, True, 9_000, reference_id="pay_1"))
    await rupees.post(Posting(EntryType.PAYMENT, False, 2_500, reference_id="pay_2"))
    await rupees.credit(40, funding="promotional")
    clock.advance(timedelta(days=30))
    await desk.credit(500, funding="promotional", expires_at=clock.now() + timedelta(days=1))
    clock.advance(timedelta(days=1))
    await desk.sweep()
    usd, inr = await trial(store)
    assert (usd.currency, inr.currency) == CURRENCIES
    assert (usd.balanced, usd.sum_minor, usd.drifted) == (True, 0, ())
    found = {row.account: row.balance_minor for row in usd.rows}
    assert found == {
        "wallets": 1_000,
        "merchant_adjustments": -1_500,
        "payments": 0,
        "refunds": 0,
        "disputes": 0,
        "top_ups": 0,
        "expired": 500,
    }
    assert {row.account: row.balance_minor for row in inr.rows if row.balance_minor} == {
        "wallets": 6_540,
        "merchant_adjustments": -40,
        "payments": 2_500,
        "top_ups": -9_000,
    }


async def test_the_trial_balance_of_a_past_instant(store, clock):
    """`asOf`: entries up to it, against the balances that they had left."""
    desk = await a_desk(store)
    start = clock.now()
    for _ in range(3):
        await desk.credit(100)
        clock.advance(timedelta(days=1))
    for days, balance in [(-1, 0), (0, 100), (1, 200), (2, 300), (9, 300)]:
        usd, inr = await trial(store, start + timedelta(days=days))
        assert (usd.rows[0].balance_minor, usd.sum_minor, inr.sum_minor) == (balance, 0, 0)


async def test_a_wallet_that_does_not_equal_its_entries_is_named(store, desk):
    """Ruling 11: also when two such errors hide each other in the sum."""
    other = await a_desk(store)
    await other.credit(50)
    shift = (
        "UPDATE wallet SET balance_minor = balance_minor + {0}, paid_minor = paid_minor + {0} "
        "WHERE customer_id = '{1}' AND currency = 'USD'"
    )
    await run(store, shift.format(5, desk.customer_id))
    usd, _ = await trial(store)
    assert (usd.sum_minor, usd.balanced) == (5, False)
    await run(store, shift.format(-5, other.customer_id))
    usd, _ = await trial(store)
    assert (usd.sum_minor, usd.balanced) == (0, False)
    assert {
        (one.wallet_id, one.stored_minor, one.credits_minor - one.debits_minor) for one in usd.drifted
    } == {
        ((await desk.view()).id, 1_005, 1_000),
        ((await other.view()).id, 45, 50),
    }
