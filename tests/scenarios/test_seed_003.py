"""Seed 003, Stripe's Sources and Customers, told as a story at the simulator."""

from typing import Any

from tests.api.mutations import done, refused
from tests.client import Api

HELD = "query ($id: ID!) { customer(id: $id) { defaultSource { id } sources { nodes { id isDefault } } } }"
PAY = """mutation ($input: PaymentCreateInput!) { paymentCreate(input: $input) {
  payment { id status sourceId customer { id } } errors { code } } }"""


async def held(client: Api, customer_id: str) -> tuple[list[str], str | None]:
    customer = (await client.execute(HELD, id=customer_id))["customer"]
    default = customer["defaultSource"]
    return [node["id"] for node in customer["sources"]["nodes"]], default and default["id"]


async def a_source(client: Api, token: str = "tok_visa") -> str:
    return str((await done(client, "sourceCreate", type="CARD", token=token))["source"]["id"])


async def paid(client: Api, key: str, **given: Any) -> Any:
    order = {"amount": 1099, "currency": "USD", "idempotencyKey": key, **given}
    return (await client.execute(PAY, input=order))["paymentCreate"]


async def status(client: Api, source_id: str) -> str:
    found = await client.execute("query ($id: ID!) { source(id: $id) { status customerId } }", id=source_id)
    return str(found["source"]["status"])


async def test_a_customer_and_its_sources(client: Api) -> None:
    # A new customer with a source: it is attached and the default (SR33, CU9).
    first = await a_source(client)
    made = await done(client, "customerCreate", email="jenny.rosen@example.com", name="Jenny", source=first)
    jenny = made["customer"]["id"]
    assert await held(client, jenny) == ([first], first)

    # A source on an existing customer: the new one becomes the default, the old one is consumed (SR40).
    second = await a_source(client, "tok_mastercard")
    await done(client, "customerUpdate", customerId=jenny, source=second)
    assert await held(client, jenny) == ([second], second)
    assert await status(client, first) == "CONSUMED"

    # One more, which leaves the default alone; how to check that from the customer is the list itself (SR32, SR55).
    third = await a_source(client, "tok_amex")
    await done(client, "sourceAttach", customerId=jenny, source=third)
    ids, default = await held(client, jenny)
    assert (set(ids), default) == ({second, third}, second)

    # Another default, and the old one stays attached (SR51).
    await done(client, "customerUpdate", customerId=jenny, defaultSource=third)
    ids, default = await held(client, jenny)
    assert (set(ids), default) == ({second, third}, third)

    # Charges with a customer use the default, or the attached source that is named (SR53, SR60d, SR60e).
    for key, given, charged in (("1", {}, third), ("2", {"sourceId": second}, second)):
        payload = await paid(client, key, customerId=jenny, **given)
        assert (payload["payment"]["status"], payload["payment"]["sourceId"]) == ("SUCCEEDED", charged)

    # An attached source wants its customer; a token wants none (SR60b, SR60f, SR64).
    assert (await paid(client, "3", sourceId=third))["errors"] == [{"code": "SOURCE_REQUIRES_CUSTOMER"}]
    refusal = await paid(client, "4", customerId=jenny, token="tok_visa")
    assert refusal["errors"] == [{"code": "TOKEN_WITH_CUSTOMER"}]
    anybody = await client.execute(
        'mutation { customerCreate(input: {email: "o@example.com", name: "O"}) { customer { id } } }'
    )
    other = anybody["customerCreate"]["customer"]["id"]
    mismatch = await paid(client, "5", customerId=other, sourceId=third)
    assert mismatch["errors"] == [{"code": "SOURCE_CUSTOMER_MISMATCH"}]

    # Detached, it is consumed and of no use, and the other is the default (SR71, SR72).
    await done(client, "sourceDetach", customerId=jenny, sourceId=third)
    assert (await held(client, jenny), await status(client, third)) == (([second], second), "CONSUMED")
    assert (await refused(client, "sourceAttach", customerId=jenny, source=third))[
        "code"
    ] == "SOURCE_NOT_CHARGEABLE"


async def test_a_source_of_nobodys_is_charged_once(client: Api) -> None:
    """SR60a, SR60g: with a customer the payment references both, and the source is not attached."""
    made = await done(client, "customerCreate", email="jenny.rosen@example.com", name="Jenny")
    jenny = made["customer"]["id"]
    for key, given in (("a", {}), ("b", {"customerId": jenny})):
        source = await a_source(client)
        payload = await paid(client, key, sourceId=source, **given)
        assert (payload["payment"]["status"], payload["payment"]["sourceId"]) == ("SUCCEEDED", source)
        assert (payload["payment"]["customer"] or {}).get("id") == given.get("customerId")
        assert await status(client, source) == "CONSUMED"
        again = await paid(client, f"{key} again", sourceId=source, **given)
        assert again["errors"] == [{"code": "SOURCE_NOT_CHARGEABLE"}]
    assert await held(client, jenny) == ([], None)


async def test_a_source_for_a_single_use_cannot_be_attached(client: Api) -> None:
    """SR31: the seed advises against it; a stored method that cannot be charged again is refused."""
    given = {"type": "CARD", "token": "tok_visa", "usage": "SINGLE_USE", "amount": 1099, "currency": "USD"}
    source = (await done(client, "sourceCreate", **given))["source"]["id"]
    made = await done(client, "customerCreate", email="jenny.rosen@example.com", name="Jenny")
    jenny = made["customer"]["id"]
    assert (await refused(client, "sourceAttach", customerId=jenny, source=source))[
        "code"
    ] == "SOURCE_NOT_REUSABLE"
    payload = await paid(client, "1", customerId=jenny, sourceId=source)
    assert (payload["payment"]["status"], await status(client, source)) == ("SUCCEEDED", "CONSUMED")
