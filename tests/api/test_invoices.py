"""Invoices and receipts as clients read them, and links to them (PM60-PM66, CU54, CU77)."""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from saifu.documents import issuing
from saifu.keys import Scope
from saifu.store import Store, Tx
from saifu.tables import Invoice, Receipt
from tests.api.mutations import a_new_customer, an_entry, done, refused
from tests.api.test_statement_counts import counted
from tests.builders import a_customer, a_key, a_session
from tests.client import Api
from tests.documents import PAYMENT_RULES, a_line, a_payment, a_refund

ADDRESS = {"country": "IN", "city": "मुंबई", "state": None, "street": "१२", "zipcode": "400001"}
LINES = [a_line("Beans", unit=29_99, quantity=3, tax=16_19, tax_rate_bps=1800), a_line("Mug", unit=5_00)]
INVOICE = """
  id number kind status customerId paymentId issuedAt paidAt dueAt version livemode businessId
  business { name contact } recipient { name email address { country city street zipcode } }
  lines { name quantity unitPrice { amount } taxRateBps taxInclusive tax { amount } amount { amount } }
  subtotal { amount } tax { amount } total { amount currency }
  paymentParts { isWallet amount { amount } paymentMethod network lastFour }
  payment { id } customer { id name }
"""


@dataclass(frozen=True)
class Papers:
    """What was issued to a customer, and an invoice of somebody else's."""

    customer_id: str
    invoice: Invoice
    refund: Receipt
    top_up: Receipt
    other: Invoice


@pytest.fixture
async def papers(client: Api, store: Store) -> Papers:
    def issue(tx: Tx) -> Papers:
        owner, other = a_customer(tx, name="प्रिया").id, a_customer(tx).id
        payment = a_payment(tx, owner, wallet=20_00, lines=LINES, billing_json=orjson.dumps(ADDRESS).decode())
        invoice = issuing.paid(tx, payment, PAYMENT_RULES)
        back = a_refund(tx, payment, wallet=5_00, reason="cracked")
        refund = issuing.refunded(tx, back, payment, PAYMENT_RULES)
        top_up = issuing.paid(tx, a_payment(tx, owner, purpose="wallet_top_up"), PAYMENT_RULES)
        others = issuing.paid(tx, a_payment(tx, other), PAYMENT_RULES)
        assert isinstance(invoice, Invoice)
        assert isinstance(top_up, Receipt)
        assert isinstance(others, Invoice)
        return Papers(owner, invoice, refund, top_up, others)

    return await store.write(issue)


@pytest.fixture
async def session(client: Api, store: Store, papers: Papers) -> Api:
    _, token = await store.write(lambda tx: a_session(tx, papers.customer_id))
    return client.acting_as(token)


async def test_an_invoice_is_read_as_it_was_frozen_pm63(client: Api, papers: Papers) -> None:
    found = await client.execute(
        f"query ($id: ID!) {{ invoice(id: $id) {{ {INVOICE} }} }}", id=papers.invoice.id
    )
    assert found["invoice"] == {
        "id": papers.invoice.id, "number": "INV-000001", "kind": "ONE_TIME", "status": "PAID",
        "customerId": papers.customer_id, "paymentId": papers.invoice.payment_id,
        "issuedAt": "2026-01-15T09:30:00Z", "paidAt": "2026-01-15T09:30:00Z", "dueAt": None, "version": 1,
        "livemode": False, "businessId": "bus_default",
        "business": {"name": PAYMENT_RULES.business_name, "contact": PAYMENT_RULES.business_contact},
        "recipient": {
            "name": "प्रिया", "email": found["invoice"]["recipient"]["email"],
            "address": {"country": "IN", "city": "मुंबई", "street": "१२", "zipcode": "400001"},
        },
        "lines": [
            {"name": "Beans", "quantity": 3, "unitPrice": {"amount": 2999}, "taxRateBps": 1800, "taxInclusive": False,
             "tax": {"amount": 1619}, "amount": {"amount": 10616}},
            {"name": "Mug", "quantity": 1, "unitPrice": {"amount": 500}, "taxRateBps": None, "taxInclusive": False,
             "tax": {"amount": 0}, "amount": {"amount": 500}},
        ],
        "subtotal": {"amount": 9497}, "tax": {"amount": 1619}, "total": {"amount": 11116, "currency": "USD"},
        "paymentParts": [
            {"isWallet": True, "amount": {"amount": 2000}, "paymentMethod": None, "network": None, "lastFour": None},
            {"isWallet": False, "amount": {"amount": 9116}, "paymentMethod": "card", "network": "visa",
             "lastFour": "4242"},
        ],
        "payment": {"id": papers.invoice.payment_id},
        "customer": {"id": papers.customer_id, "name": "प्रिया"},
    }  # fmt: skip


