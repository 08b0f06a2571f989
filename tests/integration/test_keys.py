"""API keys: scopes, hashes, checksums, revocation (A40, A44, S1-S5)."""

import asyncio
import hashlib
import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import SQLModel, col, select

from saifu import installation, keys
from saifu.clock import ManualClock
from saifu.keys import Scope
from saifu.paging import Order, Window
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Ask, Store, Tx
from saifu.tables import ApiKey, AuditRecord
from tests.builders import a_key
from tests.footprint import footprint, grown

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OUTSIDE = "sk_test_" + "q7Z_x-9LmN2pR4tV6wY8" * 2
ONE = keys.generate("live")


def test_a_generated_key_shows_its_mode_and_is_256_bits_of_chance():
    """S1, S2."""
    made = {keys.generate(mode) for mode in ("test", "live") for _ in range(100)}
    assert len(made) == 200
    assert all(re.fullmatch(r"sk_(test|live)_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", secret) for secret in made)
    assert 62**43 > 2**256
    assert all(re.fullmatch(keys.SHAPE_OF_SECRETS, secret) for secret in made)


@given(st.integers(len("sk_live_"), len(ONE) - 1), st.sampled_from(ALPHABET))
def test_any_wrong_character_is_seen_without_a_query(place: int, wrong: str):
    """S1: the checksum rejects a typo offline."""
    typed = ONE[:place] + wrong + ONE[place + 1 :]
    kept_its_shape = ONE[place] != "_"
    assert keys.plausible(typed) is (typed == ONE or not kept_its_shape)


@given(st.integers(len("sk_live_"), len("sk_live_") + 41))
def test_swapped_neighbours_are_seen_without_a_query(place: int):
    typed = ONE[:place] + ONE[place + 1] + ONE[place] + ONE[place + 2 :]
    assert keys.plausible(typed) is (typed == ONE)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "sk_test_",
        "sk_test_short",
        "pk_test_" + "x" * 40,
        "sk_prod_" + "x" * 40,
        OUTSIDE + "\n",
        OUTSIDE + "é",
    ],
)
def test_what_has_not_the_shape_of_a_key_is_none(secret: str):
    assert not keys.plausible(secret)


async def test_a_mistyped_key_costs_no_query(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = await store.write(a_key)
    asked: list[Ask] = []
    read_now = store.read_now

    async def counted(ask: Ask) -> list[Any]:
        asked.append(ask)
        return await read_now(ask)

    monkeypatch.setattr(store, "read_now", counted)
    typo = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    for text, good, queries in [
        (typo, False, 0),
        ("sk_test_\0", False, 0),
        (keys.generate("test"), False, 1),
        (secret, True, 1),
    ]:
        asked.clear()
        assert (await keys.by_secret(store, text) is not None, len(asked)) == (good, queries)


async def test_no_key_can_be_read_from_the_database(store: Store) -> None:
    """S1: a dump holds hashes, and prefixes to tell keys by."""
    wanted = (Scope.WALLETS_WRITE, Scope.CUSTOMERS_READ, Scope.WALLETS_WRITE)
    key, secret = await store.write(lambda tx: keys.create(tx, " Shop 🛒 ", wanted, "live"))
    assert key.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert (key.name, key.prefix) == ("Shop 🛒", secret[:12])
    assert keys.scopes_of(key) == {Scope.CUSTOMERS_READ, Scope.WALLETS_WRITE}
    tables = SQLModel.metadata.sorted_tables
    stored = await store.read(lambda tx: str([tx.all(select(*table.columns)) for table in tables]))
    assert secret not in stored
    assert secret[13:] not in stored


async def test_a_key_needs_a_name_and_a_scope(store: Store) -> None:
    for name, scopes, path in (
        ("", (Scope.ADMIN,), "name"),
        ("x" * 256, (Scope.ADMIN,), "name"),
        ("A", (), "scopes"),
    ):
        with pytest.raises(Refusal) as caught:
            await store.write(lambda tx, n=name, s=scopes: keys.create(tx, n, s, "test"))  # type: ignore[misc]
        assert caught.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS
        assert caught.value.path == ("input", path)
    assert sum((await footprint(store)).values()) == 0


async def test_a_replay_names_the_key_and_cannot_show_the_secret(store: Store) -> None:
    """A30, A31."""
    first, secret = await store.write(lambda tx: keys.create(tx, "A", (Scope.ADMIN,), "test", "k"))
    before = await footprint(store)
    again, nothing = await store.write(lambda tx: keys.create(tx, "A", (Scope.ADMIN,), "test", "k"))
    assert secret is not None
    assert (again.id, nothing, grown(before, await footprint(store))) == (first.id, None, {})
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: keys.create(tx, "A", (Scope.EVENTS_READ,), "test", "k"))
    assert caught.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_a_revoked_key_opens_nothing_and_is_revoked_once(store: Store, clock: ManualClock) -> None:
    """S5."""
    key_id, secret = await store.write(a_key)
    revoked_at = clock.now()
    first = await store.write(lambda tx: keys.revoke(tx, key_id, "k"))
    clock.advance(timedelta(hours=1))
    before = await footprint(store)
    again = await store.write(lambda tx: keys.revoke(tx, key_id))
    replayed = await store.write(lambda tx: keys.revoke(tx, key_id, "k"))
    assert [one.value.revoked_at for one in (first, again, replayed)] == [revoked_at] * 3
    assert [one.replayed for one in (first, again, replayed)] == [False, False, True]
    assert grown(before, await footprint(store)) == {}
    assert await keys.by_secret(store, secret) is None


