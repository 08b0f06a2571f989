"""What is secret is in no table, log, metric or message, wherever a client has put it (EV5, G11, S22, S23, SR91)."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, document, done
from tests.checkout import CHALLENGED, a_checkout
from tests.client import Answer, Api
from tests.conftest import ADMIN_KEY
from tests.footprint import footprint, grown
from tests.refunding import everything_due

CARD = {"number": "4242 4242 4242 4242", "exp_month": "12", "exp_year": "2034", "cvc": "847"}
PAN = "4000000000003220"
IBAN = "DE89370400440532013000"
EVERY = {table.name: select(*table.columns) for table in SQLModel.metadata.sorted_tables}


async def a_day(client: Api, store: Store, settings: Settings, clock: ManualClock) -> Mapping[str, str]:
    """Everything that has a secret, made and used; answers with the secrets."""
    customer_id = await a_new_customer(client)
    secrets = {
        "card": CARD["number"].replace(" ", ""),
        "challenged": CHALLENGED,
        "iban": IBAN,
        "admin": ADMIN_KEY,
    }
    secrets["tok"] = (await client.http.post("/simulator/tokens", data=CARD)).json()["token"]
    made = await done(
        client, "sourceCreate", type="CARD", token=secrets["tok"], idempotencyKey=secrets["tok"]
    )
    secrets["client"] = made["clientSecret"]
    ask = "query ($i: ID!, $s: String!) { sourceProgress(id: $i, clientSecret: $s) { status } }"
    found = await client.execute(ask, i=made["source"]["id"], s=secrets["client"])
    assert found["sourceProgress"] == {"status": "CHARGEABLE"}
    await done(client, "sourceCreate", **AN_ACCOUNT)
    secrets["key"] = (await done(client, "apiKeyCreate", name="k", scopes=["ADMIN"]))["secret"]
    secrets["session"] = (await done(client, "customerSessionCreate", customerId=customer_id))["token"]
    for key in ("key", "session"):
        assert (await client.acting_as(secrets[key]).ask("{ viewer { mode } }")).status == 200
    checkout = await a_checkout(client, customer={"id": customer_id})
    secrets["checkout"] = checkout.token
    await checkout.pays(CHALLENGED, card_cvc="847")
    payment = (await client.execute("{ payments { nodes { actionUrl } } }"))["payments"]["nodes"][0]
    page, _, secrets["page"] = payment["actionUrl"].rpartition("/")
    path = page.partition("8000")[2] + "/" + secrets["page"]
    assert (await client.http.get(path)).status_code == 200
    assert (await client.http.post(path, data={"reply": "authorise"})).status_code == 303
    await everything_due(store, settings, clock)
    (invoice,) = (await client.execute("{ invoices { nodes { id } } }"))["invoices"]["nodes"]
    link = await done(client, "documentLinkCreate", documentId=invoice["id"])
    secrets["document"] = link["htmlUrl"].rpartition("/")[2]
    assert (await client.http.get(f"/documents/{secrets['document']}")).status_code == 200
    return secrets


AN_ACCOUNT = {
    "type": "SEPA_DEBIT",
    "currency": "EUR",
    "iban": IBAN,
    "owner": {"name": "Aiko", "email": "aiko@example.com"},
    "mandate": {
        "acceptance": {
            "status": "ACCEPTED",
            "ip": "192.0.2.1",
            "userAgent": "x",
            "contactEmail": "a@example.com",
        }
    },
}


async def test_no_secret_is_kept_or_told(
    logged: io.StringIO,
    client: Api,
    store: Store,
    settings: Settings,
    clock: ManualClock,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not in rows of any table, the log of events among them, not in what was logged, not in metrics."""
    secrets = await a_day(client, store, settings, clock)
    tables = await store.read(lambda tx: {name: str(tx.all(every)) for name, every in EVERY.items()})
    places = {
        **tables,
        "log": logged.getvalue() + "".join(capfd.readouterr()),
        "metrics": (await client.http.get("/metrics")).text,
    }
    assert {
        name: [place for place, text in places.items() if secret in text] for name, secret in secrets.items()
    } == {name: [] for name in secrets}
    assert "payment.requires_customer_action" in tables["event"]
    assert "/checkout/" in places["log"]


REFUSED = "This text holds what looks like the number of a card."


async def create(client: Api, **given: Any) -> Answer:
    return await client.ask(
        document("customerCreate"), input={"email": "n@example.com", "name": "N", **given}
    )


@pytest.mark.parametrize(
    "given",
    [
        {"name": f"N {PAN}"},
        {"name": "4000 0000 0000 3220"},
        {"name": "4000-0000-0000-3220"},
        {"phoneNumber": PAN},
        {"metadata": {"card": PAN}},
        {"metadata": {PAN: "card"}},
        {"metadata": {"card": int(PAN)}},
        {"metadata": {"card": float(PAN)}},
        {"billingAddress": {"country": "DE", "street": PAN}},
        {"idempotencyKey": PAN},
        {"nothing": PAN},
        {"name": int(PAN)},
        {"name": {"first": int(PAN)}},
    ],
)
async def test_a_card_in_any_field_is_refused_and_not_repeated(
    client: Api, store: Store, given: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """S23: strings, names and numbers within JSON, keys; also of a field that there is not."""
    before = await footprint(store)
    answer = await create(client, **given)
    refused = answer.body.get("errors") or answer.data["customerCreate"]["errors"]
    assert refused, answer.body
    assert PAN not in str(answer.body) + "".join(capfd.readouterr())
    assert grown(before, await footprint(store)) == {}


@pytest.mark.parametrize("id", [PAN, "4000-0000-0000-3220", f"order:{PAN}"])
async def test_a_request_is_not_known_by_the_number_of_a_card(client: Api, store: Store, id: str) -> None:
    """S23: the id that a client gives its request is kept in the audit log and in ledgers."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "x-request-id": id}
    body = {
        "query": document("customerCreate"),
        "variables": {"input": {"email": "a@example.com", "name": "A"}},
    }
    answer = await client.http.post("/graphql", json=body, headers=headers)
    assert answer.json()["data"]["customerCreate"]["errors"] == []
    assert answer.headers["x-request-id"].startswith("req_")
    kept = await store.read(lambda tx: str([tx.all(every) for every in EVERY.values()]))
    assert id not in kept


async def test_what_a_message_is_about_is_not_repeated_in_it(client: Api) -> None:
    """G11: an account beside a mistyped field, and a token of the wrong type."""
    for given in (
        {**AN_ACCOUNT, "nothing": 1},
        {**AN_ACCOUNT, "owner": {"nothing": IBAN}},
        {"iban": [IBAN], "x": 1},
    ):
        answer = await client.ask(document("sourceCreate"), input=given)
        assert answer.code == "BAD_USER_INPUT"
        assert IBAN not in str(answer.body)


async def test_what_a_visitor_types_is_looked_at_too(client: Api, store: Store) -> None:
    """S23: the form of a page is no way around it."""
    checkout = await a_checkout(client, customer=None)
    page = await checkout.opened()
    card = {"card_number": "4242424242424242", "card_expiry": "12/34", "card_cvc": "123"}
    for name in ("email", "name", "phone", "card_name"):
        who = {"email": "v@example.com", "name": "V", **card, name: PAN}
        assert (await checkout.sends(page, **who)).status_code in {303, 422}
    kept = await store.read(lambda tx: str([tx.all(every) for every in EVERY.values()]))
    assert PAN not in kept
