"""Customers, their wallets and ledgers, the event log, keys, and what keeps a request from being done twice."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy import text as where
from sqlmodel import Field

from .base import Row, instant, minor, text


class Installation(Row, table=True):
    """One row: which business and mode this database belongs to (ruling 5), and where its log begins."""

    __tablename__ = "installation"
    id: int = Field(primary_key=True)
    business_id: str
    mode: str
    log_floor: int = minor(description="events up to this position have been dropped; 0 while all are kept")
    created_at: datetime = instant()


class Customer(Row, table=True):
    """A customer; `last_sequence` counts its events, and its row lock serialises all that is the customer's."""

    __tablename__ = "customer"
    __table_args__ = (
        Index("customer_created", "created_at", "id"),
        Index("customer_email", "email_folded"),
        Index("customer_by_name", "name_folded", "id"),
    )
    id: str = Field(primary_key=True)
    email: str
    email_folded: str
    name: str
    name_folded: str
    phone_number: str | None = None
    metadata_json: str = text()
    preferred_locale: str | None = None
    billing_address_json: str | None = text()
    blocked_at: datetime | None = instant()
    anonymised_at: datetime | None = instant()
    last_sequence: int = minor()
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


class CustomerBlock(Row, table=True):
    """Why and when a customer was blocked, kept after it is lifted (CU60)."""

    __tablename__ = "customer_block"
    __table_args__ = (Index("customer_block_id", "id"),)
    customer_id: str = Field(primary_key=True, foreign_key="customer.id")
    id: str = Field(primary_key=True)
    customer_email: str
    identifier: str
    reason: str | None = None
    source: str
    blocked_by_email: bool
    notes: str | None = None
    created_at: datetime = instant()
    unblocked_at: datetime | None = instant()


class CustomerSession(Row, table=True):
    """A short-lived credential that sees one customer (A41); only the hash of its token is stored."""

    __tablename__ = "customer_session"
    __table_args__ = (
        UniqueConstraint("token_hash", name="customer_session_token"),
        Index("customer_session_id", "id"),
    )
    customer_id: str = Field(primary_key=True, foreign_key="customer.id")
    id: str = Field(primary_key=True)
    token_hash: str
    created_at: datetime = instant()
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant()


class Wallet(Row, table=True):
    """One balance of one customer in one currency (W1), as of its last entry; `last_hash` heads its chain."""

    __tablename__ = "wallet"
    __table_args__ = (
        CheckConstraint("balance_minor >= 0", name="wallet_not_negative"),
        CheckConstraint("balance_minor <= 9007199254740991", name="wallet_exact_in_json"),
        CheckConstraint("paid_minor >= 0 AND promotional_minor >= 0", name="wallet_parts_not_negative"),
        CheckConstraint("balance_minor = paid_minor + promotional_minor", name="wallet_parts_add_up"),
    )
    customer_id: str = Field(primary_key=True, foreign_key="customer.id")
    currency: str = Field(primary_key=True)
    balance_minor: int = minor()
    paid_minor: int = minor()
    promotional_minor: int = minor()
    sequence: int = minor()
    last_hash: str
    low_balance_threshold_minor: int | None = minor()
    alert_state: str
    version: int
    created_at: datetime = instant()
    updated_at: datetime = instant()


_MOVED = (
    "entry_type IN ('refund', 'refund_reversal', 'dispute', 'dispute_reversal', 'top_up', 'top_up_reversal')"
)
"""What refers to a refund, a dispute or a top-up: several entries may refer to one."""


