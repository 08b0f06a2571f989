"""Credentials as every request looks them up: remembered where that is safe, and never beyond their end (S5, A42)."""

from datetime import timedelta
from typing import Any

import pytest

from saifu import credentials as module
from saifu import keys, sessions
from saifu.clock import ManualClock
from saifu.credentials import Credentials
from saifu.keys import Scope
from saifu.store import Store
from tests.builders import a_customer, a_key, a_session
from tests.databases import SERVER


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One element for each statement that a look-up took."""
    statements: list[int] = []
    read_now = store.read_now

    async def counted(ask: Any) -> list[Any]:
        statements.append(1)
        return await read_now(ask)

    monkeypatch.setattr(store, "read_now", counted)
    return statements


async def a_good_key(store: Store) -> tuple[str, str]:
    key_id, secret = await store.write(lambda tx: a_key(tx, [Scope.ADMIN]))
    return key_id, f"Bearer {secret}"


async def test_a_key_is_looked_up_once_where_every_change_is_known(store: Store, asked: list[int]) -> None:
    key_id, bearer = await a_good_key(store)
    known = Credentials(store)
    for _ in range(5):
        found = await known.of(bearer)
        assert found is not None
        assert (found.id, found.scopes) == (key_id, frozenset({Scope.ADMIN}))
    assert len(asked) == (5 if SERVER else 1)


async def test_a_revoked_key_is_nobody_at_once(store: Store) -> None:
    """S5."""
    key_id, bearer = await a_good_key(store)
    known = Credentials(store)
    assert await known.of(bearer)
    await store.write(lambda tx: keys.revoke(tx, key_id))
    assert await known.of(bearer) is None


async def test_an_ended_session_is_nobody_at_once(store: Store, clock: ManualClock) -> None:
    customer = await store.write(a_customer)
    _, first = await store.write(lambda tx: a_session(tx, customer.id))
    _, second = await store.write(lambda tx: a_session(tx, customer.id))
    known = Credentials(store)
    assert await known.of(f"Bearer {first}")
    await store.write(lambda tx: sessions.revoke_all(tx, customer.id))
    assert await known.of(f"Bearer {first}") is None
    assert await known.of(f"Bearer {second}") is None
    _, third = await store.write(lambda tx: a_session(tx, customer.id))
    assert await known.of(f"Bearer {third}")
    clock.advance(timedelta(hours=2))
    assert await known.of(f"Bearer {third}") is None


async def test_what_somebody_changed_by_hand_is_seen_within_the_recheck(
    store: Store, asked: list[int]
) -> None:
    """A key that is revoked in the database itself, beside the program."""
    _, bearer = await a_good_key(store)
    known = Credentials(store, recheck_s=0)
    for _ in range(3):
        assert await known.of(bearer)
    assert len(asked) == 3


async def test_a_wrong_secret_is_never_remembered(store: Store, asked: list[int]) -> None:
    known = Credentials(store)
    bearer = f"Bearer {keys.generate('test')}"
    for _ in range(3):
        assert await known.of(bearer) is None
    assert len(asked) == 3


async def test_what_is_remembered_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 3)
    known = Credentials(store)
    bearers = [(await a_good_key(store))[1] for _ in range(8)]
    for bearer in bearers * 2:
        assert await known.of(bearer)
        assert len(known._known) <= 3


@pytest.mark.sqlite_only
async def test_a_change_of_another_table_does_not_make_credentials_be_looked_up_again(
    store: Store, asked: list[int]
) -> None:
    _, bearer = await a_good_key(store)
    known = Credentials(store)
    await known.of(bearer)
    await store.write(a_customer)
    await known.of(bearer)
    assert len(asked) == 1
    await store.write(lambda tx: a_key(tx, [Scope.CUSTOMERS_READ]))
    await known.of(bearer)
    assert len(asked) == 2


@pytest.mark.sqlite_only
async def test_a_revision_changes_with_every_way_to_write(store: Store) -> None:
    before = store.revision("api_key")
    key_id, _ = await store.write(lambda tx: a_key(tx, [Scope.ADMIN]))
    inserted = store.revision("api_key")
    await store.write(lambda tx: keys.touch(tx, [key_id], tx.now))
    updated = store.revision("api_key")
    assert len({before, inserted, updated}) == 3
