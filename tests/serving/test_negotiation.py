"""GraphQL over HTTP: which answer a client gets, by what it accepts and what it asked (A60, SERVING traps 4, 5, 8)."""

from typing import Any

import pytest

from tests.serving.house import GOOD, Built

RESPONSE = "application/graphql-response+json; charset=utf-8"
JSON = "application/json; charset=utf-8"
SSE = "text/event-stream; charset=utf-8"
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'

APOLLO = "application/graphql-response+json,application/json;q=0.9"
APOLLO_LISTENING = f"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,{APOLLO}"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
    "multipart/mixed"
)
URQL_LISTENING = "text/event-stream, multipart/mixed"
GRAPHQL_SSE = "text/event-stream"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON; Charset=UTF-8", JSON),
        ("application/graphql-response+json", RESPONSE),
        ("application/graphql-response+json, application/json", RESPONSE),
        ("application/json, application/graphql-response+json", JSON),
        ("application/json;q=0.9, application/graphql-response+json", RESPONSE),
        ("application/graphql-response+json;q=0.5, application/json;q=0.6", JSON),
        ("application/graphql-response+json;q=0, */*", JSON),
        ("application/json;q=0, */*;q=0.1", RESPONSE),
        ("text/html, */*;q=0.1", JSON),
        ("application/graphql-response+json;q=0.5, */*;q=0.1", RESPONSE),
        ("application/json;q=nonsense", JSON),
        ("application/json;q=7", JSON),
        ("application/json;charset=latin-1, application/graphql-response+json;q=0.1", RESPONSE),
        ("image/png,,;;, application/json", JSON),
        ("application/json, " + "text/x, " * 200, JSON),
        (APOLLO, RESPONSE),
        (APOLLO_LISTENING, RESPONSE),
        (URQL, RESPONSE),
        ("text/event-stream, application/json;q=0.1", JSON),
    ],
)
async def test_a_query_is_answered_in_the_best_of_what_is_accepted(
    accept: str | None, content_type: str
) -> None:
    """A client that merely lists a kind of stream gets no stream for a query (SERVING trap 4)."""
    answer = await Built().ask("{ maybe }", accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["vary"] == "accept"
    assert answer.json()["data"] == {"maybe": None}


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/graphql+json",
        "application/json;q=0",
        "multipart/mixed",
        "multipart/mixed;subscriptionSpec=2.0",
        "application/json;charset=latin-1",
        "*/*;q=0",
    ],
)
async def test_a_client_that_takes_nothing_we_have_is_told_what_there_is(accept: str) -> None:
    house = Built()
    answer = await house.ask("mutation { bump }", accept)
    assert answer.status_code == 406
    assert answer.headers["content-type"] == JSON
    assert "application/graphql-response+json" in answer.json()["errors"][0]["message"]
    assert house.host.bumped == 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (GRAPHQL_SSE, SSE),
        (URQL_LISTENING, SSE),
        (URQL, SSE),
        (APOLLO_LISTENING, MULTIPART),
        ('multipart/mixed;subscriptionSpec="1.0", application/json', MULTIPART),
        ("multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream;q=0.6", SSE),
        ("text/event-stream;q=0, multipart/mixed;subscriptionSpec=1.0", MULTIPART),
    ],
)
async def test_a_subscription_is_answered_by_the_best_stream_that_is_named(
    accept: str, content_type: str
) -> None:
    async with Built().listening("subscription { ticks }", accept) as listening:
        status, headers = await listening.head()
        assert status == 200
        assert headers["content-type"] == content_type


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", APOLLO, "text/*"])
async def test_a_subscription_without_a_stream_is_refused_and_never_run_as_a_query(
    accept: str | None,
) -> None:
    """SERVING trap 8."""
    house = Built()
    answer = await house.ask("subscription { ticks }", accept)
    assert answer.status_code == 406
    (error,) = answer.json()["errors"]
    assert "text/event-stream" in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert house.host.listening == 0


WRONG = [
    pytest.param("{ maybe", {}, "GRAPHQL_PARSE_FAILED", id="parse"),
    pytest.param("{ nonsense }", {}, "GRAPHQL_VALIDATION_FAILED", id="validate"),
    pytest.param("query ($t: String!) { echo(text: $t) }", {}, "BAD_USER_INPUT", id="variable missing"),
    pytest.param(
        "query ($t: String!) { echo(text: $t) }",
        {"variables": {"t": 5}},
        "BAD_USER_INPUT",
        id="variable wrong",
    ),
    pytest.param("query A { maybe } query B { maybe }", {}, "BAD_USER_INPUT", id="which operation"),
    pytest.param("{ maybe }", {"operationName": "Other"}, "BAD_USER_INPUT", id="no such operation"),
    pytest.param("{ items(first: 30000) }", {}, "QUERY_TOO_COSTLY", id="too costly"),
]


@pytest.mark.parametrize(("document", "request_", "code"), WRONG)
async def test_a_request_that_does_not_run_is_400_without_data_for_graphql_response_json(
    document: str, request_: dict[str, object], code: str
) -> None:
    """SERVING trap 5."""
    answer = await Built().ask(document, "application/graphql-response+json", request=request_)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == RESPONSE
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    assert answer.json().keys() == {"errors"}


@pytest.mark.parametrize(("document", "request_", "code"), WRONG)
async def test_a_request_that_does_not_run_is_200_without_data_for_json(
    document: str, request_: dict[str, object], code: str
) -> None:
    """Clients of `application/json` take any other status for a broken connection (SERVING trap 5)."""
    answer = await Built().ask(document, "application/json", request=request_)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    assert answer.json().keys() == {"errors"}


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_an_operation_that_ran_is_200_whatever_its_fields_say(accept: str) -> None:
    answer = await Built().ask("{ broken }", accept)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"broken": None}
    assert answer.json()["errors"][0]["path"] == ["broken"]


async def test_an_operation_that_the_house_does_not_allow_has_the_status_of_that() -> None:
    house = Built()
    request = {"variables": {"text": "forbidden"}}
    document = "query ($text: String!) { echo(text: $text) }"
    strict = await house.ask(document, "application/graphql-response+json", request=request)
    assert (strict.status_code, strict.json().keys()) == (403, {"errors"})
    assert (await house.ask(document, "application/json", request=request)).status_code == 200


async def test_a_document_that_is_named_and_not_known_is_sent_again_by_apollo() -> None:
    """A62: the message is what urql looks for, the code what Apollo does."""
    house, digest = Built(), "0" * 64
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    for accept, status in [(APOLLO, 400), ("application/json", 200)]:
        answer = await house.ask(None, accept, request={"query": None, "extensions": extensions})
        assert answer.status_code == status
        (error,) = answer.json()["errors"]
        assert error["message"] == "PersistedQueryNotFound"
        assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_an_executed_operation_says_what_it_cost() -> None:
    """A61."""
    answer = await Built().ask("{ items(first: 7) }")
    cost = answer.json()["extensions"]["cost"]
    assert cost["requested"] >= 7
    assert cost["remaining"] == cost["limit"] - cost["requested"]


async def test_get_is_for_queries() -> None:
    house = Built()
    answer = await house.get(query="query ($t: String!) { echo(text: $t) }", variables='{"t": "財布"}')
    assert answer.json()["data"] == {"echo": "財布"}
    assert (
        await house.get(query="{ maybe }", variables="", extensions="", operationName="")
    ).status_code == 200
    refused = await house.get(query="mutation { bump }")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"
    assert house.host.bumped == 0


async def test_head_is_get_without_a_body_and_moves_nothing() -> None:
    house = Built()
    asked: dict[str, Any] = {"params": {"query": "{ maybe }"}, "headers": {"authorization": GOOD}}
    full = await house.send("GET", **asked)
    head = await house.send("HEAD", **asked)
    assert head.status_code == full.status_code == 200
    assert head.headers == full.headers
    assert head.content == b""
    assert (await house.send("HEAD", headers={"authorization": GOOD})).status_code == 400


async def test_options_and_other_methods_say_which_there_are() -> None:
    house = Built()
    options = await house.send("OPTIONS")
    assert options.status_code == 204
    assert options.content == b""
    for method in ("PUT", "DELETE", "PATCH", "QUERY"):
        answer = await house.send(method)
        assert answer.status_code == 405
        assert answer.headers["allow"] == options.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert house.host.admitted == []


async def test_each_operation_is_counted_with_its_kind_and_what_went_wrong() -> None:
    house = Built()
    await house.ask("{ maybe }")
    await house.ask("mutation { bump }")
    await house.ask("{ broken }")
    await house.ask("{ nonsense }")
    await house.ask(body=b"5")
    assert house.host.results == [
        ("query", []),
        ("mutation", []),
        ("query", ["INTERNAL_SERVER_ERROR"]),
        ("query", ["GRAPHQL_VALIDATION_FAILED"]),
        ("none", ["BAD_USER_INPUT"]),
    ]
