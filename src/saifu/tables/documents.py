"""Invoices and receipts, their numbers, and links to them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from .base import Row, instant, minor, text


class Invoice(Row, table=True):
    """An invoice (payments.md §7): immutable once it has its number (PM62). `content_json` is all that is printed."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("number", name="invoice_number"),
        UniqueConstraint("payment_id", name="invoice_of_payment"),
        CheckConstraint("total_minor >= 0", name="invoice_total_not_negative"),
        Index("invoice_of_customer", "customer_id", "created_at", "id"),
        Index("invoice_created", "created_at", "id"),
    )
    id: str = Field(primary_key=True)
    customer_id: str | None = None
    number: str | None = None
    kind: str
    status: str
    currency: str
    subtotal_minor: int = minor()
    tax_minor: int = minor()
    total_minor: int = minor()
    payment_id: str | None = None
    content_json: str = text()
    issued_at: datetime | None = instant()
    due_at: datetime | None = instant()
    paid_at: datetime | None = instant()
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Receipt(Row, table=True):
    """What confirms a top-up (PM60) or a refund (PM65); one for each. `object_id` is the payment's or the refund's."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("number", name="receipt_number"),
        UniqueConstraint("object_id", name="receipt_of_object"),
        Index("receipt_of_customer", "customer_id", "issued_at", "id"),
        Index("receipt_of_payment", "payment_id", "issued_at", "id"),
    )
    id: str = Field(primary_key=True)
    customer_id: str | None = None
    number: str
    kind: str
    object_id: str
    payment_id: str
    currency: str
    total_minor: int = minor()
    content_json: str = text()
    issued_at: datetime = instant()


class Counter(Row, table=True):
    """A number that goes up by one in the transaction that uses it, so that none is ever missing (PM61)."""

    __tablename__ = "counter"
    name: str = Field(primary_key=True)
    last_number: int = minor()


class DocumentLink(Row, table=True):
    """A token that opens one document and nothing else (PM66); only its hash is stored."""

    __tablename__ = "document_link"
    __table_args__ = (Index("document_link_of", "document_id"),)
    token_hash: str = Field(primary_key=True)
    document_id: str
    created_at: datetime = instant()
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant()
