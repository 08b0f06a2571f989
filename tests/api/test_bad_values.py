"""Values that no argument can have: refused at the top level, with code and place, before anything runs (A3, A26)."""

import json
from typing import Any

import pytest

from saifu.store import Store
from tests.api.mutations import a_new_customer, an_entry, document
from tests.client import Answer, Api
from tests.footprint import footprint, grown

pytestmark = pytest.mark.either_engine

LITERAL = """mutation {{ ledgerEntryCreate(input: {{customerId: "{customer}", currency: {currency}, amount: {amount},
  entryType: CREDIT, reason: {reason}, idempotencyKey: "k", expiresAt: {expires_at}, metadata: {metadata}}}) {{
  ledgerEntry {{ id }} errors {{ code }} }} }}"""
GOOD = {"currency": '"USD"', "amount": "1", "reason": "null", "expires_at": "null", "metadata": "{}"}


def refused_at(answer: Answer, *path: str | int) -> None:
    """One error, BAD_USER_INPUT, at a place in the arguments, and nothing of ours in its text."""
    (error,) = answer.body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["httpStatus"] == 422
    assert error["extensions"]["path"] == list(path)
    assert not any(
        word in error["message"] for word in ("Traceback", "NoneType", "Error(", "object at 0x", "int()")
    )


@pytest.mark.parametrize("amount", [1.5, 5.0, "5", True, False, 2**53, -(2**53), 10**30, [], {}, "５"])
async def test_an_amount_that_is_no_whole_number_is_refused_in_a_variable(
    client: Api, store: Store, amount: Any
) -> None:
    """A3, G2."""
    customer_id = await a_new_customer(client)
    before = await footprint(store)
    answer = await client.ask(document("ledgerEntryCreate"), input=an_entry(customer_id, amount=amount))
    refused_at(answer, "input", "amount")
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize(
    "amount", ["1.5", "5.0", '"5"', "true", str(2**53), str(10**30), "-" + "9" * 5000, "1e3", "FIVE"]
)
async def test_an_amount_that_is_no_whole_number_is_refused_in_a_document(
    client: Api, store: Store, amount: str
) -> None:
    customer_id = await a_new_customer(client)
    before = await footprint(store)
    answer = await client.ask(LITERAL.format(customer=customer_id, **{**GOOD, "amount": amount}))
    refused_at(answer, "input", "amount")
    assert grown(before, await footprint(store)) == {}


async def test_an_amount_may_be_a_variable_of_its_own(client: Api) -> None:
    """The path begins at the argument, whatever the variable is called."""
    asked = """mutation ($n: MinorUnits!) { ledgerEntryCreate(input: {customerId: "cus_x", currency: "USD",
      amount: $n, entryType: CREDIT, idempotencyKey: "k"}) { errors { code } } }"""
    refused_at(await client.ask(asked, n=1.5), "input", "amount")
    assert (await client.execute(asked, n=1))["ledgerEntryCreate"]["errors"] == [{"code": "NOT_FOUND"}]


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", 5, True, "ＵＳＤ", "U\u0130D"])
async def test_a_currency_is_three_capital_letters(client: Api, currency: Any) -> None:
    answer = await client.ask(document("ledgerEntryCreate"), input=an_entry("cus_x", currency=currency))
    refused_at(answer, "input", "currency")


@pytest.mark.parametrize(
    "instant",
    [
        "2027-01-01",
        "2027-01-01T00:00:00",
        "2027-01-01 00:00:00Z",
        "2027-02-30T00:00:00Z",
        "2027-01-01T24:00:01Z",
        "2027-01-01T00:00:60Z",
        "2027-01-01T00:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "tomorrow",
        1800000000,
        True,
        "２０２７-01-01T00:00:00Z",
    ],
)
async def test_an_instant_without_an_offset_or_out_of_the_calendar_is_refused(
    client: Api, instant: Any
) -> None:
    """A4."""
    answer = await client.ask(document("ledgerEntryCreate"), input=an_entry("cus_x", expiresAt=instant))
    refused_at(answer, "input", "expiresAt")


