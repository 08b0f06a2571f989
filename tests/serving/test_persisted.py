"""Documents named instead of sent (A62): Apollo's protocol, and documents known beforehand."""

import json
from pathlib import Path
from typing import Any

import pytest

from saifu.gateway.documents import Documents, Invalid
from saifu.gateway.host import Rejected
from saifu.gateway.limits import Limits
from saifu.gateway.persisted import digest, trusted
from saifu.gateway.requests import Request, operation
from tests.serving.shop import shop

SCHEMA = shop()
TEXT = "{ customer(id: 1) { id } }"
OTHER = "query Other { enabled }"


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA)


def by_hash(name: str, query: str | None = None) -> Request:
    return Request(query, extensions={"persistedQuery": {"version": 1, "sha256Hash": name}})


def assert_unknown(documents: Documents, request: Request) -> None:
    with pytest.raises(Invalid) as no:
        documents.operation(request, verbose=False)
    (error,) = no.value.errors
    assert error.formatted == {
        "message": "PersistedQueryNotFound",
        "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND", "httpStatus": 200},
    }


def assert_rejected(documents: Documents, request: Request, status: int, code: str) -> None:
    with pytest.raises(Rejected) as no:
        documents.operation(request, verbose=False)
    assert (no.value.status, no.value.code) == (status, code)


def test_a_document_is_known_by_its_hash_once_it_was_sent_with_it(documents: Documents) -> None:
    """A62: the words and the status are Apollo Server's, which clients look for."""
    assert_unknown(documents, by_hash(digest(TEXT)))
    sent = documents.operation(by_hash(digest(TEXT), TEXT), verbose=False)
    assert documents.operation(by_hash(digest(TEXT)), verbose=False) is sent
    assert documents.operation(Request(TEXT), verbose=False) is sent
    assert documents.operation(Request(None, document_id=f"sha256:{digest(TEXT)}"), verbose=False) is sent


def test_the_hash_is_what_other_programs_compute() -> None:
    assert digest("{ __typename }") == "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b"


def test_a_wrong_hash_registers_nothing(documents: Documents) -> None:
    for wrong in (digest(OTHER), digest(TEXT).upper(), "x"):
        assert_rejected(documents, by_hash(wrong, TEXT), 400, "BAD_USER_INPUT")
        assert_unknown(documents, by_hash(wrong))
    assert_unknown(documents, by_hash(digest(TEXT)))


def test_a_document_that_is_not_good_is_not_registered(documents: Documents) -> None:
    text = "{ nothing }"
    with pytest.raises(Invalid):
        documents.operation(by_hash(digest(text), text), verbose=False)
    assert_unknown(documents, by_hash(digest(text)))


def test_registered_documents_are_bounded() -> None:
    documents = Documents(SCHEMA, Limits(cached_documents=3))
    texts = [f"query A{number} {{ enabled }}" for number in range(4)]
    for text in texts:
        documents.operation(by_hash(digest(text), text), verbose=False)
    assert_unknown(documents, by_hash(digest(texts[0])))
    assert documents.operation(by_hash(digest(texts[3])), verbose=False).cost({}) == 0


@pytest.mark.parametrize(
    "extension",
    [
        {"version": 2, "sha256Hash": "a"},
        {"version": "1", "sha256Hash": "a"},
        {"version": True, "sha256Hash": "a"},
        {"sha256Hash": "a"},
        {"version": 1},
        {"version": 1, "sha256Hash": ""},
        {"version": 1, "sha256Hash": 7},
        {"version": 1, "sha256Hash": ["a"]},
        ["a"],
        "a",
        1,
    ],
)
def test_another_protocol_is_refused(documents: Documents, extension: Any) -> None:
    for query in (None, TEXT):
        request = Request(query, extensions={"persistedQuery": extension})
        assert_rejected(documents, request, 400, "BAD_USER_INPUT")


def test_trusted_documents_are_found_by_their_ids() -> None:
    documents = Documents(SCHEMA, trusted={"one": TEXT, digest(OTHER): OTHER, "two": TEXT})
    one = documents.operation(Request(None, document_id="one"), verbose=False)
    for request in (by_hash("one"), by_hash("two", TEXT), by_hash(digest(TEXT), TEXT), Request(TEXT)):
        assert documents.operation(request, verbose=False) is one
    assert documents.operation(by_hash(digest(OTHER)), verbose=False).name == "Other"
    assert_unknown(documents, by_hash("three"))
    assert_rejected(documents, by_hash("one", OTHER), 400, "BAD_USER_INPUT")


