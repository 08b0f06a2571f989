"""Issuing: one document for each payment and each refund that succeeded (PM60-PM65).

Called in the transaction in which the money is known to have moved, by whoever holds the lock of the customer, or of
the payment where there is none. So a document is asked for by one at a time, and the second finds the first's.
"""

from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customer_rows, events
from saifu.clock import rfc3339
from saifu.events import EventType
from saifu.ids import new_id
from saifu.payments.rules import PaymentRules
from saifu.store import Tx
from saifu.tables import Customer, Invoice, Payment, Receipt, Refund

from .content import (
    LANGUAGE,
    Address,
    Business,
    Content,
    Line,
    Part,
    Recipient,
    RefundOf,
    lines_of,
    parts_of,
)
from .numbers import Series, next_number

RECEIPT_PREFIX = "RCP-"
ONE_TIME = "one_time"
TOP_UP = "top_up"
REFUND = "refund"
PAID = "paid"

_OF_PAYMENT = select(Invoice).where(col(Invoice.payment_id) == bindparam("payment_id"))
_OF_OBJECT = select(Receipt).where(col(Receipt.object_id) == bindparam("object_id"))


def paid(tx: Tx, payment: Payment, rules: PaymentRules) -> Invoice | Receipt:
    """The document of a payment that succeeded: its invoice, or of a top-up its receipt; there is one of them (PM60).

    The events `invoice.finalized` and `invoice.paid` come with the invoice, in this order; call it after
    `payment.succeeded` was appended and as the last step that waits for anything: the number locks its counter.
    """
    if payment.purpose == "wallet_top_up":
        return _receipt_of(tx, payment.id) or _top_up(tx, payment, rules)
    return invoice_of(tx, payment.id) or _invoice(tx, payment, rules)


def refunded(tx: Tx, refund: Refund, payment: Payment, rules: PaymentRules) -> Receipt:
    """The receipt of a refund that succeeded; there is one for each (PM65). The payment's invoice stays as it is."""
    known = _receipt_of(tx, refund.id)
    if known is not None:
        return known
    invoice = invoice_of(tx, payment.id)
    about = RefundOf(refund.id, refund.reason, invoice.number if invoice else None)
    parts = parts_of(
        refund.wallet_minor, refund.source_minor, payment.payment_method, payment.instrument_json
    )
    amounts = _Amounts(refund.amount_minor, refund.tax_minor, parts=tuple(parts), refund=about)
    return _receipt(tx, refund.id, _draft(tx, "rcp", REFUND, payment, amounts, rules))


def invoice_of(tx: Tx, payment_id: str) -> Invoice | None:
    """The invoice of a payment, if it has one yet."""
    return tx.first(_OF_PAYMENT, payment_id=payment_id)


def snapshot(invoice: Invoice) -> dict[str, Any]:
    """An invoice as events carry it (EV2). Whom it is for is said by the id alone: names are on the document (CU54)."""
    known = orjson.loads(invoice.content_json)
    return {
        "invoice_id": invoice.id,
        "number": invoice.number,
        "kind": invoice.kind,
        "status": invoice.status,
        "customer_id": invoice.customer_id,
        "payment_id": invoice.payment_id,
        "currency": invoice.currency,
        "subtotal": invoice.subtotal_minor,
        "tax": invoice.tax_minor,
        "total": invoice.total_minor,
        "lines": known["lines"],
        "issued_at": _instant(invoice.issued_at),
        "due_at": _instant(invoice.due_at),
        "paid_at": _instant(invoice.paid_at),
        "version": invoice.version,
        "created_at": rfc3339(invoice.created_at),
        "updated_at": rfc3339(invoice.updated_at),
    }


def _instant(at: Any) -> str | None:
    return None if at is None else rfc3339(at)


@dataclass(frozen=True, slots=True)
class _Amounts:
    """What a document adds up, in minor units: the total holds the tax."""

    total: int
    tax: int
    lines: tuple[Line, ...] = ()
    parts: tuple[Part, ...] = ()
    refund: RefundOf | None = None


def _receipt_of(tx: Tx, object_id: str) -> Receipt | None:
    return tx.first(_OF_OBJECT, object_id=object_id)


def _of_payment(payment: Payment) -> _Amounts:
    parts = parts_of(
        payment.wallet_minor, payment.source_minor, payment.payment_method, payment.instrument_json
    )
    lines = lines_of(payment.lines_json)
    return _Amounts(payment.total_minor, payment.tax_minor, lines, tuple(parts))


def _top_up(tx: Tx, payment: Payment, rules: PaymentRules) -> Receipt:
    return _receipt(tx, payment.id, _draft(tx, "rcp", TOP_UP, payment, _of_payment(payment), rules))


def _invoice(tx: Tx, payment: Payment, rules: PaymentRules) -> Invoice:
    draft = _draft(tx, "inv", ONE_TIME, payment, _of_payment(payment), rules)
    content = replace(draft, number=next_number(tx, Series.INVOICE, rules.invoice_number_prefix))
    invoice = tx.insert(
        Invoice(
            id=content.id,
            customer_id=payment.customer_id,
            number=content.number,
            kind=content.kind,
            status=content.status,
            currency=content.currency,
            subtotal_minor=content.subtotal,
            tax_minor=content.tax,
            total_minor=content.total,
            payment_id=payment.id,
            content_json=content.frozen(),
            issued_at=tx.now,
            due_at=None,
            paid_at=tx.now,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    for kind in (EventType.INVOICE_FINALIZED, EventType.INVOICE_PAID):
        events.append(tx, payment.customer_id, kind, invoice.id, snapshot(invoice))
    return invoice


def _receipt(tx: Tx, object_id: str, draft: Content) -> Receipt:
    content = replace(draft, number=next_number(tx, Series.RECEIPT, RECEIPT_PREFIX))
    return tx.insert(
        Receipt(
            id=content.id,
            customer_id=content.customer_id,
            number=content.number,
            kind=content.kind,
            object_id=object_id,
            payment_id=content.payment_id,
            currency=content.currency,
            total_minor=content.total,
            content_json=content.frozen(),
            issued_at=tx.now,
        )
    )


def _draft(
    tx: Tx, prefix: str, kind: str, payment: Payment, amounts: _Amounts, rules: PaymentRules
) -> Content:
    """The document but for its number, which is taken last."""
    customer = customer_rows.get(tx, payment.customer_id) if payment.customer_id else None
    return Content(
        id=new_id(prefix),
        number="",
        kind=kind,
        status="succeeded" if kind == REFUND else PAID,
        issued_at=rfc3339(tx.now),
        locale=(customer.preferred_locale if customer else None) or LANGUAGE,
        livemode=not rules.is_test,
        currency=payment.currency,
        subtotal=amounts.total - amounts.tax,
        tax=amounts.tax,
        total=amounts.total,
        payment_id=payment.id,
        customer_id=payment.customer_id,
        business=Business(rules.business_name, rules.business_contact),
        customer=_recipient(customer, payment),
        lines=amounts.lines,
        parts=amounts.parts,
        refund=amounts.refund,
    )


def _recipient(customer: Customer | None, payment: Payment) -> Recipient | None:
    """Whom the document is for, as known now (PM63): the customer; without one what the payment knows, if anything."""
    billing = payment.billing_json or (customer.billing_address_json if customer else None)
    address = Address.of(orjson.loads(billing)) if billing else None
    if customer is not None:
        return Recipient(customer.name, customer.email, address)
    known = orjson.loads(payment.customer_json) if payment.customer_json else {}
    name, email = known.get("name") or "", known.get("email") or ""
    return Recipient(name, email, address) if name or email or address else None
