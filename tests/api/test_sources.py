"""Sources as clients see them: made, attached, listed, replaced, detached (sources.md §4-§9), at the simulator."""

from datetime import timedelta
from typing import Any

import pytest

from saifu.clock import ManualClock
from saifu.store import Store
from tests.api.mutations import a_new_customer, change, done, refused
from tests.builders import a_session
from tests.client import Api
from tests.footprint import footprint, grown

IBAN = "DE89370400440532013000"
ONLINE = {"status": "ACCEPTED", "ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}
DEBIT: dict[str, Any] = {
    "type": "SEPA_DEBIT",
    "iban": IBAN,
    "owner": {"name": "Aiko Sato", "email": "aiko@example.com"},
    "mandate": {"acceptance": ONLINE},
}
REDIRECT: dict[str, Any] = {
    "type": "IDEAL",
    "amount": 1099,
    "currency": "EUR",
    "owner": {"name": "Aiko Sato"},
    "returnUrl": "https://shop.example/back?order=7&source=mine",
}
SOURCES = """query ($id: ID!) { customer(id: $id) {
  defaultSource { id } sources { nodes { id isDefault status customer { id } } totalCount } } }"""
EVENTS = """query ($id: ID!) { customer(id: $id) {
  events(orderBy: CURSOR_ASC) { nodes { name objectId data } } } }"""


async def a_card(client: Api, token: str = "tok_visa") -> str:
    made = await done(client, "sourceCreate", type="CARD", token=token)
    return str(made["source"]["id"])


async def attached(client: Api, customer_id: str, source: str = "tok_visa", **given: Any) -> Any:
    return (await done(client, "sourceAttach", customerId=customer_id, source=source, **given))["source"]


async def held(client: Api, customer_id: str) -> tuple[list[str], str | None]:
    """The ids of what is attached, the newest first, and the default; all three views agree (SR55)."""
    customer = (await client.execute(SOURCES, id=customer_id))["customer"]
    nodes, default = customer["sources"]["nodes"], customer["defaultSource"]
    assert all(node["customer"]["id"] == customer_id and node["status"] == "CHARGEABLE" for node in nodes)
    assert [node["id"] for node in nodes if node["isDefault"]] == ([default["id"]] if default else [])
    assert customer["sources"]["totalCount"] == len(nodes)
    return [node["id"] for node in nodes], default["id"] if default else None


async def events(client: Api, customer_id: str) -> list[tuple[str, str]]:
    await client.whole_log()
    found = (await client.execute(EVENTS, id=customer_id))["customer"]["events"]["nodes"]
    return [(event["name"], event["objectId"]) for event in found]


async def status(client: Api, source_id: str) -> str:
    found = await client.execute("query ($id: ID!) { source(id: $id) { status } }", id=source_id)
    return str(found["source"]["status"])


async def three(client: Api, clock: ManualClock, last: str = "tok_visa") -> tuple[str, list[str]]:
    """A customer with a, b and c, attached in this order, each a second after the other."""
    customer_id, made = await a_new_customer(client), []
    for token in ("tok_visa", "tok_mastercard", last):
        made.append((await attached(client, customer_id, token))["id"])
        clock.advance(timedelta(seconds=1))
    return customer_id, made


async def test_a_card_is_made_of_a_token_and_can_be_charged_at_once(client: Api) -> None:
    """SR1, SR22, SR92."""
    made = await done(client, "sourceCreate", type="CARD", token="tok_visa", metadata={"a": "b"})
    source = made["source"]
    assert (source["status"], source["usage"], source["flow"]) == ("CHARGEABLE", "REUSABLE", "NONE")
    assert (source["card"]["brand"], source["card"]["last4"]) == ("visa", "4242")
    assert (source["customerId"], source["metadata"]) == (None, {"a": "b"})
    assert made["clientSecret"].startswith("src_client_secret_")


async def test_the_client_secret_reads_the_progress_of_one_source(client: Api, store: Store) -> None:
    """SR96: with any credential, also a session's; nothing with a wrong one."""
    made = await done(client, "sourceCreate", **REDIRECT)
    other = await done(client, "sourceCreate", **REDIRECT)
    customer_id = await a_new_customer(client)
    _, token = await store.write(lambda tx: a_session(tx, customer_id))
    browser = client.acting_as(token)
    ask = """query ($id: ID!, $secret: String!) { sourceProgress(id: $id, clientSecret: $secret) {
      status flow redirectStatus amount { amount } currency } source(id: $id) { id } }"""
    given = {"id": made["source"]["id"], "secret": made["clientSecret"]}
    assert await browser.execute(ask, **given) == {
        "sourceProgress": {
            "status": "PENDING",
            "flow": "REDIRECT",
            "redirectStatus": "PENDING",
            "amount": {"amount": 1099},
            "currency": "EUR",
        },
        "source": None,
    }
    for secret in (other["clientSecret"], "", "ß"):
        assert (await browser.execute(ask, **{**given, "secret": secret}))["sourceProgress"] is None


async def test_a_repeated_creation_answers_with_the_same_source_and_no_secret(client: Api) -> None:
    """A31, SR96."""
    first = await done(client, "sourceCreate", **DEBIT, idempotencyKey="mandate 1")
    again = await done(client, "sourceCreate", **DEBIT, idempotencyKey="mandate 1")
    assert (again["source"]["id"], again["clientSecret"]) == (first["source"]["id"], None)
    assert again["replayed"] is True
    error = await refused(client, "sourceCreate", **REDIRECT, idempotencyKey="mandate 1")
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_debit_with_an_accepted_mandate_can_be_charged(client: Api) -> None:
    """SR1, SR24, SR80, SR94."""
    source = (await done(client, "sourceCreate", **DEBIT))["source"]
    assert (source["status"], source["currency"]) == ("CHARGEABLE", "EUR")
    assert source["bankAccount"] == {"last4": "3000", "country": "DE"}
    assert source["mandate"]["status"] == "ACCEPTED"
    assert len(source["mandate"]["reference"]) <= 35


@pytest.mark.parametrize(("decided", "becomes"), [("ACCEPTED", "CHARGEABLE"), ("REFUSED", "FAILED")])
async def test_a_debit_waits_for_its_mandate(client: Api, decided: str, becomes: str) -> None:
    """SR2, SR3, SR4."""
    waiting = {**DEBIT, "mandate": {"acceptance": {"status": "PENDING"}}}
    source = (await done(client, "sourceCreate", **waiting))["source"]
    assert source["status"] == "PENDING"
    answer = {**ONLINE, "status": decided}
    after = (await done(client, "sourceUpdate", sourceId=source["id"], mandateAcceptance=answer))["source"]
    assert (after["status"], after["mandate"]["status"]) == (becomes, decided)
    error = await refused(client, "sourceUpdate", sourceId=source["id"], mandateAcceptance=answer)
    assert error["code"] == "SOURCE_STATE_CONFLICT"


async def test_a_withdrawn_mandate_ends_an_attached_source(client: Api) -> None:
    """SR12, SR84, SR72."""
    customer_id = await a_new_customer(client)
    card = await attached(client, customer_id)
    debit = (await done(client, "sourceCreate", **DEBIT))["source"]["id"]
    await attached(client, customer_id, debit, makeDefault=True)
    assert await held(client, customer_id) == ([debit, card["id"]], debit)
    revoked = {"status": "REVOKED"}
    source = (await done(client, "sourceUpdate", sourceId=debit, mandateAcceptance=revoked))["source"]
    assert (source["status"], source["mandate"]["status"]) == ("FAILED", "REVOKED")
    assert await held(client, customer_id) == ([card["id"]], card["id"])
    assert [name for name, _ in (await events(client, customer_id))[-2:]] == [
        "source.failed",
        "customer.updated",
    ]


WRONG: list[tuple[dict[str, Any], str, list[str]]] = [
    ({**DEBIT, "iban": "DE89370400440532013001"}, "INVALID_BANK_ACCOUNT_IBAN", ["input", "iban"]),
    ({**DEBIT, "iban": "DE8937040044053201300"}, "INVALID_BANK_ACCOUNT_IBAN", ["input", "iban"]),
    ({**DEBIT, "owner": {"name": "Al"}}, "INVALID_OWNER_NAME", ["input", "owner", "name"]),
    ({**DEBIT, "owner": None}, "INVALID_OWNER_NAME", ["input", "owner", "name"]),
    ({**DEBIT, "iban": "CH9300762011623852957"}, "INVALID_REQUEST_PARAMETERS", ["input", "owner", "address"]),
    ({**DEBIT, "mandate": None}, "INVALID_REQUEST_PARAMETERS", ["input", "mandate"]),
    ({**DEBIT, "currency": "USD"}, "UNSUPPORTED_PAYMENT_CURRENCY", ["input", "currency"]),
    ({**DEBIT, "usage": "SINGLE_USE"}, "INVALID_REQUEST_PARAMETERS", ["input", "usage"]),
    ({"type": "CARD"}, "INVALID_REQUEST_PARAMETERS", ["input", "token"]),
    ({"type": "CARD", "token": "tok_x", "iban": IBAN}, "INVALID_REQUEST_PARAMETERS", ["input", "iban"]),
    ({"type": "CARD", "token": "tok_visa", "usage": "SINGLE_USE"}, "INVALID_REQUEST_PARAMETERS", ["input", "amount"]),
    ({"type": "CARD", "token": "tok_visa", "statementDescriptor": "123"}, "INVALID_REQUEST_PARAMETERS",
     ["input", "statementDescriptor"]),
    ({**REDIRECT, "returnUrl": None}, "INVALID_REQUEST_PARAMETERS", ["input", "returnUrl"]),
    ({**REDIRECT, "returnUrl": "javascript:alert(1)"}, "INVALID_REQUEST_PARAMETERS", ["input", "returnUrl"]),
    ({**REDIRECT, "amount": None}, "INVALID_REQUEST_PARAMETERS", ["input", "amount"]),
    ({**REDIRECT, "type": "GIROPAY"}, "PAYMENT_METHOD_UNSUPPORTED", ["input", "type"]),
    ({"type": "ACH_CREDIT_TRANSFER", "amount": 5}, "INVALID_REQUEST_PARAMETERS", ["input", "amount"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "code", "path"), WRONG)
async def test_what_makes_no_source(
    client: Api, store: Store, given: dict[str, Any], code: str, path: list[str]
) -> None:
    """§2, SR20, SR21, SR24: refused with its place, and nothing is left behind."""
    before = await footprint(store)
    error = await refused(client, "sourceCreate", **given)
    assert (error["code"], error["path"]) == (code, path)
    assert grown(before, await footprint(store)) == {}


async def test_a_redirect_that_is_not_completed_is_canceled_to_the_second(
    client: Api, clock: ManualClock
) -> None:
    """SR2, SR5, SR17: exact at read time, whether or not the job ran."""
    source = (await done(client, "sourceCreate", **REDIRECT))["source"]
    assert (source["status"], source["redirect"]["status"]) == ("PENDING", "PENDING")
    clock.advance(timedelta(hours=1) - timedelta(microseconds=1))
    assert await status(client, source["id"]) == "PENDING"
    clock.advance(timedelta(microseconds=1))
    assert await status(client, source["id"]) == "CANCELED"


async def test_the_first_source_becomes_the_default_and_the_next_does_not(client: Api) -> None:
    """SR32, SR33, SR39, SR55, SR58."""
    customer_id = await a_new_customer(client)
    first = await done(client, "sourceAttach", customerId=customer_id, source=await a_card(client))
    assert first["customer"]["defaultSource"]["id"] == first["source"]["id"]
    second = await attached(client, customer_id, "tok_mastercard")
    assert second["isDefault"] is False
    assert (await held(client, customer_id))[1] == first["source"]["id"]
    assert await events(client, customer_id) == [
        ("customer.created", customer_id),
        ("customer.source.created", first["source"]["id"]),
        ("customer.updated", customer_id),
        ("customer.source.created", second["id"]),
    ]


async def test_attaching_again_changes_nothing(client: Api, store: Store) -> None:
    """SR34."""
    customer_id = await a_new_customer(client)
    source = await attached(client, customer_id)
    before = await footprint(store)
    assert await attached(client, customer_id, source["id"]) == source
    assert "event" not in grown(before, await footprint(store))


async def test_a_declined_check_attaches_nothing(client: Api) -> None:
    """SR35: in the family of card declines; 4000 0000 0000 0341 passes here."""
    customer_id = await a_new_customer(client)
    declined = "tok_chargeDeclinedInsufficientFunds"
    payload = await change(client, "sourceAttach", customerId=customer_id, source=declined)
    (error,) = payload["errors"]
    assert (error["code"], error["__typename"]) == ("PAYMENT_DECLINED", "PaymentDeclinedError")
    assert (error["httpStatus"], payload["source"]) == (402, None)
    assert await held(client, customer_id) == ([], None)
    await attached(client, customer_id, "tok_chargeCustomerFail")


async def test_what_cannot_be_attached(client: Api, clock: ManualClock) -> None:
    """SR30, SR31."""
    customer_id, other = await a_new_customer(client), await a_new_customer(client)
    theirs = (await attached(client, other))["id"]
    single = (await done(client, "sourceCreate", type="CARD", token="tok_visa", usage="SINGLE_USE",
                         amount=500, currency="EUR"))["source"]["id"]  # fmt: skip
    pending = (await done(client, "sourceCreate", **REDIRECT))["source"]["id"]
    gone = (await attached(client, customer_id))["id"]
    await done(client, "sourceDetach", customerId=customer_id, sourceId=gone)
    for source, code in {
        theirs: "SOURCE_ALREADY_ATTACHED",
        single: "SOURCE_NOT_REUSABLE",
        pending: "SOURCE_NOT_CHARGEABLE",
        gone: "SOURCE_NOT_CHARGEABLE",
        "src_nobody": "NOT_FOUND",
    }.items():
        error = await refused(client, "sourceAttach", customerId=customer_id, source=source)
        assert (error["code"], error["path"]) == (code, ["input", "source"]), source
    error = await refused(client, "sourceAttach", customerId="cus_x", source=await a_card(client))
    assert error["code"] == "NOT_FOUND"


async def test_the_same_card_twice_is_said_and_can_be_refused(client: Api) -> None:
    """SR37."""
    customer_id = await a_new_customer(client)
    first = await attached(client, customer_id)
    error = await refused(
        client, "sourceAttach", customerId=customer_id, source=await a_card(client), rejectDuplicates=True
    )
    assert error["code"] == "SOURCE_DUPLICATE"
    assert (await attached(client, customer_id))["duplicateOf"] == first["id"]
    assert (await attached(client, customer_id, "tok_mastercard"))["duplicateOf"] is None


async def test_a_blocked_customer_gets_no_source(client: Api) -> None:
    """CU62; reads and detaching still work."""
    customer_id = await a_new_customer(client)
    source = (await attached(client, customer_id))["id"]
    await done(client, "customerBlock", customer={"id": customer_id})
    card = await a_card(client)
    for mutation, given in (("sourceAttach", {"source": card}), ("customerUpdate", {"source": card})):
        error = await refused(client, mutation, customerId=customer_id, **given)
        assert error["code"] == "CUSTOMER_BLOCKED"
    await done(client, "sourceDetach", customerId=customer_id, sourceId=source)


async def test_detaching_the_default_passes_it_on(client: Api, clock: ManualClock) -> None:
    """§9's example: a, b, c with default a. Detach a: c. Detach c: b. Detach b: null (SR70-SR72, SR77)."""
    customer_id, (a, b, c) = await three(client, clock)
    assert await held(client, customer_id) == ([c, b, a], a)
    answer = await done(client, "sourceDetach", customerId=customer_id, sourceId=a)
    assert (answer["source"]["status"], answer["source"]["customerId"]) == ("CONSUMED", None)
    assert answer["affectedSubscriptions"] == []
    assert answer["customer"]["defaultSource"]["id"] == c
    await done(client, "sourceDetach", customerId=customer_id, sourceId=c)
    assert await held(client, customer_id) == ([b], b)
    await done(client, "sourceDetach", customerId=customer_id, sourceId=b)
    assert await held(client, customer_id) == ([], None)
    assert [name for name, _ in (await events(client, customer_id))[-2:]] == [
        "customer.source.deleted",
        "customer.updated",
    ]


async def test_detaching_another_leaves_the_default(client: Api, clock: ManualClock) -> None:
    """SR73, SR76."""
    customer_id, (a, b, c) = await three(client, clock)
    await done(client, "sourceDetach", customerId=customer_id, sourceId=b)
    assert await held(client, customer_id) == ([c, a], a)
    for _ in range(2):
        error = await refused(client, "sourceDetach", customerId=customer_id, sourceId=b)
        assert error["code"] == "SOURCE_NOT_ATTACHED"


async def test_replacing_detaches_the_old_default_alone(client: Api, clock: ManualClock) -> None:
    """§6's example: D (default) and E; X replaces D; then E is chosen (SR40, SR41, SR47, SR51)."""
    customer_id = await a_new_customer(client)
    d = (await attached(client, customer_id))["id"]
    e = (await attached(client, customer_id, "tok_mastercard"))["id"]
    clock.advance(timedelta(seconds=1))
    x = await a_card(client, "tok_amex")
    seen = len(await events(client, customer_id))
    await done(client, "customerUpdate", customerId=customer_id, source=x)
    assert (await held(client, customer_id), await status(client, d)) == (([x, e], x), "CONSUMED")
    assert (await events(client, customer_id))[seen:] == [
        ("customer.source.created", x),
        ("customer.source.deleted", d),
        ("customer.updated", customer_id),
    ]
    await done(client, "customerUpdate", customerId=customer_id, defaultSource=e)
    assert (await held(client, customer_id), await status(client, x)) == (([x, e], e), "CHARGEABLE")
    await client.whole_log()
    data = (await client.execute(EVENTS, id=customer_id))["customer"]["events"]["nodes"][-1]["data"]
    assert (data["default_source"], data["previous_attributes"]) == (e, {"default_source": x})


async def test_replacing_with_what_is_attached_already(client: Api, clock: ManualClock, store: Store) -> None:
    """SR43, SR44."""
    customer_id, (a, b, c) = await three(client, clock)
    await done(client, "customerUpdate", customerId=customer_id, source=b)
    assert (await held(client, customer_id), await status(client, a)) == (([c, b], b), "CONSUMED")
    before = await footprint(store)
    await done(client, "customerUpdate", customerId=customer_id, source=b)
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize("token", ["tok_chargeDeclined", "src_nobody"])
async def test_a_failed_replacement_changes_nothing(client: Api, token: str) -> None:
    """SR42: not the name either, and the old default is still there."""
    customer_id = await a_new_customer(client)
    old = (await attached(client, customer_id))["id"]
    await refused(client, "customerUpdate", customerId=customer_id, name="Other", source=token)
    assert await held(client, customer_id) == ([old], old)
    found = await client.execute("query ($id: ID!) { customer(id: $id) { name } }", id=customer_id)
    assert found["customer"]["name"] == "Aiko"


async def test_what_cannot_be_the_default(client: Api, clock: ManualClock) -> None:
    """SR51, SR52, CU25."""
    customer_id, other = await a_new_customer(client), await a_new_customer(client)
    await done(client, "customerUpdate", customerId=customer_id, defaultSource=None)
    mine, theirs = (await attached(client, customer_id))["id"], (await attached(client, other))["id"]
    loose = await a_card(client)
    for chosen, code in {
        loose: "SOURCE_NOT_ATTACHED",
        theirs: "NOT_FOUND",
        "src_nobody": "NOT_FOUND",
        None: "INVALID_REQUEST_PARAMETERS",
    }.items():
        error = await refused(client, "customerUpdate", customerId=customer_id, defaultSource=chosen)
        assert (error["code"], error["path"]) == (code, ["input", "defaultSource"])
    error = await refused(client, "customerUpdate", customerId=customer_id, defaultSource=mine, source=loose)
    assert error["code"] == "INVALID_REQUEST_PARAMETERS"
    assert await held(client, customer_id) == ([mine], mine)


async def test_a_customer_is_made_with_its_first_source(client: Api) -> None:
    """CU9, SR36: one event for the customer, which names its default, and then one for the source."""
    given = {"email": "a@example.com", "name": "Aiko", "source": "tok_visa", "idempotencyKey": "k"}
    first = await done(client, "customerCreate", **given)
    customer_id = first["customer"]["id"]
    (source,), default = await held(client, customer_id)
    assert default == source
    assert await events(client, customer_id) == [
        ("customer.created", customer_id),
        ("customer.source.created", source),
    ]
    again = await done(client, "customerCreate", **given)
    assert (again["replayed"], again["customer"]["id"]) == (True, customer_id)


@pytest.mark.parametrize("token", ["tok_chargeDeclined", "src_nobody", "tok_not_one"])
async def test_without_its_source_the_customer_is_not_made(client: Api, store: Store, token: str) -> None:
    """CU9."""
    before = await footprint(store)
    await refused(client, "customerCreate", email="a@example.com", name="Aiko", source=token)
    assert {"customer", "source", "event"} & grown(before, await footprint(store)).keys() == set()


async def test_a_change_of_a_source(client: Api) -> None:
    """G4 of sources' own fields; the event goes to its customer while it is attached."""
    customer_id = await a_new_customer(client)
    source = await attached(client, customer_id)
    changed = await done(
        client,
        "sourceUpdate",
        sourceId=source["id"],
        metadata={"nick": "blue"},
        owner={"name": "Aiko S."},
        statementDescriptor="SHOP",
        expectedVersion=source["version"],
    )
    assert (changed["source"]["metadata"], changed["source"]["owner"]) == (
        {"nick": "blue"},
        {"name": "Aiko S."},
    )
    assert (await events(client, customer_id))[-1] == ("customer.source.updated", source["id"])
    error = await refused(
        client, "sourceUpdate", sourceId=source["id"], metadata=None, expectedVersion=source["version"]
    )
    assert (error["code"], error["currentVersion"]) == ("STALE_VERSION", changed["source"]["version"])


async def test_codes_complete_a_source_or_use_it_up(client: Api) -> None:
    """SR26, SR3, SR4: three attempts."""
    given = {"type": "ACH_DEBIT", "accountNumber": "000123456789", "routingNumber": "110000000",
             "owner": {"name": "Aiko Sato"}}  # fmt: skip
    right, wrong = [(await done(client, "sourceCreate", **given))["source"]["id"] for _ in range(2)]
    error = await refused(client, "sourceVerify", sourceId=right, code="000000")
    assert (error["code"], error["path"]) == ("INVALID_REQUEST_PARAMETERS", ["input", "code"])
    payload = await done(client, "sourceVerify", sourceId=right, code="3245", idempotencyKey="v")
    assert payload["source"]["status"] == "CHARGEABLE"
    assert (await done(client, "sourceVerify", sourceId=right, code="3245", idempotencyKey="v"))["replayed"]
    for _ in range(3):
        await refused(client, "sourceVerify", sourceId=wrong, code="000000")
    assert await status(client, wrong) == "FAILED"
    for source_id in (wrong, right, await a_card(client)):
        error = await refused(client, "sourceVerify", sourceId=source_id, code="3245")
        assert error["code"] == "SOURCE_STATE_CONFLICT"


async def test_a_list_can_be_limited_to_a_type_and_is_paged(client: Api, clock: ManualClock) -> None:
    """SR55."""
    customer_id, (a, b, c) = await three(client, clock)
    ask = """query ($id: ID!, $after: String) { customer(id: $id) {
      cards: sources(type: CARD, status: CHARGEABLE, first: 2, after: $after) {
        nodes { id } pageInfo { endCursor hasNextPage } }
      debits: sources(type: SEPA_DEBIT) { totalCount } gone: sources(status: CONSUMED) { totalCount } } }"""
    page = (await client.execute(ask, id=customer_id))["customer"]
    assert [node["id"] for node in page["cards"]["nodes"]] == [c, b]
    assert (page["debits"]["totalCount"], page["gone"]["totalCount"]) == (0, 0)
    rest = await client.execute(ask, id=customer_id, after=page["cards"]["pageInfo"]["endCursor"])
    assert [node["id"] for node in rest["customer"]["cards"]["nodes"]] == [a]
