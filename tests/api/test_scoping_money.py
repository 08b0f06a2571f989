"""Sources, payments, refunds, disputes, documents and checkouts of one customer, and nobody else's (A27, A41, EV82).

What is asked is read off the schema: a type, a field or an argument that is added is asked for here without a word.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
)
from sqlalchemy import bindparam, update
from sqlmodel import col

from resolvers.permissions import PERMISSIONS
from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store
from saifu.tables import Instant, Payment
from schema import schema
from tests.api.mutations import a_new_customer, change, done, refused
from tests.builders import a_session
from tests.checkout import a_checkout
from tests.client import Api
from tests.refunding import everything_due

QUERIES: dict[str, GraphQLField] = schema.core.query_type.fields  # type: ignore[union-attr]
KINDS = {"cus", "wlt", "cwt", "lot", "evt", "src", "pay", "ref", "dsp", "inv", "rcp", "cks"}
ID = re.compile(r"\b(?:cus|wlt|cwt|lot|evt|src|pay|ref|dsp|inv|rcp|cks|itm)_[0-9A-Z]{26}(?:_[A-Z]{3})?")
GIVEN = {
    "currency": "USD", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "clientSecret": "x",
    "granularity": "MONTH",
}  # fmt: skip


@dataclass(frozen=True)
class Two:
    """A session of `own`, beside a customer it must not see; both have something of everything."""

    session: Api
    own: str
    other: str
    theirs: tuple[str, ...]
    checkout: str


async def a_life(client: Api, store: Store, settings: Settings, clock: ManualClock, name: str) -> str:
    """A customer with a source, payments of every kind of end, a refund, a dispute, documents and a checkout."""
    customer_id = await a_new_customer(
        client, email=f"{name}@example.com", name=name, metadata={"about": name}
    )
    for alias in ("tok_visa", "tok_createDispute"):
        card = (await done(client, "sourceAttach", customerId=customer_id, source=alias))["source"]["id"]
        order = {"customerId": customer_id, "currency": "USD", "amount": 7_000, "description": name}
        paid = await done(client, "paymentCreate", sourceId=card, idempotencyKey=name + alias, **order)
    about = {"paymentId": paid["payment"]["id"], "reason": name}
    stolen = await done(client, "sourceCreate", type="CARD", token="tok_visa_chargeDeclinedStolenCard")
    key = {"sourceId": stolen["source"]["id"], "idempotencyKey": name + "stolen"}
    assert (await change(client, "paymentCreate", **order, **key))["payment"]["errorCode"] == "STOLEN_CARD"
    top_up = {"customerId": customer_id, "currency": "USD", "amount": 3_000}
    await done(client, "walletTopUp", idempotencyKey=name + "top-up", **top_up)
    refund = {**about, "amount": 1_000, "metadata": {"about": name}}
    await done(client, "refundCreate", idempotencyKey=name + "refund", **refund)
    await everything_due(store, settings, clock)
    await a_checkout(client, key=name + "checkout", customer={"id": customer_id}, metadata={"about": name})
    return customer_id


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_per_session": 0})


@pytest.fixture
async def two(client: Api, store: Store, settings: Settings, clock: ManualClock) -> Two:
    own, other = [await a_life(client, store, settings, clock, name) for name in ("Hanako", "Otto")]
    _, token = await store.write(lambda tx: a_session(tx, own))
    theirs = sorted(set(ID.findall(json.dumps(await everything_of(client, other)))))
    checkout = next(each for each in theirs if each.startswith("cks_"))
    return Two(client.acting_as(token), own, other, tuple(theirs), checkout)


def shown(kind: Any, depth: int) -> str:
    """Every field that a type has, and every one of those that they lead to, so deep."""
    kind = get_named_type(kind)
    if not isinstance(kind, GraphQLObjectType):
        return "{ __typename }"
    parts = ["__typename", *(part for name, one in kind.fields.items() for part in _field(name, one, depth))]
    return f"{{ {' '.join(parts)} }}"


def _field(name: str, field: GraphQLField, depth: int) -> Iterator[str]:
    if any(is_required_argument(each) for each in field.args.values()) or name == "edges":
        return
    if is_leaf_type(get_named_type(field.type)):
        yield name
    elif depth:
        yield f"{name} {shown(field.type, depth if name == 'nodes' else depth - 1)}"


async def everything_of(client: Api, customer_id: str) -> Any:
    """A customer's own page of everything, and its checkouts, of which there is no list."""
    document = f"query ($id: ID!) {{ customer(id: $id) {shown(schema.core.type_map['Customer'], 2)} }}"
    found = await client.execute(document, id=customer_id)
    sessions = await client.execute(
        '{ auditLog(filter: {mutation: "checkoutSessionCreate"}) { nodes { objectId customerId } } }'
    )
    own = [each for each in sessions["auditLog"]["nodes"] if each["customerId"] == customer_id]
    disputes = await client.execute(
        "query ($id: ID!) { disputes(customerId: $id) { nodes { id } } }", id=customer_id
    )
    return [found, own, disputes]


