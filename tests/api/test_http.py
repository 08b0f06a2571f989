"""GraphQL over HTTP: who is let in, and what is said of anything malformed (A26, A40, A44, A60, SERVING traps 6, 8)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from saifu import keys
from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store
from tests.builders import a_customer, a_key, a_session
from tests.client import Api, Closed, Served, Socket
from tests.conftest import ADMIN_KEY

pytestmark = pytest.mark.either_engine

VIEWER = "{ viewer { mode } }"
CREATE = 'mutation { customerCreate(input: {email: "a@example.com", name: "A"}) { customer { id } } }'
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "credential",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic c2s6",
        ADMIN_KEY,
        f"Bearer {ADMIN_KEY}x",
        f"Bearer {ADMIN_KEY[:-1]}",
        "Bearer sk_test_",
        "Bearer cs_unknown",
        "Bearer " + "x" * 5_000,
        "Bearer sk_test_" + "\u00e9" * 40,
    ],
)
async def test_nobody_gets_in_without_a_good_credential(client: Api, credential: str | None) -> None:
    headers = {} if credential is None else {"authorization": credential.encode("latin-1")}
    answer = await client.http.post("/graphql", json={"query": VIEWER}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "data" not in answer.json()


async def test_a_key_a_scheme_in_any_case_and_a_session_get_in(client: Api, store: Store) -> None:
    assert (await client.execute(VIEWER))["viewer"]["mode"] == "TEST"
    lower = await client.http.post(
        "/graphql", json={"query": VIEWER}, headers={"authorization": f"bearer {ADMIN_KEY}"}
    )
    assert lower.status_code == 200
    customer = await store.write(a_customer)
    _, token = await store.write(lambda tx: a_session(tx, customer.id))
    assert (await client.acting_as(token).execute(VIEWER))["viewer"]["mode"] == "TEST"


async def test_a_revoked_key_is_refused_at_once(client: Api, store: Store) -> None:
    """A42."""
    key_id, secret = await store.write(a_key)
    assert (await client.acting_as(secret).ask(VIEWER)).status == 200
    await store.write(lambda tx: keys.revoke(tx, key_id))
    assert (await client.acting_as(secret).ask(VIEWER)).status == 401


async def test_a_session_is_refused_the_moment_it_expires(
    client: Api, store: Store, clock: ManualClock
) -> None:
    customer = await store.write(a_customer)
    _, token = await store.write(lambda tx: a_session(tx, customer.id, ttl_s=60))
    clock.advance(timedelta(seconds=59))
    assert (await client.acting_as(token).ask(VIEWER)).status == 200
    clock.advance(timedelta(seconds=1))
    assert (await client.acting_as(token).ask(VIEWER)).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"5", 400),
        (b"null", 400),
        (b'"{ viewer { mode } }"', 400),
        (b"[]", 400),
        (b'[{"query": "{ viewer { mode } }"}]', 400),
        (b"{}", 400),
        (b'{"query": null}', 400),
        (b'{"query": 5}', 400),
        (b'{"query": ""}', 400),
        (b'{"query": "  "}', 400),
        (b'{"query": ["{ viewer { mode } }"]}', 400),
        (b'{"query": "{ viewer { mode } }", "variables": []}', 400),
        (b'{"query": "{ viewer { mode } }", "variables": "{}"}', 400),
        (b'{"query": "{ viewer { mode } }", "extensions": 5}', 400),
        (b'{"query": "{ viewer { mode } }", "operationName": 5}', 400),
        (b'{"query": "{ viewer { mode } }", "variables": {"a": NaN}}', 400),
        (b'{"query": "\xff\xfe"}', 400),
        (b'{"query": "{ viewer { mode } }", "variables": {"a": "\\ud800"}}', 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"query": "' + b" " * 1_100_000 + b'"}', 413),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, bytes) else None,
)
async def test_a_malformed_body_is_a_client_error_with_a_code(client: Api, body: bytes, status: int) -> None:
    answer = await client.http.post("/graphql", content=body, headers={**JSON, **_authorized()})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {},
    ],
)
async def test_only_json_in_utf8_is_taken(client: Api, headers: dict[str, str]) -> None:
    """Also what keeps other sites' forms out (A60, S11)."""
    content = b'{"query": "{ viewer { mode } }"}'
    answer = await client.http.post("/graphql", content=content, headers={**headers, **_authorized()})
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ viewer { mode }", "GRAPHQL_PARSE_FAILED"),
        ("{ viewer { nonsense } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { viewer { mode } } query B { viewer { mode } }", "BAD_USER_INPUT"),
        ("query ($id: ID!) { customer(id: $id) { id } }", "BAD_USER_INPUT"),
        ("subscription { events { __typename } }", "BAD_USER_INPUT"),
    ],
)
async def test_a_document_that_cannot_run_says_why(client: Api, document: str, code: str) -> None:
    answer = await client.ask(document)
    assert answer.code == code
    assert "data" not in answer.body or answer.body["data"] is None


