"""Money, moved over GraphQL: done, replayed and refused (W20-W38, W70-W83, A30-A32)."""

import asyncio
from typing import Any

import pytest

from saifu.store import Store
from tests.api.mutations import a_new_customer, an_entry, change, done, refused
from tests.client import Api
from tests.footprint import footprint, grown

NOBODY = "cus_01J8ZZZZZZZZZZZZZZZZZZZZZZ"
LAST_INSTANT = "9999-12-31T23:59:59.999999Z"


async def test_the_contracts_deposit_answers_with_entry_and_wallet(client: Api) -> None:
    """graphql.md §7, W10, W25."""
    customer_id = await a_new_customer(client)
    answer = await client.execute(
        """mutation ($id: ID!) { ledgerEntryCreate(input: {customerId: $id, currency: "USD", amount: 5000,
        entryType: CREDIT, reason: "Account funding - prepaid deposit", idempotencyKey: "deposit_pay_1"}) {
        ledgerEntry { id beforeBalance { amount } afterBalance { amount } } wallet { balance { amount } }
        replayed errors { code message httpStatus ... on InsufficientFundsError { shortfall { amount } } } } }""",
        id=customer_id,
    )
    payload = answer["ledgerEntryCreate"]
    assert payload["ledgerEntry"].pop("id").startswith("cwt_")
    assert payload == {
        "ledgerEntry": {"beforeBalance": {"amount": 0}, "afterBalance": {"amount": 5000}},
        "wallet": {"balance": {"amount": 5000}},
        "replayed": False,
        "errors": [],
    }


async def test_an_entry_keeps_all_that_it_was_made_with(client: Api) -> None:
    customer_id = await a_new_customer(client)
    payload = await done(
        client,
        "ledgerEntryCreate",
        **an_entry(
            customer_id,
            currency="INR",
            amount=999_999_999_999,
            reason=" ようこそ 🎁 ",
            idempotencyKey="welcome 🎁 $ ようこそ",
            funding="PROMOTIONAL",
            expiresAt="2026-01-31T05:30:00+05:30",
            metadata={"campaign": "新年"},
        ),
    )
    entry = payload["ledgerEntry"]
    assert (entry["reason"], entry["idempotencyKey"]) == ("ようこそ 🎁", "welcome 🎁 $ ようこそ")
    assert (entry["funding"], entry["expiresAt"]) == ("PROMOTIONAL", "2026-01-31T00:00:00Z")
    assert (entry["eventType"], entry["contraAccount"]) == ("MERCHANT_ADJUSTMENT", "MERCHANT_ADJUSTMENTS")
    assert entry["amount"] == {"amount": 999_999_999_999, "currency": "INR"}
    assert (entry["sequence"], entry["isCredit"], len(entry["hash"])) == (1, True, 64)
    assert (entry["metadata"], entry["actor"]["type"]) == ({"campaign": "新年"}, "API_KEY")
    assert [part["amount"]["amount"] for part in entry["lots"]] == [999_999_999_999]


