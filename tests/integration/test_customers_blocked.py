"""A block lies on the e-mail address (CU60-CU62)."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customers, locks, sessions
from saifu.clock import ManualClock
from saifu.customers import CustomerChange, Identifier
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Store, Tx
from saifu.tables import AuditRecord, Customer, CustomerBlock, Event
from tests.builders import a_customer, a_wallet, post
from tests.footprint import footprint, grown

EVENTS = select(Event).where(col(Event.order_key) == bindparam("id")).order_by(col(Event.sequence))
BLOCKS = select(CustomerBlock).order_by(col(CustomerBlock.id))
AUDIT = select(AuditRecord).order_by(col(AuditRecord.id))


def at(email: str) -> Any:
    return lambda tx: a_customer(tx, email=email)


def block(tx: Tx, who: Identifier | str, key: str | None = None) -> Customer:
    named = Identifier(customer_id=who) if isinstance(who, str) else who
    return customers.block(tx, named, "fraud", None, key).value


async def is_blocked(store: Store, customer_id: str) -> bool:
    found = await store.read(lambda tx: customers.get(tx, customer_id))
    assert found is not None
    return found.blocked_at is not None


async def kinds(store: Store, customer_id: str) -> list[str]:
    return [event.type for event in await store.read(lambda tx: tx.all(EVENTS, id=customer_id))]


async def test_a_block_is_recorded_with_who_why_and_whence(store: Store, clock: ManualClock) -> None:
    """CU60: an API-key caller always records `api`."""
    customer = await store.write(at("Mallory@example.com"))
    who = Identifier(customer_id=customer.id)
    done = await store.write(lambda tx: customers.block(tx, who, " fraud ", "two charge-backs 💳"))
    assert (done.value.blocked_at, done.value.version, done.replayed) == (clock.now(), 2, False)
    row = (await store.read(lambda tx: customers.open_blocks(tx, [customer.id])))[customer.id]
    assert (row.customer_email, row.identifier, row.blocked_by_email) == (customer.email, customer.id, False)
    assert (row.reason, row.notes, row.source) == ("fraud", "two charge-backs 💳", "api")
    assert (row.created_at, row.unblocked_at) == (clock.now(), None)
    (event,) = (await store.read(lambda tx: tx.all(EVENTS, id=customer.id)))[1:]
    assert event.type == "customer.blocked"
    assert orjson.loads(event.data_json)["blocked_at"] == "2026-01-15T09:30:00.000000Z"


@pytest.mark.parametrize("by_email", [False, True])
async def test_everybody_at_the_address_is_blocked_and_freed_together(store: Store, by_email: bool) -> None:
    """CU60: a block by id still applies to that customer's e-mail."""
    first = await store.write(at("mallory@example.com"))
    second = await store.write(at("MALLORY@Example.com"))
    other = await store.write(at("aiko@example.com"))
    who = Identifier(email=" Mallory@EXAMPLE.com ") if by_email else Identifier(customer_id=second.id)
    named = await store.write(lambda tx: block(tx, who))
    assert named.id == (first.id if by_email else second.id), "the oldest at the address, or the one named"
    assert [await is_blocked(store, one.id) for one in (first, second, other)] == [True, True, False]
    rows = await store.read(lambda tx: tx.all(BLOCKS))
    assert {row.identifier for row in rows} == {"Mallory@EXAMPLE.com" if by_email else second.id}
    assert {row.blocked_by_email for row in rows} == {by_email}
    await store.write(lambda tx: customers.unblock(tx, first.id))
    assert [await is_blocked(store, one.id) for one in (first, second)] == [False, False]
    for one in (first, second):
        assert await kinds(store, one.id) == ["customer.created", "customer.blocked", "customer.unblocked"]
    audit = await store.read(lambda tx: tx.all(AUDIT))
    assert [orjson.loads(line.detail_json) for line in audit[-2:]] == [
        {"customers": [first.id, second.id]}
    ] * 2


async def test_who_takes_a_blocked_address_later_is_blocked_too(store: Store) -> None:
    """CU60: otherwise a second record would be the way around it (CU6)."""
    first = await store.write(at("mallory@example.com"))
    await store.write(lambda tx: block(tx, first.id))
    again = await store.write(at("Mallory@example.com"))
    moved = await store.write(at("else@example.com"))
    change = CustomerChange(email="mallory@EXAMPLE.com")
    taken = (await store.write(lambda tx: customers.update(tx, moved.id, change))).value
    assert again.blocked_at is not None
    assert taken.blocked_at is not None
    assert await kinds(store, again.id) == ["customer.created", "customer.blocked"]
    assert await kinds(store, moved.id) == ["customer.created", "customer.updated", "customer.blocked"]


async def test_a_new_address_is_no_way_out_of_a_block(store: Store) -> None:
    customer = await store.write(at("mallory@example.com"))
    await store.write(lambda tx: block(tx, customer.id))
    await store.write(lambda tx: customers.update(tx, customer.id, CustomerChange(email="new@example.com")))
    assert await is_blocked(store, customer.id)


async def test_blocking_and_unblocking_again_change_nothing(store: Store) -> None:
    """CU61, EV8."""
    customer = await store.write(a_customer)
    for work in (lambda tx: block(tx, customer.id), lambda tx: customers.unblock(tx, customer.id)):
        await store.write(work)
        before = await footprint(store)
        await store.write(work)
        assert grown(before, await footprint(store)) == {}


