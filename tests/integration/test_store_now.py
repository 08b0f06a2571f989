"""One bounded statement, read at once: the same rows as any other read, without the way there (both engines)."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, func, literal_column, text, update
from sqlalchemy.engine import Dialect
from sqlmodel import col, select

from saifu.clock import ManualClock
from saifu.refusals import Unavailable
from saifu.statements import prepare
from saifu.store import Question, Store, Tx, open_store
from saifu.store_at_once import MOST_IN_A_TURN
from saifu.store_postgres import PostgresStore
from saifu.store_sqlite import SqliteStore
from saifu.tables import Customer
from tests.builders import a_customer

CUSTOMER = select(Customer).where(col(Customer.id) == bindparam("customer_id"))
RENAME = update(Customer).where(col(Customer.id) == bindparam("of")).values(name=bindparam("to"))


def asking(statement: Any, **params: Any) -> Callable[[Dialect, datetime], Question]:
    def ask(dialect: Dialect, _now: datetime) -> Question:
        prepared = prepare(statement, dialect)
        return prepared, prepared.values(params)

    return ask


async def test_what_is_read_at_once_is_what_any_read_finds(store: Store) -> None:
    customer = await store.write(a_customer)
    (found,) = await store.read_now(asking(CUSTOMER, customer_id=customer.id))
    (known,) = await store.read(lambda tx: tx.all(CUSTOMER, customer_id=customer.id))
    assert vars(found) == vars(known)
    assert found.created_at == customer.created_at
    assert await store.read_now(asking(CUSTOMER, customer_id="cus_0")) == []


async def test_who_asks_is_told_the_engine_and_the_instant(store: Store, clock: ManualClock) -> None:
    told: list[tuple[str, datetime]] = []

    def ask(dialect: Dialect, now: datetime) -> Question:
        told.append((dialect.name, now))
        return asking(CUSTOMER, customer_id="cus_0")(dialect, now)

    await store.read_now(ask)
    assert told == [("postgresql" if isinstance(store, PostgresStore) else "sqlite", clock.now())]


async def test_a_write_is_seen_as_soon_as_it_is_answered(store: Store) -> None:
    """A33: who was told that it is done finds it done, also with many at the same time."""
    ids = [(await store.write(a_customer)).id for _ in range(4)]

    async def rename_and_look(number: int) -> None:
        customer_id, name = ids[number % 4], f"name {number}"

        def rename(tx: Tx) -> None:
            assert tx.run(RENAME, of=customer_id, to=name) == 1

        await store.write(rename)
        (found,) = await store.read_now(asking(CUSTOMER, customer_id=customer_id))
        seen[number] = found.name

    seen: dict[int, str] = {}
    for start in range(0, 40, 4):
        await asyncio.gather(*(rename_and_look(number) for number in range(start, start + 4)))
    assert seen == {number: f"name {number}" for number in range(40)}


async def test_more_at_once_than_there_are_sessions_all_get_their_answer(store: Store) -> None:
    customer = await store.write(a_customer)
    asked = [store.read_now(asking(CUSTOMER, customer_id=customer.id)) for _ in range(50)]
    assert {rows[0].id for rows in await asyncio.gather(*asked)} == {customer.id}


async def test_a_statement_that_is_refused_harms_no_later_one(store: Store) -> None:
    customer = await store.write(a_customer)
    for _ in range(12):
        with pytest.raises((sqlite3.ProgrammingError, Unavailable)):
            await store.read_now(lambda dialect, now: (prepare(CUSTOMER, dialect), []))
    (found,) = await store.read_now(asking(CUSTOMER, customer_id=customer.id))
    assert found.id == customer.id


async def test_a_caller_that_goes_away_harms_no_later_one(store: Store) -> None:
    customer = await store.write(a_customer)
    ask = asking(CUSTOMER, customer_id=customer.id)
    for _ in range(12):
        waiting = asyncio.create_task(store.read_now(ask))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    (found,) = await store.read_now(ask)
    assert found.id == customer.id


async def test_a_store_that_is_closed_answers_no_more(url: str, clock: ManualClock) -> None:
    store = await open_store(url, clock)
    await store.read_now(asking(CUSTOMER, customer_id="cus_0"))
    await store.close()
    with pytest.raises((sqlite3.ProgrammingError, Unavailable)):
        await store.read_now(asking(CUSTOMER, customer_id="cus_0"))


@pytest.mark.sqlite_only
async def test_what_is_asked_together_is_answered_together_and_each_by_itself(store: SqliteStore) -> None:
    """One refused among them is refused alone, and there may be more than fit into one turn."""
    customer = await store.write(a_customer)
    good = asking(CUSTOMER, customer_id=customer.id)
    asked = [good if number % 10 else _nonsense for number in range(3 * MOST_IN_A_TURN)]
    answers = await asyncio.gather(*(store.read_now(ask) for ask in asked), return_exceptions=True)
    for number, answer in enumerate(answers):
        if number % 10:
            assert isinstance(answer, list)
            assert [found.id for found in answer] == [customer.id]
        else:
            assert isinstance(answer, sqlite3.ProgrammingError)


async def test_who_wants_no_task_is_told_where_that_is_possible(store: Store) -> None:
    customer = await store.write(a_customer)
    told: list[Any] = []
    taken = store.read_soon(asking(CUSTOMER, customer_id=customer.id), told.append)
    assert told == []
    await store.read_now(asking(CUSTOMER, customer_id=customer.id))
    assert [found.id for (found,) in told] == ([customer.id] if taken else [])
    assert taken is isinstance(store, SqliteStore)


@pytest.mark.sqlite_only
async def test_who_cannot_take_an_answer_harms_no_other(store: SqliteStore) -> None:
    customer = await store.write(a_customer)
    ask = asking(CUSTOMER, customer_id=customer.id)

    def fails(_answer: Any) -> None:
        raise RuntimeError("not now")

    store.read_soon(ask, fails)
    (found,) = await store.read_now(ask)
    assert found.id == customer.id


@pytest.mark.sqlite_only
async def test_whoever_asks_after_a_write_finds_it_whatever_was_asked_before(store: SqliteStore) -> None:
    """A33: no snapshot outlives the turn of the loop in which it was taken."""
    customer = await store.write(a_customer)
    ask = asking(CUSTOMER, customer_id=customer.id)
    stop = False

    async def keep_asking() -> None:
        while not stop:
            await store.read_now(ask)

    asking_on = [asyncio.create_task(keep_asking()) for _ in range(3)]
    for number in range(50):
        await store.write(lambda tx, name=f"name {number}": tx.run(RENAME, of=customer.id, to=name))  # type: ignore[misc]
        (found,) = await store.read_now(ask)
        assert found.name == f"name {number}"
    stop = True
    await asyncio.gather(*asking_on)


def _nonsense(dialect: Dialect, _now: datetime) -> Question:
    return prepare(CUSTOMER, dialect), []


@pytest.mark.sqlite_only
async def test_nothing_can_be_written_on_the_way_of_reads(store: Store) -> None:
    customer = await store.write(a_customer)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.read_now(asking(RENAME, of=customer.id, to="x"))
    (found,) = await store.read_now(asking(CUSTOMER, customer_id=customer.id))
    assert found.name == customer.name


@pytest.mark.sqlite_only
async def test_while_a_write_is_under_way_a_read_finds_what_was_before(store: Store) -> None:
    """A reader in WAL mode waits for no writer: in the event loop's thread that would stop everybody."""
    customer = await store.write(a_customer)
    loop, ask = asyncio.get_running_loop(), asking(CUSTOMER, customer_id=customer.id)

    def rename(tx: Tx) -> str:
        tx.run(RENAME, of=customer.id, to="new")
        (seen,) = asyncio.run_coroutine_threadsafe(store.read_now(ask), loop).result(10)
        return str(seen.name)

    assert await store.write(rename) == customer.name
    (found,) = await store.read_now(ask)
    assert found.name == "new"


