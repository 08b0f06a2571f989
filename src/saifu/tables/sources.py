"""Payment instruments, and who a customer is to a processor."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy import text as where
from sqlmodel import Field

from .base import Row, instant, minor, text


class Source(Row, table=True):
    """One payment instrument (SR1). `customer_id` only while attached; never a card number, a CVC or a full IBAN.

    `in_use_by` is the payment that has claimed it before the processor was called (SR16). `expires_at` is when a
    pending or an uncharged one lapses (SR5, SR11), `notice_at` when the owner of a card is told that it runs out;
    `last_customer_id` is whose it was, for its events.
    """

    __tablename__ = "source"
    __table_args__ = (
        CheckConstraint("customer_id IS NULL OR status = 'chargeable'", name="source_attached_is_chargeable"),
        CheckConstraint("NOT is_default OR customer_id IS NOT NULL", name="source_default_is_attached"),
        CheckConstraint(
            "usage = 'reusable' OR customer_id IS NULL", name="source_single_use_is_not_attached"
        ),
        Index(
            "source_default",
            "customer_id",
            unique=True,
            sqlite_where=where("is_default"),
            postgresql_where=where("is_default"),
        ),
        Index("source_of_customer", "customer_id", "attached_at", "id"),
        Index("source_of_past_customer", "last_customer_id"),
        Index("source_at_processor", "processor", "processor_ref"),
        Index("source_fingerprint", "fingerprint"),
        Index(
            "source_mandate_reference",
            "mandate_reference",
            unique=True,
            sqlite_where=where("mandate_reference IS NOT NULL"),
            postgresql_where=where("mandate_reference IS NOT NULL"),
        ),
        Index(
            "source_due",
            "expires_at",
            sqlite_where=where("expires_at IS NOT NULL AND status IN ('pending', 'chargeable')"),
            postgresql_where=where("expires_at IS NOT NULL AND status IN ('pending', 'chargeable')"),
        ),
        Index(
            "source_notice",
            "notice_at",
            sqlite_where=where("notice_at IS NOT NULL"),
            postgresql_where=where("notice_at IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    processor: str
    processor_ref: str | None = None
    type: str
    status: str
    usage: str
    flow: str
    amount_minor: int | None = minor()
    currency: str | None = None
    customer_id: str | None = Field(default=None, foreign_key="customer.id")
    last_customer_id: str | None = None
    attached_at: datetime | None = instant()
    detached_at: datetime | None = instant()
    is_default: bool
    in_use_by: str | None = None
    fingerprint: str | None = None
    duplicate_of: str | None = None
    client_secret_hash: str | None = None
    mandate_reference: str | None = None
    owner_json: str | None = text()
    redirect_json: str | None = text()
    receiver_json: str | None = text()
    verification_json: str | None = text()
    mandate_json: str | None = text()
    detail_json: str | None = text()
    statement_descriptor: str | None = None
    metadata_json: str = text()
    expires_at: datetime | None = instant()
    notice_at: datetime | None = instant()
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


class ProcessorCustomer(Row, table=True):
    """Who a customer is to a processor that keeps customers of its own."""

    __tablename__ = "processor_customer"
    customer_id: str = Field(primary_key=True, foreign_key="customer.id")
    processor: str = Field(primary_key=True)
    processor_ref: str
    created_at: datetime = instant()


class SourceTry(Row, table=True):
    """One check or decline, counted for an hour (SR98); `subject` is a customer's id or a card's fingerprint."""

    __tablename__ = "source_try"
    __table_args__ = (
        Index("source_try_of_subject", "subject", "tried_at"),
        Index("source_try_age", "tried_at"),
    )
    id: str = Field(primary_key=True)
    subject: str
    tried_at: datetime = instant()
