"""The feed: from a cursor one gets exactly what came after it, whoever dies in between (A50, A51, ruling 13)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import select

from saifu import cursors, events, feed, installation, retention
from saifu.clock import ManualClock
from saifu.events import EventType
from saifu.feed import Feed, Interest
from saifu.jobs import Jobs
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Store, Tx, open_store
from saifu.tables import Event
from tests.builders import a_customer

EVERYTHING = Interest()


@pytest.fixture
async def following(store: Store) -> AsyncIterator[Feed]:
    await store.write(lambda tx: installation.ensure(tx, "bus_test", "test"))
    started = Feed(store)
    await started.start()
    yield started
    await started.stop()


def happen(tx: Tx, customer_id: str, times: int = 1, kind: EventType = EventType.CUSTOMER_UPDATED) -> None:
    for _ in range(times):
        events.append(tx, customer_id, kind, customer_id, {"id": customer_id})


async def everything(following: Feed, after: int, interest: Interest = EVERYTHING) -> list[str]:
    """The ids of all events after a position."""
    found: list[str] = []
    while True:
        batch = await following.read(after, interest, limit=7)
        found += [event.id for event in batch.events]
        after = batch.position
        if not batch.more:
            return found


async def stored(store: Store) -> list[Event]:
    return await store.read(lambda tx: tx.all(select(Event).order_by(Event.position)))  # type: ignore[arg-type]


async def test_from_any_cursor_exactly_the_rest_is_read_in_order(store: Store, following: Feed) -> None:
    customer = await store.write(a_customer)
    for _ in range(5):
        await store.write(lambda tx: happen(tx, customer.id, 6))
    await following.now()
    log = await stored(store)
    assert len(log) == 31
    for index, event in enumerate(log):
        assert event.position is not None
        cursor = cursors.cursor_of(event.position)
        after = await following.position_after(cursor)
        assert await everything(following, after) == [later.id for later in log[index + 1 :]]


@pytest.mark.parametrize("tail_size", [1, 3, 5_000])
async def test_out_of_the_table_and_out_of_memory_the_answer_is_the_same(
    store: Store, tail_size: int
) -> None:
    aiko, bela = await store.write(lambda tx: (a_customer(tx, "Aiko"), a_customer(tx, "Bela")))
    small = Feed(store, tail_size=tail_size)
    await small.start()
    for _ in range(4):
        await store.write(lambda tx: happen(tx, aiko.id, 2))
        await store.write(lambda tx: happen(tx, bela.id, kind=EventType.CUSTOMER_BLOCKED))
        await small.now()
    log = await stored(store)
    interests = [
        Interest(),
        Interest(customer_id=bela.id),
        Interest(types=frozenset({"customer.blocked"})),
        Interest(customer_id=aiko.id, types=frozenset({"customer.blocked"})),
    ]
    for interest in interests:
        for start in range(-1, len(log) + 1):
            expected = [e.id for e in log if (e.position or 0) > start and interest.wants(e)]
            assert await everything(small, start, interest) == expected
    await small.stop()


async def test_zero_is_the_first_event_kept(store: Store, following: Feed) -> None:
    customer = await store.write(a_customer)
    await store.write(lambda tx: happen(tx, customer.id))
    await following.now()
    after = await following.position_after("0")
    assert await everything(following, after) == [event.id for event in await stored(store)]


@pytest.mark.parametrize(
    "cursor",
    [
        "1",
        "",
        "now",
        "-1",
        "AAAA",
        cursors.cursor_of(3)[:-1],
        cursors.cursor_of(3)[:-1] + "!",
        cursors.cursor_of(3).swapcase(),
        cursors.cursor_of(3) + "AAAA",
        "財布",
        "\0" * 16,
    ],
)
async def test_an_unusable_cursor_is_an_error_and_never_now(following: Feed, cursor: str) -> None:
    with pytest.raises(Refusal) as refused:
        await following.position_after(cursor)
    assert refused.value.code is ErrorCode.INVALID_QUERY_PARAMS


async def test_a_cursor_from_the_future_is_an_error(store: Store, following: Feed) -> None:
    await store.write(a_customer)
    head = await following.now()
    assert await following.position_after(cursors.cursor_of(head)) == head
    with pytest.raises(Refusal, match="beyond the end"):
        await following.position_after(cursors.cursor_of(head + 1))


async def test_dropping_old_events_leaves_a_floor_and_below_it_an_explicit_gap(
    store: Store, clock: ManualClock, following: Feed
) -> None:
    customer = await store.write(a_customer)
    await store.write(lambda tx: happen(tx, customer.id, 5))
    clock.advance(timedelta(days=2))
    await store.write(lambda tx: happen(tx, customer.id, 2))
    head = await following.now()
    dropped = await store.write(lambda tx: feed.drop_old_events(tx, clock.now() - timedelta(days=1)))
    assert dropped == 6
    fresh = Feed(store)
    await fresh.start()
    batch = await fresh.read(1, EVERYTHING)
    assert batch.floor == 6
    assert [event.position for event in batch.events] == [head - 1, head]
    from_zero = await fresh.read(await fresh.position_after("0"), EVERYTHING)
    assert from_zero.floor is None
    assert [event.id for event in from_zero.events] == [event.id for event in batch.events]
    at_floor = await fresh.read(6, EVERYTHING)
    assert at_floor.floor is None
    await fresh.stop()


async def test_the_newest_event_is_kept_however_old(
    store: Store, clock: ManualClock, following: Feed
) -> None:
    customer = await store.write(a_customer)
    await store.write(lambda tx: happen(tx, customer.id, 4))
    head = await following.now()
    clock.advance(timedelta(days=400))
    while await store.write(lambda tx: feed.drop_old_events(tx, clock.now(), limit=2)) == 2:
        pass
    assert [event.position for event in await stored(store)] == [head]
    await store.write(lambda tx: happen(tx, customer.id))
    assert await following.now() == head + 1


async def test_the_retention_job_keeps_what_is_young_enough(
    store: Store, clock: ManualClock, following: Feed
) -> None:
    customer = await store.write(a_customer)
    clock.advance(timedelta(days=60))
    await store.write(lambda tx: happen(tx, customer.id))
    await following.now()
    runner = Jobs(store, [retention.job(days=90)])
    assert (await runner.run_once(clock.now()))["event_retention"].done == 0
    clock.advance(timedelta(days=31))
    assert (await runner.run_once(clock.now()))["event_retention"].done == 1
    assert [event.position for event in await stored(store)] == [2]


async def test_a_floor_never_leaves_a_hole_when_the_clock_jumped_back(
    store: Store, clock: ManualClock, following: Feed
) -> None:
    customer = await store.write(a_customer)
    clock.advance(timedelta(days=10))
    await store.write(lambda tx: happen(tx, customer.id))
    clock.advance(timedelta(days=-10))
    await store.write(lambda tx: happen(tx, customer.id, 3))
    await following.now()
    clock.advance(timedelta(days=10))
    await store.write(lambda tx: feed.drop_old_events(tx, clock.now() - timedelta(days=5)))
    assert [event.position for event in await stored(store)] == [2, 3, 4, 5]


async def test_who_asks_in_many_ways_while_nothing_happens_takes_bounded_memory(
    store: Store, following: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY §2.1, 19: what listeners find together is kept until the log grows, which may be never."""
    monkeypatch.setattr(feed, "MOST_FOUND", 10)
    await store.write(lambda tx: happen(tx, a_customer(tx).id, 30))
    await following.now()
    for after in range(30):
        for kinds in (None, frozenset({EventType.CUSTOMER_UPDATED.value})):
            wanted = Interest(types=kinds)
            found = await following.read(after, wanted)
            assert following.behind(after, wanted) == len(found.events) > 0
            assert len(following._found) <= 10
            assert len(following._counted) <= 10