@pytest.mark.parametrize("key_id", ["key_unknown", "", "a\0b", "\ud800"])
async def test_revoking_nothing_is_refused(store: Store, key_id: str) -> None:
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: keys.revoke(tx, key_id, "k"))
    assert (caught.value.code, caught.value.path) == (ErrorCode.NOT_FOUND, ("input", "apiKeyId"))
    assert sum((await footprint(store)).values()) == 0


async def test_the_audit_log_tells_of_keys_by_their_prefix(store: Store) -> None:
    key_id, secret = await store.write(a_key)
    await store.write(lambda tx: keys.revoke(tx, key_id))
    made, revoked = await store.read(lambda tx: tx.all(select(AuditRecord).order_by(col(AuditRecord.id))))
    assert (made.mutation, revoked.mutation) == ("apiKeyCreate", "apiKeyRevoke")
    assert orjson.loads(made.detail_json) == {"scopes": ["admin"], "prefix": secret[:12]}
    assert orjson.loads(revoked.detail_json) == {"prefix": secret[:12]}


async def test_last_use_is_noted_for_many_keys_at_once_and_never_goes_back(
    store: Store, clock: ManualClock
) -> None:
    made = [(await store.write(a_key))[0] for _ in range(3)]
    later, earlier = clock.now(), clock.now() - timedelta(minutes=1)

    def touched(tx: Tx) -> int:
        keys.touch(tx, made[:2], later)
        keys.touch(tx, made, earlier)
        return tx.statements

    assert await store.write(touched) == 2
    rows = await store.read(lambda tx: {row.id: row.last_used_at for row in tx.all(select(ApiKey))})
    assert [rows[one] for one in made] == [later, later, earlier]


async def test_a_key_from_outside_is_adopted_once_and_is_an_admins(store: Store) -> None:
    """A44, SAIFU_ADMIN_KEY."""
    first = await store.write(lambda tx: keys.adopt(tx, OUTSIDE))
    again = await store.write(lambda tx: keys.adopt(tx, OUTSIDE))
    assert again.id == first.id
    found = await keys.by_secret(store, OUTSIDE)
    assert found is not None
    assert keys.scopes_of(found) == {Scope.ADMIN}


async def test_processes_that_start_together_adopt_one_key_and_make_one_admin(store: Store) -> None:
    await store.write(lambda tx: installation.ensure(tx, "bus_1", "test"))
    secrets = await asyncio.gather(*(store.write(lambda tx: keys.first_admin(tx, "test")) for _ in range(5)))
    adopted = await asyncio.gather(*(store.write(lambda tx: keys.adopt(tx, OUTSIDE)) for _ in range(5)))
    assert [secret is None for secret in secrets].count(False) == 1
    assert len({key.id for key in adopted}) == 1


async def test_a_revoked_key_from_outside_stays_revoked(store: Store) -> None:
    key = await store.write(lambda tx: keys.adopt(tx, OUTSIDE))
    await store.write(lambda tx: keys.revoke(tx, key.id))
    assert (await store.write(lambda tx: keys.adopt(tx, OUTSIDE))).revoked_at is not None
    assert await keys.by_secret(store, OUTSIDE) is None


@pytest.mark.parametrize(
    "secret",
    ["secret", "sk_test_" + "x" * 31, ONE[:-1] + "!", "sk_test_" + "A" * 43 + "_000000"],
    ids=["a word", "too short", "another character", "a wrong check"],
)
async def test_a_key_that_could_never_be_used_is_not_adopted(store: Store, secret: str) -> None:
    with pytest.raises(ValueError, match="admin key"):
        await store.write(lambda tx: keys.adopt(tx, secret))


async def test_the_first_admin_key_is_made_once_and_works(store: Store) -> None:
    """A44: also when every key was revoked since, nobody gets in by restarting the server."""
    secret = await store.write(lambda tx: keys.first_admin(tx, "test"))
    assert secret is not None
    found = await keys.by_secret(store, secret)
    assert found is not None
    assert keys.scopes_of(found) == {Scope.ADMIN}
    await store.write(lambda tx: keys.revoke(tx, found.id))
    assert await store.write(lambda tx: keys.first_admin(tx, "test")) is None


async def test_a_scope_of_a_later_version_gives_nothing(store: Store) -> None:
    key = ApiKey(id="key_1", name="n", prefix="p", secret_hash="h", scopes="events:read rockets:launch")
    assert keys.scopes_of(key) == {Scope.EVENTS_READ}


async def test_keys_are_listed_newest_first(store: Store, clock: ManualClock) -> None:
    made = []
    for _ in range(3):
        made.append((await store.write(a_key))[0])
        clock.advance(timedelta(seconds=1))
    await store.write(lambda tx: keys.revoke(tx, made[0]))
    order = Order("CREATED_AT")

    def listed(tx: Tx) -> list[list[str]]:
        pages = [keys.LISTING.page(tx, Window(5), order, wanted) for wanted in ({}, {"unrevoked": True})]
        return [[row.id for row in page.rows] for page in pages]

    assert await store.read(listed) == [made[::-1], made[:0:-1]]
