"""What arrives by HTTP and is no GraphQL request: a clear 4xx each, and nothing runs (SERVING traps 6, 14; S11)."""

import asyncio
import json

import pytest

from saifu.gateway import http_requests
from tests.serving.house import GOOD, Built

QUERY = b'{"query": "{ maybe }"'
TOO_LARGE = http_requests.LARGEST_BODY_BYTES + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"5",
        b"null",
        b"true",
        b'"{ maybe }"',
        b"[]",
        b'[{"query": "{ maybe }"}]',
        b"{}",
        b'{"qeury": "{ maybe }"}',
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": {"obj": "ect"}}',
        b'{"query": ["{ maybe }"]}',
        QUERY + b', "variables": []}',
        QUERY + b', "variables": "{}"}',
        QUERY + b', "variables": 0}',
        QUERY + b', "extensions": [1]}',
        QUERY + b', "operationName": 5}',
        QUERY + b', "operationName": {}}',
        QUERY + b', "variables": {"a": NaN}}',
        QUERY + b', "variables": {"a": Infinity}}',
        QUERY + b"} trailing",
        b"9" * 5_000,
        b'{"query": ' + b"9" * 5_000 + b"}",
        b'{"query": "\xff\xfe"}',
        '{"query": "{ maybe }"}'.encode("utf-16"),
        QUERY + b', "variables": {"a": "\\ud800"}}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000,
        QUERY + b', "variables": {"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=lambda body: str(body)[:50],
)
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_malformed_body_is_400_with_a_code_and_without_data(body: bytes, accept: str) -> None:
    """SERVING trap 6: no 500, and no 200 either, since no GraphQL request was made."""
    answer = await Built().ask(body=body, accept=accept)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith(accept)
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "httpStatus": 400}
    assert "data" not in answer.json()


async def test_a_number_of_five_thousand_digits_is_refused_where_it_is_a_value() -> None:
    """SERVING trap 6: Python refuses to read it as an integer; here it is no integer anybody takes."""
    body = b'{"query": "mutation ($n: Int!) { bump(by: $n) }", "variables": {"n": ' + b"9" * 5_000 + b"}}"
    house = Built()
    answer = await house.ask(body=body, accept="application/graphql-response+json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert house.host.bumped == 0


async def test_what_is_not_known_in_a_body_is_ignored_and_null_is_nothing() -> None:
    body = QUERY + b', "variables": null, "operationName": null, "extensions": null, "other": [1]}'
    assert (await Built().ask(body=body)).json()["data"] == {"maybe": None}


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"]
)
async def test_json_in_utf8_is_taken_by_any_of_its_names(content_type: str) -> None:
    answer = await Built().ask('{ echo(text: "財布🏃") }', headers={"content-type": content_type})
    assert answer.json()["data"] == {"echo": "財布🏃"}


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/graphql"},
        {"content-type": "text/plain; application/json"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": ""},
        {"content-encoding": "gzip"},
        {"content-encoding": "identity, gzip"},
        {"content-encoding": "br"},
    ],
    ids=str,
)
async def test_any_other_body_is_415_and_so_no_form_of_another_site_can_act(headers: dict[str, str]) -> None:
    """S11, and SERVING trap 6 for gzip, which is refused: nothing is ever inflated."""
    house = Built()
    answer = await house.ask("mutation { bump }", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer.headers.get("accept-encoding") == ("identity" if "content-encoding" in headers else None)
    assert house.host.bumped == 0


async def test_a_body_that_is_too_large_is_413_before_it_was_read() -> None:
    """S12."""
    house = Built()
    declared = await house.ask(body=b"{}", headers={"content-length": str(TOO_LARGE)})
    assert declared.status_code == 413
    assert (await house.ask(body=b" " * TOO_LARGE)).status_code == 413

    async def pieces():
        for _ in range(3):
            yield b" " * (TOO_LARGE // 2)

    headers = {"authorization": GOOD, "content-type": "application/json"}
    assert (await house.send("POST", content=pieces(), headers=headers)).status_code == 413
    assert (await house.ask(body=QUERY + b"}" + b" " * 900_000)).status_code == 200


async def test_a_body_that_does_not_arrive_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    """SERVING trap 14."""
    monkeypatch.setattr(http_requests, "BODY_WITHIN_S", 0.05)

    async def stalled():
        yield b'{"query":'
        await asyncio.Event().wait()

    headers = {"authorization": GOOD, "content-type": "application/json"}
    answer = await Built().send("POST", content=stalled(), headers=headers)
    assert answer.status_code == 408
    assert answer.headers["connection"] == "close"


async def test_a_client_that_went_away_while_it_was_sending_starts_nothing() -> None:
    house = Built()
    async with house.listening("mutation { bump }", "application/json") as listening:
        # In the place of the body.
        await listening.receive()
        listening.leave()
        assert (await listening.head())[0] == 400
    assert house.host.bumped == 0


@pytest.mark.parametrize(
    "address",
    [
        "",
        "query=",
        "query=%20",
        "query=%ff",
        "query=%7Bmaybe%7D&variables=5",
        "query=%7Bmaybe%7D&variables=[]",
        "query=%7Bmaybe%7D&variables=%22a%22",
        "query=%7Bmaybe%7D&variables={",
        "query=%7Bmaybe%7D&variables=" + "[" * 5_000,
        "query=%7Bmaybe%7D&variables=NaN",
        "query=%7Bmaybe%7D&extensions=5",
        "query=%7Bmaybe%7D&query=%7Bmaybe%7D",
        "query=%7Bmaybe%7D" + "&a=1" * 30,
    ],
    ids=lambda address: address[:60],
)
async def test_an_address_is_read_as_strictly_as_a_body(address: str) -> None:
    """SERVING trap 6: deep variables of a GET."""
    answer = await Built().send("GET", headers={"authorization": GOOD}, path=f"/graphql?{address}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_whoever_is_not_let_in_is_told_nothing_more() -> None:
    house = Built()
    answer = await house.ask("{ nonsense }", headers={"authorization": "Bearer bad"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert json.loads(answer.text)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_browser_gets_the_page_unless_it_asks_for_something() -> None:
    from starlette.responses import HTMLResponse

    house = Built(page=lambda request: HTMLResponse(f"<p>{request.url.path}"))
    browser = "text/html,application/xhtml+xml,*/*;q=0.8"
    page = await house.send("GET", accept=browser)
    assert (page.status_code, page.text) == (200, "<p>/graphql")
    asked = await house.send(
        "GET", accept=browser, params={"query": "{ maybe }"}, headers={"authorization": GOOD}
    )
    assert asked.json()["data"] == {"maybe": None}
    assert (await house.send("GET", accept="*/*")).status_code == 401
    assert (await Built().send("GET", accept=browser)).status_code == 401