def test_trusted_documents_are_never_forgotten() -> None:
    documents = Documents(SCHEMA, Limits(cached_documents=1), trusted={"one": TEXT})
    one = documents.operation(by_hash("one"), verbose=False)
    for number in range(3):
        documents.operation(Request(f"{{ a{number}: enabled }}"), verbose=False)
    assert documents.operation(by_hash("one"), verbose=False) is one


def test_every_other_document_can_be_refused() -> None:
    """A62: a text passes only where it is a trusted one, letter by letter."""
    documents = Documents(SCHEMA, trusted={"one": TEXT}, only_trusted=True)
    one = documents.operation(Request(None, document_id="one"), verbose=False)
    assert documents.operation(Request(TEXT), verbose=False) is one
    for request in (
        Request(OTHER),
        Request(TEXT + " "),
        by_hash(digest(OTHER), OTHER),
        Request("{" * 100_000),
    ):
        assert_rejected(documents, request, 403, "FORBIDDEN")
    assert_unknown(documents, by_hash(digest(OTHER)))
    assert_unknown(documents, Request(None, document_id="two"))


def test_trusted_documents_that_are_not_good_are_all_named_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"(?s)bad: Cannot query field 'custome'.*worse: Syntax Error") as no:
        Documents(SCHEMA, trusted={"good": TEXT, "bad": "{ custome }", "worse": "{"})
    assert "\ngood:" not in str(no.value)


def test_a_manifest_of_apollo_s_is_read(tmp_path: Path) -> None:
    operations = [
        {"id": "a", "name": "A", "type": "query", "body": TEXT},
        {"id": "b", "name": "Other", "type": "query", "body": OTHER},
    ]
    manifest = json.dumps(
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    )
    file = tmp_path / "manifest.json"
    file.write_text(manifest, encoding="utf-8")
    assert trusted(manifest) == trusted(file) == trusted(str(file)) == {"a": TEXT, "b": OTHER}


def test_a_flat_manifest_is_read() -> None:
    """As the Relay compiler and GraphQL Code Generator write it."""
    assert trusted(json.dumps({"a": TEXT, "b": OTHER})) == {"a": TEXT, "b": OTHER}
    assert trusted("{}") == {}


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("{", "not valid JSON"),
        ('{"a": 1}', "'a' must be a text"),
        ('{"": "{a}"}', "must be a text with an id"),
        ('{"format": "other", "version": 1}', "must be of format apollo-persisted-query-manifest, version 1"),
        ('{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}', "version 1"),
        ('{"format": "apollo-persisted-query-manifest", "version": 1}', "list of objects"),
        ('{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [1]}', "list of objects"),
        ('{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": 1}]}', "entry 1"),
        (
            json.dumps(
                {
                    "format": "apollo-persisted-query-manifest",
                    "version": 1,
                    "operations": [{"id": "a", "body": "b"}, {"id": "a", "body": "c"}],
                }
            ),
            "two documents with the id 'a'",
        ),
    ],
)
def test_a_manifest_that_is_none_is_refused(manifest: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        trusted(manifest)


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        trusted(tmp_path / "missing.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ValueError, match="is a JSON object"):
        trusted(tmp_path / "list.json")


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"documentId": "a"}, Request(None, document_id="a")),
        ({"id": "a", "variables": {}}, Request(None, {}, document_id="a")),
        ({"id": 7, "query": TEXT}, Request(TEXT)),
        ({"documentId": "a", "id": "b", "operationName": "C"}, Request(None, name="C", document_id="a")),
        ({"query": "", "documentId": "a"}, Request(None, document_id="a")),
        ({"query": "", "id": "a"}, Request(None, document_id="a")),
        ({"extensions": {"persistedQuery": {}}}, Request(None, extensions={"persistedQuery": {}})),
    ],
)
def test_a_request_may_name_its_document(sent: dict[str, Any], named: Request) -> None:
    assert operation(sent) == named


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"query": None, "extensions": {}},
        {"query": " ", "documentId": "a"},
        {"query": ""},
        {"query": TEXT, "documentId": "a"},
        {"documentId": 7},
        {"documentId": ""},
        {"id": ["a"]},
        {"query": " ", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a"}}},
    ],
)
def test_a_request_that_neither_sends_nor_names_a_document_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match=r"query|documentId|id") as no:
        operation(sent)
    assert (no.value.status, no.value.code) == (400, "BAD_USER_INPUT")
