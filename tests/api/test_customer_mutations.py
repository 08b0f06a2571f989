"""Customers, changed over GraphQL: each mutation done, replayed and refused (CU1-CU62, A20-A23, A30)."""

from typing import Any

import pytest

from saifu.store import Store
from tests.api.mutations import a_new_customer, an_entry, done, refused
from tests.client import Api
from tests.footprint import footprint, grown

NOBODY = "cus_01J8ZZZZZZZZZZZZZZZZZZZZZZ"
ADDRESS = {"country": "IN", "city": "Pune", "state": None, "street": "1 MG Road", "zipcode": "411001"}


async def test_the_contracts_first_mutation_gives_two_wallets_at_zero(client: Api) -> None:
    """graphql.md §7, CU2: USD 0 and INR 0, at once."""
    answer = await client.execute(
        """mutation { customerCreate(input: {email: "aiko@example.com", name: "Aiko"}) {
        customer { id wallets { balance { amount currency } } } errors { code message } } }"""
    )
    payload = answer["customerCreate"]
    assert payload["errors"] == []
    assert payload["customer"]["id"].startswith("cus_")
    assert payload["customer"]["wallets"] == [
        {"balance": {"amount": 0, "currency": "USD"}},
        {"balance": {"amount": 0, "currency": "INR"}},
    ]


async def test_a_customer_keeps_all_that_it_was_created_with(client: Api) -> None:
    payload = await done(
        client,
        "customerCreate",
        email=" Aiko@Example.com ",
        name="愛子 🌸",
        phoneNumber="+81 (3) 1234-5678",
        metadata={"plan": "gold", "seats": 3, "trial": False},
        preferredLocale="JA",
        billingAddress=ADDRESS,
    )
    customer = payload["customer"]
    assert (customer["email"], customer["name"]) == ("Aiko@Example.com", "愛子 🌸")
    assert customer["phoneNumber"] == "+81312345678"
    assert customer["metadata"] == {"plan": "gold", "seats": 3, "trial": False}
    assert (customer["preferredLocale"], customer["billingAddress"]) == ("JA", ADDRESS)
    assert (customer["version"], payload["replayed"]) == (1, False)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"email": "nobody"}, "INVALID_REQUEST_PARAMETERS", ["input", "email"]),
        ({"email": ""}, "INVALID_REQUEST_PARAMETERS", ["input", "email"]),
        ({"email": f"{'a' * 250}@b.example"}, "INVALID_REQUEST_PARAMETERS", ["input", "email"]),
        ({"name": "  "}, "INVALID_REQUEST_PARAMETERS", ["input", "name"]),
        ({"name": "a" * 256}, "INVALID_REQUEST_PARAMETERS", ["input", "name"]),
        ({"phoneNumber": "12"}, "INVALID_REQUEST_PARAMETERS", ["input", "phoneNumber"]),
        (
            {"billingAddress": {"country": "XX"}},
            "INVALID_REQUEST_PARAMETERS",
            ["input", "billingAddress", "country"],
        ),
        ({"metadata": {"a b": "c"}}, "INVALID_REQUEST_PARAMETERS", None),
        ({"metadata": {"nested": {"a": 1}}}, "INVALID_REQUEST_PARAMETERS", ["input", "metadata", "nested"]),
        ({"metadata": {"none": None}}, "INVALID_REQUEST_PARAMETERS", ["input", "metadata", "none"]),
        ({"metadata": {"long": "x" * 501}}, "INVALID_REQUEST_PARAMETERS", ["input", "metadata", "long"]),
        ({"metadata": {"card": 4242424242424242}}, "INVALID_REQUEST_PARAMETERS", None),
        ({"metadata": {f"k{i}": "v" for i in range(51)}}, "MAXIMUM_KEYS_REACHED", ["input", "metadata"]),
        ({"idempotencyKey": ""}, "INVALID_REQUEST_PARAMETERS", ["input", "idempotencyKey"]),
        ({"idempotencyKey": "鍵" * 513}, "INVALID_REQUEST_PARAMETERS", ["input", "idempotencyKey"]),
    ],
)
async def test_a_creation_that_makes_no_sense_leaves_nothing(
    client: Api, store: Store, given: dict[str, Any], code: str, path: list[str] | None
) -> None:
    before = await footprint(store)
    error = await refused(client, "customerCreate", **{"email": "a@example.com", "name": "A", **given})
    assert (error["code"], error["httpStatus"], error["moneyMovement"]) == (code, 422, "NONE")
    assert error["__typename"] == "GenericError"
    assert path is None or error["path"] == path
    assert grown(before, await footprint(store)) == {}


