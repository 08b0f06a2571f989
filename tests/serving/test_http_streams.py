"""Subscriptions over HTTP, as server-sent events and as Apollo's multipart: from begin to end (A42, A54)."""

import asyncio
import json
import re

import pytest

from saifu.gateway.places import Places
from tests.serving.house import GOOD, Built, Listening

TICKS = "subscription { ticks }"
SSE = "text/event-stream"
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json"
COMPLETE = b"event: complete\ndata:\n\n"
both = pytest.mark.parametrize("accept", [SSE, MULTIPART], ids=["sse", "multipart"])


async def begun(listening: Listening) -> bytes:
    """The opening of a stream that was taken."""
    status, _ = await listening.head()
    assert status == 200
    opening = await listening.piece()
    assert opening
    return opening


async def test_each_event_is_written_at_once_and_the_end_is_said() -> None:
    house = Built()
    async with house.listening(TICKS, SSE) as listening:
        assert await begun(listening) == b":\n\n"
        for tick in (1, 2):
            house.host.ticks.put_nowait(tick)
            assert await listening.piece() == b'event: next\ndata: {"data":{"ticks":%d}}\n\n' % tick
        house.host.ticks.put_nowait(None)
        assert await listening.rest() == COMPLETE
    assert house.host.listening == 0


async def test_frames_of_server_sent_events_end_in_line_feeds_alone() -> None:
    """SERVING trap 4: not every reader knows CRLF; and a text with line breaks stays one line of data."""
    house = Built()
    answer = await house.ask('{ echo(text: "a\\r\\nb\\u2028c") }', SSE)
    assert b"\r" not in answer.content
    events = [frame.split("\n") for frame in answer.text.split("\n\n") if frame.strip(":\n")]
    assert [frame[0] for frame in events] == ["event: next", "event: complete"]
    assert json.loads(events[0][1].removeprefix("data: "))["data"] == {"echo": "a\r\nb\u2028c"}


async def test_each_part_comes_with_the_boundary_that_ends_it() -> None:
    """A reader knows that a part is whole by the boundary behind it; Apollo's looks for one with CRLF before it."""
    house = Built()
    async with house.listening(TICKS, MULTIPART) as listening:
        body = await begun(listening)
        assert body == b"\r\n--graphql"
        house.host.ticks.put_nowait(1)
        piece = await listening.piece()
        assert piece
        assert piece.endswith(b"\r\n--graphql")
        house.host.ticks.put_nowait(None)
        body += piece + await listening.rest()
    assert parts(body) == [{"payload": {"data": {"ticks": 1}}}]


def parts(body: bytes) -> list[object]:
    """The JSON of each part of a finished body."""
    assert body.endswith(b"\r\n--graphql--\r\n")
    found = re.findall(
        rb"\r\n--graphql\r\ncontent-type: application/json[^\r]*\r\n\r\n(.*?)(?=\r\n--graphql)", body
    )
    return [json.loads(part) for part in found]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_events_can_be_asked_for_by_either_method(method: str) -> None:
    house = Built()
    house.host.ticks.put_nowait(1)
    house.host.ticks.put_nowait(None)
    headers = {"authorization": GOOD, "content-type": "application/json"}
    asked = {"params": {"query": TICKS}} if method == "GET" else {"json": {"query": TICKS}}
    answer = await house.send(method, accept=SSE, headers=headers, **asked)
    assert answer.content == b':\n\nevent: next\ndata: {"data":{"ticks":1}}\n\n' + COMPLETE