async def test_receipts_say_what_they_confirm_pm60_pm65(client: Api, papers: Papers) -> None:
    found = await client.execute(
        """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Receipt {
          number kind refundId reason invoiceNumber total { amount }
          paymentParts { isWallet amount { amount } } } } }""",
        ids=[papers.refund.id, papers.top_up.id],
    )
    refund, top_up = found["nodes"]
    assert refund == {
        "__typename": "Receipt", "number": "RCP-000001", "kind": "REFUND", "refundId": papers.refund.object_id,
        "reason": "cracked", "invoiceNumber": "INV-000001", "total": {"amount": 500},
        "paymentParts": [{"isWallet": True, "amount": {"amount": 500}}],
    }  # fmt: skip
    assert (top_up["number"], top_up["kind"], top_up["refundId"]) == ("RCP-000002", "TOP_UP", None)


async def test_a_payment_leads_to_its_documents(client: Api, papers: Papers) -> None:
    query = "query ($id: ID!) { payment(id: $id) { invoice { number } receipts { number } } }"
    paid = await client.execute(query, id=papers.invoice.payment_id)
    assert paid["payment"] == {"invoice": {"number": "INV-000001"}, "receipts": [{"number": "RCP-000001"}]}
    topped = await client.execute(query, id=papers.top_up.payment_id)
    assert topped["payment"] == {"invoice": None, "receipts": [{"number": "RCP-000002"}]}


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ("", ["INV-000002", "INV-000001"]),
        ("(orderBy: CREATED_AT_ASC, first: 1)", ["INV-000001"]),
        ("(filter: {statuses: [PAID]})", ["INV-000002", "INV-000001"]),
        ("(filter: {statuses: [OPEN, VOID]})", []),
        ("(filter: {statuses: []})", []),
        ('(filter: {createdAtGte: "2026-01-15T09:30:00Z"})', ["INV-000002", "INV-000001"]),
        ('(filter: {createdAtLte: "2026-01-15T09:29:59Z"})', []),
    ],
)
async def test_invoices_are_listed(client: Api, papers: Papers, given: str, numbers: list[str]) -> None:
    found = await client.execute(f"{{ invoices{given} {{ nodes {{ number }} }} }}")
    assert [node["number"] for node in found["invoices"]["nodes"]] == numbers


async def test_a_customer_s_invoices_are_its_own(client: Api, papers: Papers) -> None:
    found = await client.execute(
        """query ($id: ID!) {
          invoices(customerId: $id) { totalCount nodes { id } } customer(id: $id) { invoices { nodes { id } } } }""",
        id=papers.customer_id,
    )
    own = [{"id": papers.invoice.id}]
    assert found["invoices"] == {"totalCount": 1, "nodes": own}
    assert found["customer"]["invoices"]["nodes"] == own


async def test_a_period_that_ends_before_it_begins_is_refused(client: Api) -> None:
    answer = await client.ask(
        '{ invoices(filter: {createdAtGte: "2026-02-01T00:00:00Z", createdAtLte: "2026-01-01T00:00:00Z"}) '
        "{ totalCount } }"
    )
    assert answer.body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_session_sees_its_own_documents_and_no_others_a41(session: Api, papers: Papers) -> None:
    found = await session.execute(
        """query ($own: ID!, $other: ID!, $receipt: ID!, $ids: [ID!]!) {
          own: invoice(id: $own) { number } other: invoice(id: $other) { number } receipt(id: $receipt) { number }
          invoices { nodes { id } } nodes(ids: $ids) { id } }""",
        own=papers.invoice.id, other=papers.other.id, receipt=papers.refund.id,
        ids=[papers.other.id, papers.top_up.id],
    )  # fmt: skip
    assert found == {
        "own": {"number": "INV-000001"}, "other": None, "receipt": {"number": "RCP-000001"},
        "invoices": {"nodes": [{"id": papers.invoice.id}]}, "nodes": [None, {"id": papers.top_up.id}],
    }  # fmt: skip


