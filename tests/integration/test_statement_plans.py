"""What is looked up by a key is found by an index, never by reading the whole table (PERFORMANCE: constant cost)."""

import sqlite3
from typing import Any

import asyncpg
import pytest

from saifu import book, lookup, wallet_lots, wallet_proofs, wallet_reports, wallet_upkeep, wallet_views
from saifu.payments import drawn, pending
from saifu.refunds import movements
from saifu.statements import POSTGRESQL, SQLITE, prepare
from saifu.store_postgres import postgres_dsn
from saifu.store_sqlite import sqlite_path
from saifu.tables import LedgerEntry, Lot

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


BY_OBJECT: dict[str, tuple[Any, str]] = {
    "the debit of a payment": (drawn._OF_PAYMENT, "ledger_entry_of_payment"),
    "entries of refunds": (drawn._OF_REFUNDS, "ledger_entry_of_object"),
    "the lots of those entries": (drawn._MOVEMENTS, "lot_movement_pkey"),
    "lots that an object moved": (movements._MOVED, "ledger_entry_of_object"),
    "an entry of an object": (movements._ENTRY, "ledger_entry_of_object"),
    "payments under way": (pending._PENDING, "payment_under_way"),
}
"""Statements about one object, and the index that finds what they ask for however long a customer's ledger is."""


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("statement", "index"), BY_OBJECT.values(), ids=BY_OBJECT.keys())
def test_what_an_object_moved_is_found_by_the_object(url, statement, index):
    """W48, W49, W59, W62, W67."""
    steps = steps_on_sqlite(url, statement)
    assert any(index in step or (index.endswith("_pkey") and "sqlite_autoindex" in step) for step in steps), (
        steps
    )
    assert not any(step.startswith("SCAN") and "json_each" not in step for step in steps), steps


_MANY_MOVEMENTS = """
INSERT INTO lot_movement (customer_id, entry_id, lot_id, amount_minor)
SELECT 'cus_1', 'cwt_' || number, 'lot_' || number % 3, 1 FROM generate_series(1, 5000) AS number;
ANALYZE lot_movement
"""


@pytest.mark.postgres
@pytest.mark.parametrize(("statement", "index"), BY_OBJECT.values(), ids=BY_OBJECT.keys())
async def test_what_an_object_moved_is_found_by_the_object_on_postgresql(url, statement, index):
    """The same; of empty tables any plan is the best one, so the planner is told that reading all of them is dear.

    A customer has many movements in each lot, and few of each entry: that it has to see, or it may choose either.
    """
    prepared = prepare(statement, POSTGRESQL)
    connection = await asyncpg.connect(postgres_dsn(url))
    try:
        await connection.execute(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan"
        )
        undone = connection.transaction()
        await undone.start()
        await connection.execute(_MANY_MOVEMENTS)
        await connection.execute(f"PREPARE asked AS {prepared.sql}")
        nulls = ", ".join("NULL" for _ in prepared.names)
        plan = await connection.fetch(f"EXPLAIN EXECUTE asked({nulls})")
        await undone.rollback()
    finally:
        await connection.close()
    steps = "\n".join(row[0] for row in plan)
    assert f" {index} " in steps, steps
    assert "Seq Scan" not in steps, steps


@pytest.mark.sqlite_only
@pytest.mark.parametrize("statement", KEYED.values(), ids=KEYED.keys())
def test_no_table_is_read_from_end_to_end(url, statement):
    steps = steps_on_sqlite(url, statement)
    tables = ("customer", "wallet", "ledger_entry", "lot", "lot_movement")
    assert [step for step in steps if step.startswith("SCAN") and step.split()[1] in tables] == [], steps
    assert any(step.startswith("SEARCH") for step in steps), steps


def steps_on_sqlite(url: str, statement: Any) -> list[str]:
    prepared = prepare(statement, SQLITE)
    database = sqlite3.connect(sqlite_path(url))
    try:
        plan = database.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", ["[]"] * len(prepared.names)).fetchall()
    finally:
        database.close()
    return [row[3] for row in plan]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", ["a wallet's report", "the business's report", "a trend"])
def test_a_bucket_reads_its_own_entries_and_no_others(url, name):
    """W90: 400 buckets read the period once, not 400 times."""
    steps = steps_on_sqlite(url, KEYED[name])
    assert any("created_at>? AND created_at<?" in step for step in steps), steps
