"""graphql-transport-ws, message by message (A55, SERVING traps 3, 7 and 14)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import websockets

from saifu.gateway.protocol import SocketProtocol
from saifu.gateway.transport_ws import Manners
from tests.client import Closed, Failed, Socket
from tests.serving.socket_house import PROTOCOLS, Door, door


@pytest.fixture(params=list(PROTOCOLS.values()), ids=list(PROTOCOLS))
def protocol(request: pytest.FixtureRequest) -> Any:
    """Everything holds on our own protocol, and on any server that speaks ASGI."""
    return request.param


@pytest.fixture
async def open_door(protocol: Any, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Door]:
    with caplog.at_level(logging.ERROR):
        async with door(protocol) as opened:
            yield opened
    assert not caplog.records, caplog.text


@pytest.fixture
async def socket(open_door: Door) -> AsyncIterator[Socket]:
    """A socket that was acknowledged."""
    async with Socket.to(open_door.url) as connected:
        await connected.init("good")
        yield connected


async def answer(socket: Socket) -> Any:
    """The next message that is about no operation."""
    async with asyncio.timeout(5):
        return await socket.control.get()


def subscribe(id: str, document: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "subscribe", "payload": {"query": document, **more}}


@pytest.mark.parametrize("payload", ["absent", None, {"authorization": "Bearer good"}])
async def test_a_connection_is_acknowledged_once_it_says_who_it_is(open_door: Door, payload: Any) -> None:
    async with Socket.to(open_door.url) as socket:
        assert socket.connection.subprotocol == "graphql-transport-ws"
        message = {"type": "connection_init"} | ({} if payload == "absent" else {"payload": payload})
        await socket.send(message)
        if isinstance(payload, dict):
            assert await answer(socket) == {"type": "connection_ack"}
        else:
            assert (await socket.until_closed()).code == 4401


@pytest.mark.parametrize(
    ("authorization", "code", "reason"),
    [
        ("Bearer bad", 4401, "Nobody knows you."),
        (["Bearer good"], 4401, "Nobody knows you."),
        ("Bearer unavailable", 1013, "The database cannot be reached."),
    ],
)
async def test_who_is_not_let_in_is_told_why(
    open_door: Door, authorization: Any, code: int, reason: str
) -> None:
    async with Socket.to(open_door.url) as socket:
        await socket.send({"type": "connection_init", "payload": {"authorization": authorization}})
        closed = await socket.until_closed()
        assert (closed.code, closed.reason) == (code, reason)


async def test_a_house_that_takes_too_long_to_know_somebody_is_not_waited_for(protocol: Any) -> None:
    async with door(protocol, manners=Manners(admit_within_s=0.1)) as opened, Socket.to(opened.url) as socket:
        await socket.send({"type": "connection_init", "payload": {"authorization": "Bearer waiting"}})
        assert (await socket.until_closed()).code == 1013


async def test_a_fault_while_admitting_closes_without_a_secret(protocol: Any) -> None:
    async with door(protocol) as opened, Socket.to(opened.url) as socket:
        await socket.send({"type": "connection_init", "payload": {"authorization": "Bearer broken"}})
        closed = await socket.until_closed()
        assert (closed.code, closed.reason) == (1011, "Something went wrong on our side")


async def test_who_says_nothing_is_closed_with_4408(protocol: Any) -> None:
    manners = Manners(init_within_s=0.1)
    async with door(protocol, manners=manners) as opened, Socket.to(opened.url) as socket:
        await socket.send({"type": "ping"})
        assert (await socket.until_closed()).code == 4408


async def test_a_connection_is_initialised_once(open_door: Door) -> None:
    async with Socket.to(open_door.url) as socket:
        await socket.init("good")
        await socket.send({"type": "connection_init"})
        assert (await socket.until_closed()).code == 4429
    async with Socket.to(open_door.url) as socket:
        for _ in range(2):
            await socket.send({"type": "connection_init", "payload": {"authorization": "Bearer waiting"}})
        assert (await socket.until_closed()).code == 4429


async def test_nothing_runs_before_the_acknowledgement(open_door: Door) -> None:
    """S9: also not between `connection_init` and its answer."""
    for first in ([], [{"type": "connection_init", "payload": {"authorization": "Bearer waiting"}}]):
        async with Socket.to(open_door.url) as socket:
            for message in [*first, subscribe("1", "mutation { bump(by: 1) }")]:
                await socket.send(message)
            closed = await socket.until_closed()
            assert (closed.code, closed.reason) == (4401, "Unauthorized")
    assert open_door.house.total == 0


OPERATION = '"payload": {"query": "{ hello }"}'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("not json", "A message must be valid JSON"),
        ("", "A message must be valid JSON"),
        ('{"type": "ping", "payload": {"a": NaN}}', "A message must be valid JSON"),
        ('{"type": "ping", "payload": {"a": "\\ud800"}}', "A message must be valid JSON"),
        ("[" * 20_000, "A message must be valid JSON"),
        ('{"type":"ping","payload":' + '{"a":' * 9_000 + "1" + "}" * 9_001, "A message must be valid JSON"),
        ("5", "A message must be a JSON object"),
        ("null", "A message must be a JSON object"),
        ('"ping"', "A message must be a JSON object"),
        ("[]", "A message must be a JSON object"),
        ('[{"type": "ping"}]', "A message must be a JSON object"),
        ("{}", "Unknown message type"),
        ('{"type": null}', "Unknown message type"),
        ('{"type": 5}', "Unknown message type"),
        ('{"type": ["ping"]}', "Unknown message type"),
        ('{"type": {"ping": 1}}', "Unknown message type"),
        ('{"type": "' + "x" * 300 + '"}', "Unknown message type"),
        ('{"type": "PING"}', "Unknown message type"),
        ('{"type": "start", "id": "1", ' + OPERATION + "}", "Unknown message type"),
        ('{"type": "connection_terminate"}', "Unknown message type"),
        ('{"type": "connection_ack"}', "Unknown message type"),
        ('{"type": "next", "id": "1", "payload": {}}', "Unknown message type"),
        ('{"type": "error", "id": "1", "payload": []}', "Unknown message type"),
        ('{"type": "ping", "payload": 5}', "The payload must be an object"),
        ('{"type": "pong", "payload": []}', "The payload must be an object"),
        ('{"type": "pong", "payload": "x"}', "The payload must be an object"),
        ('{"type": "connection_init", "payload": []}', "The payload must be an object"),
        ('{"type": "connection_init", "payload": false}', "The payload must be an object"),
        ('{"type": "subscribe", "id": "1"}', "The payload must be an object"),
        ('{"type": "subscribe", "id": "1", "payload": null}', "The payload must be an object"),
        ('{"type": "subscribe", "id": "1", "payload": []}', "The payload must be an object"),
        ('{"type": "subscribe", "id": "1", "payload": "{ hello }"}', "The payload must be an object"),
        ('{"type": "subscribe", ' + OPERATION + "}", "The id must be a text of 1 to 256 characters"),
        ('{"type": "subscribe", "id": null, ' + OPERATION + "}", "The id must be a text of 1 to 256"),
        ('{"type": "subscribe", "id": 1, ' + OPERATION + "}", "The id must be a text of 1 to 256"),
        ('{"type": "subscribe", "id": {}, ' + OPERATION + "}", "The id must be a text of 1 to 256"),
        ('{"type": "subscribe", "id": ["1"], ' + OPERATION + "}", "The id must be a text of 1 to 256"),
        ('{"type": "subscribe", "id": "", ' + OPERATION + "}", "The id must be a text of 1 to 256"),
        ('{"type": "subscribe", "id": "' + "x" * 257 + '", ' + OPERATION + "}", "The id must be a text"),
        ('{"type": "complete"}', "The id must be a text of 1 to 256 characters"),
        ('{"type": "complete", "id": 5}', "The id must be a text of 1 to 256 characters"),
        ('{"type": "complete", "id": {}}', "The id must be a text of 1 to 256 characters"),
        ('{"type": "subscribe", "id": "1", "payload": {}}', "The payload's query must be a text"),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": null}}',
            "The payload's query must be a text",
        ),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', "The payload's query must be a text"),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": ["{ hello }"]}}',
            "The payload's query must be a text",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": 5, "documentId": "a"}}',
            "The payload's query must be a text",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
            "The payload's variables must be an object, or null",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": "{}"}}',
            "The payload's variables must be an object, or null",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "extensions": 5}}',
            "The payload's extensions must be an object, or null",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "operationName": 5}}',
            "The payload's operationName must be a text, or null",
        ),
    ],
    ids=lambda value: value[:70],
)
async def test_what_is_no_message_is_closed_with_4400_and_why(
    socket: Socket, message: str, reason: str
) -> None:
    await socket.connection.send(message)
    closed = await socket.until_closed()
    assert closed.code == 4400
    assert closed.reason.startswith(reason)


async def test_a_malformed_message_is_as_wrong_before_anybody_said_who_it_is(open_door: Door) -> None:
    async with Socket.to(open_door.url) as socket:
        await socket.connection.send("5")
        assert (await socket.until_closed()).code == 4400


async def test_messages_are_text(socket: Socket) -> None:
    await socket.connection.send(b'{"type": "ping"}')
    closed = await socket.until_closed()
    assert (closed.code, closed.reason) == (4400, "A message must be text, not binary")


async def test_a_text_that_is_not_utf8_is_closed_with_1007(socket: Socket) -> None:
    await socket.connection.send(b'{"type": "ping\xff"}', text=True)
    assert (await socket.until_closed()).code == 1007


async def test_fragments_are_one_message(socket: Socket) -> None:
    await socket.connection.send(['{"type": "pi', 'ng", "payload":', ' {"n": 1}}'])
    assert await answer(socket) == {"type": "pong", "payload": {"n": 1}}


async def test_a_ping_is_answered_with_its_payload_at_any_time(open_door: Door) -> None:
    async with Socket.to(open_door.url) as socket:
        given: list[dict[str, Any]] = [{"payload": {"n": [1, "ä"]}}, {}, {"payload": None}, {"payload": {}}]
        for payload in given:
            await socket.send({"type": "ping", **payload})
            expected = {"payload": payload["payload"]} if payload.get("payload") is not None else {}
            assert await answer(socket) == {"type": "pong", **expected}
        await socket.init("good")
        await socket.send({"type": "ping"})
        assert await answer(socket) == {"type": "pong"}


async def test_a_pong_that_nobody_asked_for_is_fine(socket: Socket) -> None:
    for message in ({"type": "pong"}, {"type": "pong", "payload": {"n": 1}}, {"type": "ping"}):
        await socket.send(message)
    assert await answer(socket) == {"type": "pong"}


async def test_queries_and_mutations_get_one_next_and_a_complete(socket: Socket) -> None:
    for document, data in (("{ hello }", {"hello": "hello you"}), ("mutation { bump(by: 2) }", {"bump": 2})):
        stream = await socket.subscribe(document)
        first = await stream.raw()
        assert (first["type"], first["payload"]["data"]) == ("next", data)
        assert await stream.raw() == {"id": stream.id, "type": "complete"}


async def test_a_stream_gives_its_events_and_a_complete(socket: Socket) -> None:
    stream = await socket.subscribe("subscription ($to: Int!) { count(to: $to) }", to=3)
    assert [data["count"] async for data in stream] == [0, 1, 2]
    assert await stream.silent(0.05)


async def test_an_id_can_be_used_again_once_its_operation_is_over(socket: Socket) -> None:
    stream = await socket.subscribe("{ hello }")
    for document in ("{ hello }", "subscription { count(to: 1) }", "{ nonsense }", "{ hello }"):
        while (await stream.raw())["type"] == "next":
            pass
        await socket.send(subscribe(stream.id, document))
    assert (await stream.raw())["payload"]["data"] == {"hello": "hello you"}


@pytest.mark.parametrize("id", ["1", "ü" * 200])
async def test_an_id_in_use_is_closed_with_4409(socket: Socket, id: str) -> None:
    for _ in range(2):
        await socket.send(subscribe(id, "{ waiting }"))
    closed = await socket.until_closed()
    assert closed.code == 4409
    assert closed.reason.startswith(f"Subscriber for {id}"[:60])


@pytest.mark.parametrize("document", ["subscription { forever }", "{ waiting }"])
async def test_a_client_that_stops_listening_ends_what_runs(
    open_door: Door, socket: Socket, document: str
) -> None:
    """The source is released, and so is a resolver that waits."""
    what = "forever" if "forever" in document else "waiting"
    stream = await socket.subscribe(document)
    await open_door.house.until(f"{what} began")
    await stream.stop()
    await open_door.house.until(f"{what} cancelled")
    await socket.send({"type": "ping"})
    assert await answer(socket) == {"type": "pong"}
    assert all(message["type"] == "next" for message in _waiting(stream))
    await socket.send(subscribe(stream.id, "{ hello }"))
    while (message := await stream.raw())["payload"]["data"] != {"hello": "hello you"}:
        assert what in message["payload"]["data"]


def _waiting(stream: Any) -> list[Any]:
    return [stream.messages.get_nowait() for _ in range(stream.messages.qsize())]


async def test_a_mutation_that_was_begun_is_finished_whoever_listens(open_door: Door) -> None:
    house = open_door.house
    async with Socket.to(open_door.url) as socket:
        await socket.init("good")
        stopped = await socket.subscribe("mutation { bumpSlowly }")
        await house.until("bumpSlowly began")
        await stopped.stop()
        await socket.subscribe("mutation { bumpSlowly }")
        await socket.send({"type": "ping"})
        assert await answer(socket) == {"type": "pong"}
        assert stopped.messages.empty()
    await open_door.until_open(0)
    house.go.set()
    async with asyncio.timeout(5):
        while house.total < 2:
            await asyncio.sleep(0.005)
    assert "bumpSlowly cancelled" not in house.log


async def test_completing_what_is_over_or_never_was_is_ignored(socket: Socket) -> None:
    stream = await socket.subscribe("{ hello }")
    while (await stream.raw())["type"] != "complete":
        pass
    for id in (stream.id, "never"):
        await socket.send({"id": id, "type": "complete"})
    assert await (await socket.subscribe("{ hello }")).next() == "hello you"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ hello "}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nonsense }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ deep { deep { deep { deep { deep { deep { leaf } } } } } } }"}, "QUERY_TOO_COSTLY"),
        ({"query": "  "}, "BAD_USER_INPUT"),
        ({"query": "query A { hello } query B { hello }"}, "BAD_USER_INPUT"),
        ({"query": "query A { hello }", "operationName": "B"}, "BAD_USER_INPUT"),
        ({"query": "mutation ($by: Int!) { bump(by: $by) }"}, "BAD_USER_INPUT"),
        ({"query": "mutation ($by: Int!) { bump(by: $by) }", "variables": {"by": "x"}}, "BAD_USER_INPUT"),
        ({"query": "subscription ($to: Int!) { count(to: $to) }"}, "BAD_USER_INPUT"),
        ({"query": "subscription { forbidden }"}, "FORBIDDEN"),
        (
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
            "PERSISTED_QUERY_NOT_FOUND",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_is_wrong_with_an_operation_ends_that_operation_alone(
    socket: Socket, payload: dict[str, Any], code: str
) -> None:
    """SERVING traps 3 and 7."""
    other = await socket.subscribe("subscription { forever }")
    await other.next()
    stream = await socket.subscribe("{ waiting }")
    await stream.stop()
    await socket.send({"id": stream.id, "type": "subscribe", "payload": payload})
    message = await stream.raw()
    assert (message["type"], message["id"]) == ("error", stream.id)
    assert message["payload"][0]["extensions"]["code"] == code
    assert message["payload"][0]["message"]
    assert await stream.silent(0.02)
    assert other.messages.empty()
    assert await (await socket.subscribe("{ hello }")).next() == "hello you"


async def test_errors_of_fields_come_with_the_data(socket: Socket) -> None:
    stream = await socket.subscribe("{ hello forbidden }")
    message = await stream.raw()
    assert message["type"] == "next"
    assert message["payload"]["data"] == {"hello": "hello you", "forbidden": None}
    assert message["payload"]["errors"][0]["path"] == ["forbidden"]
    assert (await stream.raw())["type"] == "complete"


async def test_a_source_that_breaks_ends_in_an_error(socket: Socket) -> None:
    stream = await socket.subscribe("subscription { broken }")
    assert await stream.next() == 1
    with pytest.raises(Failed) as failed:
        await stream.next()
    assert failed.value.code == "INTERNAL_SERVER_ERROR"
    assert await (await socket.subscribe("{ hello }")).next() == "hello you"


async def test_a_fault_of_the_service_itself_ends_the_operation_with_a_reference(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A26."""
    async with door(protocol) as opened, Socket.to(opened.url) as socket:
        await socket.init("good")
        for broken in ("check", "dress"):
            with monkeypatch.context() as patched:
                patched.setattr(opened.house, broken, lambda *_: 1 / 0)
                with pytest.raises(Failed) as failed:
                    await (await socket.subscribe("{ forbidden }")).next()
            assert failed.value.code == "INTERNAL_SERVER_ERROR"
            assert "division" not in str(failed.value)
        assert await (await socket.subscribe("{ hello }")).next() == "hello you"


