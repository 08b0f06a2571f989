"""What is looked up by a key is found by an index, never by reading the whole table (PERFORMANCE: constant cost)."""

import sqlite3
from typing import Any

import pytest

from saifu import book, lookup, wallet_lots, wallet_proofs, wallet_reports, wallet_upkeep, wallet_views
from saifu.statements import SQLITE, prepare
from saifu.store_sqlite import sqlite_path
from saifu.tables import LedgerEntry, Lot

pytestmark = pytest.mark.sqlite_only

KEYED: dict[str, Any] = {
    "entries by id": lookup._by_id(LedgerEntry),
    "lots by id": lookup._by_id(Lot),
    "wallets": wallet_views._WALLETS,
    "the wallets of a customer": wallet_views._WALLETS_OF_CUSTOMER,
    "expiring money": wallet_views._EXPIRING,
    "parts of entries": wallet_views._MOVEMENTS,
    "past balances": wallet_views._BALANCE_AT,
    "a wallet to write": book._WALLET,
    "saving a wallet": book._SAVE_WALLET,
    "the first lots": wallet_lots._FIRST_LOTS,
    "saving a lot": wallet_lots._SAVE_LOT,
    "emptying lots": wallet_lots._EMPTY_LOTS,
    "wallets with expired money": wallet_upkeep._DUE,
    "notices that are due": wallet_upkeep._NOTICES_DUE,
    "a wallet's report": wallet_reports._totals("sqlite", True),
    "the business's report": wallet_reports._totals("sqlite", False),
    "a trend": wallet_reports._moves("sqlite"),
    "what was spent": wallet_reports._SPENT,
    "a page of a verification": wallet_proofs._ENTRIES,
    "the parts of that page": wallet_proofs._MOVED,
    "a lot that is wrong": wallet_proofs._WRONG_LOT,
}


@pytest.mark.parametrize("statement", KEYED.values(), ids=KEYED.keys())
def test_no_table_is_read_from_end_to_end(url, statement):
    prepared = prepare(statement, SQLITE)
    database = sqlite3.connect(sqlite_path(url))
    try:
        plan = database.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", ["[]"] * len(prepared.names)).fetchall()
    finally:
        database.close()
    steps = [row[3] for row in plan]
    tables = ("customer", "wallet", "ledger_entry", "lot", "lot_movement")
    assert [step for step in steps if step.startswith("SCAN") and step.split()[1] in tables] == [], steps
    assert any(step.startswith("SEARCH") for step in steps), steps


@pytest.mark.parametrize("name", ["a wallet's report", "the business's report", "a trend"])
def test_a_bucket_reads_its_own_entries_and_no_others(url, name):
    """W90: 400 buckets read the period once, not 400 times."""
    prepared = prepare(KEYED[name], SQLITE)
    database = sqlite3.connect(sqlite_path(url))
    try:
        plan = database.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", ["[]"] * len(prepared.names)).fetchall()
    finally:
        database.close()
    assert any("created_at>? AND created_at<?" in row[3] for row in plan), plan