async def test_a_fault_of_ours_shows_a_reference_and_nothing_else(
    client: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A26: what went wrong is for the log."""
    from resolvers import customers

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the kitchen")

    monkeypatch.setattr(customers, "one", broken)
    answer = await client.ask('{ customer(id: "cus_1") { id } }')
    assert answer.code == "INTERNAL_SERVER_ERROR"
    assert answer.body["errors"][0]["extensions"]["reference"]
    assert "kitchen" not in str(answer.body)


async def test_get_is_for_queries_only(client: Api) -> None:
    good = await client.http.get("/graphql", params={"query": VIEWER}, headers=_authorized())
    assert good.json()["data"]["viewer"]["mode"] == "TEST"
    bad = await client.http.get("/graphql", params={"query": CREATE}, headers=_authorized())
    assert bad.status_code == 405
    assert bad.headers["allow"] == "POST"
    assert (await client.execute("{ customers { totalCount } }"))["customers"]["totalCount"] == 0


@pytest.mark.parametrize("variables", ["{", "5", "[]", '"a"', "[" * 20_000])
async def test_variables_in_an_address_are_read_as_strictly(client: Api, variables: str) -> None:
    params = {"query": VIEWER, "variables": variables}
    answer = await client.http.get("/graphql", params=params, headers=_authorized())
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_told_which_there_are(client: Api, method: str) -> None:
    answer = await client.http.request(method, "/graphql", headers=_authorized())
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_pages_of_listed_origins_may_call_and_others_may_not(
    settings: Settings, installed: Store
) -> None:
    from saifu.server import build_app

    app = build_app(
        settings.model_copy(update={"allowed_origins": ("https://shop.example",)}), store=installed
    )
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    async with app.router.lifespan_context(app), Api.in_process(app, ADMIN_KEY) as api:
        good = await api.http.options("/graphql", headers={"origin": "https://shop.example", **preflight})
        assert good.headers["access-control-allow-origin"] == "https://shop.example"
        bad = await api.http.options("/graphql", headers={"origin": "https://evil.example", **preflight})
        assert bad.status_code == 400
        assert "access-control-allow-origin" not in bad.headers


async def test_a_socket_of_a_foreign_page_is_refused_before_the_upgrade(server: Served) -> None:
    """S10."""
    with pytest.raises(Exception, match="403"):
        async with Socket.to(server.ws_url, additional_headers={"origin": "https://evil.example"}):
            pass


@pytest.mark.parametrize("token", [None, "sk_test_wrong", ADMIN_KEY + "x"])
async def test_a_socket_without_a_good_credential_is_closed_with_4401(
    server: Served, token: str | None
) -> None:
    async with Socket.to(server.ws_url) as socket:
        with pytest.raises(Closed) as closed:
            await socket.init(token)
        assert closed.value.code == 4401


async def test_subscribing_before_saying_who_one_is_is_closed_with_4401(server: Served) -> None:
    """S9: CVE-2026-35523."""
    async with Socket.to(server.ws_url) as socket:
        await socket.subscribe(VIEWER)
        assert (await socket.until_closed()).code == 4401


async def test_a_silent_socket_is_closed_with_4408_after_five_seconds(server: Served) -> None:
    """S14."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with Socket.to(server.ws_url) as socket:
        assert (await socket.until_closed(within_s=8)).code == 4408
    assert 4.5 < loop.time() - started < 7


async def test_the_legacy_protocol_is_not_spoken(server: Served) -> None:
    async with Socket.to(server.ws_url, subprotocols=["graphql-ws"]) as socket:
        assert (await socket.until_closed()).code == 4406


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "5",
        "null",
        "[]",
        "{}",
        '{"type": 5}',
        '{"type": "' + "x" * 300 + '"}',
        '{"type": "start", "id": "1", "payload": {"query": "{ viewer { mode } }"}}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": null}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": {}, "payload": {"query": "{ viewer { mode } }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ viewer { mode } }"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { mode } }", "variables": []}}',
        '{"type": "complete", "id": 5}',
        '{"type": "ping", "payload": 5}',
        "[" * 20_000,
    ],
    ids=lambda value: value[:60],
)
async def test_a_malformed_message_is_closed_with_4400(server: Served, message: str) -> None:
    """SERVING trap 7."""
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        await socket.connection.send(message)
        assert (await socket.until_closed()).code == 4400