async def test_a_repeated_creation_is_one_customer(client: Api, store: Store) -> None:
    """A31: same key and request → the same customer; another request → refused, and what differs is named."""
    first = await done(client, "customerCreate", email="a@example.com", name="A", idempotencyKey="登録 🌸 1")
    before = await footprint(store)
    again = await done(client, "customerCreate", email="a@example.com", name="A", idempotencyKey="登録 🌸 1")
    assert (again["replayed"], again["customer"]["id"]) == (True, first["customer"]["id"])
    error = await refused(
        client, "customerCreate", email="a@example.com", name="B", idempotencyKey="登録 🌸 1"
    )
    assert (error["__typename"], error["code"]) == ("IdempotencyKeyReusedError", "IDEMPOTENCY_KEY_REUSED")
    assert (error["mismatchedFields"], error["httpStatus"]) == (["name"], 409)
    assert grown(before, await footprint(store)) == {}


async def test_an_update_changes_what_was_sent_and_clears_what_is_null(client: Api) -> None:
    """CU20-CU22."""
    customer_id = await a_new_customer(client, phoneNumber="+8112345678", metadata={"a": "1", "b": "2"})
    changed = await done(
        client, "customerUpdate", customerId=customer_id, name="Aiko S", phoneNumber=None, metadata={"c": "3"}
    )
    customer = changed["customer"]
    assert (customer["name"], customer["email"]) == ("Aiko S", "aiko@example.com")
    assert (customer["phoneNumber"], customer["metadata"], customer["version"]) == (None, {"c": "3"}, 2)


async def test_an_update_that_changes_nothing_leaves_no_event_and_no_version(
    client: Api, store: Store
) -> None:
    """CU26, EV8."""
    customer_id = await a_new_customer(client)
    before = await footprint(store)
    same = await done(client, "customerUpdate", customerId=customer_id, name="Aiko")
    assert same["customer"]["version"] == 1
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize(
    ("given", "code", "status", "path"),
    [
        ({"customerId": NOBODY, "name": "B"}, "NOT_FOUND", 404, ["input", "customerId"]),
        ({"email": None}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "email"]),
        ({"name": None}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "name"]),
        ({"name": "B", "expectedVersion": 7}, "STALE_VERSION", 409, ["input", "expectedVersion"]),
    ],
)
async def test_an_update_that_is_refused_leaves_nothing(
    client: Api, store: Store, given: dict[str, Any], code: str, status: int, path: list[str]
) -> None:
    customer_id = await a_new_customer(client)
    before = await footprint(store)
    error = await refused(client, "customerUpdate", **{"customerId": customer_id, **given})
    assert (error["code"], error["httpStatus"], error["path"]) == (code, status, path)
    if code == "STALE_VERSION":
        assert (error["__typename"], error["currentVersion"]) == ("StaleVersionError", 1)
    assert grown(before, await footprint(store)) == {}


