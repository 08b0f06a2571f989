"""The sixteen traps of SERVING.md, each proven somewhere: here those that need the whole product, and the index."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from saifu import customers
from saifu.customers import CustomerChange
from saifu.keys import Scope
from saifu.settings import Settings
from saifu.store import Store
from tests.builders import a_customer, a_key, a_session, post
from tests.client import Api, Failed, Served, Socket, served
from tests.conftest import ADMIN_KEY, Listen

ROOT = Path(__file__).parents[2]
TRAPS = 16
CITED = re.compile(r"SERVING traps? ([0-9]+(?:(?:, | and )[0-9]+)*)")
LONGEST = 300
CREATE = "mutation ($input: CustomerCreateInput!) { customerCreate(input: $input) { customer { id } } }"
STREAM = "subscription ($filter: EventFilter) { events(filter: $filter) { __typename } }"


def test_every_trap_has_a_test_that_names_it() -> None:
    tests = [*(ROOT / "tests").glob("*/*.py"), *(ROOT / "tests" / "clients" / "node").glob("*.mjs")]
    found = [group for test in tests for group in CITED.findall(test.read_text())]
    assert {int(number) for group in found for number in re.findall("[0-9]+", group)} == {
        *range(1, TRAPS + 1)
    }


@pytest.fixture
async def live(settings: Settings, installed: Store) -> AsyncIterator[Served]:
    """The gateway of an installation in live mode, behind a port."""
    from saifu.server import build_app

    in_live_mode = settings.model_copy(update={"mode": "live"})
    async with served(build_app(in_live_mode, store=installed), in_live_mode) as running:
        yield running


async def errors_of(socket: Socket, document: str, **variables: Any) -> list[Any]:
    with pytest.raises(Failed) as failed:
        await (await socket.subscribe(document, **variables)).next()
    return failed.value.errors


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ custmer { id } }", {}),
        ("{ customer(idd: 1) { id } }", {}),
        ("{ ... on Quer { __typename } }", {}),
        ("query ($a: EventFilte) { viewer { mode } }", {}),
        (CREATE, {"input": {"emial": "a@example.com"}}),
        (CREATE, {"input": {"email": "a@example.com", "name": "A", "phoneNumbr": "1"}}),
        (STREAM, {"filter": {"typs": []}}),
        (STREAM, {"filter": {"types": ["WALLET_BALANCE_CHANGE"]}}),
    ],
)
async def test_what_may_have_been_meant_is_told_to_those_who_may_introspect_alone(
    live: Served, store: Store, document: str, variables: dict[str, Any]
) -> None:
    """SERVING trap 9, A64: of documents and of variables, over HTTP and over a websocket."""
    _, key = await store.write(lambda tx: a_key(tx, (Scope.CUSTOMERS_WRITE, Scope.EVENTS_READ)))
    for token, told in ((ADMIN_KEY, True), (key, False)):
        async with Socket.to(live.ws_url) as socket, Api.over_network(live.http_url, token) as api:
            await socket.init(token)
            ways = [await errors_of(socket, document, **variables)]
            if document is not STREAM:
                ways.append((await api.ask(document, **variables)).body["errors"])
            for errors in ways:
                assert any("Did you mean" in error["message"] for error in errors) is told, errors


@pytest.mark.parametrize(
    "given",
    [
        "x" * 60_000,
        {"x" * 60_000: 1},
        ["x" * 1_000] * 50,
        {f"{'x' * 600}{number}": 1 for number in range(90)},
        {"email": "a@example.com", "name": ["x" * 60_000]},
    ],
    ids=lambda given: str(type(given).__name__),
)
async def test_wrong_variables_are_told_of_in_few_and_short_texts(client: Api, given: Any) -> None:
    """SERVING trap 9: what was sent is not repeated at whatever length."""
    answer = await client.ask(CREATE, input=given)
    errors = answer.body["errors"]
    assert answer.code == "BAD_USER_INPUT"
    assert len(errors) <= 5
    assert max(len(error["message"]) for error in errors) <= LONGEST
    assert len(str(answer.body)) < 5_000


async def test_what_a_client_can_act_on_is_told_beside_a_fault_that_is_not(
    client: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SERVING trap 12."""
    from resolvers import customers as resolving

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the kitchen")

    monkeypatch.setattr(resolving, "one", broken)
    answer = await client.ask(
        '{ fault: customer(id: "1") { id } mistake: events(first: 101) { nodes { id } } }'
    )
    told = {error["path"][0]: error for error in answer.body["errors"]}
    assert told["fault"]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "kitchen" not in str(answer.body)
    assert told["mistake"]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "100" in told["mistake"]["message"]


SHOWN = """
query ($id: ID!) {
  customer(id: $id) { name wallet(currency: "USD") { balance { amount } sequence } }
  node(id: $id) { ... on Customer { name } }
  nodes(ids: [$id]) { ... on Customer { name wallets { currency balance { amount } } } }
  events(last: 1) { nodes { customer { name } } }
}
"""


@pytest.mark.parametrize("who", ["an admin", "the customer"])
async def test_a_socket_is_told_what_is_true_now_however_long_it_has_been_open(
    listen: Listen, store: Store, who: str
) -> None:
    """SERVING trap 13: its context, and the loaders in it, live as long as the socket and remember nothing."""
    owner = await store.write(a_customer)
    _, session = await store.write(lambda tx: a_session(tx, owner.id))
    asked = (
        SHOWN if who == "an admin" else SHOWN.replace("events(last: 1) { nodes { customer { name } } }", "")
    )
    async with listen(ADMIN_KEY if who == "an admin" else session) as socket:
        for number in range(1, 4):
            name = f"Aiko {number}"
            await store.write(lambda tx, n=name: customers.update(tx, owner.id, CustomerChange(name=n)))  # type: ignore[misc]
            await store.write(lambda tx: post(tx, owner.id, 1_00))
            shown = await anext(await socket.subscribe(asked, id=owner.id))
            assert _all(shown, "name") == {name}
            assert shown["customer"]["wallet"] == {"balance": {"amount": number * 1_00}, "sequence": number}
            assert shown["nodes"][0]["wallets"][0]["balance"]["amount"] == number * 1_00


def _all(value: Any, key: str) -> set[Any]:
    """Every value of a key, at any depth."""
    if isinstance(value, list):
        return {found for each in value for found in _all(each, key)}
    if isinstance(value, dict):
        here = {value[key]} if key in value else set()
        return here | {found for each in value.values() for found in _all(each, key)}
    return set()


def test_packages_are_those_that_exist_and_work_together() -> None:
    """SERVING trap 16."""
    packages = [
        json.loads((ROOT / at / "package.json").read_text()) for at in ("src/web", "tests/clients/node")
    ]
    for package in packages:
        wanted = {**package.get("dependencies", {}), **package["devDependencies"]}
        assert wanted["graphql"].startswith("16.")
        assert wanted["typescript"].startswith("5.9.")
    assert packages[1]["overrides"]["@graphql-tools/delegate"] == "12.2.1"
    assert packages[1]["overrides"]["@graphql-tools/wrap"] == "11.2.1"
    installed = (ROOT / "requirements.lock").read_text().lower()
    assert not re.search(r"graphql[-_]cop|graphw00f", installed)
