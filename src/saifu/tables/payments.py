"""Payments and what was asked of processors about them; refunds and disputes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as where
from sqlmodel import Field

from .base import Row, instant, minor, text

_LIVE = "status NOT IN ('failed', 'cancelled')"
_OPEN = "status NOT IN ('succeeded', 'failed', 'cancelled')"


class Payment(Row, table=True):
    """One attempt to move money for one purpose (payments.md §1). Its own id is the key it is charged under (W46).

    `pays_for` is what it settles: an invoice, a checkout session, or the first payment of a chain of retries. The
    database lets one of them at most be live or succeeded (invariant 11).
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("total_minor > 0", name="payment_total_positive"),
        CheckConstraint("wallet_minor >= 0 AND source_minor >= 0", name="payment_parts_not_negative"),
        CheckConstraint(
            "status IN ('failed', 'cancelled', 'requires_payment_method') "
            "OR total_minor = wallet_minor + source_minor",
            name="payment_parts_add_up",
        ),
        CheckConstraint(
            "refunded_minor >= 0 AND refunding_minor >= 0 AND refunded_minor + refunding_minor <= total_minor",
            name="payment_refunds_within_total",
        ),
        CheckConstraint("status = 'succeeded' OR refunded_minor = 0", name="payment_refunded_has_succeeded"),
        Index(
            "payment_live_for",
            "pays_for",
            unique=True,
            sqlite_where=where(_LIVE),
            postgresql_where=where(_LIVE),
        ),
        Index(
            "payment_under_way",
            "customer_id",
            "currency",
            sqlite_where=where(_OPEN),
            postgresql_where=where(_OPEN),
        ),
        Index("payment_of_customer", "customer_id", "created_at", "id"),
        Index("payment_created", "created_at", "id"),
        Index("payment_of_source", "source_id"),
        Index("payment_of_session", "checkout_session_id"),
        Index("payment_at_processor", "processor", "processor_ref"),
        Index(
            "payment_due",
            "expires_at",
            sqlite_where=where(
                "expires_at IS NOT NULL AND status NOT IN ('succeeded', 'failed', 'cancelled')"
            ),
            postgresql_where=where(
                "expires_at IS NOT NULL AND status NOT IN ('succeeded', 'failed', 'cancelled')"
            ),
        ),
    )
    id: str = Field(primary_key=True)
    customer_id: str | None = Field(default=None, foreign_key="customer.id")
    status: str
    purpose: str
    currency: str
    total_minor: int = minor()
    tax_minor: int = minor()
    wallet_minor: int = minor()
    source_minor: int = minor()
    uses_wallet: bool
    pays_for: str
    checkout_session_id: str | None = None
    retry_of: str | None = None
    retry_attempt: int
    source_id: str | None = None
    processor: str
    processor_ref: str | None = None
    payment_method: str | None = None
    instrument_json: str | None = text()
    three_ds_json: str | None = text()
    error_code: str | None = None
    raw_code: str | None = None
    outcome_unknown: bool
    needs_review_at: datetime | None = instant()
    on_session: bool
    action_json: str | None = text()
    return_url: str | None = text()
    customer_json: str | None = text()
    billing_json: str | None = text()
    lines_json: str = text()
    description: str | None = text()
    statement_descriptor: str | None = None
    metadata_json: str = text()
    refunded_minor: int = minor()
    refunding_minor: int = minor()
    expires_at: datetime | None = instant()
    succeeded_at: datetime | None = instant()
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


class PaymentAttempt(Row, table=True):
    """One call to a processor about a payment, recorded before it is made (RELIABILITY §3.4).

    `state` is submitting, unknown, succeeded, declined, processing, action_required, not_found, cancelled or
    needs_review; `next_look_at` is when the recovery job asks the processor again. `order_json` is what the processor
    is told of a charge, the same each time.
    """

    __tablename__ = "payment_attempt"
    __table_args__ = (
        UniqueConstraint("id", name="payment_attempt_id"),
        Index(
            "payment_attempt_due",
            "next_look_at",
            sqlite_where=where("next_look_at IS NOT NULL"),
            postgresql_where=where("next_look_at IS NOT NULL"),
        ),
    )
    payment_id: str = Field(primary_key=True, foreign_key="payment.id")
    number: int = Field(primary_key=True)
    id: str
    kind: str
    state: str
    reference: str
    processor_ref: str | None = None
    decline_code: str | None = None
    raw_code: str | None = None
    order_json: str | None = text()
    looks: int
    sent_at: datetime = instant()
    deadline_at: datetime = instant()
    next_look_at: datetime | None = instant()
    answered_at: datetime | None = instant()