async def test_a_socket_runs_so_many_operations_at_once(protocol: Any) -> None:
    """S14: the one beyond is refused, and when one ends there is room again."""
    async with door(protocol, manners=Manners(operations=3)) as opened, Socket.to(opened.url) as socket:
        await socket.init("good")
        streams = [await socket.subscribe("subscription { forever }") for _ in range(3)]
        with pytest.raises(Failed) as failed:
            await (await socket.subscribe("{ hello }")).next()
        assert failed.value.code == "RATE_LIMITED"
        await streams[0].stop()
        await opened.house.until("forever cancelled")
        assert await (await socket.subscribe("{ hello }")).next() == "hello you"


async def test_a_flood_of_messages_is_closed_with_4429(protocol: Any) -> None:
    manners = Manners(messages_per_s=10, burst=20)
    async with door(protocol, manners=manners) as opened, Socket.to(opened.url) as socket:
        with suppress(websockets.ConnectionClosed):
            for _ in range(1_000):
                await socket.send({"type": "pong"})
        closed = await socket.until_closed()
        assert (closed.code, closed.reason) == (4429, "Too many messages")


async def test_a_credential_that_ends_takes_its_socket_with_it(open_door: Door, socket: Socket) -> None:
    """A42."""
    stream = await socket.subscribe("subscription { forever }")
    await stream.next()
    open_door.house.open[0](4401, "The credential was revoked " + "x" * 200)
    closed = await socket.until_closed()
    assert (closed.code, len(closed.reason)) == (4401, 123)
    await open_door.house.until("forever cancelled")
    assert open_door.house.open == []


