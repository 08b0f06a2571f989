"""Who may: every root field with every scope (A40, S4)."""

from typing import Any

import pytest

from resolvers.context import IMPLIED
from resolvers.permissions import PERMISSIONS
from saifu.keys import Scope
from saifu.store import Store
from tests.api.mutations import MUTATIONS, a_new_customer, done, refused
from tests.api.test_scoping import INPUTS
from tests.builders import a_key
from tests.client import Api
from tests.footprint import footprint, grown

QUERIES = {
    "node": 'node(id: "cus_x") { id }',
    "nodes": 'nodes(ids: ["cus_x"]) { id }',
    "viewer": "viewer { mode }",
    "customer": 'customer(id: "cus_x") { id }',
    "customers": "customers { totalCount }",
    "wallet": 'wallet(customerId: "cus_x", currency: "USD") { id }',
    "ledgerEntries": "ledgerEntries { totalCount }",
    "walletSpendReport": 'walletSpendReport(currency: "USD", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z")'
    " { currency }",
    "walletBalanceTrend": 'walletBalanceTrend(customerId: "cus_x", currency: "USD", from: "2026-01-01T00:00:00Z", '
    'to: "2026-01-02T00:00:00Z") { currency }',
    "trialBalance": "trialBalance { balanced }",
    "ledgerVerify": 'ledgerVerify(customerId: "cus_x", currency: "USD") { intact }',
    "invoice": 'invoice(id: "inv_x") { id }',
    "invoices": "invoices { totalCount }",
    "receipt": 'receipt(id: "rcp_x") { id }',
    "refund": 'refund(id: "ref_x") { id }',
    "refunds": "refunds { totalCount }",
    "dispute": 'dispute(id: "dsp_x") { id }',
    "disputes": "disputes { totalCount }",
    "source": 'source(id: "src_x") { id }',
    "sourceProgress": 'sourceProgress(id: "src_x", clientSecret: "x") { status }',
    "payment": 'payment(id: "pay_x") { id }',
    "payments": "payments { totalCount }",
    "declineCodes": "declineCodes { code }",
    "event": 'event(id: "evt_x") { id }',
    "events": "events { totalCount }",
    "eventTypes": "eventTypes { name }",
    "operation": 'operation(idempotencyKey: "k") { mutation }',
    "auditLog": "auditLog { totalCount }",
    "checkoutSession": 'checkoutSession(id: "cks_x") { id }',
    "apiKeys": "apiKeys { totalCount }",
}
SUBSCRIPTIONS = {"checkoutSessionUpdated", "events", "walletBalance", "walletBalanceLow", "paymentUpdated"}

_FREE = {name for name, permission in PERMISSIONS.items() if permission.scope is None}
EXPECTED: dict[Scope, set[str]] = {
    Scope.CUSTOMERS_READ: {"customer", "customers"},
    Scope.CUSTOMERS_WRITE: {
        "customer", "customers", "customerCreate", "customerUpdate", "customerDelete", "customerBlock",
        "customerUnblock", "customerSessionCreate",
    },
    Scope.WALLETS_READ: {
        "wallet", "ledgerEntries", "walletSpendReport", "walletBalanceTrend", "trialBalance", "ledgerVerify",
    },
    Scope.WALLETS_WRITE: {
        "wallet", "ledgerEntries", "walletSpendReport", "walletBalanceTrend", "trialBalance", "ledgerVerify",
        "ledgerEntryCreate", "walletUpdate", "lotUpdateExpiry",
    },
    Scope.SOURCES_READ: {"source"},
    Scope.SOURCES_WRITE: {
        "source", "sourceCreate", "sourceUpdate", "sourceVerify", "sourceAttach", "sourceDetach",
    },
    Scope.PAYMENTS_READ: {
        "checkoutSession",
        "payment", "payments",
        "invoice", "invoices", "receipt", "documentLinkCreate", "refund", "refunds", "dispute", "disputes",
    },
    Scope.PAYMENTS_WRITE: {
        "checkoutSession", "checkoutSessionCreate", "checkoutSessionExpire",
        "payment", "payments", "paymentCreate", "paymentRetry", "paymentCancel", "walletTopUp",
        "invoice", "invoices", "receipt", "documentLinkCreate", "documentLinksRevoke",
        "refund", "refunds", "dispute", "disputes", "refundCreate", "refundVoid", "disputeAccept", "disputeChallenge",
        "simulatorScript",
    },
    Scope.EVENTS_READ: {"event", "events", "eventTypes"},
    Scope.KEYS_READ: {"apiKeys"},
    Scope.KEYS_WRITE: {"apiKeys", "apiKeyCreate", "apiKeyRevoke"},
    Scope.AUDIT_READ: {"auditLog"},
    Scope.ADMIN: {*QUERIES, *MUTATIONS},
}  # fmt: skip


