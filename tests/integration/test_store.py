"""The store keeps its promises: all or nothing, durable before the answer, nobody starves (both engines)."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, func, update
from sqlmodel import col, select

from saifu import audit, events
from saifu.clock import ManualClock
from saifu.events import EventType
from saifu.ids import new_id
from saifu.refusals import ErrorCode, OutcomeUnknown, Refusal, Unavailable
from saifu.statements import any_of, total
from saifu.store import Actor, ActorType, Origin, Store, Tx, open_store
from saifu.store_sqlite import SqliteStore, hold_lock
from saifu.tables import AuditRecord, Customer, Event

CUSTOMER = select(Customer).where(col(Customer.id) == bindparam("customer_id"))
CUSTOMERS = select(Customer.id).where(any_of(col(Customer.id), "ids")).order_by(col(Customer.id))
COUNT = select(func.count(col(Customer.id)))
POSITIONS: Any = select(Event.position, Event.order_key, Event.sequence).order_by(col(Event.position))
RENAME = (
    update(Customer).where(col(Customer.id) == bindparam("customer_id")).values(name=bindparam("new_name"))
)


def bare_customer(tx: Tx, name: str = "Aiko") -> str:
    """A customer row and its event, with nothing of the use cases around it."""
    customer = tx.insert(
        Customer(
            id=new_id("cus"),
            email="aiko@example.com",
            email_folded="aiko@example.com",
            name=name,
            name_folded=name.casefold(),
            metadata_json="{}",
            last_sequence=0,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    events.append(tx, customer.id, EventType.CUSTOMER_CREATED, customer.id, {"id": customer.id})
    return customer.id


async def settled_log(store: Store, count: int) -> list[tuple[int | None, str, int]]:
    """The log, once all of it has its place (PostgreSQL stamps after the commit)."""
    for _ in range(400):
        log = await store.read(lambda tx: tx.all(POSITIONS))
        if len(log) >= count and all(position is not None for position, _, _ in log):
            return log
        await asyncio.sleep(0.01)
    raise AssertionError(f"the log of {count} events was never whole")


async def test_a_row_comes_back_as_it_was_written(store: Store, clock: ManualClock) -> None:
    customer_id = await store.write(lambda tx: bare_customer(tx, "愛子 🎌"))
    customer = await store.read(lambda tx: tx.first(CUSTOMER, customer_id=customer_id))
    assert customer is not None
    assert (customer.name, customer.created_at, customer.blocked_at) == ("愛子 🎌", clock.now(), None)
    assert customer.last_sequence == 1


async def test_rows_that_were_read_cannot_be_changed_in_place(store: Store) -> None:
    customer_id = await store.write(bare_customer)
    customer = await store.read(lambda tx: tx.first(CUSTOMER, customer_id=customer_id))
    with pytest.raises(AttributeError):
        customer.name = "someone else"  # type: ignore[union-attr]


async def test_a_refusal_leaves_nothing_behind(store: Store) -> None:
    def create_then_refuse(tx: Tx) -> None:
        bare_customer(tx)
        audit.record(tx, "customerCreate", "cus_x")
        raise Refusal(ErrorCode.GONE, "no")

    with pytest.raises(Refusal):
        await store.write(create_then_refuse)
    assert await store.read(lambda tx: (tx.first(COUNT), tx.all(POSITIONS))) == (0, [])
    await store.write(bare_customer)
    assert [place for place, _, _ in await settled_log(store, 1)] == [1], (
        "a refusal used up a place in the log"
    )


async def test_one_unit_that_fails_does_not_harm_those_committed_with_it(store: Store) -> None:
    def fail(tx: Tx) -> None:
        bare_customer(tx)
        raise ZeroDivisionError

    works = [fail if n % 3 == 0 else bare_customer for n in range(60)]
    outcomes = await asyncio.gather(*(store.write(work) for work in works), return_exceptions=True)
    failed = [outcome for outcome in outcomes if isinstance(outcome, ZeroDivisionError)]
    made = sorted(outcome for outcome in outcomes if isinstance(outcome, str))
    assert (len(failed), len(made)) == (20, 40)
    assert await store.read(lambda tx: tx.all(CUSTOMERS, ids=made)) == made
    assert await store.read(lambda tx: tx.first(COUNT)) == 40


async def test_places_in_the_log_have_no_gap_and_no_twin_under_many_writers(store: Store) -> None:
    ids = [await store.write(bare_customer) for _ in range(4)]

    def touch(tx: Tx, customer_id: str, fail: bool) -> None:
        for _ in range(2):
            events.append(tx, customer_id, EventType.CUSTOMER_UPDATED, customer_id, {})
        if fail:
            raise Refusal(ErrorCode.GONE, "no")

    await asyncio.gather(
        *(store.write(lambda tx, n=n: touch(tx, ids[n % 4], n % 7 == 0)) for n in range(100)),  # type: ignore[misc]
        return_exceptions=True,
    )
    kept = 4 + 2 * sum(n % 7 != 0 for n in range(100))
    log = await settled_log(store, kept)
    assert [place for place, _, _ in log] == list(range(1, kept + 1))
    for customer_id in ids:
        own = [sequence for _, key, sequence in log if key == customer_id]
        assert own == list(range(1, len(own) + 1)), "EV10: gapless and in order per customer"


async def test_a_caller_that_goes_away_does_not_take_its_work_back(store: Store) -> None:
    waiting = [asyncio.create_task(store.write(bare_customer)) for _ in range(30)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(done, asyncio.CancelledError)
        for done in await asyncio.gather(*waiting, return_exceptions=True)
    )
    assert len(await settled_log(store, 30)) == 30
    assert isinstance(await store.write(bare_customer), str), "the store still serves"


async def test_an_update_says_how_many_rows_it_changed(store: Store) -> None:
    customer_id = await store.write(bare_customer)
    changed = await store.write(lambda tx: tx.run(RENAME, customer_id=customer_id, new_name="Mai"))
    missed = await store.write(lambda tx: tx.run(RENAME, customer_id="cus_nobody", new_name="Mai"))
    assert (changed, missed) == (1, 0)


async def test_a_unit_of_work_reads_what_it_has_just_inserted(store: Store) -> None:
    def create_and_look(tx: Tx) -> Customer | None:
        return tx.first(CUSTOMER, customer_id=bare_customer(tx))

    assert (await store.write(create_and_look)) is not None


async def test_sums_are_integers_and_the_sum_of_nothing_is_zero(store: Store) -> None:
    summed = select(total(col(Customer.last_sequence)))
    assert await store.read(lambda tx: tx.first(summed)) == 0
    await store.write(bare_customer)
    value = await store.read(lambda tx: tx.first(summed))
    assert (value, type(value)) == (1, int)


async def test_the_audit_log_cannot_be_changed_by_hand(store: Store) -> None:
    """S20: append-only in the database itself."""
    origin = Origin(Actor(ActorType.API_KEY, "key_1"), "req_1")
    await store.write(lambda tx: audit.record(tx, "customerCreate", "cus_1"), origin)
    rewrite = update(AuditRecord).values(actor_id="somebody else")
    for change in (rewrite, delete(AuditRecord)):
        with pytest.raises(Exception, match="append-only"):
            await store.write(lambda tx, change=change: tx.run(change))  # type: ignore[misc]
    kept = await store.read(lambda tx: tx.all(select(AuditRecord)))
    assert [(row.actor_id, row.request_id) for row in kept] == [("key_1", "req_1")]


async def test_readers_cannot_write_whatever_they_are_given(store: Store) -> None:
    if not isinstance(store, SqliteStore):
        pytest.skip("PostgreSQL's reads are ordinary sessions; only a consistent read is READ ONLY there")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.read(lambda tx: tx.run(RENAME, customer_id="cus_1", new_name="Mai"))


@pytest.mark.sqlite_only
async def test_one_sync_serves_a_whole_group(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """W2: what gathers while one commit syncs is committed together."""
    groups: list[int] = []
    commit = store._commit_in_thread

    def counted(group: list[Any], connection: sqlite3.Connection) -> int:
        groups.append(len(group))
        return commit(group, connection)

    monkeypatch.setattr(store, "_commit_in_thread", counted)
    await asyncio.gather(*(store.write(bare_customer) for _ in range(200)))
    assert sum(groups) == 200
    assert len(groups) <= 20
    assert max(groups) == 64


@pytest.mark.sqlite_only
async def test_a_database_that_was_closed_is_one_file(url: str, clock: ManualClock) -> None:
    """Whoever stops the gateway and copies the file has everything, without knowing of a write-ahead log."""
    store = await open_store(url, clock)
    assert isinstance(store, SqliteStore)
    await store.write(bare_customer)
    await store.close()
    assert not store.path.with_name(f"{store.path.name}-wal").exists()
    copy = store.path.with_name("copy.db")
    shutil.copyfile(store.path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM customer").fetchone() == (1,)


@pytest.mark.sqlite_only
async def test_a_full_disk_is_refused_for_certain_and_recovers_without_a_restart(store: SqliteStore) -> None:
    """T7, invariant 5: a definite no, nothing half done, reads go on, and room makes it well again."""
    await store.write(bare_customer)
    pages = await store._writer.call(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store._writer.call(lambda db: db.execute(f"PRAGMA max_page_count={pages + 4}").fetchone())
    outcomes = await asyncio.gather(
        *(store.write(lambda tx: bare_customer(tx, "x" * 2_000)) for _ in range(40)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    made = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(refused) + len(made) == 40, f"unclassified: {set(map(type, outcomes))}"
    assert refused
    assert await store.read(lambda tx: tx.first(COUNT)) == 1 + len(made)
    await store._writer.call(lambda db: db.execute("PRAGMA max_page_count=1073741823").fetchone())
    assert isinstance(await store.write(bare_customer), str)
    places = [place for place, _, _ in await settled_log(store, 2 + len(made))]
    assert places == list(range(1, 3 + len(made)))


@pytest.mark.sqlite_only
async def test_a_commit_whose_answer_is_lost_is_called_unknown_and_not_failed(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 5: only what certainly did not happen may be called refused."""
    run = store._commit_in_thread

    def commit_then_break(group: list[Any], connection: sqlite3.Connection) -> int:
        run(group, connection)
        raise OSError("the answer never came")

    monkeypatch.setattr(store, "_commit_in_thread", commit_then_break)
    with pytest.raises(OutcomeUnknown):
        await store.write(bare_customer)
    monkeypatch.undo()
    await store.write(bare_customer)
    assert [place for place, _, _ in await settled_log(store, 2)] == [1, 2]