async def test_a_debit_of_more_than_there_is_says_how_much_is_missing(client: Api, store: Store) -> None:
    """W22, W23: balance 5 000, debit 1 500, then 3 501 is 1 too much and 3 500 leaves 0."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id))
    await done(
        client,
        "ledgerEntryCreate",
        **an_entry(customer_id, entryType="DEBIT", amount=1500, idempotencyKey="d1"),
    )
    before = await footprint(store)
    debit = an_entry(customer_id, entryType="DEBIT", amount=3501, idempotencyKey="d2")
    error = await refused(client, "ledgerEntryCreate", **debit)
    assert error == {
        "__typename": "InsufficientFundsError",
        "code": "INSUFFICIENT_WALLET_FUNDS",
        "message": error["message"],
        "path": ["input", "amount"],
        "httpStatus": 400,
        "retryable": False,
        "moneyMovement": "NONE",
        "balance": {"amount": 3500, "currency": "USD"},
        "requested": {"amount": 3501},
        "shortfall": {"amount": 1, "currency": "USD"},
    }
    assert grown(before, await footprint(store)) == {}
    # W35: the refusal did not burn the key.
    paid = await done(client, "ledgerEntryCreate", **{**debit, "amount": 3500})
    assert paid["wallet"]["balance"] == {"amount": 0}
    again = await done(client, "ledgerEntryCreate", **{**debit, "amount": 3500})
    assert (again["replayed"], again["ledgerEntry"]["id"]) == (True, paid["ledgerEntry"]["id"])


@pytest.mark.parametrize(
    ("given", "code", "status", "path"),
    [
        ({"amount": 0}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "amount"]),
        ({"amount": -1}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "amount"]),
        ({"amount": 1_000_000_000_000}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "amount"]),
        ({"amount": 2**53 - 1}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "amount"]),
        ({"customerId": NOBODY}, "NOT_FOUND", 404, ["input", "customerId"]),
        ({"customerId": "💸"}, "NOT_FOUND", 404, ["input", "customerId"]),
        ({"currency": "EUR"}, "UNSUPPORTED_CURRENCY", 422, ["input", "currency"]),
        ({"currency": "XXX"}, "UNSUPPORTED_CURRENCY", 422, ["input", "currency"]),
        ({"reason": "語" * 501}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "reason"]),
        ({"idempotencyKey": ""}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "idempotencyKey"]),
        ({"idempotencyKey": "k" * 513}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "idempotencyKey"]),
        ({"expiresAt": "2026-01-15T09:30:00Z"}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "expiresAt"]),
        ({"expiresAt": LAST_INSTANT}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "expiresAt"]),
        ({"entryType": "DEBIT", "funding": "PAID"}, "INVALID_REQUEST_PARAMETERS", 422, ["input", "funding"]),
        (
            {"entryType": "DEBIT", "expiresAt": "2027-01-01T00:00:00Z"},
            "INVALID_REQUEST_PARAMETERS",
            422,
            ["input", "expiresAt"],
        ),
        ({"metadata": {f"k{i}": i for i in range(51)}}, "MAXIMUM_KEYS_REACHED", 422, ["input", "metadata"]),
    ],
)
async def test_an_entry_that_is_refused_leaves_nothing(
    client: Api, store: Store, given: dict[str, Any], code: str, status: int, path: list[str]
) -> None:
    customer_id = await a_new_customer(client)
    before = await footprint(store)
    error = await refused(client, "ledgerEntryCreate", **an_entry(customer_id, **given))
    assert (error["code"], error["httpStatus"], error["path"]) == (code, status, path)
    assert grown(before, await footprint(store)) == {}


async def test_a_key_of_another_request_is_refused_and_names_what_differs(client: Api, store: Store) -> None:
    """W31-W33: reason and metadata are descriptions; amount, currency, type, funding and expiry are the request."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id))
    before = await footprint(store)
    same = await done(client, "ledgerEntryCreate", **an_entry(customer_id, reason="another text"))
    assert same["replayed"] is True
    for given, fields in [
        ({"amount": 1}, ["amount"]),
        ({"currency": "INR"}, ["currency"]),
        ({"entryType": "DEBIT"}, ["entryType", "funding"]),
        ({"expiresAt": "2027-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"funding": "PROMOTIONAL"}, ["funding"]),
    ]:
        error = await refused(client, "ledgerEntryCreate", **an_entry(customer_id, **given))  # type: ignore[arg-type]
        assert (error["__typename"], error["mismatchedFields"]) == ("IdempotencyKeyReusedError", fields)
        assert f" another {', '.join(fields)}." in error["message"]
    assert grown(before, await footprint(store)) == {}


async def test_ten_at_once_with_one_key_are_one_entry(client: Api) -> None:
    """W37."""
    customer_id = await a_new_customer(client)
    answers = await asyncio.gather(
        *(change(client, "ledgerEntryCreate", **an_entry(customer_id)) for _ in range(10))
    )
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 9
    assert len({answer["ledgerEntry"]["id"] for answer in answers}) == 1


async def test_what_became_of_a_lost_request_can_be_asked(client: Api) -> None:
    """A32: by the customer for ledger entries, by the installation for everything else."""
    customer_id = await a_new_customer(client, idempotencyKey="signup")
    entry = (await done(client, "ledgerEntryCreate", **an_entry(customer_id)))["ledgerEntry"]["id"]
    asking = """query ($key: String!, $customer: ID) { operation(idempotencyKey: $key, customerId: $customer) {
      mutation createdAt result { id __typename } } }"""
    found = (await client.execute(asking, key="deposit_pay_1", customer=customer_id))["operation"]
    assert found == {
        "mutation": "ledgerEntryCreate",
        "createdAt": "2026-01-15T09:30:00Z",
        "result": {"id": entry, "__typename": "LedgerEntry"},
    }
    found = (await client.execute(asking, key="signup"))["operation"]
    assert (found["mutation"], found["result"]["id"]) == ("customerCreate", customer_id)
    for nothing in (
        {"key": "deposit_pay_1"},
        {"key": "signup", "customer": customer_id},
        {"key": ""},
        {"key": "鍵"},
    ):
        assert (await client.execute(asking, **nothing))["operation"] is None


async def test_a_threshold_is_set_removed_and_guarded_by_the_version(client: Api, store: Store) -> None:
    """W80, W83, A10."""
    customer_id = await a_new_customer(client)
    wallet: dict[str, Any] = {"customerId": customer_id, "currency": "USD"}
    changed = await done(client, "walletUpdate", **wallet, lowBalanceThreshold=1000, expectedVersion=1)
    assert changed["wallet"]["lowBalanceThreshold"] == {"amount": 1000}
    before = await footprint(store)
    stale = await refused(client, "walletUpdate", **wallet, lowBalanceThreshold=5, expectedVersion=1)
    assert (stale["__typename"], stale["currentVersion"]) == (
        "StaleVersionError",
        changed["wallet"]["version"],
    )
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"lowBalanceThreshold": -1}, "INVALID_REQUEST_PARAMETERS"),
        ({"lowBalanceThreshold": 1, "customerId": NOBODY}, "NOT_FOUND"),
        ({"lowBalanceThreshold": 1, "currency": "EUR"}, "UNSUPPORTED_CURRENCY"),
    ]
    for given, code in wrong:
        assert (await refused(client, "walletUpdate", **{**wallet, **given}))["code"] == code
    assert grown(before, await footprint(store)) == {}
    removed = await done(client, "walletUpdate", **wallet, lowBalanceThreshold=None)
    assert removed["wallet"]["lowBalanceThreshold"] is None