class Refund(Row, table=True):
    """Money on its way back (payments.md §5). At most one of a payment is under way at a time (PM44).

    `source_minor` and `wallet_minor` are where it goes; `of_source_minor` is how much of it the source had paid (W58),
    which with destination `WALLET` is a new lot (W60).
    """

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="refund_amount_positive"),
        CheckConstraint(
            "source_minor >= 0 AND wallet_minor >= 0 AND amount_minor = source_minor + wallet_minor",
            name="refund_parts_add_up",
        ),
        CheckConstraint(
            "of_source_minor >= source_minor AND of_source_minor <= amount_minor",
            name="refund_of_source_within_amount",
        ),
        Index(
            "refund_under_way",
            "payment_id",
            unique=True,
            sqlite_where=where("status IN ('pending', 'review')"),
            postgresql_where=where("status IN ('pending', 'review')"),
        ),
        Index("refund_of_payment", "payment_id", "created_at", "id"),
        Index("refund_of_customer", "customer_id", "created_at", "id"),
        Index("refund_created", "created_at", "id"),
        Index(
            "refund_due",
            "next_look_at",
            sqlite_where=where("next_look_at IS NOT NULL"),
            postgresql_where=where("next_look_at IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    payment_id: str = Field(foreign_key="payment.id")
    customer_id: str | None = None
    currency: str
    amount_minor: int = minor()
    tax_minor: int = minor()
    source_minor: int = minor()
    wallet_minor: int = minor()
    of_source_minor: int = minor()
    destination: str
    status: str
    is_partial: bool
    reason: str | None = text()
    failure_reason: str | None = text()
    items_json: str = text()
    metadata_json: str = text()
    processor: str
    processor_ref: str | None = None
    network_reference: str | None = None
    network_reference_type: str | None = None
    voided_at: datetime | None = instant()
    looks: int
    next_look_at: datetime | None = instant()
    deadline_at: datetime | None = instant()
    needs_review_at: datetime | None = instant()
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Dispute(Row, table=True):
    """Money that a bank or a customer asks back (payments.md §6), and what of it a wallet bears (W66).

    `asked` is what the processor was asked to do, `challenge` or `accept`, until it has answered; `next_look_at` is
    when it is asked again.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        UniqueConstraint("processor", "processor_ref", name="dispute_at_processor"),
        CheckConstraint("amount_minor > 0", name="dispute_amount_positive"),
        CheckConstraint(
            "wallet_minor >= 0 AND wallet_shortfall_minor >= 0", name="dispute_parts_not_negative"
        ),
        Index("dispute_of_payment", "payment_id"),
        Index("dispute_of_customer", "customer_id", "created_at", "id"),
        Index("dispute_created", "created_at", "id"),
        Index(
            "dispute_asked",
            "next_look_at",
            sqlite_where=where("next_look_at IS NOT NULL"),
            postgresql_where=where("next_look_at IS NOT NULL"),
        ),
        Index(
            "dispute_due",
            "respond_by",
            sqlite_where=where("status = 'dispute_opened'"),
            postgresql_where=where("status = 'dispute_opened'"),
        ),
    )
    id: str = Field(primary_key=True)
    payment_id: str = Field(foreign_key="payment.id")
    customer_id: str | None = None
    processor: str
    processor_ref: str
    currency: str
    amount_minor: int = minor()
    stage: str
    status: str
    reason: str | None = text()
    remarks: str | None = text()
    evidence_json: str = text()
    respond_by: datetime | None = instant()
    asked: str | None = None
    next_look_at: datetime | None = instant()
    wallet_minor: int = minor()
    wallet_shortfall_minor: int = minor()
    is_resolved_by_rdr: bool
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


class ProcessorCallback(Row, table=True):
    """What a processor told us, once (S18). It is a hint: the object itself is asked for before anything changes."""

    __tablename__ = "processor_callback"
    __table_args__ = (
        Index(
            "processor_callback_due",
            "next_try_at",
            sqlite_where=where("next_try_at IS NOT NULL"),
            postgresql_where=where("next_try_at IS NOT NULL"),
        ),
    )
    processor: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    kind: str
    reference: str | None = None
    processor_ref: str | None = None
    tries: int
    received_at: datetime = instant()
    next_try_at: datetime | None = instant()
    handled_at: datetime | None = instant()