def test_the_matrix_is_of_every_root_field_and_every_scope() -> None:
    assert set(QUERIES) | set(MUTATIONS) | SUBSCRIPTIONS == PERMISSIONS.keys()
    assert EXPECTED.keys() == set(Scope)
    assert {"node", "nodes", "viewer", "operation", "declineCodes", "sourceProgress"} == _FREE
    assert all(str(write).replace("write", "read") == read for write, read in IMPLIED.items())


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_key_reaches_what_its_scope_says_and_nothing_else(
    client: Api, store: Store, scope: Scope
) -> None:
    """S4: deny by default, and a denied field runs nothing."""
    _, secret = await store.write(lambda tx: a_key(tx, [scope]))
    holder = client.acting_as(secret)
    allowed = EXPECTED[scope] | _FREE
    for name, field in QUERIES.items():
        answer = await holder.ask(f"{{ {field} }}")
        assert _forbidden(answer.body, name) is (name not in allowed), name
    for name in MUTATIONS:
        before = await footprint(store)
        answer = await holder.ask(_bare(name), input=_harmless(name))
        assert _forbidden(answer.body, name) is (name not in allowed), name
        if name not in allowed:
            assert grown(before, await footprint(store)) == {}


def _bare(mutation: str) -> str:
    kind = mutation[0].upper() + mutation[1:] + "Input"
    return f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ errors {{ code }} }} }}"


def _harmless(mutation: str) -> dict[str, Any]:
    """An input that is well formed and of nobody, so that what is allowed is refused as data."""
    given = {name: "cus_x" if value == "own" else value for name, value in INPUTS[mutation].items()}
    return {"customer": {"id": "cus_x"}} if mutation == "customerBlock" else given


def _forbidden(body: Any, name: str) -> bool:
    errors = body.get("errors", [])
    assert all(error["extensions"]["code"] == "FORBIDDEN" and error["path"] == [name] for error in errors), (
        errors
    )
    return bool(errors)


async def test_a_key_for_customers_sees_the_customer_and_not_its_money(client: Api, store: Store) -> None:
    """A6: what another scope guards is null with an error that says so; the rest of the answer is there."""
    customer_id = await a_new_customer(client)
    _, secret = await store.write(lambda tx: a_key(tx, [Scope.CUSTOMERS_READ]))
    answer = await client.acting_as(secret).ask(
        """query ($id: ID!) { customer(id: $id) { name wallets { id } wallet(currency: "USD") { id }
        ledgerEntries { totalCount } events { totalCount } totalBalanceUsd { amount } totalBalanceUsdMissing }
        node(id: $id) { id } }""",
        id=customer_id,
    )
    gated = ["wallets", "wallet", "ledgerEntries", "events", "totalBalanceUsd", "totalBalanceUsdMissing"]
    assert answer.body["data"]["customer"] == {"name": "Aiko", **dict.fromkeys(gated)}
    assert answer.body["data"]["node"] == {"id": customer_id}
    assert {tuple(error["path"]) for error in answer.body["errors"]} == {("customer", name) for name in gated}
    assert {error["extensions"]["code"] for error in answer.body["errors"]} == {"FORBIDDEN"}


async def test_a_key_for_wallets_finds_no_other_kind_of_object(client: Api, store: Store) -> None:
    """A2: `node` has the permissions of the direct query."""
    customer_id = await a_new_customer(client)
    _, secret = await store.write(lambda tx: a_key(tx, [Scope.WALLETS_READ]))
    wallet_id = f"wlt_{customer_id.removeprefix('cus_')}_USD"
    found = await client.acting_as(secret).execute(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[customer_id, wallet_id]
    )
    assert found["nodes"] == [None, {"id": wallet_id}]


