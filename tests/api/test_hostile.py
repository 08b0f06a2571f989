"""Hostile documents, sent through the whole gateway: refused by a code before the database is asked (A61)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from saifu import keys, logs
from saifu.keys import Scope
from saifu.settings import Settings
from saifu.store import Store
from tests.builders import a_key
from tests.client import Api, Served, Socket, served
from tests.serving.hostile import HOSTILE

CODES = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COSTLY", "BAD_USER_INPUT"}
HONEST = "{ customers(first: 1) { nodes { id wallets { balance { amount } } } } }"
FRAME_BYTES = 60_000


@pytest.fixture
async def key(installed: Store) -> str:
    """Of somebody who may read, and not introspect."""
    return (await installed.write(lambda tx: a_key(tx, (Scope.CUSTOMERS_READ, Scope.WALLETS_READ))))[1]


@pytest.fixture
async def statements(installed: Store, key: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each use of the database that a request makes, the look-up of its credential aside."""
    found = await keys.by_secret(installed, key)

    async def known(*_: Any) -> Any:
        return found

    monkeypatch.setattr(keys, "by_secret", known)
    counted: list[str] = []
    for way in ("read", "read_now", "write"):
        monkeypatch.setattr(installed, way, _counting(counted, way, getattr(installed, way)))
    return counted


def _counting(counted: list[str], way: str, use: Any) -> Any:
    async def using(*given: Any, **named: Any) -> Any:
        # What the gateway does by itself, such as following the log, is done for no request.
        if logs._request_id.get() is not None:
            counted.append(way)
        return await use(*given, **named)

    return using


@pytest.fixture
async def live(settings: Settings, installed: Store, statements: list[str]) -> AsyncIterator[Served]:
    from saifu.server import build_app

    in_live_mode = settings.model_copy(update={"mode": "live"})
    async with served(build_app(in_live_mode, store=installed), in_live_mode) as running:
        yield running


def _check(name: str, errors: list[Any], statements: list[str]) -> None:
    """What the small shop finds harmless may mean something to us, and be run."""
    codes = {error["extensions"]["code"] for error in errors}
    assert codes <= CODES, name
    assert codes or HOSTILE[name][1] is None, name
    assert not statements or not codes, name
    statements.clear()


async def test_over_http_all_of_it_is_refused_without_a_statement(
    live: Served, key: str, statements: list[str]
) -> None:
    """A26, A61, T15; SERVING traps 1 and 11."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    async with Api.over_network(live.http_url, key) as api:
        for name, (text, _) in HOSTILE.items():
            answer = await api.http.post("/graphql", content=json.dumps({"query": text}), headers=headers)
            assert answer.status_code < 500, name
            assert len(answer.content) < 10_000, name
            _check(name, answer.json().get("errors", []), statements)
        assert (await api.execute(HONEST))["customers"] == {"nodes": []}
        assert statements, "an honest request is read for, and counted"


async def test_over_a_websocket_it_ends_its_operation_alone(
    live: Served, key: str, statements: list[str]
) -> None:
    """A55, A61, T15."""
    small = [name for name, (text, _) in HOSTILE.items() if len(json.dumps(text)) < FRAME_BYTES]
    async with Socket.to(live.ws_url) as socket:
        await socket.init(key)
        for name in small[::2]:
            message = await (await socket.subscribe(HOSTILE[name][0])).raw()
            payload = message["payload"]
            _check(name, payload if message["type"] == "error" else payload.get("errors", []), statements)
        assert await (await socket.subscribe(HONEST)).next() == {"nodes": []}
        assert statements, "an honest request is read for, and counted"