@pytest.mark.parametrize("metadata", [[], "text", 5, True])
async def test_metadata_is_an_object(client: Api, metadata: Any) -> None:
    """A5."""
    answer = await client.ask(document("ledgerEntryCreate"), input=an_entry("cus_x", metadata=metadata))
    refused_at(answer, "input", "metadata")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"reason": '"5'}, None),
        ({"reason": '"\\u0000"'}, ["input", "reason"]),
        ({"reason": '"a \\ud83d b"'}, None),
        ({"metadata": '{a: "\\u0000"}'}, ["input", "metadata", "a"]),
        ({"expires_at": '"2027-01-01"'}, ["input", "expiresAt"]),
        ({"currency": "USD"}, ["input", "currency"]),
    ],
)
async def test_odd_literals_are_refused(client: Api, store: Store, given: dict[str, str], place: Any) -> None:
    customer_id = await a_new_customer(client)
    before = await footprint(store)
    answer = await client.ask(LITERAL.format(customer=customer_id, **{**GOOD, **given}))
    if place is None:
        assert answer.code == "GRAPHQL_PARSE_FAILED"
    else:
        refused_at(answer, *place)
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud83d", "\udc00 語"])
@pytest.mark.parametrize(
    ("given", "path"),
    [
        (lambda text: {"reason": text}, ["input", "reason"]),
        (lambda text: {"idempotencyKey": text}, ["input", "idempotencyKey"]),
        (lambda text: {"customerId": text}, ["input", "customerId"]),
        (lambda text: {"metadata": {"a": text}}, ["input", "metadata", "a"]),
        (lambda text: {"metadata": {text: "a"}}, ["input", "metadata"]),
    ],
)
async def test_a_text_that_no_database_holds_is_refused_before_the_engine(
    client: Api, store: Store, text: str, given: Any, path: list[str]
) -> None:
    before = await footprint(store)
    body = {"query": document("ledgerEntryCreate"), "variables": {"input": an_entry("cus_x", **given(text))}}
    response = await client.http.post(
        "/graphql",
        content=json.dumps(body),
        headers={"authorization": f"Bearer {client.token}", "content-type": "application/json"},
    )
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    if "path" in error["extensions"]:
        assert error["extensions"]["path"] == path
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize("odd", ["\0", "\ud83d"])
async def test_an_odd_id_in_a_query_is_refused_too(client: Api, odd: str) -> None:
    body = {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": f"cus_{odd}"}}
    response = await client.http.post(
        "/graphql",
        content=json.dumps(body),
        headers={"authorization": f"Bearer {client.token}", "content-type": "application/json"},
    )
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_missing_and_an_unknown_field_of_an_input_are_named(client: Api) -> None:
    missing = await client.ask(document("customerCreate"), input={"email": "a@example.com"})
    refused_at(missing, "input")
    assert "'name'" in missing.body["errors"][0]["message"]
    unknown = await client.ask(
        document("customerCreate"), input={"email": "a@b.example", "name": "A", "nick": "a"}
    )
    refused_at(unknown, "input")


async def test_what_is_wrong_with_the_document_itself_has_its_own_codes(client: Api) -> None:
    """A26."""
    assert (await client.ask("{ viewer { mode }")).code == "GRAPHQL_PARSE_FAILED"
    assert (await client.ask("{ viewer { nothing } }")).code == "GRAPHQL_VALIDATION_FAILED"
    assert (await client.ask("{ customer(id: 5.5) { id } }")).code == "GRAPHQL_VALIDATION_FAILED"


async def test_what_is_wrong_with_a_huge_number_is_said(client: Api) -> None:
    """10^30 has no fraction, so the bound must be named too (A3, CU41)."""
    answer = await client.ask(document("ledgerEntryCreate"), input=an_entry("cus_x", amount=10**30))
    assert "from -9007199254740991 to 9007199254740991" in answer.body["errors"][0]["message"]
    given = {"email": "a@b.example", "name": "A", "metadata": {"a": 2**53}}
    (error,) = (await client.execute(document("customerCreate"), input=given))["customerCreate"]["errors"]
    assert error["path"] == ["input", "metadata", "a"]
    assert "if whole from -9007199254740991 to 9007199254740991" in error["message"]


async def test_a_document_too_tangled_to_be_validated_is_no_bad_value(client: Api) -> None:
    """A26."""
    fragments = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(150))
    for asked in ("{ ...F0 } " + fragments, "{ " + "nothing " * 200 + "}"):
        answer = await client.ask(asked)
        assert [error["extensions"]["code"] for error in answer.body["errors"]] == ["QUERY_TOO_COSTLY"]


CARD = "4242 4242-4242 4242"
NAME = (
    'mutation ($name: String!) { customerCreate(input: {email: "a@example.com", name: $name}) { replayed } }'
)


@pytest.mark.parametrize(
    ("document", "variables", "path"),
    [
        (NAME, {"name": f"my card is {CARD}"}, ["input", "name"]),
        (NAME.replace("($name: String!)", "").replace("$name", f'"{CARD}"'), {}, ["input", "name"]),
        ('{ customer(id: "4000056655665556") { id } }', {}, ["id"]),
        ("query ($id: ID!) { customer(id: $id) { id } }", {"id": "4000056655665556"}, ["id"]),
    ],
)
async def test_no_text_may_hold_the_number_of_a_card(
    client: Api, capfd: pytest.CaptureFixture[str], document: str, variables: dict[str, str], path: list[str]
) -> None:
    """S23: any string of any operation, literal or variable; it is refused with its place, and stands in no log."""
    answer = await client.ask(document, **variables)
    (error,) = answer.body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["path"]) == ("BAD_USER_INPUT", path)
    assert "card" in error["message"]
    logged = "".join(capfd.readouterr())
    assert not any(number in logged + str(answer.body) for number in (CARD, "4000056655665556"))


async def test_what_only_looks_like_the_number_of_a_card_is_taken(client: Api) -> None:
    """S23: instants in milliseconds, numbers that fail the check, and numbers that are no texts."""
    for text in ("pay_1768469400005", "4242424242424241"):
        await client.execute(NAME, name=text)
    answer = await client.ask(
        '{ customers(filter: {walletBalanceLt: 4242424242424242, currency: "USD"}) { totalCount } }'
    )
    assert answer.body["data"]["customers"] == {"totalCount": 2}
