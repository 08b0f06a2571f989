"""Hosted checkout: what somebody is asked to pay on a page of ours."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as where
from sqlmodel import Field

from .base import Row, instant, minor, text


class CheckoutSession(Row, table=True):
    """A checkout session (payments.md §8). Its link's token is a credential for this one session (A41, PM86).

    `verified` says whether the customer was named by id (PM75). `payment_id` is the latest payment made from it,
    `source_id` what a mandate has attached. `abandons_at` is when it will be taken for abandoned, once somebody has
    opened it (PM89a); `abandonment_json` says that it was, and how that stands.
    """

    __tablename__ = "checkout_session"
    __table_args__ = (
        UniqueConstraint("token_hash", name="checkout_session_token"),
        Index("checkout_session_of_customer", "customer_id", "created_at", "id"),
        Index("checkout_session_created", "created_at", "id"),
        Index(
            "checkout_session_due",
            "expires_at",
            sqlite_where=where("status = 'open'"),
            postgresql_where=where("status = 'open'"),
        ),
        Index(
            "checkout_session_abandoning",
            "abandons_at",
            sqlite_where=where("abandons_at IS NOT NULL"),
            postgresql_where=where("abandons_at IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    token_hash: str
    customer_id: str | None = Field(default=None, foreign_key="customer.id")
    verified: bool
    purpose: str
    status: str
    currency: str
    total_minor: int = minor()
    tax_minor: int = minor()
    lines_json: str = text()
    customer_json: str = text()
    billing_json: str | None = text()
    options_json: str = text()
    metadata_json: str = text()
    return_url: str | None = text()
    cancel_url: str | None = text()
    payment_id: str | None = None
    source_id: str | None = None
    attempts: int
    last_activity_at: datetime = instant()
    abandons_at: datetime | None = instant()
    abandonment_json: str | None = text()
    expires_at: datetime = instant()
    completed_at: datetime | None = instant()
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()
