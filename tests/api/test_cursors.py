"""Pages: every row once whatever the order, and no cursor but the list's own (A7)."""

import base64
from datetime import timedelta
from typing import Any

import orjson
import pytest

from resolvers.lists import Listed
from saifu import customer_lists, events
from saifu.clock import ManualClock
from saifu.paging import Order
from saifu.store import Store
from schema import connections
from tests.builders import a_customer, post
from tests.client import Api

CUSTOMERS = """query ($first: Int, $after: String, $last: Int, $before: String,
  $orderBy: CustomerOrder! = CREATED_AT_DESC) {
  customers(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
    edges { cursor node { id name } } nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
ENTRIES = """query ($id: ID, $after: String, $currency: Currency) {
  ledgerEntries(customerId: $id, after: $after, first: 1, currency: $currency) { edges { cursor node { id } } } }"""
OF_CUSTOMER = """query ($id: ID!, $after: String) {
  customer(id: $id) { ledgerEntries(after: $after, first: 1) { edges { cursor node { id } } } } }"""
EVENTS = "query ($after: String) { events(after: $after, first: 1) { edges { cursor } } }"


async def seven(store: Store, clock: ManualClock) -> list[str]:
    """Seven customers, oldest first, some of them made at one and the same instant."""
    made = []
    for number, name in enumerate(["b", "A", "c", "a", "B", "愛", "d"]):
        made.append((await store.write(lambda tx, name=name: a_customer(tx, name, f"{name}@example.com"))).id)  # type: ignore[misc]
        if number % 3 == 0:
            clock.advance(timedelta(seconds=1))
    return made


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("order", ["CREATED_AT_DESC", "CREATED_AT_ASC", "NAME_ASC", "NAME_DESC"])
async def test_walking_either_way_meets_every_row_once(
    client: Api, store: Store, clock: ManualClock, size: int, order: str
) -> None:
    made = await seven(store, clock)
    forward: list[str] = []
    after = None
    while True:
        page = (await client.execute(CUSTOMERS, first=size, after=after, orderBy=order))["customers"]
        forward += [edge["node"]["id"] for edge in page["edges"]]
        assert page["nodes"] == [{"id": edge["node"]["id"]} for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    backward: list[str] = []
    before = None
    while True:
        page = (await client.execute(CUSTOMERS, last=size, before=before, orderBy=order))["customers"]
        backward = [edge["node"]["id"] for edge in page["edges"]] + backward
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert sorted(forward) == sorted(made)
    assert forward == backward
    if order == "CREATED_AT_ASC":
        assert forward == made


async def test_a_page_goes_on_where_it_was_although_rows_have_come(
    client: Api, store: Store, clock: ManualClock
) -> None:
    made = await seven(store, clock)
    first = (await client.execute(CUSTOMERS, first=3))["customers"]
    clock.advance(timedelta(seconds=1))
    await store.write(a_customer)
    rest = (await client.execute(CUSTOMERS, first=10, after=first["pageInfo"]["endCursor"]))["customers"]
    assert [edge["node"]["id"] for edge in first["edges"] + rest["edges"]] == made[::-1]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"first": -1}, "first"),
        ({"last": 0}, "last"),
        ({"last": 101}, "last"),
        ({"first": 1, "last": 1}, "last"),
    ],
)
async def test_a_page_size_out_of_bounds_is_an_error_and_not_a_clamp(
    client: Api, given: dict[str, int], path: str
) -> None:
    answer = await client.ask(CUSTOMERS, **given)
    (error,) = answer.body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["errorCode"] == "INVALID_QUERY_PARAMS"
    assert error["extensions"]["path"] == [path]


async def test_twenty_is_a_page_unless_said(client: Api, store: Store) -> None:
    for _ in range(21):
        await store.write(a_customer)
    page = (await client.execute(CUSTOMERS))["customers"]
    assert (len(page["edges"]), page["pageInfo"]["hasNextPage"]) == (20, True)
    whole = await client.execute("{ customers(first: 1) { totalCount } }")
    assert whole["customers"]["totalCount"] == 21


def _forgeries(cursor: str) -> list[str]:
    flipped = [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        for place in range(len(cursor))
    ]
    made = base64.urlsafe_b64encode(b'12345678\x01["2026-01-15T09:30:00.000000Z","cus_x"]').decode()
    odd = ["", "0", "x", "=", "☃", "null", "arrayconnection:5", "YXJyYXljb25uZWN0aW9uOjU=", "A" * 5_000, "\n"]
    return [*flipped, made, made.rstrip("="), *odd, cursor + "A", cursor + "=", cursor[:-1], cursor * 2]


async def test_a_forged_cursor_is_refused_in_plain_words(
    client: Api, store: Store, clock: ManualClock
) -> None:
    """SERVING trap 10."""
    await seven(store, clock)
    page = (await client.execute(CUSTOMERS, first=1))["customers"]
    for forged in _forgeries(page["pageInfo"]["endCursor"]):
        await _refuses(client, CUSTOMERS, after=forged)
        await _refuses(client, CUSTOMERS, last=1, before=forged)


async def _refuses(client: Api, asked: str, **given: Any) -> None:
    answer = await client.ask(asked, **given)
    (error,) = answer.body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT", given
    assert error["message"].startswith("This cursor is not one of this list.")


@pytest.mark.parametrize(
    "values",
    [
        ["0001-01-01T00:00:00+23:59", "cus_x"],
        ["9999-12-31T23:59:59-23:59", "cus_x"],
        ["2026-01-15T09:30:00.000000", "cus_x"],
        ["2026-01-15", "cus_x"],
        ["2026-01-15T09:30:00.000000Z", "cus_\0"],
        ["2026-01-15T09:30:00.000000Z", 5],
        ["2026-01-15T09:30:00.000000Z", True],
        ["2026-01-15T09:30:00.000000Z", None],
        ["2026-01-15T09:30:00.000000Z", ["x"]],
        ["2026-01-15T09:30:00.000000Z"],
        {"created_at": "2026-01-15T09:30:00.000000Z"},
    ],
)
async def test_whoever_knows_how_cursors_are_made_gets_no_further(client: Api, values: Any) -> None:
    """S8: the check of a cursor is no secret, so what stands behind it is not trusted either."""
    await _refuses(client, CUSTOMERS, after=_made_up("customer", "CREATED_AT", values))


@pytest.mark.parametrize("values", [[True, "evt_x"], [1.5, "evt_x"], [2**63, "evt_x"], ["1", "evt_x"]])
async def test_a_made_up_place_in_the_log_is_refused(client: Api, values: Any) -> None:
    await _refuses(client, EVENTS, after=_made_up("event", "CURSOR", values))


async def test_a_made_up_cursor_that_could_be_one_of_ours_gives_the_list_as_it_is(client: Api) -> None:
    made = _made_up("customer", "CREATED_AT", ["2026-01-15T09:30:00.000000Z", "cus_x"])
    assert (await client.execute(CUSTOMERS, after=made))["customers"]["edges"] == []


def _made_up(table: str, order: str, values: Any) -> str:
    """A cursor of a list, newest first, of somebody who has read `schema/connections.py`."""
    listing = {"customer": customer_lists.LISTING, "event": events.LISTING}[table]
    listed: Listed[Any] = Listed(listing, Order(order, descending=True))  # type: ignore[arg-type]
    body = b"\x01" + orjson.dumps(values)
    return connections._text(connections._check(listed, body) + body)


async def test_a_cursor_is_good_for_its_own_list_alone(client: Api, store: Store) -> None:
    """Another list, another order, another customer, another currency."""
    one, other = (await store.write(a_customer)).id, (await store.write(a_customer)).id
    for customer in (one, other):
        for amount in (100, 200):
            await store.write(lambda tx, who=customer, much=amount: post(tx, who, much))  # type: ignore[misc]
    of_customers = (await client.execute(CUSTOMERS, first=1))["customers"]["pageInfo"]["endCursor"]
    of_all = (await client.execute(ENTRIES))["ledgerEntries"]["edges"][0]["cursor"]
    of_one = (await client.execute(ENTRIES, id=one))["ledgerEntries"]["edges"][0]["cursor"]
    nested = (await client.execute(OF_CUSTOMER, id=one))["customer"]["ledgerEntries"]["edges"][0]["cursor"]
    of_events = (await client.execute(EVENTS))["events"]["edges"][0]["cursor"]

    for foreign in (of_all, of_one, nested, of_events):
        await _refuses(client, CUSTOMERS, after=foreign)
    await _refuses(client, CUSTOMERS, after=of_customers, orderBy="NAME_ASC")
    for foreign in (of_customers, of_one, of_events):
        await _refuses(client, ENTRIES, after=foreign)
    for foreign in (of_all, of_one, nested, of_customers):
        await _refuses(client, ENTRIES, after=foreign, id=other)
    for foreign in (nested, of_all, of_events):
        await _refuses(client, OF_CUSTOMER, after=foreign, id=other)
    for foreign in (of_customers, of_all):
        await _refuses(client, EVENTS, after=foreign)
    second = (await client.execute(OF_CUSTOMER, id=one, after=nested))["customer"]["ledgerEntries"]["edges"]
    assert len(second) == 1