async def test_a_key_without_the_scope_of_payments_sees_no_invoice(
    client: Api, store: Store, papers: Papers
) -> None:
    _, secret = await store.write(lambda tx: a_key(tx, [Scope.CUSTOMERS_READ]))
    answer = await client.acting_as(secret).ask(
        "query ($id: ID!) { customer(id: $id) { name invoices { totalCount } } node(id: $invoice) { id } }".replace(
            "($id: ID!)", "($id: ID!, $invoice: ID!)"
        ),
        id=papers.customer_id,
        invoice=papers.invoice.id,
    )
    assert answer.body["data"] == {"customer": {"name": "प्रिया", "invoices": None}, "node": None}
    assert [error["extensions"]["code"] for error in answer.body["errors"]] == ["FORBIDDEN"]


LINK = """mutation ($input: DocumentLinkCreateInput!) { documentLinkCreate(input: $input) {
  document { id } htmlUrl pdfUrl expiresAt replayed errors { code path } } }"""


async def a_link(api: Api, **given: Any) -> Any:
    return (await api.execute(LINK, input=given))["documentLinkCreate"]


async def test_a_customer_makes_a_link_to_its_own_invoice_and_opens_it_pm66_cu77(
    session: Api, papers: Papers
) -> None:
    made = await a_link(session, documentId=papers.invoice.id)
    assert made["document"] == {"id": papers.invoice.id}
    assert made["expiresAt"] == "2026-02-14T09:30:00Z"
    assert made["pdfUrl"] == f"{made['htmlUrl']}.pdf"
    assert made["htmlUrl"].startswith("http://127.0.0.1:")
    assert (made["errors"], made["replayed"]) == ([], False)


async def test_a_customer_gets_no_link_to_what_is_not_its_own(session: Api, papers: Papers) -> None:
    other = await a_link(session, documentId=papers.other.id)
    nothing = await a_link(session, documentId="inv_01J8ZZZZZZZZZZZZZZZZZZZZZZ")
    assert other == nothing
    assert other["errors"] == [{"code": "NOT_FOUND", "path": ["input", "documentId"]}]


async def test_a_repeated_key_shows_no_address_again(client: Api, papers: Papers) -> None:
    first = await a_link(client, documentId=papers.refund.id, expiresInDays=7, idempotencyKey="k")
    again = await a_link(client, documentId=papers.refund.id, expiresInDays=7, idempotencyKey="k")
    assert first["htmlUrl"] is not None
    assert (again["htmlUrl"], again["pdfUrl"], again["expiresAt"], again["replayed"]) == (
        None,
        None,
        None,
        True,
    )
    assert again["document"] == {"id": papers.refund.id}
    other = await refused(client, "documentLinkCreate", documentId=papers.refund.id, idempotencyKey="k")
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_link_of_too_many_days_is_refused(client: Api, papers: Papers) -> None:
    error = await refused(client, "documentLinkCreate", documentId=papers.invoice.id, expiresInDays=31)
    assert (error["code"], error["path"]) == ("INVALID_REQUEST_PARAMETERS", ["input", "expiresInDays"])


async def test_links_are_revoked_by_the_business_and_not_by_a_session(
    client: Api, session: Api, papers: Papers
) -> None:
    revoked = await done(client, "documentLinksRevoke", documentId=papers.invoice.id)
    assert revoked["document"] == {"id": papers.invoice.id}
    error = await refused(client, "documentLinksRevoke", documentId="rcp_x")
    assert error["code"] == "NOT_FOUND"
    answer = await session.ask(
        "mutation ($id: ID!) { documentLinksRevoke(input: {documentId: $id}) { replayed } }",
        id=papers.invoice.id,
    )
    assert answer.body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_deleted_customer_s_invoice_still_names_it_cu54(client: Api, papers: Papers) -> None:
    await done(client, "customerDelete", customerId=papers.customer_id)
    found = await client.execute(
        "query ($id: ID!) { invoice(id: $id) { recipient { name address { city } } customer { name } } }",
        id=papers.invoice.id,
    )
    assert found["invoice"] == {
        "recipient": {"name": "प्रिया", "address": {"city": "मुंबई"}},
        "customer": {"name": "Anonymised customer"},
    }


async def test_documents_of_many_payments_take_as_many_statements_as_of_one(
    client: Api, store: Store
) -> None:
    def issue(tx: Tx) -> None:
        for _ in range(20):
            issuing.paid(tx, a_payment(tx, a_customer(tx).id), PAYMENT_RULES)

    await store.write(issue)
    taken = []
    for first in (1, 20):
        with counted(store) as counts:
            await client.execute(
                """query ($n: Int!) {
                  payments(first: $n) { nodes { invoice { number payment { id } } receipts { id } } }
                  customers(first: $n) { nodes { invoices(first: 2) { totalCount nodes { lines { name } } } } } }""",
                n=first,
            )
        taken.append(sum(counts))
    assert taken[0] == taken[1]