async def test_whoever_takes_nothing_but_events_gets_any_operation_as_such() -> None:
    """graphql-sse takes every other answer for a broken network, and asks again five times."""
    house = Built()
    ran = await house.ask("mutation { bump(by: 2) }", SSE)
    assert (ran.status_code, ran.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert b'"data":{"bump":2}' in ran.content
    assert ran.content.endswith(COMPLETE)
    refused = await house.ask("subscription { nonsense }", SSE)
    assert refused.status_code == 200
    assert b"GRAPHQL_VALIDATION_FAILED" in refused.content
    assert refused.content.endswith(COMPLETE)
    torn = await house.ask("subscription {", SSE)
    assert b"GRAPHQL_PARSE_FAILED" in torn.content, "SERVING trap 3"


async def test_a_stream_that_cannot_begin_is_refused_like_any_operation() -> None:
    house = Built()
    strict = await house.ask("subscription { failing }", MULTIPART)
    assert strict.headers["content-type"].startswith("application/graphql-response+json")
    assert strict.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert house.view.streams == 0


@both
async def test_a_source_that_breaks_is_an_error_and_the_end(accept: str) -> None:
    house = Built()
    async with house.listening(TICKS, accept) as listening:
        await begun(listening)
        house.host.ticks.put_nowait(RuntimeError("no more"))
        rest = await listening.rest()
    assert b"INTERNAL_SERVER_ERROR" in rest
    assert rest.endswith(COMPLETE if accept == SSE else b"--graphql--\r\n")


@both
async def test_silence_is_filled_with_heartbeats(accept: str) -> None:
    house = Built(heartbeat_s=0.01)
    async with house.listening(TICKS, accept) as listening:
        await begun(listening)
        beats = [await listening.piece() for _ in range(2)]
    assert all(
        beat == b":\n\n" if accept == SSE else b"\r\n\r\n{}\r\n--graphql" in (beat or b"") for beat in beats
    )


@both
async def test_a_client_that_went_away_is_noticed_and_its_source_ended(accept: str) -> None:
    house = Built()
    async with house.listening(TICKS, accept) as listening:
        await begun(listening)
        house.host.ticks.put_nowait(1)
        await listening.piece()
        assert (house.host.listening, house.view.streams) == (1, 1)
    assert (house.host.listening, house.view.streams) == (0, 0)
    assert house.host.open == {"good": []}


@both
async def test_a_stream_ends_for_good_with_its_credential(accept: str) -> None:
    """A42, S9: it is said why, and nothing that happens later is told."""
    house = Built()
    async with house.listening(TICKS, accept) as listening:
        opening = await begun(listening)
        house.host.end("good")
        house.host.ticks.put_nowait(1)
        rest = await listening.rest()
    assert b"UNAUTHENTICATED" in rest
    assert b"ticks" not in rest
    if accept == SSE:
        assert rest.endswith(COMPLETE)
    else:
        (part,) = parts(opening + rest)
        assert isinstance(part, dict)
        assert part["payload"] is None


@both
async def test_a_stream_is_interrupted_when_the_server_stops_so_that_its_client_comes_back(
    accept: str,
) -> None:
    """A client takes `complete` for the end it was waiting for: an event stream just ends, and Apollo is told."""
    house = Built()
    async with house.listening(TICKS, accept) as listening:
        opening = await begun(listening)
        listening.hooks["on_shutdown"]()
        rest = await listening.rest()
    if accept == SSE:
        assert rest == b""
    else:
        (part,) = parts(opening + rest)
        assert isinstance(part, dict)
        assert part["payload"] is None
        assert part["errors"][0]["extensions"]["httpStatus"] == 503
    assert listening.hooks == {}


async def test_a_reader_that_does_not_read_holds_up_its_own_source_alone() -> None:
    """A54: nothing is taken from the source before what was taken is sent."""
    house = Built(heartbeat_s=0.01)
    async with house.listening(TICKS, SSE) as listening:
        await begun(listening)
        listening.reading.clear()
        for tick in range(5):
            house.host.ticks.put_nowait(tick)
        await asyncio.sleep(0.05)
        assert house.host.ticks.qsize() == 4
        listening.reading.set()
        house.host.ticks.put_nowait(None)
        rest = await listening.rest()
    assert [int(tick) for tick in re.findall(rb'"ticks":(\d)', rest)] == [0, 1, 2, 3, 4]


async def test_streams_are_counted_for_each_credential() -> None:
    """SERVING trap 14: nobody opens a thousand."""
    house = Built(places=Places(1, None, "streams"))
    async with house.listening(TICKS, SSE) as listening:
        await begun(listening)
        refused = await house.ask(TICKS, SSE)
        assert refused.status_code == 429
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        async with house.listening(TICKS, SSE, {"authorization": f"{GOOD}-other"}) as other:
            await begun(other)
    async with house.listening(TICKS, SSE) as again:
        await begun(again)