async def test_one_event_wakes_all_who_listen_to_it_and_nobody_else(store: Store, following: Feed) -> None:
    aiko, bela = await store.write(lambda tx: (a_customer(tx, "Aiko"), a_customer(tx, "Bela")))
    head = await following.now()
    received: list[str] = []

    async def one(interest: Interest) -> None:
        with following.listen(interest) as listener:
            while not (batch := await following.read(head, interest)).events:
                await listener.wait()
            received.append(batch.events[0].id)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(200):
            tasks.create_task(one(Interest(customer_id=aiko.id)))
        other = asyncio.create_task(one(Interest(customer_id=bela.id)))
        await asyncio.sleep(0)
        await store.write(lambda tx: happen(tx, aiko.id))
    assert len(received) == 200
    assert len(set(received)) == 1
    assert not other.done()
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    assert following.listeners == 0


async def test_a_killed_listener_that_resumes_ends_with_every_event_once(
    store: Store, following: Feed
) -> None:
    customer = await store.write(a_customer)
    start = await following.now()
    seen: list[str] = []
    position = start

    async def listen() -> None:
        nonlocal position
        with following.listen(EVERYTHING) as listener:
            while True:
                batch = await following.read(position, EVERYTHING, limit=3)
                for event in batch.events:
                    await asyncio.sleep(0)  # where it may be killed
                    seen.append(event.id)
                    position = event.position or position
                position = batch.position
                if not batch.more:
                    await listener.wait()

    task = asyncio.create_task(listen())
    for _ in range(60):
        await store.write(lambda tx: happen(tx, customer.id, 2))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        task = asyncio.create_task(listen())
    end = await following.now()
    async with asyncio.timeout(10):
        while position < end:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen == [event.id for event in await stored(store) if (event.position or 0) > start]
    assert len(seen) == 120


@pytest.mark.postgres
async def test_what_another_process_writes_is_seen_by_all(url: str, clock: ManualClock) -> None:
    one, other = await open_store(url, clock), await open_store(url, clock)
    following = [Feed(one, poll_s=60), Feed(other, poll_s=60)]
    for each in following:
        await each.start()
    customers = [await each.write(a_customer) for each in (one, other)]

    async def busy(store: Store, customer_id: str) -> None:
        for _ in range(40):
            await store.write(lambda tx: happen(tx, customer_id, 2))

    await asyncio.gather(*[busy(store, c.id) for store in (one, other) for c in customers])
    log = [event.id for event in await stored(one)]
    assert len(log) == 2 + 4 * 80
    for each in following:
        await each.now()
        assert await everything(each, 0) == [event.id for event in await stored(one)]
        await each.stop()
    await one.close()
    await other.close()
