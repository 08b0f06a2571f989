"""Logs: one line per event, everything through one door, and no secret in any of them (S22)."""

import asyncio
import io
import json
import logging
import time
import warnings
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from saifu import logs
from saifu.redaction import REDACTED, allowed, scrub, scrubbed

KEY = "sk_test_q8Zr-3nVxT0_bWm5LyKd2PfHs7JcGa9E"
SESSION = "cs_q8Zr3nVxT0bWm5LyKd2PfHs7JcGa9E"
CARD = "4242424242424242"


@pytest.fixture
def output(request):
    """What a process logs, from `configure` with the test's parameters; the process is as it was afterwards."""
    root = logging.getLogger()
    uvicorn = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    before = (root.handlers, root.level, [(each.handlers, each.propagate) for each in uvicorn])
    stream = io.StringIO()
    logs.configure(getattr(request, "param", "json"), "info", stream)
    yield stream
    root.handlers, root.level = before[0], before[1]
    for logger, (handlers, propagate) in zip(uvicorn, before[2], strict=True):
        logger.handlers, logger.propagate = handlers, propagate
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_where_how_severe_and_in_which_request(output):
    with logs.in_request("req_1"):
        structlog.get_logger("saifu.wallets").info("entry posted", customer_id="cus_1", sequence=7)
    structlog.get_logger("saifu.wallets").info("done")
    first, second = lines(output)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "entry posted",
        "level": "info",
        "logger": "saifu.wallets",
        "request_id": "req_1",
        "customer_id": "cus_1",
        "sequence": 7,
    }
    assert "request_id" not in second


def test_lines_of_libraries_come_the_same_way(output):
    with logs.in_request("req_1"):
        logging.getLogger("uvicorn.error").warning("shutting down %s", KEY)
        logging.getLogger("some.library").info("a card %s", CARD)
    assert [(line["event"], line["logger"], line["request_id"]) for line in lines(output)] == [
        (f"shutting down sk_test_{REDACTED}", "uvicorn.error", "req_1"),
        (f"a card {REDACTED}", "some.library", "req_1"),
    ]


def test_an_access_line_shows_the_path_without_its_query(output):
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", "/graphql?variables=%7Bsecret%7D", "1.1", 200
    )
    assert lines(output)[0]["event"] == '127.0.0.1:5 - "GET /graphql HTTP/1.1" 200'


def test_a_field_nobody_allowed_is_withheld_and_named(output):
    structlog.get_logger().info("asked", variables={"email": "a@example.com"}, path="/graphql")
    line = lines(output)[0]
    assert (line["withheld"], line["path"]) == (["variables"], "/graphql")
    assert "example.com" not in output.getvalue()


@pytest.mark.parametrize("output", ["json", "console"], indirect=True)
def test_a_traceback_is_shown_without_secrets_and_without_local_variables(output):
    def fails() -> None:
        password = "hunter" + "2"
        assert password
        raise RuntimeError(f"refused {KEY}")

    try:
        fails()
    except RuntimeError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    text = output.getvalue()
    assert text.count("Traceback (most recent call last)") == 2
    assert text.count(f"RuntimeError: refused sk_test_{REDACTED}") == 2
    assert KEY not in text
    assert "hunter2" not in text


@pytest.mark.parametrize("output", ["json", "console"], indirect=True)
def test_one_event_is_one_line_whatever_it_says(output):
    structlog.get_logger().warning("a\nb\r\x1b[2Jc", error="first\nsecond")
    text = output.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\r" not in text


def test_what_no_encoder_likes_is_logged_all_the_same(output):
    structlog.get_logger().warning("odd \ud800", count=10**30, error=object, total=1.5, batch={"a": {1}})
    line = lines(output)[0]
    assert (line["count"], line["error"], line["batch"]) == (10**30, "<class 'object'>", {"a": [1]})


def test_lines_below_the_level_are_not_written(output):
    structlog.get_logger().debug("detail")
    logging.getLogger("asyncio").info("detail")
    assert not output.getvalue()


def test_warnings_are_logged(output):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"do not use {SESSION}", stacklevel=1)
    assert f"do not use cs_{REDACTED}" in lines(output)[0]["event"]


def test_auto_is_json_where_no_terminal_is(output):
    logs.configure("auto", "info", output)
    structlog.get_logger().info("hello")
    assert lines(output)[0]["event"] == "hello"


