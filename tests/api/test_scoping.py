"""A customer session sees one customer, whichever way it looks, and no hint of any other (A27, A41)."""

from dataclasses import dataclass
from typing import Any

import pytest

from resolvers.permissions import PERMISSIONS
from saifu import audit
from saifu.store import Store
from tests.api.mutations import MUTATIONS, document
from tests.builders import a_customer, a_key, a_session, post
from tests.client import Api
from tests.footprint import footprint, grown


@dataclass(frozen=True)
class Two:
    """A session of `own`, beside a customer it must not see; both have money, entries and events."""

    session: Api
    own: str
    other: str
    session_id: str


@pytest.fixture
async def two(client: Api, store: Store) -> Two:
    own, other = (await store.write(a_customer)).id, (await store.write(a_customer)).id
    for who in (own, other):
        for amount in (700, 300, -100):
            await store.write(lambda tx, who=who, much=amount: post(tx, who, much))  # type: ignore[misc]
    session_id, token = await store.write(lambda tx: a_session(tx, own))
    await store.write(lambda tx: a_session(tx, other))
    await store.write(a_key)
    return Two(client.acting_as(token), own, other, session_id)


EVERYTHING = """query ($id: ID!) {
  customer(id: $id) { id }
  wallet(customerId: $id, currency: "USD") { id }
  ledgerEntries(customerId: $id) { nodes { id } edges { node { id } } totalCount }
  events(filter: {customerId: $id}) { nodes { id } totalCount }
  walletSpendReport(customerId: $id, currency: "USD", from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z",
    granularity: MONTH) { buckets { closingBalance { amount } } }
  walletBalanceTrend(customerId: $id, currency: "USD", from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z",
    granularity: MONTH) { buckets { closingBalance { amount } } }
  ledgerVerify(customerId: $id, currency: "USD") { intact }
}"""


async def test_what_is_anothers_is_null_or_empty_through_every_root_field(two: Two) -> None:
    assert await two.session.execute(EVERYTHING, id=two.other) == {
        "customer": None,
        "wallet": None,
        "ledgerEntries": {"nodes": [], "edges": [], "totalCount": 0},
        "events": {"nodes": [], "totalCount": 0},
        "walletSpendReport": None,
        "walletBalanceTrend": None,
        "ledgerVerify": None,
    }


async def test_what_is_anothers_looks_like_what_does_not_exist(two: Two) -> None:
    other = await two.session.execute(EVERYTHING, id=two.other)
    nobody = await two.session.execute(EVERYTHING, id="cus_01J8ZZZZZZZZZZZZZZZZZZZZZZ")
    assert other == nobody


async def test_what_is_its_own_is_there(two: Two) -> None:
    found = await two.session.execute(EVERYTHING, id=two.own)
    assert found["customer"] == {"id": two.own}
    assert found["ledgerEntries"]["totalCount"] == 3
    assert found["events"]["totalCount"] >= 4
    assert found["walletSpendReport"]["buckets"] == [{"closingBalance": {"amount": 900}}]
    assert found["walletBalanceTrend"]["buckets"] == [{"closingBalance": {"amount": 900}}]
    assert found["ledgerVerify"] == {"intact": True}


async def test_lists_that_name_nobody_hold_its_own_alone(two: Two) -> None:
    found = await two.session.execute("""{
      customers { nodes { id } totalCount }
      ledgerEntries { nodes { customerId } totalCount }
      events { nodes { customerId } totalCount }
      walletSpendReport(currency: "USD", from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z",
        granularity: MONTH) { buckets { closingBalance { amount } } }
      viewer { kind customerId scopes credentialId }
    }""")
    assert found["customers"] == {"nodes": [{"id": two.own}], "totalCount": 1}
    assert {node["customerId"] for node in found["ledgerEntries"]["nodes"]} == {two.own}
    assert {node["customerId"] for node in found["events"]["nodes"]} == {two.own}
    assert (found["ledgerEntries"]["totalCount"], found["events"]["totalCount"]) == (
        3,
        len(found["events"]["nodes"]),
    )
    assert found["walletSpendReport"]["buckets"] == [{"closingBalance": {"amount": 900}}]
    assert found["viewer"] == {
        "kind": "CUSTOMER_SESSION",
        "customerId": two.own,
        "scopes": ["CUSTOMERS_READ", "WALLETS_READ", "SOURCES_READ", "PAYMENTS_READ", "EVENTS_READ"],
        "credentialId": two.session_id,
    }