async def test_a_key_gives_away_no_more_than_it_has(client: Api, store: Store) -> None:
    """A40: whoever may make keys may not make itself an admin."""
    _, secret = await store.write(lambda tx: a_key(tx, [Scope.KEYS_WRITE, Scope.WALLETS_WRITE]))
    holder = client.acting_as(secret)
    before = await footprint(store)
    for scopes in (["ADMIN"], ["WALLETS_READ", "CUSTOMERS_READ"], ["AUDIT_READ"]):
        error = await refused(holder, "apiKeyCreate", name="more", scopes=scopes)
        assert (error["code"], error["httpStatus"], error["path"]) == ("FORBIDDEN", 403, ["input", "scopes"])
    assert grown(before, await footprint(store)) == {}
    made = await done(holder, "apiKeyCreate", name="same", scopes=["KEYS_READ", "WALLETS_WRITE"])
    assert made["apiKey"]["scopes"] == ["KEYS_READ", "WALLETS_WRITE"]


async def test_a_key_is_made_shown_once_used_and_revoked(client: Api) -> None:
    made = await done(
        client, "apiKeyCreate", name="reports 報告", scopes=["WALLETS_READ"], idempotencyKey="k"
    )
    assert made["secret"].startswith("sk_test_")
    assert made["secret"].startswith(made["apiKey"]["prefix"])
    again = await done(
        client, "apiKeyCreate", name="reports 報告", scopes=["WALLETS_READ"], idempotencyKey="k"
    )
    assert (again["secret"], again["replayed"], again["apiKey"]["id"]) == (None, True, made["apiKey"]["id"])
    holder = client.acting_as(made["secret"])
    assert (await holder.execute("{ trialBalance { balanced } }"))["trialBalance"] == [{"balanced": True}] * 2
    gone = await done(client, "apiKeyRevoke", apiKeyId=made["apiKey"]["id"], idempotencyKey="r")
    assert gone["apiKey"]["revokedAt"] == "2026-01-15T09:30:00Z"
    assert (await done(client, "apiKeyRevoke", apiKeyId=made["apiKey"]["id"], idempotencyKey="r"))[
        "replayed"
    ] is True
    assert (await holder.ask("{ viewer { mode } }")).code == "UNAUTHENTICATED"
    listed = await client.execute("{ apiKeys { nodes { id prefix } } }")
    assert made["secret"] not in str(listed)


@pytest.mark.parametrize(
    ("mutation", "given", "code", "path"),
    [
        ("apiKeyCreate", {"name": "", "scopes": ["ADMIN"]}, "INVALID_REQUEST_PARAMETERS", ["input", "name"]),
        ("apiKeyCreate", {"name": "a", "scopes": []}, "INVALID_REQUEST_PARAMETERS", ["input", "scopes"]),
        ("apiKeyRevoke", {"apiKeyId": "key_x"}, "NOT_FOUND", ["input", "apiKeyId"]),
    ],
)
async def test_a_key_that_cannot_be_made_or_revoked_says_why(
    client: Api, mutation: str, given: dict[str, Any], code: str, path: list[str]
) -> None:
    error = await refused(client, mutation, **given)
    assert (error["code"], error["path"]) == (code, path)


async def test_a_key_without_wallets_cannot_ask_who_holds_less(client: Api, store: Store) -> None:
    """S4: asked often enough, "less than?" tells every balance."""
    _, secret = await store.write(lambda tx: a_key(tx, [Scope.CUSTOMERS_READ]))
    asked = '{ customers(filter: {walletBalanceLt: 5, currency: "USD"}) { totalCount } }'
    answer = await client.acting_as(secret).ask(asked)
    assert (answer.code, answer.body["data"]) == ("FORBIDDEN", None)
    _, both = await store.write(lambda tx: a_key(tx, [Scope.CUSTOMERS_READ, Scope.WALLETS_READ]))
    assert (await client.acting_as(both).execute(asked))["customers"] == {"totalCount": 0}