async def test_a_client_that_goes_away_leaves_nothing_behind(open_door: Door) -> None:
    for abruptly in (True, False):
        async with Socket.to(open_door.url) as socket:
            await socket.init("good")
            await (await socket.subscribe("subscription { forever }")).next()
            if abruptly:
                socket.connection.transport.abort()
        await open_door.house.until("forever cancelled")
        await open_door.until_open(0)
        assert open_door.house.open == []
        open_door.house.log.clear()


async def test_a_server_that_stops_answers_first_and_sends_streams_away(
    open_door: Door, protocol: Any
) -> None:
    """A55: 1001, with which clients come back and resume."""
    if protocol is not SocketProtocol:
        pytest.skip("ASGI does not tell an application with open sockets that the server stops")
    async with Socket.to(open_door.url) as busy, Socket.to(open_door.url) as idle:
        await asyncio.gather(busy.init("good"), idle.init("good"))
        await (await idle.subscribe("subscription { forever }")).next()
        stream = await busy.subscribe("subscription { forever }")
        await stream.next()
        answered = await busy.subscribe("{ waiting }")
        await open_door.house.until("waiting began")
        open_door.server.should_exit = True
        assert (await idle.until_closed()).code == 1001
        late = await busy.subscribe("mutation { bump(by: 1) }")
        open_door.house.go.set()
        assert await answered.next() == 0
        assert (await answered.raw())["type"] == "complete"
        assert (await busy.until_closed()).code == 1001
        assert open_door.house.total == 0
        assert isinstance(late.messages.get_nowait(), Closed)
