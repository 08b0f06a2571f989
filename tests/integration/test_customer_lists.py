"""Which customers a list holds, and in which order (CU30-CU36, A7)."""

from datetime import timedelta
from typing import Any

import pytest

from saifu import customers
from saifu.clock import ManualClock
from saifu.customers import LISTING, CustomerFilter, Identifier, filters
from saifu.paging import Order, Window
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Store, Tx
from tests.builders import a_customer, a_wallet, post

NEWEST = Order("CREATED_AT")
BY_NAME = Order("NAME", descending=False)
NAMES = ("Aiko", "愛子", "100% Aiko", "under_score", "back\\slash", "STRASSE", "Σίσυφος")


async def named(store: Store, order: Order = BY_NAME, limit: int = 50, **wanted: Any) -> list[str]:
    """The names in a list, and its count, which must agree."""
    conditions = filters(CustomerFilter(**wanted), store.clock.now())
    page = await store.read(lambda tx: LISTING.page(tx, Window(limit), order, conditions))
    assert await store.read(lambda tx: LISTING.count(tx, conditions)) == len(page.rows)
    return [row.name for row in page.rows]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("aiko", {"Aiko", "100% Aiko"}),
        ("AIKO", {"Aiko", "100% Aiko"}),
        ("愛", {"愛子"}),
        ("%", {"100% Aiko"}),
        ("_", {"under_score"}),
        ("\\", {"back\\slash"}),
        ("straße", {"STRASSE"}),
        ("σίσυφοσ", {"Σίσυφος"}),
        ("", set(NAMES)),
        ("nobody", set()),
        ("' OR 1=1 --", set()),
    ],
)
async def test_a_part_of_the_name_finds_it_in_any_case(store: Store, part: str, found: set[str]) -> None:
    """CU30, CU32: `%`, `_` and `\\` mean themselves."""
    for name in NAMES:
        await store.write(lambda tx, name=name: a_customer(tx, name, "a@example.com"))  # type: ignore[misc]
    assert set(await named(store, name=part)) == found


async def test_an_address_is_found_whole_in_any_case(store: Store) -> None:
    """CU31."""
    for email in ("Aiko@Example.com", "aiko@example.com", "aiko@example.co", "xaiko@example.com"):
        await store.write(lambda tx, email=email: a_customer(tx, email, email))  # type: ignore[misc]
    assert set(await named(store, email=" AIKO@example.com ")) == {"Aiko@Example.com", "aiko@example.com"}
    assert await named(store, email="%") == []


async def test_both_ends_of_a_period_belong_to_it(store: Store, clock: ManualClock) -> None:
    """CU30."""
    start = clock.now()
    for name in "ABCD":
        await store.write(lambda tx, name=name: a_customer(tx, name))  # type: ignore[misc]
        clock.advance(timedelta(hours=1))
    within: dict[str, Any] = {
        "created_at_gte": start + timedelta(hours=1),
        "created_at_lte": start + timedelta(hours=2),
    }
    assert await named(store, **within) == ["B", "C"]
    assert await named(store, order=NEWEST) == ["D", "C", "B", "A"]
    assert await named(store, name="b", **within) == ["B"], "conditions are joined by AND"


async def test_the_deleted_are_left_out_unless_asked_for(store: Store) -> None:
    """CU35."""
    await store.write(lambda tx: a_customer(tx, "Aiko"))
    leaving = await store.write(lambda tx: a_customer(tx, "Bo"))
    await store.write(lambda tx: customers.delete(tx, leaving.id, False))
    assert await named(store) == ["Aiko"]
    assert await named(store, include_anonymised=True) == ["Aiko", "Anonymised customer"]


async def test_the_blocked_and_the_others(store: Store) -> None:
    """CU36."""
    await store.write(lambda tx: a_customer(tx, "Aiko"))
    bad = await store.write(lambda tx: a_customer(tx, "Mallory"))
    await store.write(lambda tx: customers.block(tx, Identifier(bad.id), None, None))
    assert await named(store, blocked=True) == ["Mallory"]
    assert await named(store, blocked=False) == ["Aiko"]
    assert await named(store) == ["Aiko", "Mallory"]