async def test_a_lot_gets_another_expiry_but_never_one_in_the_past(client: Api, store: Store) -> None:
    """W78."""
    customer_id = await a_new_customer(client)
    made = await done(client, "ledgerEntryCreate", **an_entry(customer_id, expiresAt="2026-02-01T00:00:00Z"))
    lot = made["ledgerEntry"]["lots"][0]["lot"]["id"]
    moved = await done(
        client, "lotUpdateExpiry", lotId=lot, expiresAt="2026-03-01T00:00:00Z", idempotencyKey="l"
    )
    assert moved["lot"] == {"id": lot, "expiresAt": "2026-03-01T00:00:00Z", "status": "ACTIVE"}
    again = await done(
        client, "lotUpdateExpiry", lotId=lot, expiresAt="2026-03-01T00:00:00Z", idempotencyKey="l"
    )
    assert again["replayed"] is True
    before = await footprint(store)
    for given, code, path in [
        ({"lotId": lot, "expiresAt": "2026-01-15T09:30:00Z"}, "INVALID_REQUEST_PARAMETERS", "expiresAt"),
        ({"lotId": lot, "expiresAt": LAST_INSTANT}, "INVALID_REQUEST_PARAMETERS", "expiresAt"),
        ({"lotId": lot, "expiresAt": "9999-01-01T00:00:00Z"}, "INVALID_REQUEST_PARAMETERS", "expiresAt"),
        ({"lotId": "lot_nothing", "expiresAt": None}, "NOT_FOUND", "lotId"),
    ]:
        error = await refused(client, "lotUpdateExpiry", **given)
        assert (error["code"], error["path"]) == (code, ["input", path])
    assert grown(before, await footprint(store)) == {}
    kept = await done(client, "lotUpdateExpiry", lotId=lot, expiresAt=None)
    assert kept["lot"]["expiresAt"] is None


async def test_funds_may_expire_as_late_as_both_databases_can_tell_it(client: Api) -> None:
    """W27, W78: the last instant of the calendar is infinity to PostgreSQL, and no wallet could be read with it."""
    customer_id = await a_new_customer(client)
    last = "9998-12-31T23:59:59.999999Z"
    made = await done(client, "ledgerEntryCreate", **an_entry(customer_id, expiresAt=last))
    assert made["ledgerEntry"]["expiresAt"] == last
    lot = made["ledgerEntry"]["lots"][0]["lot"]["id"]
    moved = await done(client, "lotUpdateExpiry", lotId=lot, expiresAt="9998-12-31T23:59:59.999998Z")
    assert moved["lot"]["expiresAt"] == "9998-12-31T23:59:59.999998Z"
    spent = await done(
        client, "ledgerEntryCreate", **an_entry(customer_id, entryType="DEBIT", idempotencyKey="d")
    )
    assert spent["wallet"]["balance"]["amount"] == 0
