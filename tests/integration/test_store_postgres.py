"""PostgreSQL keeps its promises: several processes, lost connections, retries (RELIABILITY T3, T6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from asyncpg.pool import Pool
from sqlalchemy import func, text
from sqlmodel import col, select

from saifu import events
from saifu.clock import SystemClock
from saifu.events import EventType
from saifu.ids import new_id
from saifu.refusals import OutcomeUnknown, Unavailable
from saifu.store import Origin, Tx
from saifu.store_postgres import PostgresStore, postgres_dsn
from saifu.tables import Customer, Event, IdempotencyRecord

pytestmark = pytest.mark.postgres

LOG: Any = select(Event.position, Event.order_key, Event.sequence).order_by(col(Event.position))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[list[PostgresStore]]:
    """Three stores over one database, as three processes would have them."""
    opened = [await PostgresStore.open(url, SystemClock()) for _ in range(3)]
    yield opened
    for store in opened:
        await store.close()


def bare_customer(tx: Tx) -> str:
    customer_id = new_id("cus")
    tx.insert(
        Customer(
            id=customer_id,
            email="aiko@example.com",
            email_folded="aiko@example.com",
            name="Aiko",
            name_folded="aiko",
            metadata_json="{}",
            last_sequence=0,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    events.append(tx, customer_id, EventType.CUSTOMER_CREATED, customer_id, {})
    return customer_id


def touch(tx: Tx, customer_id: str) -> None:
    events.append(tx, customer_id, EventType.CUSTOMER_UPDATED, customer_id, {})


async def whole_log(store: PostgresStore, count: int) -> list[tuple[int | None, str, int]]:
    for _ in range(500):
        log = await store.read(lambda tx: tx.all(LOG))
        if len(log) == count and all(position is not None for position, _, _ in log):
            return log
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(log)} of {count} events, some without a place")


async def test_three_processes_write_one_gapless_log(stores: list[PostgresStore]) -> None:
    """RELIABILITY §3.3: a reader of the log by position misses nothing, whoever commits late."""
    ids = [await stores[0].write(bare_customer) for _ in range(5)]
    seen: list[int] = []
    done = asyncio.Event()

    async def follow(store: PostgresStore) -> None:
        after = select(Event.position).where(col(Event.position) > 0).order_by(col(Event.position))
        while not done.is_set() or len(seen) < 305:
            placed = [place for place in await store.read(lambda tx: tx.all(after)) if place is not None]
            seen.extend(place for place in placed if place > (seen[-1] if seen else 0))
            await asyncio.sleep(0.005)

    reader = asyncio.create_task(follow(stores[2]))
    await asyncio.gather(
        *(stores[n % 3].write(lambda tx, n=n: touch(tx, ids[n % 5])) for n in range(300))  # type: ignore[misc]
    )
    done.set()
    await asyncio.wait_for(reader, 20)
    assert seen == list(range(1, 306)), "a position was seen before an earlier one"
    log = await whole_log(stores[1], 305)
    for customer_id in ids:
        own = [sequence for _, key, sequence in log if key == customer_id]
        assert own == list(range(1, len(own) + 1)), "EV10: gapless and in order per customer"


async def test_a_twin_that_was_quicker_makes_the_slower_one_look_again(stores: list[PostgresStore]) -> None:
    """W37: a duplicate of our own key is run again, and finds what the winner left; never a 500."""
    runs: list[int] = []

    def claim(tx: Tx, number: int) -> str:
        runs.append(number)
        known = tx.first(select(IdempotencyRecord))
        if known is not None:
            return known.object_id
        record = IdempotencyRecord(
            scope="installation",
            key="k",
            mutation="m",
            request_json="{}",
            object_id=str(number),
            created_at=tx.now,
        )
        return tx.insert(record).object_id

    answers = await asyncio.gather(
        *(stores[n % 3].write(lambda tx, n=n: claim(tx, n)) for n in range(24))  # type: ignore[misc]
    )
    assert len(set(answers)) == 1
    assert len(runs) >= 24


async def test_connections_that_are_killed_cost_a_retry_and_not_an_error(
    stores: list[PostgresStore], url: str
) -> None:
    """T6: only retryable or unknown outcomes; the pool recovers; everything acknowledged is there."""
    customer_id = await stores[0].write(bare_customer)
    admin = await asyncpg.connect(postgres_dsn(url))
    outcomes: list[object] = []

    async def hammer(store: PostgresStore) -> None:
        for _ in range(60):
            try:
                outcomes.append(await store.write(lambda tx: touch(tx, customer_id)))
            except (Unavailable, OutcomeUnknown) as refusal:
                outcomes.append(refusal)

    async def kill() -> None:
        for _ in range(12):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2"
            )
            await asyncio.sleep(0.05)

    await asyncio.gather(kill(), *(hammer(store) for store in stores))
    await admin.close()
    acknowledged = sum(outcome is None for outcome in outcomes)
    unknown = sum(isinstance(outcome, OutcomeUnknown) for outcome in outcomes)
    assert len(outcomes) == 180
    assert acknowledged > 100
    counted = await stores[0].read(lambda tx: tx.first(select(func.count(col(Event.id)))))
    assert counted is not None
    assert acknowledged + 1 <= counted <= acknowledged + unknown + 1
    assert [place for place, _, _ in await whole_log(stores[1], counted)] == list(range(1, counted + 1))


async def test_a_database_that_is_gone_is_a_definite_no(url: str) -> None:
    store = await PostgresStore.open(url, SystemClock())
    try:
        await store._pool.close()
        store._pool = await asyncpg.create_pool(
            postgres_dsn(url).replace("5432", "1"), min_size=0, max_size=1, timeout=1
        )
        with pytest.raises(Unavailable):
            await store.read(lambda tx: tx.first(select(func.count(col(Event.id)))))
    finally:
        await store.close()


async def test_many_rows_of_many_tables_are_one_round_trip(stores: list[PostgresStore]) -> None:
    """PERFORMANCE W2: the row lock is held across fewer trips."""

    def insert_all(tx: Tx) -> int:
        before = tx.statements
        for _ in range(3):
            bare_customer(tx)
        tx.flush()
        return tx.statements - before

    # each customer: what waits is sent before the counter is raised, then raised; the last event goes alone
    assert await stores[0].write(insert_all) <= 7


async def test_what_was_committed_is_not_run_again_because_its_connection_could_not_be_returned(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 4: asyncpg closes a connection after 50 000 queries, and that too may fail, after the commit."""
    customer_id = await stores[0].write(bare_customer)
    release, failures = Pool.release, [asyncpg.InterfaceError("closing failed")]

    async def release_once_badly(pool: Pool, session: Any, **options: Any) -> None:
        await release(pool, session, **options)
        if failures and pool is stores[0]._pool:
            raise failures.pop()

    monkeypatch.setattr(Pool, "release", release_once_badly)
    await stores[0].write(lambda tx: touch(tx, customer_id))
    assert not failures
    assert len(await whole_log(stores[1], 2)) == 2