async def test_a_customer_with_money_is_deleted_only_when_the_money_is_given_up(
    client: Api, store: Store
) -> None:
    """CU50-CU52, CU57."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id))
    before = await footprint(store)
    error = await refused(client, "customerDelete", customerId=customer_id)
    assert (error["code"], error["httpStatus"]) == ("CUSTOMER_NOT_DELETABLE", 409)
    assert "5000" in error["message"]
    assert grown(before, await footprint(store)) == {}

    gone = await done(client, "customerDelete", customerId=customer_id, forfeitWalletBalance=True)
    assert gone["customer"]["name"] == "Anonymised customer"
    assert gone["customer"]["anonymisedAt"] == "2026-01-15T09:30:00Z"
    again = await done(client, "customerDelete", customerId=customer_id)
    assert again["customer"]["id"] == customer_id
    attempts: dict[str, dict[str, Any]] = {
        "customerUpdate": {"customerId": customer_id, "name": "B"},
        "customerSessionCreate": {"customerId": customer_id},
        "customerBlock": {"customer": {"id": customer_id}},
        "ledgerEntryCreate": an_entry(customer_id, idempotencyKey="later"),
        "walletUpdate": {"customerId": customer_id, "currency": "USD", "lowBalanceThreshold": 1},
    }
    for mutation, given in attempts.items():
        error = await refused(client, mutation, **given)
        assert (mutation, error["code"], error["httpStatus"]) == (mutation, "GONE", 410)


async def test_a_blocked_customer_takes_debits_and_nothing_else(client: Api) -> None:
    """CU60-CU62, CU79, W24."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id))
    blocked = await done(client, "customerBlock", customer={"id": customer_id}, reason="詐欺 🚫")
    assert blocked["customer"]["blockedAt"] == "2026-01-15T09:30:00Z"
    credit = await refused(client, "ledgerEntryCreate", **an_entry(customer_id, idempotencyKey="2"))
    session = await refused(client, "customerSessionCreate", customerId=customer_id)
    assert (credit["code"], credit["httpStatus"]) == ("CUSTOMER_BLOCKED", 403)
    assert session["code"] == "CUSTOMER_BLOCKED"
    await done(client, "ledgerEntryCreate", **an_entry(customer_id, idempotencyKey="3", entryType="DEBIT"))
    free = await done(client, "customerUnblock", customerId=customer_id)
    assert free["customer"]["blockedAt"] is None


@pytest.mark.parametrize(
    ("customer", "path"),
    [
        ({"id": NOBODY}, ["input", "customer", "id"]),
        ({"email": "nobody@example.com"}, ["input", "customer", "email"]),
    ],
)
async def test_a_block_of_nobody_says_where_in_the_input(
    client: Api, customer: dict[str, str], path: list[str]
) -> None:
    error = await refused(client, "customerBlock", customer=customer)
    assert (error["code"], error["path"]) == ("NOT_FOUND", path)


@pytest.mark.parametrize("customer", [{}, {"id": NOBODY, "email": "a@example.com"}, {"id": None}])
async def test_a_block_names_exactly_one_of_id_and_address(client: Api, customer: dict[str, Any]) -> None:
    """A11."""
    from tests.api.mutations import document

    answer = await client.ask(document("customerBlock"), input={"customer": customer})
    assert answer.code == "BAD_USER_INPUT"


@pytest.mark.parametrize("ttl", [0, 59, 3601, -1])
async def test_a_session_lasts_from_a_minute_to_an_hour(client: Api, ttl: int) -> None:
    customer_id = await a_new_customer(client)
    error = await refused(client, "customerSessionCreate", customerId=customer_id, ttlSeconds=ttl)
    assert (error["code"], error["path"]) == ("INVALID_REQUEST_PARAMETERS", ["input", "ttlSeconds"])


async def test_a_session_shows_its_token_once(client: Api) -> None:
    customer_id = await a_new_customer(client)
    first = await done(
        client, "customerSessionCreate", customerId=customer_id, ttlSeconds=60, idempotencyKey="s"
    )
    again = await done(
        client, "customerSessionCreate", customerId=customer_id, ttlSeconds=60, idempotencyKey="s"
    )
    assert first["token"].startswith("cs_")
    assert first["customerSession"]["expiresAt"] == "2026-01-15T09:31:00Z"
    assert (again["token"], again["replayed"]) == (None, True)
    assert again["customerSession"]["id"] == first["customerSession"]["id"]
