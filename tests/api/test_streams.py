"""Live streams as a client sees them (A50-A55, EV80-EV83, ruling 13, RELIABILITY T12)."""

import asyncio
import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from saifu import cursors, feed, keys, sessions
from saifu.clock import ManualClock
from saifu.keys import Scope
from saifu.settings import Settings
from saifu.store import Store, Tx
from saifu.tables import Event
from tests.builders import a_customer, a_key, a_session, a_wallet, post
from tests.client import Failed, Socket, Stream, served
from tests.conftest import ADMIN_KEY, Listen

EVENTS = """
subscription ($after: Cursor, $filter: EventFilter) {
  events(after: $after, filter: $filter) {
    __typename
    ... on Event { id name cursor sequence orderKey customerId data }
    ... on StreamReady { cursor }
    ... on StreamGap { reason cursor }
  }
}
"""
BALANCE = """
subscription ($customerId: ID!, $currency: Currency, $after: Cursor) {
  walletBalance(customerId: $customerId, currency: $currency, after: $after) {
    __typename
    ... on WalletSnapshot { cursor wallet { currency sequence balance { amount } } }
    ... on WalletChange { cursor entry { sequence isCredit amount { amount } } balance { amount currency } }
    ... on StreamGap { reason cursor }
  }
}
"""
LOW = """
subscription ($customerId: ID, $after: Cursor) {
  walletBalanceLow(customerId: $customerId, after: $after) {
    __typename
    ... on Event { name cursor data }
    ... on StreamReady { cursor }
  }
}
"""


def log_of(tx: Tx) -> list[str]:
    statement = select(col(Event.id)).where(col(Event.position).is_not(None)).order_by(col(Event.position))
    return [row[0] for row in tx.all(statement)]


async def settled(store: Store, count: int) -> list[str]:
    """The whole log, once it has this many events."""
    async with asyncio.timeout(10):
        while len(log := await store.read(log_of)) < count:
            await asyncio.sleep(0.01)
    return log


async def ready(stream: Stream) -> str:
    """Skip to the moment from which the stream is live; its cursor."""
    while (message := await stream.next())["__typename"] != "StreamReady":
        pass
    return str(message["cursor"])


async def test_without_a_cursor_a_stream_is_ready_at_once_and_begins_now(
    listen: Listen, store: Store
) -> None:
    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))
    async with listen() as socket:
        stream = await socket.subscribe(EVENTS)
        assert (await stream.next())["__typename"] == "StreamReady"
        await store.write(lambda tx: post(tx, wallet.customer_id, 5_00))
        event = await stream.next()
        assert (event["name"], event["data"]["amount"]) == ("wallet.balance_changed", 5_00)
        assert await stream.silent()


async def test_zero_is_the_first_event_kept_and_each_cursor_gives_exactly_the_rest(
    listen: Listen, store: Store
) -> None:
    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))
    for _ in range(6):
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
    log = await settled(store, 8)
    async with listen() as socket:
        stream = await socket.subscribe(EVENTS, after="0")
        everything = await stream.take(9)
        assert [event.get("id") for event in everything] == [*log, None]
        assert everything[-1]["__typename"] == "StreamReady"
        assert [event["sequence"] for event in everything[:-1]] == list(range(1, 9))
        for index, event in enumerate(everything[:-1]):
            resumed = await socket.subscribe(EVENTS, after=event["cursor"])
            rest = await resumed.take(8 - index)
            assert [each.get("id") for each in rest] == [*log[index + 1 :], None]
            await resumed.stop()


@pytest.mark.parametrize("cursor", ["1", "now", "AAAAAAAAAAAAAAAA", cursors.cursor_of(10**9), "x" * 500])
async def test_an_unusable_cursor_is_an_error_and_never_now(listen: Listen, cursor: str) -> None:
    async with listen() as socket:
        for document in (EVENTS, LOW):
            stream = await socket.subscribe(document, after=cursor)
            with pytest.raises(Failed) as failed:
                await stream.next()
            assert failed.value.code == "BAD_USER_INPUT"


async def test_filters_leave_out_and_lose_nothing(listen: Listen, store: Store) -> None:
    aiko, bela = await store.write(lambda tx: (a_wallet(tx, balance=1_00), a_wallet(tx, balance=2_00)))
    async with listen() as socket:
        changes = {"types": ["WALLET_BALANCE_CHANGED"]}
        one = await socket.subscribe(EVENTS, after="0", filter={**changes, "customerId": aiko.customer_id})
        both = await socket.subscribe(EVENTS, after="0", filter=changes)
        nothing = await socket.subscribe(EVENTS, after="0", filter={"types": []})
        await asyncio.gather(ready(one), ready(both), ready(nothing))
        await store.write(lambda tx: (post(tx, bela.customer_id, 3_00), post(tx, aiko.customer_id, 4_00)))
        assert (await one.next())["data"]["amount"] == 4_00
        assert [event["data"]["amount"] for event in await both.take(2)] == [3_00, 4_00]
        assert await nothing.silent()