class LedgerEntry(Row, table=True):
    """One transfer between a wallet and a contra account (ruling 11). Never updated, never deleted (W14)."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("customer_id", "currency", "sequence", name="ledger_entry_sequence"),
        CheckConstraint("amount_minor > 0", name="ledger_entry_amount_positive"),
        CheckConstraint("before_minor >= 0 AND after_minor >= 0", name="ledger_entry_not_negative"),
        CheckConstraint(
            "after_minor = before_minor + CASE WHEN is_credit THEN amount_minor ELSE -amount_minor END",
            name="ledger_entry_adds_up",
        ),
        Index("ledger_entry_id", "id"),
        Index("ledger_entry_of_customer", "customer_id", "created_at", "sequence", "id"),
        Index("ledger_entry_of_business", "currency", "created_at"),
        # W51: the debit of a payment, and its reversal, exist once each.
        Index(
            "ledger_entry_of_payment",
            "reference_id",
            "entry_type",
            unique=True,
            sqlite_where=where("entry_type IN ('payment', 'payment_reversal')"),
            postgresql_where=where("entry_type IN ('payment', 'payment_reversal')"),
        ),
        Index(
            "ledger_entry_of_object",
            "reference_id",
            sqlite_where=where(_MOVED),
            postgresql_where=where(_MOVED),
        ),
    )
    customer_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    currency: str
    sequence: int = minor()
    entry_type: str
    is_credit: bool
    amount_minor: int = minor()
    before_minor: int = minor()
    after_minor: int = minor()
    contra_account: str
    reference_type: str | None = None
    reference_id: str | None = None
    reason: str | None = text()
    funding: str | None = None
    expires_at: datetime | None = instant()
    idempotency_key: str | None = None
    metadata_json: str = text()
    actor_type: str
    actor_id: str
    created_at: datetime = instant()
    hash: str


class Lot(Row, table=True):
    """What a credit brought, and what is left of it (W70)."""

    __tablename__ = "lot"
    __table_args__ = (
        CheckConstraint(
            "remaining_minor >= 0 AND remaining_minor <= original_minor", name="lot_remaining_within_original"
        ),
        Index("lot_id", "id"),
        Index("lot_of_wallet", "customer_id", "currency", "created_at", "id"),
        Index(
            "lot_with_money",
            "customer_id",
            "currency",
            sqlite_where=where("remaining_minor > 0"),
            postgresql_where=where("remaining_minor > 0"),
        ),
        Index(
            "lot_passing",
            "customer_id",
            "expires_at",
            sqlite_where=where("remaining_minor > 0 AND expires_at IS NOT NULL"),
            postgresql_where=where("remaining_minor > 0 AND expires_at IS NOT NULL"),
        ),
        Index(
            "lot_due",
            "expires_at",
            sqlite_where=where("remaining_minor > 0 AND expires_at IS NOT NULL"),
            postgresql_where=where("remaining_minor > 0 AND expires_at IS NOT NULL"),
        ),
    )
    customer_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    currency: str
    origin_entry_id: str
    funding: str
    original_minor: int = minor()
    remaining_minor: int = minor()
    expires_at: datetime | None = instant()
    expired_at: datetime | None = instant()
    notice_sent_at: datetime | None = instant()
    created_at: datetime = instant()


class LotMovement(Row, table=True):
    """How much of an entry went into or came out of a lot (W71). Append-only, like the entry."""

    __tablename__ = "lot_movement"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="lot_movement_amount_positive"),
        Index("lot_movement_of_lot", "customer_id", "lot_id"),
    )
    customer_id: str = Field(primary_key=True)
    entry_id: str = Field(primary_key=True)
    lot_id: str = Field(primary_key=True)
    amount_minor: int = minor()


class Event(Row, table=True):
    """What happened, in order (A50): gapless by `sequence` per order key, and by `position` in the whole log.

    On SQLite the one writer gives the position; on PostgreSQL it is stamped after the commit, in the
    order of `arrival`, because a number given before the commit is not a cursor.
    """

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("position", name="event_position"),
        Index("event_id", "id"),
        Index("event_of_customer", "customer_id", "position"),
        Index(
            "event_unstamped",
            "arrival",
            sqlite_where=where("position IS NULL"),
            postgresql_where=where("position IS NULL"),
        ),
    )
    given_by_database: ClassVar[frozenset[str]] = frozenset({"arrival"})
    order_key: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    id: str
    position: int | None = minor()
    type: str
    customer_id: str | None = None
    object_id: str
    occurred_at: datetime = instant()
    data_json: str = text()
    arrival: int | None = Field(default=None, sa_column=Column("arrival", BigInteger, nullable=True))


class EventOrder(Row, table=True):
    """The number of the last event of an object without a customer (ruling 14), such as an anonymous payment."""

    __tablename__ = "event_order"
    order_key: str = Field(primary_key=True)
    last_sequence: int = minor()


class IdempotencyRecord(Row, table=True):
    """What a key was first used for, and what came of it. Kept as long as the object (A31, W36)."""

    __tablename__ = "idempotency_record"
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    mutation: str
    request_json: str = text()
    object_id: str
    created_at: datetime = instant()


class AuditRecord(Row, table=True):
    """Who changed what (A43). Append-only."""

    __tablename__ = "audit_record"
    __table_args__ = (
        Index("audit_record_of_object", "object_id"),
        Index("audit_record_of_customer", "customer_id"),
    )
    id: str = Field(primary_key=True)
    created_at: datetime = instant()
    actor_type: str
    actor_id: str
    mutation: str
    object_id: str
    customer_id: str | None = None
    request_id: str | None = None
    detail_json: str = text()


class ApiKey(Row, table=True):
    """A secret key with its scopes (A40); only its hash is stored, and its prefix to tell it by."""

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("secret_hash", name="api_key_secret"),)
    id: str = Field(primary_key=True)
    name: str
    prefix: str
    secret_hash: str
    scopes: str
    created_at: datetime = instant()
    last_used_at: datetime | None = instant()
    revoked_at: datetime | None = instant()
