"""Over HTTP nobody can tell whether an answer was made by one statement or by resolvers: the first is by resolvers."""

from typing import Any

import pytest

from saifu.keys import Scope
from saifu.store import Store
from tests.api.test_statement_counts import counted
from tests.builders import a_customer, a_key, a_session, post
from tests.client import Api
from tests.integration.test_store import settled_log

DASHBOARD = """query ($id: ID!, $n: Int) {
  found: customer(id: $id) {
    ...Who
    wallets { balance { amount } nextExpiry { expiresAt } }
    ledgerEntries(first: $n) { __typename edges { cursor node { ...Entry } } pageInfo { endCursor hasNextPage } }
    events { nodes { cursor type data } }
  }
  again: customer(id: $id) { name }
}
fragment Who on Customer { id email metadata }
fragment Entry on Node { id ... on LedgerEntry { amount { amount } actor { type } createdAt } }"""


async def thrice(api: Api, customer_id: str, size: int = 2) -> Any:
    """The one answer that asking three times gives."""
    first, *others = [await api.ask(DASHBOARD, id=customer_id, n=size) for _ in range(3)]
    assert [(other.status, _told(other.body)) for other in others] == [(first.status, _told(first.body))] * 2
    return first.body


def _told(body: Any) -> Any:
    """All but what names the request."""
    errors = [{**error, "extensions": error["extensions"]["code"]} for error in body.get("errors", [])]
    return body.get("data"), errors


@pytest.fixture
async def customer_id(store: Store) -> str:
    owner = (await store.write(a_customer)).id
    for amount in (700, 300, -100):
        await store.write(lambda tx, much=amount: post(tx, owner, much))  # type: ignore[misc]
    await settled_log(store, 4)
    return owner


async def test_everybody_is_told_the_same_however_often_they_ask(
    client: Api, store: Store, customer_id: str
) -> None:
    """A40, A41: also after an admin has made all that could be remembered."""
    other = (await store.write(a_customer)).id
    _, narrow = await store.write(lambda tx: a_key(tx, (Scope.CUSTOMERS_READ, Scope.WALLETS_READ)))
    _, own = await store.write(lambda tx: a_session(tx, customer_id))
    _, others = await store.write(lambda tx: a_session(tx, other))
    seen = await thrice(client, customer_id)
    assert "errors" not in seen
    assert seen["data"]["found"]["wallets"][0]["balance"] == {"amount": 900}
    assert await thrice(client.acting_as(own), customer_id) == seen
    refused = await thrice(client.acting_as(narrow), customer_id)
    assert refused["data"]["found"] == {**seen["data"]["found"], "events": None}
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["FORBIDDEN"]
    hidden = await thrice(client.acting_as(others), customer_id)
    assert hidden["data"] == {"found": None, "again": None}
    assert await thrice(client, "cus_0") == hidden


async def test_what_is_wrong_with_a_page_is_said_every_time(client: Api, customer_id: str) -> None:
    body = await thrice(client, customer_id, size=101)
    assert body["data"]["found"]["ledgerEntries"] is None
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_USER_INPUT"]


async def test_an_answer_is_never_older_than_a_write_that_was_answered(
    client: Api, store: Store, customer_id: str
) -> None:
    """A33."""
    await thrice(client, customer_id)
    for number in range(1, 6):
        await store.write(lambda tx: post(tx, customer_id, 100))
        data = await client.execute(DASHBOARD, id=customer_id, n=1)
        assert data["found"]["wallets"][0]["balance"] == {"amount": 900 + 100 * number}
        assert data["found"]["ledgerEntries"]["edges"][0]["node"]["amount"] == {"amount": 100}


async def test_once_it_is_known_a_dashboard_is_read_by_nothing_but_its_one_statement(
    client: Api, store: Store, customer_id: str
) -> None:
    query = DASHBOARD.replace("again: customer(id: $id) { name }", "")
    for _ in range(2):
        await client.execute(query, id=customer_id, n=10)
    with counted(store) as to_be_let_in:
        await client.execute("{ __typename }")
    with counted(store) as counts:
        data = await client.execute(query, id=customer_id, n=10)
    assert len(data["found"]["ledgerEntries"]["edges"]) == 3
    assert counts == to_be_let_in
