"""Customer sessions: short-lived, one customer, shown once (A41, S6, CU79)."""

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import select

from saifu import customers, sessions
from saifu.clock import ManualClock
from saifu.customers import CustomerChange
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Store
from saifu.tables import AuditRecord, CustomerSession
from tests.builders import a_customer, a_session
from tests.footprint import footprint, grown


async def test_a_token_is_random_and_only_its_hash_is_stored(store: Store, clock: ManualClock) -> None:
    customer = await store.write(a_customer)
    session, token = await store.write(lambda tx: sessions.create(tx, customer.id, 900, None))
    assert token.startswith("cs_")
    assert len(token) == 3 + 43, "256 bits in base64"
    assert session.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert (session.created_at, session.expires_at) == (clock.now(), clock.now() + timedelta(seconds=900))
    audit = (await store.read(lambda tx: tx.all(select(AuditRecord))))[-1]
    assert (audit.mutation, audit.object_id, audit.customer_id) == (
        "customerSessionCreate", session.id, customer.id,
    )  # fmt: skip
    assert token not in audit.detail_json


async def test_a_token_finds_its_session_until_it_expires(store: Store, clock: ManualClock) -> None:
    customer = await store.write(a_customer)
    session_id, token = await store.write(lambda tx: a_session(tx, customer.id, 60))
    clock.advance(timedelta(seconds=59, microseconds=999_999))
    found = await sessions.by_token(store, token)
    assert found is not None
    assert (found.id, found.customer_id) == (session_id, customer.id)
    clock.advance(timedelta(microseconds=1))
    assert await sessions.by_token(store, token) is None


@pytest.mark.parametrize(
    "token", ["", "cs_", "cs_" + "x" * 43, "cs_\0", "cs_é", "cs_\ud800", "sk_test_x", "cs"]
)
async def test_any_other_token_finds_nothing(store: Store, token: str) -> None:
    customer = await store.write(a_customer)
    await store.write(lambda tx: a_session(tx, customer.id))
    assert await sessions.by_token(store, token) is None


@pytest.mark.parametrize("ttl_s", [-1, 0, 59, 3_601, 10**12])
async def test_a_session_lasts_from_a_minute_to_an_hour(store: Store, ttl_s: int) -> None:
    customer = await store.write(a_customer)
    before = await footprint(store)
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: sessions.create(tx, customer.id, ttl_s, None))
    assert caught.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS
    assert caught.value.path == ("input", "ttlSeconds")
    assert grown(before, await footprint(store)) == {}


async def test_nobody_has_no_session(store: Store) -> None:
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: sessions.create(tx, "cus_unknown", 60, "key"))
    assert (caught.value.code, caught.value.path) == (ErrorCode.NOT_FOUND, ("input", "customerId"))
    assert await store.read(lambda tx: tx.all(select(CustomerSession))) == []


async def test_a_replay_names_the_session_and_cannot_show_the_token(store: Store) -> None:
    """A31: what is not stored cannot be shown again."""
    customer = await store.write(a_customer)
    first, token = await store.write(lambda tx: sessions.create(tx, customer.id, 60, "s"))
    before = await footprint(store)
    again, nothing = await store.write(lambda tx: sessions.create(tx, customer.id, 60, "s"))
    assert token is not None
    assert (again.id, nothing) == (first.id, None)
    assert grown(before, await footprint(store)) == {}
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: sessions.create(tx, customer.id, 61, "s"))
    assert caught.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_revoking_ends_all_sessions_of_one_customer(store: Store) -> None:
    aiko, bo = await store.write(a_customer), await store.write(a_customer)
    tokens = [(await store.write(lambda tx: a_session(tx, aiko.id)))[1] for _ in range(3)]
    _, other = await store.write(lambda tx: a_session(tx, bo.id))
    assert await store.write(lambda tx: sessions.revoke_all(tx, aiko.id)) == 3
    assert await store.write(lambda tx: sessions.revoke_all(tx, aiko.id)) == 0
    good = [await sessions.by_token(store, token) is not None for token in (*tokens, other)]
    assert good == [False, False, False, True]


async def test_a_new_address_ends_no_session(store: Store) -> None:
    """CU24 is about links that were mailed to the old address; a session was made for the id."""
    customer = await store.write(a_customer)
    _, token = await store.write(lambda tx: a_session(tx, customer.id))
    change = CustomerChange(email="new@example.com")
    await store.write(lambda tx: customers.update(tx, customer.id, change))
    assert await sessions.by_token(store, token) is not None