async def test_who_has_little_left_is_found_by_what_can_still_be_spent(
    store: Store, clock: ManualClock
) -> None:
    """CU36, W75: what has expired no longer counts, swept or not; a wallet without a row holds nothing (CU12)."""
    rich = await store.write(lambda tx: a_customer(tx, "Rich"))
    soon = await store.write(lambda tx: a_customer(tx, "Soon"))
    await store.write(lambda tx: a_customer(tx, "Zero"))
    ends_at = clock.now() + timedelta(days=1)
    await store.write(lambda tx: a_wallet(tx, 10_00, customer_id=rich.id))
    await store.write(lambda tx: post(tx, soon.id, 4_00))
    await store.write(lambda tx: post(tx, soon.id, 6_00, expires_at=ends_at))
    assert await named(store, wallet_balance_lt=10_00, currency="USD") == ["Zero"]
    assert await named(store, wallet_balance_lt=10_01, currency="USD") == ["Rich", "Soon", "Zero"]
    clock.move_to(ends_at)
    assert await named(store, wallet_balance_lt=10_00, currency="USD") == ["Soon", "Zero"]
    assert await named(store, wallet_balance_lt=4_00, currency="USD") == ["Zero"]
    assert await named(store, wallet_balance_lt=1, currency="INR") == ["Rich", "Soon", "Zero"]
    assert await named(store, wallet_balance_lt=1, currency="EUR") == ["Rich", "Soon", "Zero"]


async def test_a_session_sees_its_own_customer_only(store: Store) -> None:
    """A41."""
    await store.write(lambda tx: a_customer(tx, "Aiko"))
    bo = await store.write(lambda tx: a_customer(tx, "Bo"))
    assert await named(store, visible_id=bo.id) == ["Bo"]
    assert await named(store, visible_id=bo.id, name="aiko") == []


@pytest.mark.parametrize("order", [NEWEST, Order("CREATED_AT", descending=False), BY_NAME, Order("NAME")])
async def test_pages_follow_each_other_through_ties(store: Store, order: Order) -> None:
    """A7: nobody is repeated and nobody is skipped, though all were made at one instant and share names."""
    for number in range(13):
        name = f"N{number % 3}"
        await store.write(lambda tx, name=name: a_customer(tx, name))  # type: ignore[misc]
    conditions = filters(CustomerFilter(), store.clock.now())

    async def walk(backwards: bool) -> list[str]:
        window, seen = Window(4, from_end=backwards), list[str]()
        while True:
            page = await store.read(lambda tx: LISTING.page(tx, window, order, conditions))  # noqa: B023
            ids = [row.id for row in page.rows]
            seen = ids + seen if backwards else seen + ids
            if not (page.has_previous if backwards else page.has_next):
                return seen
            edge = LISTING.keyset(page.rows[0 if backwards else -1], order)
            window = Window(4, before=edge, from_end=True) if backwards else Window(4, after=edge)

    forwards = await walk(backwards=False)
    assert len(set(forwards)) == 13
    assert await walk(backwards=True) == forwards


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"wallet_balance_lt": 5}, "walletBalanceLt"),
        ({"currency": "USD"}, "walletBalanceLt"),
        ({"name": "a\0"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"email": "\ud800"}, "email"),
        ({"currency": "\0", "wallet_balance_lt": 1}, "currency"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(
    wanted: dict[str, Any], path: str, clock: ManualClock
) -> None:
    with pytest.raises(Refusal) as caught:
        filters(CustomerFilter(**wanted), clock.now())
    assert (caught.value.code, caught.value.path) == (ErrorCode.INVALID_QUERY_PARAMS, ("filter", path))


def test_a_period_that_ends_before_it_begins_is_refused(clock: ManualClock) -> None:
    """CU33."""
    wanted = CustomerFilter(created_at_gte=clock.now(), created_at_lte=clock.now() - timedelta(seconds=1))
    with pytest.raises(Refusal) as caught:
        filters(wanted, clock.now())
    assert (caught.value.code, caught.value.path) == (
        ErrorCode.INVALID_QUERY_PARAMS,
        ("filter", "createdAtGte"),
    )


@pytest.mark.parametrize("size", [1, 10, 30])
async def test_a_page_is_one_statement_whatever_its_size(store: Store, size: int) -> None:
    for _ in range(30):
        await store.write(a_customer)
    wanted = CustomerFilter(name="a", blocked=False, wallet_balance_lt=5, currency="USD")
    conditions = filters(wanted, store.clock.now())

    def counted(tx: Tx) -> tuple[int, int]:
        return len(LISTING.page(tx, Window(size), NEWEST, conditions).rows), tx.statements

    assert await store.read(counted) == (size, 1)