async def test_a_wrong_document_ends_its_operation_and_not_the_others(server: Served) -> None:
    """SERVING traps 3 and 7."""
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        live = await socket.subscribe("subscription { events { __typename } }")
        await live.next()
        for document, code in [
            ("{ viewer {", "GRAPHQL_PARSE_FAILED"),
            ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ]:
            failed = await (await socket.subscribe(document)).raw()
            assert failed["type"] == "error"
            assert failed["payload"][0]["extensions"]["code"] == code
        await (await socket.subscribe(CREATE)).next()
        assert (await live.next())["__typename"] == "Event"


async def test_a_ping_is_answered_with_its_payload(server: Served) -> None:
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        await socket.send({"type": "ping", "payload": {"n": 1}})
        async with asyncio.timeout(5):
            assert await socket.control.get() == {"type": "pong", "payload": {"n": 1}}


async def test_an_id_in_use_and_a_second_init_close_the_socket(server: Served) -> None:
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        stream = await socket.subscribe("subscription { events { __typename } }")
        await stream.next()
        await socket.send({"type": "subscribe", "id": stream.id, "payload": {"query": VIEWER}})
        assert (await socket.until_closed()).code == 4409
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        await socket.send({"type": "connection_init"})
        assert (await socket.until_closed()).code == 4429


async def test_a_socket_has_a_bounded_number_of_operations(server: Served) -> None:
    """S14: the one beyond is refused, and the others go on."""
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        for _ in range(100):
            await (await socket.subscribe("subscription { events { __typename } }")).next()
        refused = await (await socket.subscribe("subscription { events { __typename } }")).raw()
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_frame_beyond_the_limit_closes_the_socket(server: Served) -> None:
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        await socket.connection.send("x" * 70_000)
        assert (await socket.until_closed()).code == 1009


async def test_a_slow_body_is_not_waited_for(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """SERVING trap 14."""
    from saifu.gateway import http_requests

    monkeypatch.setattr(http_requests, "BODY_WITHIN_S", 0.3)

    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        "POST /graphql HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {ADMIN_KEY}\r\ncontent-length: 1000\r\n\r\n"
    )
    writer.write(head.encode() + b'{"query": ')
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


def _authorized() -> dict[str, str]:
    return {"authorization": f"Bearer {ADMIN_KEY}"}
