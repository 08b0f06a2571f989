"""Invoices and receipts as they are issued: one each, numbered without a gap, frozen (PM60-PM65)."""

import asyncio
import random
from dataclasses import replace
from functools import partial

import orjson
import pytest
from sqlmodel import col, select

from saifu import customers
from saifu.customers import CustomerChange
from saifu.documents import issuing
from saifu.documents.content import Content, Part
from saifu.store import Store, Tx
from saifu.tables import Event, Invoice, Receipt
from tests.builders import a_customer
from tests.documents import PAYMENT_RULES, a_line, a_payment, a_refund

ADDRESS = {"country": "JP", "city": "東京都", "state": None, "street": "丸の内 1-9-1", "zipcode": "100-0005"}


def a_paid(tx: Tx, customer_id: str | None = None, **given) -> Invoice:
    invoice = issuing.paid(tx, a_payment(tx, customer_id, **given), PAYMENT_RULES)
    assert isinstance(invoice, Invoice)
    return invoice


async def numbers(store: Store, model=Invoice) -> list[str]:
    return sorted(row.number for row in await store.read(lambda tx: tx.all(select(model))))


async def event_types(store: Store) -> list[str]:
    rows = await store.read(lambda tx: tx.all(select(Event).order_by(col(Event.sequence))))
    return [row.type for row in rows if not row.type.startswith("customer.")]


async def test_a_payment_gets_one_invoice_however_often_it_is_asked_for_pm60(store: Store) -> None:
    customer = await store.write(a_customer)
    payment = await store.write(lambda tx: a_payment(tx, customer.id))
    first = await store.write(lambda tx: issuing.paid(tx, payment, PAYMENT_RULES))
    again = await store.write(lambda tx: issuing.paid(tx, payment, PAYMENT_RULES))
    assert first.id == again.id
    assert await numbers(store) == ["INV-000001"]
    assert await event_types(store) == ["invoice.finalized", "invoice.paid"]


async def test_its_events_carry_the_invoice_and_nobody_s_name(store: Store) -> None:
    customer = await store.write(lambda tx: a_customer(tx, name="Aiko"))
    invoice = await store.write(lambda tx: a_paid(tx, customer.id))
    rows = await store.read(lambda tx: tx.all(select(Event).order_by(col(Event.sequence))))
    finalized, paid = (orjson.loads(row.data_json) for row in rows if row.type.startswith("invoice."))
    assert finalized == paid
    assert paid["payload_type"] == "Invoice"
    assert paid["number"] == "INV-000001"
    assert (paid["invoice_id"], paid["customer_id"]) == (invoice.id, customer.id)
    assert (paid["subtotal"], paid["tax"], paid["total"]) == (1000, 0, 1000)
    assert "Aiko" not in str(paid)


async def test_a_payment_of_nobody_s_has_an_invoice_and_its_events_have_their_own_order(store: Store) -> None:
    invoice = await store.write(a_paid)
    rows = await store.read(lambda tx: tx.all(select(Event).order_by(col(Event.sequence))))
    assert [(row.order_key, row.sequence) for row in rows] == [(invoice.id, 1), (invoice.id, 2)]
    assert Content.thawed(invoice.content_json).customer is None


async def test_what_is_printed_is_frozen_when_it_is_issued_pm62_pm63(store: Store) -> None:
    customer = await store.write(lambda tx: a_customer(tx, name="Aiko", email="aiko@example.com"))
    lines = [a_line("Beans", unit=29_99, quantity=3, tax=1619, tax_rate_bps=1800), a_line("Mug", unit=5_00)]
    invoice = await store.write(
        lambda tx: a_paid(
            tx, customer.id, wallet=20_00, lines=lines, billing_json=orjson.dumps(ADDRESS).decode()
        )
    )
    change = CustomerChange(name="Somebody else", email="else@example.com")
    await store.write(lambda tx: customers.update(tx, customer.id, change, None))
    (stored,) = await store.read(lambda tx: tx.all(select(Invoice)))
    content = Content.thawed(stored.content_json)
    assert content == Content.thawed(invoice.content_json)
    assert content.customer is not None
    assert (content.customer.name, content.customer.email) == ("Aiko", "aiko@example.com")
    assert content.customer.address is not None
    assert content.customer.address.city == "東京都"
    assert content.business.name == "Saifu & Söhne"
    assert [(line.name, line.quantity, line.unit_amount, line.tax, line.amount) for line in content.lines] == [
        ("Beans", 3, 2999, 1619, 10616), ("Mug", 1, 500, 0, 500),
    ]  # fmt: skip
    assert (content.subtotal, content.tax, content.total) == (9497, 1619, 11116)
    assert content.parts == (
        Part(2000, is_wallet=True),
        Part(9116, method="card", network="visa", last4="4242"),
    )


