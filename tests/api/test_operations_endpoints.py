"""What the person called at three in the morning looks at: health, metrics, headers, ids."""

import asyncio
import json
import logging
import signal

import httpx
import pytest
from starlette.applications import Starlette

from saifu.settings import Settings
from saifu.store import Store
from tests.builders import a_customer, a_key, a_session, a_wallet, post
from tests.client import Api, Closed, Served, Socket
from tests.conftest import ADMIN_KEY, Listen

VIEWER = "{ viewer { mode } }"


async def test_a_live_process_says_so_to_anybody(client: Api) -> None:
    answer = await client.http.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


async def test_a_ready_process_has_a_database_a_writer_and_a_feed(client: Api) -> None:
    answer = await client.http.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "writer": "ok", "feed": "ok"},
    }


async def test_a_process_whose_database_is_of_another_shape_is_not_ready(
    client: Api, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saifu import health

    async def elsewhere(*_: object) -> None:
        raise RuntimeError("the database is at 0000")

    monkeypatch.setattr(health, "_migrated", elsewhere)
    answer = await client.http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "failed"


async def test_metrics_tell_how_requests_go_and_how_the_log_stands(client: Api, store: Store) -> None:
    await client.execute(VIEWER)
    await client.ask("{ nonsense }")
    wallet = await store.write(lambda tx: a_wallet(tx, balance=5_00))
    await store.write(lambda tx: post(tx, wallet.customer_id, -1_00))
    async with asyncio.timeout(5):
        while 'type="wallet.balance_changed"} 2.0' not in (text := (await client.http.get("/metrics")).text):
            await asyncio.sleep(0.02)
    assert 'saifu_requests_total{operation="query",outcome="ok"} 1.0' in text
    assert 'saifu_requests_total{operation="query",outcome="GRAPHQL_VALIDATION_FAILED"} 1.0' in text
    assert 'saifu_request_duration_seconds_count{operation="query"} 2.0' in text
    assert 'saifu_log_events_total{type="customer.created"} 1.0' in text
    assert "saifu_log_position 3.0" in text
    assert "saifu_feed_lag_events 0.0" in text
    assert "saifu_unstamped_events 0.0" in text
    assert "saifu_writes_waiting 0.0" in text
    assert ADMIN_KEY not in text


async def test_metrics_count_open_sockets_and_streams(listen: Listen, server: Served) -> None:
    async with listen() as socket, httpx.AsyncClient(base_url=server.http_url) as http:
        stream = await socket.subscribe("subscription { events { __typename } }")
        await stream.next()
        text = (await http.get("/metrics")).text
        assert "saifu_open_sockets 1.0" in text
        assert "saifu_open_streams 1.0" in text
        await stream.stop()
        async with asyncio.timeout(5):
            while "saifu_open_streams 0.0" not in (await http.get("/metrics")).text:
                await asyncio.sleep(0.02)


async def test_in_live_mode_metrics_need_a_key(settings: Settings, installed: Store) -> None:
    """A44: a customer's session, which any browser of a shop holds, is none; and guessing is limited here too."""
    from saifu.server import build_app

    live = settings.model_copy(update={"mode": "live", "rate_per_address": 1})
    customer = await installed.write(a_customer)
    _, session = await installed.write(lambda tx: a_session(tx, customer.id))
    app = build_app(live, store=installed)
    async with app.router.lifespan_context(app), Api.in_process(app, None) as anybody:
        assert (await anybody.http.get("/metrics")).status_code == 401
        page = await anybody.http.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 401, "no explorer in live mode (S25)"
        allowed = await anybody.http.get("/metrics", headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert allowed.status_code == 200
        refused = await anybody.http.get("/metrics", headers={"authorization": f"Bearer {session}"})
        assert refused.status_code == 403
        assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        guesses = [
            await anybody.http.get("/metrics", headers={"authorization": f"Bearer sk_live_{number}"})
            for number in range(20)
        ]
        assert {guess.status_code for guess in guesses} == {401, 429}


async def test_every_answer_carries_the_request_id_it_was_given_or_a_new_one(client: Api) -> None:
    given = await client.http.get("/health/live", headers={"x-request-id": "order-4711.retry"})
    assert given.headers["x-request-id"] == "order-4711.retry"
    for unfit in ("short", "x" * 65, "with space in it", "line\\nbreak-in-it"):
        answer = await client.http.get("/health/live", headers={"x-request-id": unfit})
        assert answer.headers["x-request-id"].startswith("req_")


async def test_browsers_are_told_to_be_careful(client: Api) -> None:
    answer = await client.ask(VIEWER)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


async def test_logs_carry_the_request_id_and_never_the_key(
    client: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from saifu import logs

    logs.configure("json", "info", sys.stdout)
    try:
        headers = {"authorization": f"Bearer {ADMIN_KEY}", "x-request-id": "traced-request"}
        await client.http.post("/graphql", json={"query": VIEWER}, headers=headers)
        await client.http.get("/graphql", params={"query": "{ secretword }"}, headers=headers)
        await asyncio.sleep(0)  # lines of one turn of the loop are written together at its end
    finally:
        logging.getLogger().handlers = []
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["request_id"] for line in requests] == ["traced-request"] * 2
    assert requests[0]["status"] == 200
    assert ADMIN_KEY not in written
    assert "secretword" not in written


async def test_stopping_finishes_what_runs_and_tells_sockets_to_come_back(
    server: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A55: graceful drain. The mutation that is under way is answered, then the socket is closed with 1001."""
    async with Socket.to(server.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        live = await socket.subscribe("subscription { events { __typename } }")
        await live.next()
        started = asyncio.Event()
        write = store.write

        async def slow_write(*args: object, **kwargs: object) -> object:
            started.set()
            await asyncio.sleep(0.5)
            return await write(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(store, "write", slow_write)
        mutation = (
            'mutation { customerCreate(input: {email: "a@example.com", name: "A"}) { customer { id } } }'
        )
        running = await socket.subscribe(mutation)
        async with Api.over_network(server.http_url, ADMIN_KEY) as api:
            over_http = asyncio.create_task(api.execute(mutation))
            await started.wait()
            await asyncio.sleep(0.05)
            server.stop()
            assert (await over_http)["customerCreate"]["customer"]["id"].startswith("cus_")
        assert (await running.next())["customer"]["id"].startswith("cus_")
        closed = await socket.until_closed()
        assert closed.code == 1001
        assert "resume" in closed.reason
        with pytest.raises((Closed, StopAsyncIteration)):
            await asyncio.wait_for(_until_end(live), 5)


async def _until_end(stream: object) -> None:
    async for _ in stream:  # type: ignore[attr-defined]
        pass
    raise StopAsyncIteration


def test_sigterm_is_what_the_server_listens_to() -> None:
    from saifu.cli_serve import SIGNALS

    assert signal.SIGTERM in SIGNALS


async def test_a_key_is_noted_as_used_when_the_process_ends(settings: Settings, installed: Store) -> None:
    from sqlmodel import select

    from saifu.server import build_app
    from saifu.tables import ApiKey

    key_id, secret = await installed.write(a_key)
    app = build_app(settings, store=installed)
    async with app.router.lifespan_context(app), Api.in_process(app, secret) as api:
        await api.execute(VIEWER)
    found = await installed.read(lambda tx: tx.all(select(ApiKey)))
    assert {key.id: key.last_used_at is not None for key in found}[key_id]
