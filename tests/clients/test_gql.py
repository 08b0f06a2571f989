"""PyPI's `gql` over HTTP, with and without asyncio, and over websocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
import websockets
from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import (
    TransportClosed,
    TransportConnectionFailed,
    TransportQueryError,
    TransportServerError,
)
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError, GraphQLSchema, build_schema, lexicographic_sort_schema, print_schema

from tests.clients.running import SCHEMA, Running

CREATE = """mutation ($name: String!) {
  customerCreate(input: {email: "aiko@example.com", name: $name}) { customer { id name } errors { code } } }"""
CREDIT = """mutation ($id: ID!, $amount: MinorUnits!) {
  ledgerEntryCreate(input: {customerId: $id, currency: "USD", amount: $amount, entryType: CREDIT,
                            idempotencyKey: "one"}) { wallet { balance { amount } } errors { code } } }"""
BALANCE = """subscription ($id: ID!) { walletBalance(customerId: $id, currency: "USD") {
  __typename ... on WalletSnapshot { wallet { balance { amount } } } ... on WalletChange { balance { amount } } } }"""
WRONG = "{ viewer { noSuchField } }"
WRONG_KEY = "sk_test_" + "0" * 40
# All that graphql-core knows to ask for.
EVERYTHING = {
    "descriptions": True,
    "specified_by_url": True,
    "directive_is_repeatable": True,
    "schema_description": True,
    "input_value_deprecation": True,
    "input_object_one_of": True,
}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def blocking(running: Running, key: str | None = None, **options: Any) -> Client:
    transport = HTTPXTransport(running.url, headers=bearer(key or running.key), timeout=10)
    return Client(transport=transport, **options)


def over_websocket(running: Running, key: str | None = None, **options: Any) -> Client:
    transport = WebsocketsTransport(running.ws_url, init_payload=bearer(key or running.key), **options)
    return Client(transport=transport)


def asked(document: str, **variables: Any) -> GraphQLRequest:
    return GraphQLRequest(document, variable_values=variables)


@pytest.fixture
async def socket(running: Running) -> AsyncIterator[AsyncClientSession]:
    async with over_websocket(running) as session:
        yield session


def test_a_query_and_a_mutation_over_http(running: Running):
    with blocking(running) as session:
        customer = session.execute(asked(CREATE, name="財布"))["customerCreate"]["customer"]
        assert customer["name"] == "財布"
        paid = session.execute(asked(CREDIT, id=customer["id"], amount=12_50))["ledgerEntryCreate"]
        assert paid == {"wallet": {"balance": {"amount": 12_50}}, "errors": []}


async def test_a_query_over_http_with_asyncio(running: Running):
    transport = HTTPXAsyncTransport(running.url, headers=bearer(running.key))
    async with Client(transport=transport) as session:
        assert await session.execute(gql("{ viewer { mode } }")) == {"viewer": {"mode": "TEST"}}


def test_the_schema_asked_over_http_is_the_printed_one_to_the_letter(running: Running):
    client = blocking(running, fetch_schema_from_transport=True, introspection_args=EVERYTHING)
    with client as session:
        assert session.execute(gql("{ viewer { mode } }")) == {"viewer": {"mode": "TEST"}}
        with pytest.raises(GraphQLError, match="Cannot query field 'noSuchField' on type 'Viewer'"):
            session.execute(gql(WRONG))
    assert client.schema is not None
    printed = build_schema(SCHEMA.read_text(encoding="utf-8"))
    assert in_order(client.schema) == in_order(printed)


def in_order(schema: GraphQLSchema) -> str:
    return print_schema(lexicographic_sort_schema(schema))


def test_an_invalid_document_is_an_error_of_the_query(running: Running):
    with blocking(running) as session:
        with pytest.raises(TransportQueryError) as refused:
            session.execute(gql(WRONG))
        assert refused.value.errors is not None
        assert refused.value.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert session.execute(gql("{ viewer { mode } }")), "the same session goes on"


def test_a_wrong_key_over_http_is_unauthenticated(running: Running):
    with blocking(running, WRONG_KEY) as session, pytest.raises(TransportQueryError) as refused:
        session.execute(gql("{ viewer { mode } }"))
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_batch_is_refused_by_its_status(running: Running):
    with blocking(running) as session, pytest.raises(TransportServerError) as refused:
        session.execute_batch([asked("{ viewer { mode } }"), asked("{ viewer { kind } }")])
    assert refused.value.code == 400


async def test_a_query_and_a_mutation_over_websocket(socket: AsyncClientSession):
    assert await socket.execute(gql("{ viewer { mode } }")) == {"viewer": {"mode": "TEST"}}
    created = await socket.execute(asked(CREATE, name="Aiko"))
    assert created["customerCreate"]["errors"] == []


async def test_a_subscription_lives_on_beside_a_wrong_document(socket: AsyncClientSession):
    customer_id = (await socket.execute(asked(CREATE, name="Aiko")))["customerCreate"]["customer"]["id"]
    async with aclosing(socket.subscribe(asked(BALANCE, id=customer_id))) as balances:
        assert (await anext(balances))["walletBalance"]["wallet"]["balance"]["amount"] == 0
        for document in (WRONG, "subscription { nothingOfTheKind }"):
            with pytest.raises(TransportQueryError) as refused:
                await socket.execute(gql(document))
            assert "GRAPHQL_VALIDATION_FAILED" in json.dumps(refused.value.errors)
        await socket.execute(asked(CREDIT, id=customer_id, amount=7_00))
        assert (await anext(balances))["walletBalance"]["balance"]["amount"] == 7_00


async def test_a_ping_is_answered_with_its_payload(socket: AsyncClientSession):
    """A55."""
    transport = socket.transport
    assert isinstance(transport, WebsocketsTransport)
    await transport.send_ping({"at": 7})
    async with asyncio.timeout(5):
        await transport.pong_received.wait()
    assert transport.payloads["pong"] == {"at": 7}


async def test_a_connection_kept_alive_by_pings_stays_open(running: Running):
    """A55: a pong that does not come within `pong_timeout` makes the client close the connection."""
    async with over_websocket(running, ping_interval=0.05, pong_timeout=1) as session:
        await asyncio.sleep(1.5)
        assert await session.execute(gql("{ viewer { mode } }")) == {"viewer": {"mode": "TEST"}}


async def test_a_wrong_key_over_websocket_closes_it_with_4401(running: Running):
    with pytest.raises((TransportClosed, TransportConnectionFailed)) as refused:
        async with over_websocket(running, WRONG_KEY):
            pass
    cause = refused.value.__cause__
    assert isinstance(cause, websockets.ConnectionClosed)
    assert cause.rcvd is not None
    assert cause.rcvd.code == 4401


def test_the_gateway_is_the_one_in_test_mode(running: Running):
    """What the other tests stand on: a development build, which shows its schema to all."""
    answer = httpx.post(
        running.url, json={"query": "{ __schema { queryType { name } } }"}, headers=bearer(running.key)
    )
    assert answer.json()["data"] == {"__schema": {"queryType": {"name": "Query"}}}