async def test_no_filter_finds_anybody_else(two: Two, client: Api) -> None:
    email = (await client.execute("query ($id: ID!) { customer(id: $id) { email } }", id=two.other))[
        "customer"
    ]["email"]
    for given in ({"email": email}, {"name": "Aiko"}, {"walletBalanceLt": 10**9, "currency": "USD"}):
        found = await two.session.execute(
            "query ($f: CustomerFilter) { customers(filter: $f) { nodes { id } } }", f=given
        )
        assert two.other not in [node["id"] for node in found["customers"]["nodes"]]


async def everything_of(client: Api, customer_id: str) -> list[str]:
    """The ids of every object that an admin finds of a customer."""
    found = await client.execute(
        """query ($id: ID!) {
          customer(id: $id) {
            id wallets { id lots { nodes { id } } } ledgerEntries { nodes { id } } events { nodes { id } } } }""",
        id=customer_id,
    )
    customer = found["customer"]
    groups = [
        [customer],
        customer["wallets"],
        *[wallet["lots"]["nodes"] for wallet in customer["wallets"]],
        customer["ledgerEntries"]["nodes"],
        customer["events"]["nodes"],
    ]
    return [node["id"] for group in groups for node in group]


async def test_node_and_nodes_find_its_own_objects_and_no_others(client: Api, two: Two, store: Store) -> None:
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"
    own, others = await everything_of(client, two.own), await everything_of(client, two.other)
    assert {one.partition("_")[0] for one in own} == {"cus", "wlt", "lot", "cwt", "evt"}
    business = await client.execute("{ auditLog { nodes { id } } apiKeys { nodes { id } } }")
    private = [node["id"] for group in business.values() for node in group["nodes"]]
    sessions = [row.object_id for row in await _sessions(store) if row.object_id != two.session_id]
    strange = [
        "",
        "cus_",
        "wlt_",
        "wlt_x_USD",
        f"wlt_{two.own}_USD",
        "msg_1",
        "💸",
        two.own.lower(),
        f"{two.own}_USD",
    ]

    found = (await two.session.execute(nodes, ids=own))["nodes"]
    assert [node["id"] for node in found] == own
    hidden = [*others, *private, *sessions, *strange]
    assert len(hidden) <= 100
    assert (await two.session.execute(nodes, ids=hidden))["nodes"] == [None] * len(hidden)
    for object_id in hidden:
        assert (await two.session.execute("query ($id: ID!) { node(id: $id) { id } }", id=object_id))[
            "node"
        ] is None
    # The admin finds all of them, so that it is not for being mistyped that they are hidden.
    there = (await client.execute(nodes, ids=[*others, *private, *sessions]))["nodes"]
    assert None not in there
    mixed = (await two.session.execute(nodes, ids=[others[0], own[0], "x", own[0]]))["nodes"]
    assert [node and node["id"] for node in mixed] == [None, own[0], None, own[0]]


async def _sessions(store: Store) -> list[Any]:
    from saifu.paging import Order, Window

    page = await store.read(
        lambda tx: audit.LISTING.page(
            tx, Window(100), Order("CREATED_AT"), {"mutation": "customerSessionCreate"}
        )
    )
    return page.rows


async def test_more_than_a_hundred_ids_are_refused(client: Api) -> None:
    answer = await client.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["cus_x"] * 101)
    assert answer.code == "BAD_USER_INPUT"


async def test_nested_edges_lead_nowhere_else(two: Two) -> None:
    found = await two.session.execute("""{ customers(first: 3) { nodes { id
      wallets { customerId customer { id } entries(first: 10) { nodes { customerId wallet { customerId } customer { id }
        lots { lot { customerId wallet { customerId } originEntry { customerId } } } } } }
      ledgerEntries { nodes { customerId } } events { nodes { customerId customer { id } object { id } } } } } }""")
    text = str(found)
    assert two.own in text
    assert two.other not in text


