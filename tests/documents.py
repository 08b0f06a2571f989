"""Payments and refunds that have succeeded, as rows, for tests of the documents that they bring."""

from typing import Any

import orjson
from sqlmodel import SQLModel

from saifu.ids import new_id
from saifu.payments.rules import PaymentRules
from saifu.store import Tx
from saifu.tables import Payment, Refund
from tests.builders import RULES

PAYMENT_RULES = PaymentRules(
    wallet=RULES,
    mode="test",
    business_id="bus_test",
    business_name="Saifu & Söhne",
    business_contact="1 Main Street, 10115 Berlin, billing@acme.example",
    minimums={},
    refund_window_days=30,
    invoice_number_prefix="INV-",
)
VISA = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030}


def a_line(
    name: str = "Coffee", unit: int = 10_00, quantity: int = 1, tax: int = 0, **more: Any
) -> dict[str, Any]:
    """A line of a payment whose price does not hold its tax; amounts in minor units."""
    return {
        "id": new_id("itm"), "name": name, "description": None, "quantity": quantity,
        "unit_amount": unit, "amount": unit * quantity + tax, "tax": tax, **more,
    }  # fmt: skip


def a_payment(
    tx: Tx,
    customer_id: str | None = None,
    wallet: int = 0,
    currency: str = "USD",
    lines: list[dict[str, Any]] | None = None,
    **columns: Any,
) -> Payment:
    """A payment that has succeeded, of 10.00 by card unless said; what is not from the wallet is from the card."""
    lines = lines or [a_line()]
    total = sum(line["amount"] for line in lines)
    payment_id = new_id("pay")
    known = _nothing(Payment) | {
        "id": payment_id, "customer_id": customer_id, "status": "succeeded", "purpose": "direct",
        "currency": currency, "total_minor": total, "tax_minor": sum(line["tax"] for line in lines),
        "wallet_minor": wallet, "source_minor": total - wallet, "pays_for": payment_id, "retry_attempt": 0,
        "processor": "simulator", "payment_method": "card", "instrument_json": orjson.dumps(VISA).decode(),
        "outcome_unknown": False, "on_session": True, "lines_json": orjson.dumps(lines).decode(),
        "metadata_json": "{}", "refunded_minor": 0, "refunding_minor": 0, "succeeded_at": tx.now,
        "version": 1, "created_at": tx.now, "updated_at": tx.now,
    }  # fmt: skip
    return tx.insert(Payment(**known | columns))


def a_refund(tx: Tx, payment: Payment, source: int = 0, wallet: int = 0, **columns: Any) -> Refund:
    """A refund that has succeeded, with what of it goes back to the card and to the wallet."""
    known = _nothing(Refund) | {
        "id": new_id("ref"), "payment_id": payment.id, "customer_id": payment.customer_id,
        "currency": payment.currency, "amount_minor": source + wallet, "tax_minor": 0,
        "source_minor": source, "wallet_minor": wallet, "destination": "source", "status": "succeeded",
        "is_partial": source + wallet < payment.total_minor, "items_json": "[]", "metadata_json": "{}",
        "processor": "simulator", "looks": 0, "version": 1, "created_at": tx.now, "updated_at": tx.now,
    }  # fmt: skip
    return tx.insert(Refund(**known | columns))


def _nothing(model: type[SQLModel]) -> dict[str, Any]:
    """Null wherever a column may be null, and else nothing of its kind: 0, false, an empty text."""
    columns = model.__table__.columns  # type: ignore[attr-defined]
    return {column.key: None if column.nullable else column.type.python_type() for column in columns}