async def test_a_customer_that_is_not_there_is_an_error(listen: Listen) -> None:
    async with listen() as socket:
        unknown = {"customerId": "cus_01K00000000000000000000000"}
        asked: list[tuple[str, dict[str, Any]]] = [
            (EVENTS, {"filter": unknown}),
            (BALANCE, unknown),
            (LOW, unknown),
        ]
        for document, variables in asked:
            with pytest.raises(Failed) as failed:
                await (await socket.subscribe(document, **variables)).next()
            assert failed.value.errors[0]["extensions"]["errorCode"] == "NOT_FOUND"


async def test_a_wallet_is_shown_and_then_every_change_of_it(listen: Listen, store: Store) -> None:
    """A52."""
    wallet = await store.write(lambda tx: a_wallet(tx, balance=50_00))
    async with listen() as socket:
        stream = await socket.subscribe(BALANCE, customerId=wallet.customer_id, currency="USD")
        snapshot = await stream.next()
        assert snapshot["wallet"] == {"currency": "USD", "sequence": 1, "balance": {"amount": 50_00}}
        await store.write(lambda tx: post(tx, wallet.customer_id, -15_00))
        await store.write(lambda tx: post(tx, wallet.customer_id, 7_00, currency="INR"))
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
        spent, credited = await stream.take(2)
        assert spent["balance"] == {"amount": 35_00, "currency": "USD"}
        assert spent["entry"] == {"sequence": 2, "isCredit": False, "amount": {"amount": 15_00}}
        assert credited["balance"]["amount"] == 36_00
        assert await stream.silent()


async def test_no_change_between_the_snapshot_and_the_first_delta_is_lost_or_doubled(
    listen: Listen, store: Store
) -> None:
    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))

    async def keep_posting() -> None:
        for _ in range(150):
            await store.write(lambda tx: post(tx, wallet.customer_id, 1))

    posting = asyncio.create_task(keep_posting())
    async with listen() as socket:
        listeners = []
        for _ in range(20):
            listeners.append(await socket.subscribe(BALANCE, customerId=wallet.customer_id, currency="USD"))
            await asyncio.sleep(random.uniform(0, 0.02))
        await posting
        for stream in listeners:
            held = (await stream.next())["wallet"]["sequence"]
            while held < 151:
                change = await stream.next()
                assert change["entry"]["sequence"] == held + 1
                held += 1
            assert await stream.silent(0.01)


async def test_all_currencies_are_shown_when_none_is_named(listen: Listen, store: Store) -> None:
    wallet = await store.write(lambda tx: a_wallet(tx, balance=3_00, currency="INR"))
    async with listen() as socket:
        stream = await socket.subscribe(BALANCE, customerId=wallet.customer_id)
        shown = {
            each["wallet"]["currency"]: each["wallet"]["balance"]["amount"] for each in await stream.take(2)
        }
        assert shown == {"USD": 0, "INR": 3_00}
        with pytest.raises(Failed) as failed:
            await (await socket.subscribe(BALANCE, customerId=wallet.customer_id, currency="JPY")).next()
        assert failed.value.errors[0]["extensions"]["errorCode"] == "UNSUPPORTED_CURRENCY"


async def test_a_resumed_wallet_stream_gives_the_changes_since_its_cursor(
    listen: Listen, store: Store
) -> None:
    wallet = await store.write(lambda tx: a_wallet(tx, balance=10_00))
    async with listen() as socket:
        stream = await socket.subscribe(BALANCE, customerId=wallet.customer_id, currency="USD")
        await stream.next()
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
        cursor = (await stream.next())["cursor"]
    for _ in range(3):
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
    async with listen() as socket:
        resumed = await socket.subscribe(BALANCE, customerId=wallet.customer_id, currency="USD", after=cursor)
        assert [each["balance"]["amount"] for each in await resumed.take(3)] == [12_00, 13_00, 14_00]
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
        assert (await resumed.next())["balance"]["amount"] == 15_00


async def test_a_low_balance_is_told_once_per_crossing(listen: Listen, store: Store) -> None:
    """A53, W81."""
    wallet = await store.write(lambda tx: a_wallet(tx, balance=20_00, threshold=10_00))
    async with listen() as socket:
        stream = await socket.subscribe(LOW, customerId=wallet.customer_id)
        await ready(stream)
        for amount in (-9_00, -2_00, -1_00, 10_00, -10_00):
            await store.write(partial(post, customer_id=wallet.customer_id, amount=amount))
        alerts = await stream.take(2)
        assert [alert["data"]["balance"] for alert in alerts] == [9_00, 8_00]
        assert await stream.silent()


