"""T5: every acknowledged write has been synced before its answer (invariant 6)."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from saifu.store_postgres import postgres_dsn
from tests.conftest import ADMIN_KEY
from tests.faults.contract import send
from tests.faults.journal import Acked, Intent, Post
from tests.faults.syncs import Syncs, need_strace
from tests.faults.traffic import create_customers
from tests.gateway import Gateway
from tests.wire import Wire

WRITES = 100
COMMITS = 20
COMMIT_ALONE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA synchronous={sys.argv[2]}")
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE t (n INTEGER)")
for n in range(int(sys.argv[3])):
    connection.execute("INSERT INTO t VALUES (?)", (n,))
"""


@pytest.mark.sqlite_only
async def test_every_acknowledged_write_was_synced_before_its_answer(url: str, tmp_path: Path):
    """Not on the average: between sending each request and having its answer, a sync ended."""
    need_strace()
    syncs = Syncs(tmp_path / "syncs")
    unsynced = []
    async with Gateway(url, ADMIN_KEY, wrapper=syncs.command) as gateway:
        wire = Wire(gateway.port, ADMIN_KEY)
        (customer_id,) = await create_customers(wire, 1)
        before = first = syncs.count()
        for number in range(WRITES):
            attempt = await send(wire, Post(customer_id, "USD", True, 1, f"sync-{number}"), Intent.FRESH)
            assert isinstance(attempt.outcome, Acked)
            before, counted = syncs.count(), before
            if before <= counted:
                unsynced.append(number)
        wire.close()
    print(f"{before - first} syncs for {WRITES} acknowledged writes")
    assert unsynced == []


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("synchronous", "least", "most"), [("FULL", COMMITS, 2 * COMMITS), ("OFF", 0, 0)])
async def test_the_count_tells_a_synced_commit_from_another(
    synchronous: str, least: int, most: int, tmp_path: Path
):
    """What the test above measures with can fail: at OFF there is nothing to count."""
    need_strace()
    syncs = Syncs(tmp_path / "syncs")
    arguments = (str(tmp_path / "t.db"), synchronous, str(COMMITS))
    process = await asyncio.create_subprocess_exec(
        *syncs.command, sys.executable, "-c", COMMIT_ALONE, *arguments
    )
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    assert least <= syncs.count() <= most


@pytest.mark.postgres
async def test_postgresql_is_set_to_sync_every_commit(url: str):
    """What the server does with a commit is its settings' word, seen by a connection like the gateway's own."""
    connection = await asyncpg.connect(postgres_dsn(url), timeout=10)
    try:
        shown = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in ("fsync", "full_page_writes", "synchronous_commit")
        }
    finally:
        await connection.close()
    assert (shown["fsync"], shown["full_page_writes"]) == ("on", "on")
    assert shown["synchronous_commit"] != "off"