async def test_its_own_is_of_every_kind(two: Two, client: Api) -> None:
    """So that nothing below is hidden only because there is none of it."""
    ids = set(ID.findall(json.dumps(await everything_of(client, two.own))))
    assert {each.partition("_")[0] for each in ids} >= KINDS
    assert {each.partition("_")[0] for each in two.theirs} >= KINDS
    assert ids.isdisjoint(two.theirs)
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    nodes = sorted(each for each in ids if not each.startswith("itm_"))[:100]
    found = (await two.session.execute(document, ids=nodes))["nodes"]
    hidden = [asked for asked, node in zip(nodes, found, strict=True) if node is None]
    # A card that was charged and never was the customer's.
    assert [each.partition("_")[0] for each in hidden] == ["src"]


async def test_nothing_of_anybody_else_is_a_node(two: Two) -> None:
    nodes = list(two.theirs)
    for start in range(0, len(nodes), 100):
        part = nodes[start : start + 100]
        found = await two.session.execute("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=part)
        assert found["nodes"] == [None] * len(part)
    for one in nodes:
        assert (await two.session.execute("query ($id: ID!) { node(id: $id) { id } }", id=one))[
            "node"
        ] is None


def _has_ids(argument: GraphQLArgument) -> bool:
    kind = get_named_type(argument.type)
    return isinstance(kind, GraphQLInputObjectType) and any(
        get_named_type(part.type).name == "ID" for part in kind.fields.values()
    )


def names_an_object(argument: GraphQLArgument) -> bool:
    return get_named_type(argument.type).name == "ID"


def asked_with(name: str, object_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A root field with an id in each place that takes one; documents and variables."""
    field = QUERIES[name]
    required = {
        each: GIVEN[each] for each, one in field.args.items() if each in GIVEN and is_required_argument(one)
    }
    for place, argument in field.args.items():
        if names_an_object(argument):
            yield _document(name, {**_ids(field, object_id), **required, place: _listed(argument, object_id)})
        of_filter = get_named_type(argument.type)
        if isinstance(of_filter, GraphQLInputObjectType):
            for inner, part in of_filter.fields.items():
                if get_named_type(part.type).name == "ID":
                    yield _document(name, {**required, place: {inner: _listed(part, object_id)}})


def _ids(field: GraphQLField, object_id: str) -> dict[str, Any]:
    ids = {
        name: each
        for name, each in field.args.items()
        if names_an_object(each) and is_required_argument(each)
    }
    return {name: _listed(each, object_id) for name, each in ids.items()}


def _listed(argument: Any, object_id: str) -> Any:
    return [object_id] if is_list_type(getattr(argument.type, "of_type", argument.type)) else object_id


def _document(name: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    field = QUERIES[name]
    variables = ", ".join(f"${each}: {field.args[each].type}" for each in given)
    arguments = ", ".join(f"{each}: ${each}" for each in given)
    return f"query ({variables}) {{ {name}({arguments}) {shown(field.type, 1)} }}", given


FOR_SESSIONS = sorted(
    name
    for name, field in QUERIES.items()
    if PERMISSIONS[name].sessions
    and any(names_an_object(each) or _has_ids(each) for each in field.args.values())
)


def nobodys(object_id: str) -> str:
    kind, _, rest = object_id.partition("_")
    return f"{kind}_{'0' * 26}{rest[26:]}"


async def test_what_is_anothers_looks_like_what_does_not_exist(two: Two) -> None:
    """A27: by id, as whose list, and in each filter, with the id of every kind of object."""
    for name, object_id in product(FOR_SESSIONS, [of(two.theirs, kind) for kind in sorted(KINDS)]):
        pairs = zip(asked_with(name, object_id), asked_with(name, nobodys(object_id)), strict=True)
        for (document, given), (_, other) in pairs:
            told, nothing = await two.session.ask(document, **given), await two.session.ask(document, **other)
            assert (told.status, without(told.body, object_id)) == (
                nothing.status,
                without(nothing.body, nobodys(object_id)),
            )
            assert set(ID.findall(json.dumps(told.body.get("data")))).isdisjoint(two.theirs)


def without(body: Any, object_id: str) -> str:
    return json.dumps(body).replace(object_id, "")


async def test_what_it_is_shown_leads_to_nobody_else(two: Two) -> None:
    """From each root field to all that it leads to; and no word of what only the merchant may know (PM32)."""
    for name, (document, given) in its_own(two).items():
        answer = await two.session.ask(document, **given)
        text = json.dumps(answer.body)
        assert answer.status == 200, text
        assert set(ID.findall(text)).isdisjoint(two.theirs)
        assert "Otto" not in text
        assert name == "declineCodes" or "STOLEN_CARD" not in text


def its_own(two: Two) -> dict[str, tuple[str, dict[str, Any]]]:
    """What each root field says to a session that names nobody, or its own customer."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, field in QUERIES.items():
        required = {each for each, one in field.args.items() if is_required_argument(one)}
        if PERMISSIONS[name].sessions and not required:
            asked[name] = (f"{{ {name} {shown(field.type, 2)} }}", {})
        elif (
            PERMISSIONS[name].sessions and required <= {"id", "customerId", *GIVEN} and name != "declineCodes"
        ):
            asked[name] = next(asked_with(name, two.own))
    assert len(asked) > 20
    return asked


async def test_a_masked_code_is_in_nothing_it_is_shown(two: Two) -> None:
    """PM32, EV82: payments, their attempts and decline, events, invoices, and wherever those lead."""
    document = f"query ($id: ID!) {{ customer(id: $id) {shown(schema.core.type_map['Customer'], 2)} }}"
    text = json.dumps(await two.session.execute(document, id=two.own))
    assert "GENERIC_DECLINE" in text
    assert re.search("stolen|pick", text, re.IGNORECASE) is None


async def test_what_it_may_change_is_its_own(two: Two) -> None:
    """CU77: with another's ids it is what it is with nobody's."""
    invoice, receipt, source = (of(two.theirs, kind) for kind in ("inv", "rcp", "src"))
    for mutation, given in (
        ("documentLinkCreate", {"documentId": invoice}),
        ("documentLinkCreate", {"documentId": receipt, "idempotencyKey": "k"}),
        ("sourceAttach", {"customerId": two.other, "source": "tok_visa"}),
        ("sourceAttach", {"customerId": two.own, "source": source}),
        ("sourceDetach", {"customerId": two.other, "sourceId": source}),
        ("sourceDetach", {"customerId": two.own, "sourceId": source}),
    ):
        same = {two.own, "tok_visa", "k"}
        nobody = {name: value if value in same else nobodys(value) for name, value in given.items()}
        assert await refused(two.session, mutation, **given) == await refused(two.session, mutation, **nobody)


def of(ids: tuple[str, ...], kind: str) -> str:
    return next(each for each in ids if each.startswith(kind))


STREAMS = {
    "paymentUpdated": ("id", "customerId"),
    "walletBalance": ("customerId",),
    "walletBalanceLow": ("customerId",),
    "checkoutSessionUpdated": ("id",),
}


async def test_no_stream_tells_of_anybody_else(two: Two) -> None:
    """A41, EV82: by id and by customer, over server-sent events; without either it has only its own events."""
    kinds = {"customerId": "cus", "paymentUpdated": "pay", "checkoutSessionUpdated": "cks"}
    for name, places in STREAMS.items():
        for place in places:
            theirs = of(two.theirs, kinds.get(place) or kinds[name])
            document = f"subscription ($id: ID!) {{ {name}({place}: $id) {{ __typename }} }}"
            told, nothing = [await said(two.session, document, id=one) for one in (theirs, nobodys(theirs))]
            assert "BAD_USER_INPUT" in told
            assert told.replace(theirs, "") == nothing.replace(nobodys(theirs), "")


async def said(session: Api, document: str, **variables: Any) -> str:
    headers = {"authorization": f"Bearer {session.token}", "accept": "text/event-stream"}
    body = {"query": document, "variables": variables}
    return (await session.http.post("/graphql", json=body, headers=headers)).text


async def test_the_token_of_a_page_sees_its_session_and_nothing_it_leads_to(two: Two, client: Api) -> None:
    """A41: nothing of the customer, wallet, sources or payment, whichever way it asks; no other session either."""
    mine = await a_checkout(client, key="mine", customer={"id": two.own}, metadata={"about": "Hanako"})
    page = client.acting_as(mine.token)
    for name, field in QUERIES.items():
        if PERMISSIONS[name].checkout or name == "checkoutSession":
            continue
        given = dict.fromkeys((each for each, one in field.args.items() if is_required_argument(one)), "x")
        document, variables = (
            _document(name, {each: GIVEN.get(each, "x") for each in given})
            if given
            else (f"{{ {name} {shown(field.type, 0)} }}", {})
        )
        assert (await page.ask(document, **variables)).code in {"FORBIDDEN", "BAD_USER_INPUT"}, name
    document = f"query ($id: ID!) {{ checkoutSession(id: $id) {shown(QUERIES['checkoutSession'].type, 2)} }}"
    seen = await page.ask(document, id=mine.id)
    ids = set(ID.findall(json.dumps(seen.body["data"])))
    assert {each for each in ids if not each.startswith("itm_")} == {mine.id}
    assert "Hanako" not in json.dumps(seen.body)
    for other in (two.checkout, nobodys(two.checkout)):
        assert (await page.ask(document, id=other)).body["data"] == {"checkoutSession": None}


async def test_it_does_not_learn_that_people_look_at_its_payment(two: Two, client: Api, store: Store) -> None:
    """PM19c: not by asking which payments those are either."""
    mark = (
        update(Payment)
        .where(col(Payment.customer_id) == two.own)
        .values(needs_review_at=bindparam("at", type_=Instant()))
    )
    await store.write(lambda tx: tx.run(mark, at=tx.now))
    document = """query ($id: ID!) { payments(filter: {needsReview: true}) { nodes { needsReviewAt } totalCount }
      customer(id: $id) { payments(filter: {needsReview: true}) { nodes { id } totalCount } } }"""
    known, told = [await each.execute(document, id=two.own) for each in (client, two.session)]
    assert known["payments"]["totalCount"] == known["customer"]["payments"]["totalCount"] > 0
    assert told == {"payments": NONE, "customer": {"payments": NONE}}


NONE = {"nodes": [], "totalCount": 0}