async def test_a_cursor_older_than_what_is_kept_gets_an_explicit_gap(
    listen: Listen, store: Store, clock: ManualClock
) -> None:
    """Ruling 13."""
    wallet = await store.write(lambda tx: a_wallet(tx, balance=1_00))
    await settled(store, 2)
    first = cursors.cursor_of(1)
    for _ in range(4):
        await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
    await settled(store, 6)
    clock.advance(timedelta(days=91))
    await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
    log = await settled(store, 7)
    await store.write(lambda tx: feed.drop_old_events(tx, clock.now() - timedelta(days=90)))

    async with restarted(store) as fresh, Socket.to(fresh.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        stream = await socket.subscribe(EVENTS, after=first)
        gap, event, live = await stream.take(3)
        assert gap == {"__typename": "StreamGap", "reason": "EXPIRED", "cursor": cursors.cursor_of(6)}
        assert (event["id"], live["__typename"]) == (log[6], "StreamReady")
        from_zero = await socket.subscribe(EVENTS, after="0")
        assert (await from_zero.next())["id"] == log[6]
        watched = await socket.subscribe(BALANCE, customerId=wallet.customer_id, currency="USD", after=first)
        gap, snapshot = await watched.take(2)
        assert gap["reason"] == "EXPIRED"
        assert snapshot["wallet"]["balance"]["amount"] == 6_00


def restarted(store: Store) -> Any:
    """Another gateway around the same store, which has nothing of the log in memory."""
    from saifu.server import build_app

    settings = Settings.model_validate({"database_url": store.url, "mode": "test"})
    return served(build_app(settings, store=store), settings)


async def test_nested_fields_are_never_older_than_the_event(listen: Listen, store: Store) -> None:
    """A54: what a loader read for an earlier event is not shown with a later one."""
    wallet = await store.write(lambda tx: a_wallet(tx, balance=0))
    document = (
        "subscription { events { ... on Event { data customer { wallet(currency: USD) { sequence } } } } }"
    )
    document = document.replace("currency: USD", 'currency: "USD"')
    async with listen() as socket:
        stream = await socket.subscribe(document)
        await stream.next()
        for _ in range(10):
            await store.write(lambda tx: post(tx, wallet.customer_id, 1_00))
            event = await stream.next()
            assert event["customer"]["wallet"]["sequence"] >= event["data"]["sequence"]


async def test_a_session_sees_its_own_customer_only(listen: Listen, store: Store) -> None:
    """A41, EV82, S9: over 1 000 mixed events."""
    aiko, bela = await store.write(lambda tx: (a_wallet(tx, balance=1_00), a_wallet(tx, balance=1_00)))
    _, token = await store.write(lambda tx: a_session(tx, aiko.customer_id))
    async with listen(token) as socket:
        stream = await socket.subscribe(EVENTS, after="0")
        await ready(stream)
        for _ in range(20):
            await store.write(
                lambda tx: [
                    post(tx, random.choice([aiko.customer_id, bela.customer_id]), 1) for _ in range(50)
                ]
            )
        await store.write(lambda tx: post(tx, aiko.customer_id, 77))
        while (event := await stream.next())["data"].get("amount") != 77:
            assert event["customerId"] == aiko.customer_id
        other = {"customerId": bela.customer_id}
        asked: list[tuple[str, dict[str, Any]]] = [
            (EVENTS, {"filter": other}),
            (BALANCE, other),
            (LOW, other),
        ]
        for document, variables in asked:
            with pytest.raises(Failed) as failed:
                await (await socket.subscribe(document, **variables)).next()
            assert failed.value.errors[0]["extensions"]["errorCode"] == "NOT_FOUND"


async def test_a_key_without_the_scope_cannot_listen(listen: Listen, store: Store) -> None:
    _, secret = await store.write(lambda tx: a_key(tx, [Scope.CUSTOMERS_READ]))
    async with listen(secret) as socket:
        with pytest.raises(Failed) as failed:
            await (await socket.subscribe(EVENTS)).next()
        assert failed.value.code == "FORBIDDEN"


async def test_a_credential_that_ends_takes_its_sockets_with_it(
    settings: Settings, installed: Store, clock: ManualClock
) -> None:
    """A42: within 5 s; here the check is every 0.1 s, and nobody else's socket is touched."""
    from saifu.server import build_app

    customer = await installed.write(a_customer)
    key_id, secret = await installed.write(a_key)
    _, revoked_token = await installed.write(lambda tx: a_session(tx, customer.id))
    _, expiring_token = await installed.write(lambda tx: a_session(tx, (a_customer(tx)).id, ttl_s=60))
    app = build_app(settings, store=installed, recheck_s=0.1)
    async with (
        served(app, settings) as server,
        Socket.to(server.ws_url) as by_key,
        Socket.to(server.ws_url) as by_session,
        Socket.to(server.ws_url) as by_expiring,
        Socket.to(server.ws_url) as bystander,
    ):
        await by_key.init(secret)
        await by_session.init(revoked_token)
        await by_expiring.init(expiring_token)
        await bystander.init(ADMIN_KEY)
        streams_open = [await each.subscribe(EVENTS) for each in (by_key, by_session, by_expiring, bystander)]
        await asyncio.gather(*[ready(stream) for stream in streams_open])
        await installed.write(lambda tx: keys.revoke(tx, key_id))
        assert (await by_key.until_closed(2)).code == 4401
        await installed.write(lambda tx: sessions.revoke_all(tx, customer.id))
        assert (await by_session.until_closed(2)).code == 4401
        clock.advance(timedelta(seconds=60))
        assert (await by_expiring.until_closed(2)).code == 4401
        await installed.write(a_customer)
        assert (await streams_open[3].next())["name"] == "customer.created"