@pytest.mark.sqlite_only
async def test_where_sqlite_is_busy_a_readers_thread_waits_for_it(store: SqliteStore) -> None:
    customer = await store.write(a_customer)

    class Busy:
        async def ask(self, *_: Any) -> Any:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
            raise error

    at_once, store._at_once = store._at_once, Busy()  # type: ignore[assignment]
    try:
        (found,) = await store.read_now(asking(CUSTOMER, customer_id=customer.id))
    finally:
        store._at_once = at_once
    assert found.id == customer.id


@pytest.mark.postgres
async def test_sessions_that_were_lost_are_opened_anew(store: PostgresStore) -> None:
    customer = await store.write(a_customer)
    ask = asking(CUSTOMER, customer_id=customer.id)
    await asyncio.gather(*(store.read_now(ask) for _ in range(8)))
    assert len(store._sessions._idle) > 1
    await store.write(lambda tx: tx.all(KILL_OTHERS))
    (found,) = await store.read_now(ask)
    assert found.id == customer.id


@pytest.mark.postgres
async def test_a_database_that_is_away_is_said_to_be(store: PostgresStore) -> None:
    async def refused() -> Any:
        raise ConnectionRefusedError

    store._sessions.drop_idle()
    store._sessions._connect = refused
    with pytest.raises(Unavailable):
        await store.read_now(asking(CUSTOMER, customer_id="cus_0"))


KILL_OTHERS: Any = select(func.pg_terminate_backend(literal_column("pid"))).select_from(
    text("pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
)