async def test_a_payment_from_the_wallet_brings_its_invoice_with_it_pm60(client: Api) -> None:
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id, amount=50_00))
    paid = await client.execute(
        """mutation ($input: PaymentCreateInput!) { paymentCreate(input: $input) { errors { code } payment {
          id status invoice { number status total { amount } paymentParts { isWallet amount { amount } } } } } }""",
        input={
            "customerId": customer_id, "currency": "USD", "amount": 12_34, "useWallet": True,
            "idempotencyKey": "order_1",
        },
    )  # fmt: skip
    assert paid["paymentCreate"]["errors"] == []
    assert paid["paymentCreate"]["payment"]["invoice"] == {
        "number": "INV-000001", "status": "PAID", "total": {"amount": 1234},
        "paymentParts": [{"isWallet": True, "amount": {"amount": 1234}}],
    }  # fmt: skip
    kinds = await client.execute(
        "query ($id: ID!) { customer(id: $id) { events { nodes { type } } } }", id=customer_id
    )
    told = [node["type"] for node in kinds["customer"]["events"]["nodes"]][::-1]
    assert told[told.index("PAYMENT_SUCCEEDED") :] == [
        "PAYMENT_SUCCEEDED",
        "INVOICE_FINALIZED",
        "INVOICE_PAID",
    ]


async def test_the_link_of_an_invoice_opens_in_a_browser_without_a_credential_pm66(
    client: Api, papers: Papers
) -> None:
    made = await a_link(client, documentId=papers.invoice.id)
    path = made["htmlUrl"].partition("//")[2].partition("/")[2]
    page, file = await client.http.get(f"/{path}"), await client.http.get(f"/{path}.pdf")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "प्रिया" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert page.headers["cache-control"] == "private, no-store"
    assert (file.status_code, file.content[:5]) == (200, b"%PDF-")
    await done(client, "documentLinksRevoke", documentId=papers.invoice.id)
    assert (await client.http.get(f"/{path}")).status_code == 404


async def test_an_invoice_shows_the_rates_and_what_is_included_c6(client: Api) -> None:
    """C6, PM63: the examples that the catalog works out, from the order to the printed page."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id, amount=1_091_89))
    lines = [
        {"name": "Beans", "unitAmount": 26_24, "quantity": 3, "taxRateBps": 1800},
        {"name": "Chair", "unitAmount": 999_00, "taxRateBps": 1800, "taxInclusive": True},
    ]
    paid = await client.execute(
        """mutation ($input: PaymentCreateInput!) { paymentCreate(input: $input) { payment { invoice { id
          subtotal { amount } tax { amount }
          lines { taxRateBps taxInclusive tax { amount } amount { amount } } } } } }""",
        input={
            "customerId": customer_id, "currency": "USD", "useWallet": True, "idempotencyKey": "order_1",
            "lines": lines,
        },
    )  # fmt: skip
    invoice = paid["paymentCreate"]["payment"]["invoice"]
    assert invoice["lines"] == [
        {"taxRateBps": 1800, "taxInclusive": False, "tax": {"amount": 1417}, "amount": {"amount": 9289}},
        {"taxRateBps": 1800, "taxInclusive": True, "tax": {"amount": 15239}, "amount": {"amount": 99900}},
    ]
    assert (invoice["subtotal"], invoice["tax"]) == ({"amount": 7872 + 84661}, {"amount": 1417 + 15239})
    path = (await a_link(client, documentId=invoice["id"]))["htmlUrl"].partition("//")[2].partition("/")[2]
    page = (await client.http.get(f"/{path}")).text
    assert "$14.17 (18%)" in page
    assert "$152.39 (18%) included" in page


async def test_a_rate_of_tax_that_there_is_not_is_refused(client: Api) -> None:
    """`INVALID_REQUEST_PARAMETERS`: also the one by which nothing could be divided."""
    for rate in (-10_000, -1, 10_001):
        line = {"name": "Tea", "unitAmount": 100, "taxRateBps": rate, "taxInclusive": True}
        order = {"currency": "USD", "lines": [line], "token": "tok_visa", "idempotencyKey": f"r{rate}"}
        no = await refused(client, "paymentCreate", **order)
        assert (no["code"], no["path"]) == (
            "INVALID_REQUEST_PARAMETERS", ["input", "lines", "0", "taxRateBps"],
        )  # fmt: skip