async def test_the_next_block_has_a_row_of_its_own(store: Store, clock: ManualClock) -> None:
    customer = await store.write(a_customer)
    for _ in range(2):
        await store.write(lambda tx: block(tx, customer.id))
        clock.advance(timedelta(hours=1))
        await store.write(lambda tx: customers.unblock(tx, customer.id))
    rows = await store.read(lambda tx: tx.all(BLOCKS))
    hours = [(row.created_at.hour, row.unblocked_at.hour) for row in rows if row.unblocked_at]
    assert hours == [(9, 10), (10, 11)]
    assert await store.read(lambda tx: customers.open_blocks(tx, [customer.id])) == {}


async def test_a_blocked_customer_gets_nothing_and_pays_back(store: Store) -> None:
    """CU62, CU79: no manual credit, no session; debits and reads still work."""
    wallet = await store.write(lambda tx: a_wallet(tx, balance=10))
    await store.write(lambda tx: block(tx, wallet.customer_id))
    before = await footprint(store)
    for work in (
        lambda tx: post(tx, wallet.customer_id, 1),
        lambda tx: sessions.create(tx, wallet.customer_id, 60, None),
        lambda tx: locks.unblocked(tx, wallet.customer_id),
    ):
        with pytest.raises(Refusal) as caught:
            await store.write(work)
        assert caught.value.code is ErrorCode.CUSTOMER_BLOCKED
        assert caught.value.path == ("input", "customerId")
    assert grown(before, await footprint(store)) == {}
    posted = await store.write(lambda tx: post(tx, wallet.customer_id, -4))
    assert posted.wallet.balance_minor == 6


@pytest.mark.parametrize(
    ("who", "code", "path"),
    [
        (Identifier(customer_id="cus_unknown"), ErrorCode.NOT_FOUND, "customerId"),
        (Identifier(customer_id="a\0b"), ErrorCode.NOT_FOUND, "customerId"),
        (Identifier(email="nobody@example.com"), ErrorCode.NOT_FOUND, "email"),
        (Identifier(email="a\0@example.com"), ErrorCode.INVALID_REQUEST_PARAMETERS, "email"),
        (Identifier(email="\ud800@example.com"), ErrorCode.INVALID_REQUEST_PARAMETERS, "email"),
        (Identifier(), ErrorCode.INVALID_REQUEST_PARAMETERS, "customerId"),
        (Identifier("cus_1", "a@example.com"), ErrorCode.INVALID_REQUEST_PARAMETERS, "customerId"),
    ],
)
async def test_whom_nobody_knows_cannot_be_blocked(
    store: Store, who: Identifier, code: ErrorCode, path: str
) -> None:
    before = await footprint(store)
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: block(tx, who, "key"))
    assert (caught.value.code, caught.value.path) == (code, ("input", path))
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize(
    ("reason", "notes", "path"),
    [("x" * 501, None, "reason"), ("a\0", None, "reason"), (None, "x" * 2001, "notes")],
)
async def test_a_reason_that_is_too_long_is_refused(
    store: Store, reason: str | None, notes: str | None, path: str
) -> None:
    customer = await store.write(a_customer)
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: customers.block(tx, Identifier(customer.id), reason, notes))
    assert caught.value.path == ("input", path)
    assert not await is_blocked(store, customer.id)


async def test_unblocking_nobody_is_refused(store: Store) -> None:
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: customers.unblock(tx, "cus_unknown"))
    assert (caught.value.code, caught.value.path) == (ErrorCode.NOT_FOUND, ("input", "customerId"))


async def test_a_repeated_key_replays_a_block_that_was_lifted_since(store: Store) -> None:
    """A31: the key has done its work; doing it again would block a second time."""
    customer = await store.write(a_customer)
    who = Identifier(customer_id=customer.id)
    await store.write(lambda tx: customers.block(tx, who, None, None, "b"))
    await store.write(lambda tx: customers.unblock(tx, customer.id, "u"))
    again = await store.write(lambda tx: customers.block(tx, who, None, None, "b"))
    assert again.replayed
    assert again.value.blocked_at is None
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: customers.block(tx, who, "other", None, "b"))
    assert caught.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_blocks_from_both_ends_of_an_address_do_not_wait_for_each_other(store: Store) -> None:
    """Locks are taken in the order of ids, so two blocks of the same people never deadlock."""
    people = [(await store.write(at("many@example.com"))).id for _ in range(6)]
    await asyncio.gather(*(store.write(lambda tx, one=one: block(tx, one)) for one in people))  # type: ignore[misc]
    rows = await store.read(lambda tx: tx.all(BLOCKS))
    assert len(rows) == 6
    await asyncio.gather(
        *(store.write(lambda tx, one=one: customers.unblock(tx, one)) for one in people)  # type: ignore[misc]
    )
    for one in people:
        assert await kinds(store, one) == ["customer.created", "customer.blocked", "customer.unblocked"]


async def test_a_block_follows_a_customer_who_moves_while_it_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READ COMMITTED: the address that was read before the lock is not the one that is blocked."""
    moving, left = [(await store.write(at("old@example.com"))).id for _ in range(2)]
    neighbour = (await store.write(at("new@example.com"))).id
    before = await store.read(lambda tx: customers.get(tx, moving))
    await store.write(lambda tx: customers.update(tx, moving, CustomerChange(email="new@example.com")))
    monkeypatch.setattr("saifu.customer_blocks.get", lambda tx, customer_id: before)
    await store.write(lambda tx: block(tx, moving))
    assert [await is_blocked(store, one) for one in (moving, neighbour, left)] == [True, True, False]
