"""Who is deleted is nowhere among the money either: only on documents that were issued (CU51, CU53, CU54, CU57)."""

from sqlmodel import SQLModel, select

from saifu.clock import ManualClock
from saifu.disputes import opening
from saifu.processors.contract import DisputeReport
from saifu.settings import Settings
from saifu.store import Store, Tx
from saifu.tables import Dispute
from tests.api.mutations import a_new_customer, done, refused
from tests.builders import RULES, a_session
from tests.checkout import a_checkout
from tests.client import Api
from tests.refunding import everything_due

WHO = {
    "email": "hanako@example.com",
    "name": "Hanako",
    "metadata": {"note": "of Hanako"},
    "billingAddress": {"country": "JP", "city": "Kyoto", "street": "Hanako 1"},
}
OF_HANAKO = {"metadata": {"note": "for Hanako"}, "description": "Hanako's order"}
LINE = {"name": "Portrait of Hanako", "description": "of Hanako in Kyoto", "unitAmount": 2_000, "quantity": 2}
EVERY = {table.name: select(*table.columns) for table in SQLModel.metadata.sorted_tables}
SAID = ("hanako", "kyoto")


async def a_history(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> tuple[str, list[str]]:
    """A customer with a refund, a dispute that was answered, and sessions; and the links to her documents."""
    hanako = await a_new_customer(client, **WHO)
    for alias in ("tok_visa", "tok_createDispute"):
        card = await done(client, "sourceAttach", customerId=hanako, source=alias)
        order = {"customerId": hanako, "sourceId": card["source"]["id"], "currency": "USD", **OF_HANAKO}
        await done(client, "paymentCreate", lines=[LINE], idempotencyKey=alias, **order)
    await everything_due(store, settings, clock)
    (dispute,) = (await client.execute("{ disputes { nodes { id paymentId } } }"))["disputes"]["nodes"]
    await done(client, "disputeChallenge", disputeId=dispute["id"], evidence="Hanako was in Kyoto")
    payments = (await client.execute("{ payments { nodes { id invoice { id } } } }"))["payments"]["nodes"]
    (paid,) = [payment for payment in payments if payment["id"] != dispute["paymentId"]]
    refund = {"reason": "Hanako asked", "metadata": {"note": "Hanako"}, "idempotencyKey": "refund"}
    refunded = await done(client, "refundCreate", paymentId=paid["id"], amount=500, **refund)
    await everything_due(store, settings, clock)
    receipt = "query ($id: ID!) { refund(id: $id) { receipt { id } } }"
    found = await client.execute(receipt, id=refunded["refund"]["id"])
    documents = [paid["invoice"], found["refund"]["receipt"]]
    links = [await done(client, "documentLinkCreate", documentId=one["id"]) for one in documents]
    return hanako, [link["htmlUrl"].partition("/documents")[2] for link in links]


def decide(tx: Tx) -> None:
    """The bank finds for the merchant."""
    (dispute,) = tx.all(select(Dispute))
    report = DisputeReport(
        dispute.processor_ref, dispute.payment_id, dispute.amount_minor, "USD", dispute.stage, outcome="won"
    )
    assert opening.apply(tx, dispute.processor, report, RULES) is not None


async def test_nothing_of_a_payer_is_left_but_on_her_documents(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """CU54: lines, reasons, remarks, evidence and notes, in rows and in events; an invoice is a legal record."""
    hanako, links = await a_history(client, store, settings, clock)
    open_one = await a_checkout(client, customer={"id": hanako}, lines=[LINE], metadata={"note": "Hanako"})
    assert (await client.http.get(f"/documents{links[0]}")).status_code == 200
    _, token = await store.write(lambda tx: a_session(tx, hanako))
    delete = {"customerId": hanako, "forfeitWalletBalance": True}
    no = await refused(client, "customerDelete", **delete)
    assert (no["code"], "DISPUTE_OPEN" in no["message"]) == ("CUSTOMER_NOT_DELETABLE", True)
    await store.write(decide)
    await done(client, "customerDelete", **delete)
    tables = await store.read(lambda tx: {name: str(tx.all(every)).lower() for name, every in EVERY.items()})
    assert {name for name, said in tables.items() if any(word in said for word in SAID)} == {
        "invoice",
        "receipt",
    }
    # What leads to her is closed (CU53): sessions, the page that waits for her money, and links to her documents.
    assert (await client.acting_as(token).ask("{ viewer { kind } }")).status == 401
    assert (await open_one.stands())["status"] == "EXPIRED"
    assert "Hanako" not in (await open_one.opened()).text
    assert {(await client.http.get(f"/documents{link}")).status_code for link in links} == {404}
    found = await client.execute("{ invoices { nodes { recipient { name } lines { name } } } }")
    invoices = found["invoices"]["nodes"]
    assert [(one["recipient"]["name"], one["lines"][0]["name"]) for one in invoices] == [
        ("Hanako", LINE["name"])
    ] * 2