async def test_a_commit_whose_answer_is_lost_is_unknown_and_not_run_again(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariants 4 and 5: it may have happened, so it is neither repeated nor called failed."""
    customer_id = await stores[0].write(bare_customer)
    execute, lost = asyncpg.Connection.execute, [ConnectionResetError("the answer never came")]

    async def lose_one_answer(session: Any, query: str, *values: Any, **options: Any) -> str:
        answer: str = await execute(session, query, *values, **options)
        if query == "COMMIT" and lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(asyncpg.Connection, "execute", lose_one_answer)
    with pytest.raises(OutcomeUnknown):
        await stores[0].write(lambda tx: touch(tx, customer_id))
    assert len(await whole_log(stores[1], 2)) == 2


async def test_a_database_that_does_not_answer_in_time_is_asked_once(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 5: busy is a definite no, at the first timeout and not after eight of them."""
    asked: list[str] = []

    async def no_answer(session: Any, work: Any, origin: Origin) -> None:
        asked.append(origin.actor.id)
        raise TimeoutError

    monkeypatch.setattr(stores[0], "_attempt", no_answer)
    with pytest.raises(Unavailable):
        await stores[0].write(bare_customer)
    assert len(asked) == 1


async def test_a_commit_that_was_a_rollback_is_not_acknowledged(stores: list[PostgresStore]) -> None:
    """Invariant 6: work that swallows the failure of a statement has written nothing, and must not say it has."""

    def swallow(tx: Tx) -> str:
        customer_id = bare_customer(tx)
        with suppress(asyncpg.PostgresError):
            tx.run(text("SELECT 1/0"))
        return customer_id

    with pytest.raises(AssertionError, match="ROLLBACK"):
        await stores[0].write(swallow)
    assert await stores[0].read(lambda tx: tx.all(select(Customer.id))) == []


async def test_a_sequencer_survives_what_nobody_foresaw(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 9: a database that was read-only for a moment delivers its events when it is not any more."""
    for store in stores:
        failures = [asyncpg.ReadOnlySQLTransactionError("a standby"), RuntimeError("unforeseen")]
        stamp = store._stamp

        async def stamp_in_the_end(failures: Any = failures, stamp: Any = stamp) -> int:
            if failures:
                raise failures.pop()
            return int(await stamp())

        monkeypatch.setattr(store, "_stamp", stamp_in_the_end)
    monkeypatch.setattr("saifu.store_postgres.POLL_S", 0.01)
    await stores[0].write(bare_customer)
    assert len(await whole_log(stores[1], 1)) == 1


async def test_one_sequencer_at_a_time_gives_places(stores: list[PostgresStore], url: str) -> None:
    """§3.3: two at once would give an event that was already read another place."""
    other = await asyncpg.connect(postgres_dsn(url))
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(7367270, 1)")
        await stores[0].write(bare_customer)
        await asyncio.sleep(0.2)
        assert [place for place, _, _ in await stores[1].read(lambda tx: tx.all(LOG))] == [None]
    await other.close()
    assert [place for place, _, _ in await whole_log(stores[1], 1)] == [1]