def test_configuring_twice_does_not_write_twice(output):
    logs.configure("json", "info", output)
    structlog.get_logger().info("hello")
    assert len(lines(output)) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {KEY} used", f"key sk_test_{REDACTED} used"),
        ("glued0sk_live_abcdefgh", f"glued0sk_live_{REDACTED}"),
        (f"x={SESSION}&y=1", f"x=cs_{REDACTED}&y=1"),
        ("Authorization: Bearer abc.def-ghi", f"Authorization: {REDACTED}"),
        ("{'authorization': 'opaque value'}", f"{{'authorization': '{REDACTED}'}}"),
        ("(b'authorization', b'opaque')", f"(b'authorization', b'{REDACTED}')"),
        ("sent bearer abcdef123", f"sent bearer {REDACTED}"),
        ("postgresql+asyncpg://saifu:hunter2@db/saifu", f"postgresql+asyncpg://{REDACTED}@db/saifu"),
        ("oops [parameters: ('a', 'b')]\n(Background)", f"oops [parameters: {REDACTED}]\n(Background)"),
        (CARD, REDACTED),
        ("4242 4242 4242 4242", REDACTED),
        ("3782-822463-10005", REDACTED),  # 15 digits
        ("4222222222222", REDACTED),  # 13
        ("6304000000000000000", REDACTED),  # 19
        ("card 4242 4242 4242 4242 12/28", f"card {REDACTED}/28"),  # its expiry joins the run
        ("12 4242424242424242", REDACTED),
        ("４２４２４２４２４２４２４２４２", REDACTED),  # full-width digits
    ],
)
def test_secrets_are_scrubbed_from_texts(text, shown):
    assert scrub(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # the check digit is wrong
        "424242424242",  # 12 digits
        "2026-01-31T12:00:00.123456Z",
        "cus_01J8Z3QK5W9V7T6R4E2Y1X0ABC",
        "docs_are_elsewhere",
        "the task is basic",
        "http://127.0.0.1:8000/graphql",
    ],
)
def test_ordinary_texts_stay_as_they_are(text):
    assert scrub(text) == text


def test_secrets_are_found_however_deep_and_in_numbers_and_names():
    value = {"a": [{"b": (KEY, {"c": int(CARD)})}], KEY: None, "n": 5, "yes": True}
    assert scrubbed(value) == {
        "a": [{"b": [f"sk_test_{REDACTED}", {"c": REDACTED}]}],
        f"sk_test_{REDACTED}": None,
        "n": 5,
        "yes": True,
    }


def test_nesting_without_end_is_cut():
    endless: list[Any] = []
    endless.append(endless)
    assert scrubbed(endless) == [[[[[[REDACTED]]]]]]


def test_a_hostile_text_costs_little():
    began = time.process_time()
    for text in (
        "1 " * 100_000,
        "1" * 100_000,
        "Authorization: " * 9_000,
        "[parameters: " * 9_000,
        "://" * 40_000,
    ):
        scrub(text)
    assert time.process_time() - began < 5


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3)), st.text()
)
def test_no_planted_secret_survives_anywhere(around, before):
    shown = json.dumps(
        allowed({"event": before + KEY, "error": [around, f" {SESSION} ", f"x{CARD}x"], KEY: around})
    )
    for secret in (KEY, SESSION, CARD, KEY[8:], SESSION[3:]):
        assert secret not in shown


def test_the_line_of_a_request_is_the_one_the_general_way_writes(output):
    """It is written by itself because it is on every request; nobody who reads it can tell."""
    with logs.in_request("req_01K9ZZZZZZZZZZZZZZZZZZZZZZ"):
        logs.answered("req_01K9ZZZZZZZZZZZZZZZZZZZZZZ", "POST", "/graphql", 200, 1.25)
        other = logging.StreamHandler(io.StringIO())
        logging.getLogger().addHandler(other)
        logs.answered("req_01K9ZZZZZZZZZZZZZZZZZZZZZZ", "POST", "/graphql", 200, 1.25)
    quick, general = lines(output)
    assert quick.keys() == general.keys()
    assert len(quick.pop("timestamp")) == len(general.pop("timestamp"))
    assert quick == general
    assert quick["event"] == "request"


@pytest.mark.parametrize(
    ("request_id", "path"),
    [
        ("req_01K9ZZZZZZZZZZZZZZZZZZZZZZ", f"/{KEY}"),
        ("req_01K9ZZZZZZZZZZZZZZZZZZZZZZ", f"/{CARD}/x"),
        (KEY[:64], "/graphql"),
        (SESSION, "/graphql"),
        (f"req_{CARD}ABCDEFGHIJ", "/graphql"),
        ("req_01K9ZZZZZZZZZZZZZZZZZZZZZZ", "/a\n/b"),
    ],
)
def test_the_line_of_a_request_holds_no_secret_either(output, request_id, path):
    """S22."""
    logs.answered(request_id, "GET", path, 404, 0.1)
    text = output.getvalue()
    assert text.count("\n") == 1
    assert KEY not in text
    assert SESSION not in text
    assert CARD not in text


def test_the_line_of_a_request_keeps_to_the_level(output):
    logs.configure("json", "warning", output)
    logs.answered("req_1", "GET", "/graphql", 200, 0.1)
    assert not output.getvalue()


class Counting(io.StringIO):
    """Counts how often it is written to."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


async def test_requests_of_one_turn_are_written_together_and_in_order(output):
    stream = Counting()
    logs.configure("json", "info", stream)
    for number in range(5):
        logs.answered(f"req_{number}", "POST", "/graphql", 200, 0.1)
    assert not stream.getvalue()
    structlog.get_logger("saifu.wallets").info("entry posted")
    assert [line["event"] for line in lines(stream)] == ["request"] * 5 + ["entry posted"]
    assert stream.writes == 2
    logs.answered("req_6", "POST", "/graphql", 200, 0.1)
    await asyncio.sleep(0)
    assert lines(stream)[-1]["request_id"] == "req_6"


def test_a_line_that_cannot_be_written_fails_nobody(output):
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    stream.close()
    logs.answered("req_1", "POST", "/graphql", 200, 0.1)
    logs.configure("json", "info", output)
    logs.answered("req_2", "POST", "/graphql", 200, 0.1)
    assert [line["request_id"] for line in lines(output)] == ["req_2"]