@pytest.mark.parametrize("field", ["trialBalance { balanced }", "auditLog { totalCount }", "apiKeys { totalCount }",
                                   'operation(idempotencyKey: "k") { mutation }'])  # fmt: skip
async def test_what_is_the_businesss_alone_is_forbidden(two: Two, field: str) -> None:
    answer = await two.session.ask(f"{{ {field} }}")
    assert answer.code == "FORBIDDEN"


INPUTS: dict[str, dict[str, Any]] = {
    "customerCreate": {"email": "a@example.com", "name": "A"},
    "customerUpdate": {"customerId": "own", "name": "A"},
    "customerDelete": {"customerId": "own"},
    "customerBlock": {"customer": {"id": "own"}},
    "customerUnblock": {"customerId": "own"},
    "customerSessionCreate": {"customerId": "own"},
    "ledgerEntryCreate": {
        "customerId": "own", "currency": "USD", "amount": 1, "entryType": "CREDIT", "idempotencyKey": "k",
    },
    "walletUpdate": {"customerId": "own", "currency": "USD", "lowBalanceThreshold": 1},
    "lotUpdateExpiry": {"lotId": "lot_x", "expiresAt": None},
    "documentLinkCreate": {"documentId": "inv_x"},
    "documentLinksRevoke": {"documentId": "inv_x"},
    "refundCreate": {"paymentId": "pay_x", "idempotencyKey": "k"},
    "refundVoid": {"refundId": "ref_x", "idempotencyKey": "k"},
    "disputeAccept": {"disputeId": "dsp_x"},
    "disputeChallenge": {"disputeId": "dsp_x", "evidence": "a receipt"},
    "paymentCreate": {"customerId": "own", "currency": "USD", "amount": 100, "idempotencyKey": "k"},
    "sourceCreate": {"type": "CARD", "token": "tok_x"},
    "sourceUpdate": {"sourceId": "src_x", "metadata": {}},
    "sourceVerify": {"sourceId": "src_x", "code": "1"},
    "sourceAttach": {"customerId": "own", "source": "src_x"},
    "sourceDetach": {"customerId": "own", "sourceId": "src_x"},
    "paymentRetry": {"paymentId": "pay_x", "idempotencyKey": "k"},
    "paymentCancel": {"paymentId": "pay_x"},
    "walletTopUp": {"customerId": "own", "currency": "USD", "amount": 100, "idempotencyKey": "k"},
    "checkoutSessionCreate": {
        "currency": "USD", "purpose": "TOP_UP", "amount": 100, "customer": {"id": "cus_x"}, "idempotencyKey": "k",
    },
    "simulatorScript": {"outcomes": [{"outcome": "SUCCEED"}]},
    "checkoutSessionExpire": {"checkoutSessionId": "cks_x"},
    "apiKeyCreate": {"name": "mine", "scopes": ["ADMIN"]},
    "apiKeyRevoke": {"apiKeyId": "key_x"},
}  # fmt: skip


FOR_SESSIONS = {name for name in MUTATIONS if PERMISSIONS[name].sessions}
"""What a session may do, with what is its own (CU77)."""


@pytest.mark.parametrize("mutation", sorted(set(MUTATIONS) - FOR_SESSIONS))
async def test_a_session_changes_nothing(two: Two, store: Store, mutation: str) -> None:
    """A41, CU78: FORBIDDEN at the top level, also about its own customer."""
    given = {name: two.own if value == "own" else value for name, value in INPUTS[mutation].items()}
    if mutation == "customerBlock":
        given = {"customer": {"id": two.own}}
    before = await footprint(store)
    answer = await two.session.ask(document(mutation), input=given)
    (error,) = answer.body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["httpStatus"], error["path"]) == (
        "FORBIDDEN",
        403,
        [mutation],
    )
    assert grown(before, await footprint(store)) == {}
