"""A document's content, for tests of how it is written."""

from dataclasses import replace
from typing import Any

from saifu.documents.content import Address, Business, Content, Line, Part, Recipient, RefundOf

_INVOICE = Content(
    id="inv_01M7XW44P82DKY81PZ8W1CP28W",
    number="INV-000042",
    kind="one_time",
    status="paid",
    issued_at="2026-01-15T09:30:00.000000Z",
    locale="en",
    livemode=True,
    currency="USD",
    subtotal=94_97,
    tax=16_19,
    total=111_16,
    payment_id="pay_01M7XW44P82DKY81PZ8W1CP28W",
    customer_id="cus_01M7XW44P82DKY81PZ8W1CP28W",
    business=Business("Saifu & Söhne", "1 Main Street, 10115 Berlin"),
    customer=Recipient(
        "Aiko", "aiko@example.com", Address("DE", "Berlin", None, "Unter den Linden 1", "10117")
    ),
    lines=(Line("Beans", 3, 29_99, 106_16, 16_19, "Roasted", 1800), Line("Mug", 1, 5_00, 5_00)),
    parts=(Part(20_00, is_wallet=True), Part(91_16, method="card", network="visa", last4="4242")),
)


def an_invoice(**changes: Any) -> Content:
    return replace(_INVOICE, **changes)


def a_refund(**changes: Any) -> Content:
    """The receipt of a refund of 4.00, of which 1.00 went to the wallet."""
    known: dict[str, Any] = {
        "kind": "refund", "status": "succeeded", "number": "RCP-000007", "lines": (), "subtotal": 400, "tax": 0,
        "total": 400, "refund": RefundOf("ref_01M7XW44P82DKY81PZ8W1CP28W", "cracked", "INV-000042"),
        "parts": (Part(1_00, is_wallet=True), Part(3_00, method="card", network="visa", last4="4242")),
    }  # fmt: skip
    return replace(_INVOICE, **known | changes)