class _Failing:
    """A connection whose next COMMIT fails, with the transaction undone as SQLite does it."""

    def __init__(self, connection: sqlite3.Connection, code: int) -> None:
        self._connection = connection
        self._code = code

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            self._connection.execute("ROLLBACK")
            error = sqlite3.OperationalError("the disk said no")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(sql, *values)


async def _with_a_failing_commit(store: SqliteStore, monkeypatch: pytest.MonkeyPatch, code: int) -> list[Any]:
    """The outcomes of a write, and of one in its group that refused because of it."""
    run = store._commit_in_thread
    monkeypatch.setattr(
        store,
        "_commit_in_thread",
        lambda group, db: run(group, _Failing(db, code)),  # type: ignore[arg-type]
    )

    def refuse_if_there_is_one(tx: Tx) -> None:
        if tx.first(COUNT):
            raise Refusal(ErrorCode.CUSTOMER_BLOCKED, "There is one already.")

    writes = [store.write(bare_customer), store.write(refuse_if_there_is_one)]
    outcomes: list[Any] = await asyncio.gather(*writes, return_exceptions=True)
    monkeypatch.undo()
    return outcomes


@pytest.mark.sqlite_only
async def test_a_commit_that_fails_is_definite_only_where_sqlite_is(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 5: a full disk has undone the group; of an error in reading or writing nobody can say."""
    full, _ = await _with_a_failing_commit(store, monkeypatch, sqlite3.SQLITE_FULL)
    assert type(full) is Unavailable
    broken, _ = await _with_a_failing_commit(store, monkeypatch, sqlite3.SQLITE_IOERR)
    assert type(broken) is OutcomeUnknown


@pytest.mark.sqlite_only
async def test_nobody_is_refused_because_of_what_was_never_committed(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 7: a refusal that saw its group's writes is none when they are undone."""
    _, refused = await _with_a_failing_commit(store, monkeypatch, sqlite3.SQLITE_FULL)
    assert type(refused) is Unavailable


@pytest.mark.sqlite_only
async def test_a_second_process_is_refused_the_same_file(store: SqliteStore) -> None:
    with pytest.raises(BlockingIOError):
        hold_lock(store.path)


@pytest.mark.sqlite_only
async def test_every_connection_syncs_fully(store: SqliteStore) -> None:
    for connection in store._opened:
        assert await connection.call(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == 2


async def test_a_unit_of_work_may_insert_more_rows_than_fit_in_one_statement(store: Store) -> None:
    """A wallet with 1 400 lots that expire together is swept together (W75); a statement takes 32 767 parameters."""

    def record_many(tx: Tx) -> None:
        for number in range(4_000):
            audit.record(tx, "test", f"object {number}")

    await store.write(record_many)
    counted = await store.read(lambda tx: tx.first(select(func.count(col(AuditRecord.id)))))
    assert counted == 4_000