async def test_a_payment_by_the_wallet_alone_names_no_card(store: Store) -> None:
    customer = await store.write(a_customer)
    invoice = await store.write(
        lambda tx: a_paid(
            tx, customer.id, wallet=10_00, payment_method="customer_balance", instrument_json=None
        )
    )
    assert Content.thawed(invoice.content_json).parts == (Part(1000, is_wallet=True),)


async def test_why_a_card_was_declined_is_nowhere_in_it_pm63(store: Store) -> None:
    invoice = await store.write(lambda tx: a_paid(tx, error_code="STOLEN_CARD", raw_code="stolen_card"))
    assert "stolen" not in invoice.content_json.lower()


async def test_a_top_up_gets_a_receipt_and_no_invoice_pm60(store: Store) -> None:
    customer = await store.write(a_customer)
    payment = await store.write(lambda tx: a_payment(tx, customer.id, purpose="wallet_top_up"))
    receipt = await store.write(lambda tx: issuing.paid(tx, payment, PAYMENT_RULES))
    again = await store.write(lambda tx: issuing.paid(tx, payment, PAYMENT_RULES))
    assert isinstance(receipt, Receipt)
    assert (receipt.number, receipt.kind, receipt.object_id) == ("RCP-000001", "top_up", payment.id)
    assert again.id == receipt.id
    assert await numbers(store) == []
    assert await event_types(store) == []


async def test_a_refund_gets_a_receipt_and_the_invoice_stays_pm65(store: Store) -> None:
    customer = await store.write(a_customer)
    payment = await store.write(lambda tx: a_payment(tx, customer.id))
    invoice = await store.write(lambda tx: issuing.paid(tx, payment, PAYMENT_RULES))
    refund = await store.write(
        lambda tx: a_refund(tx, payment, source=3_00, wallet=1_00, of_source_minor=3_00, reason="damaged")
    )
    receipt = await store.write(lambda tx: issuing.refunded(tx, refund, payment, PAYMENT_RULES))
    again = await store.write(lambda tx: issuing.refunded(tx, refund, payment, PAYMENT_RULES))
    content = Content.thawed(receipt.content_json)
    assert again.id == receipt.id
    assert (receipt.number, receipt.kind, receipt.total_minor) == ("RCP-000001", "refund", 400)
    assert content.refund is not None
    assert (content.refund.refund_id, content.refund.reason) == (refund.id, "damaged")
    assert content.refund.invoice_number == "INV-000001"
    assert [part.amount for part in content.parts] == [100, 300]
    assert content.status == "succeeded"
    (stored,) = await store.read(lambda tx: tx.all(select(Invoice)))
    assert (stored.id, stored.status, stored.version) == (invoice.id, "paid", 1)


async def test_a_deleted_customer_s_documents_keep_the_name_and_the_address_cu54(store: Store) -> None:
    customer = await store.write(lambda tx: a_customer(tx, name="Aiko", email="aiko@example.com"))
    payment = await store.write(
        lambda tx: a_payment(tx, customer.id, billing_json=orjson.dumps(ADDRESS).decode())
    )
    await store.write(lambda tx: issuing.paid(tx, payment, PAYMENT_RULES))
    before = await store.read(lambda tx: tx.all(select(Invoice)))
    await store.write(lambda tx: customers.delete(tx, customer.id, True, None))
    after = await store.read(lambda tx: tx.all(select(Invoice)))
    assert after == before
    recipient = Content.thawed(after[0].content_json).customer
    assert recipient is not None
    assert recipient.address is not None
    assert (recipient.name, recipient.address.street) == ("Aiko", "丸の内 1-9-1")


class Failed(Exception):
    """Something that went wrong after the number was taken."""


@pytest.mark.parametrize("seed", [1, 2])
async def test_numbers_have_no_gap_although_every_third_payment_is_rolled_back_pm61(
    store: Store, seed: int
) -> None:
    chance = random.Random(seed)
    people = [(await store.write(a_customer)).id for _ in range(4)]

    def pay(tx: Tx, customer_id: str, fails: bool) -> None:
        a_paid(tx, customer_id)
        if fails:
            raise Failed

    wanted = [(chance.choice(people), chance.random() < 1 / 3) for _ in range(60)]
    outcomes = await asyncio.gather(
        *(store.write(partial(pay, customer_id=who, fails=fails)) for who, fails in wanted),
        return_exceptions=True,
    )
    failed = [each for each in outcomes if each is not None]
    assert all(isinstance(each, Failed) for each in failed)
    assert len(failed) == sum(fails for _, fails in wanted) > 0
    assert await numbers(store) == [f"INV-{n:06d}" for n in range(1, 61 - len(failed))]


async def test_another_prefix_goes_on_counting_pm61(store: Store) -> None:
    await store.write(a_paid)
    rules = replace(PAYMENT_RULES, invoice_number_prefix="2027-")
    second = await store.write(lambda tx: issuing.paid(tx, a_payment(tx), rules))
    assert second.number == "2027-000002"
