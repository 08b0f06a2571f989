"""The stored shape, on one page. Rows are read-only values: a change is an UPDATE through the store.

Every hot table leads its key with `customer_id`, so that the same schema can be distributed by
customer. Constraints repeat the invariants of the ledger as the last line of defence; they are not
the mechanism.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Column, Dialect, Index, Text, UniqueConstraint, text
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import Field, SQLModel

from .clock import rfc3339


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: `TIMESTAMPTZ` on PostgreSQL, fixed-width RFC 3339 text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return rfc3339(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def _minor(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def _instant(**options: Any) -> Any:
    return Field(sa_type=Instant, **options)


def _text(**options: Any) -> Any:
    return Field(sa_type=Text, **options)


class Row(SQLModel):
    """A row that is made to be stored: a plain value, with the columns that were given.

    SQLModel's own constructor sets each column through an object mapper that nothing here uses; of a ledger
    post that was a third of the time.
    """

    def __init__(self, **columns: Any) -> None:
        self.__dict__.update(columns)


class Installation(Row, table=True):
    """One row: which business and mode this database belongs to (ruling 5), and where its log begins."""

    __tablename__ = "installation"
    id: int = Field(primary_key=True)
    business_id: str
    mode: str
    log_floor: int = _minor(description="events up to this position have been dropped; 0 while all are kept")
    created_at: datetime = _instant()


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
    metadata_json: str = _text()
    preferred_locale: str | None = None
    billing_address_json: str | None = _text()
    blocked_at: datetime | None = _instant()
    anonymised_at: datetime | None = _instant()
    last_sequence: int = _minor()
    version: int
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


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
    created_at: datetime = _instant()
    unblocked_at: datetime | None = _instant()


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
    created_at: datetime = _instant()
    expires_at: datetime = _instant()
    revoked_at: datetime | None = _instant()


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
    balance_minor: int = _minor()
    paid_minor: int = _minor()
    promotional_minor: int = _minor()
    sequence: int = _minor()
    last_hash: str
    low_balance_threshold_minor: int | None = _minor()
    alert_state: str
    version: int
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


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
    )
    customer_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    currency: str
    sequence: int = _minor()
    entry_type: str
    is_credit: bool
    amount_minor: int = _minor()
    before_minor: int = _minor()
    after_minor: int = _minor()
    contra_account: str
    reference_type: str | None = None
    reference_id: str | None = None
    reason: str | None = _text()
    funding: str | None = None
    expires_at: datetime | None = _instant()
    idempotency_key: str | None = None
    metadata_json: str = _text()
    actor_type: str
    actor_id: str
    created_at: datetime = _instant()
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
            sqlite_where=text("remaining_minor > 0"),
            postgresql_where=text("remaining_minor > 0"),
        ),
        Index(
            "lot_due",
            "expires_at",
            sqlite_where=text("remaining_minor > 0 AND expires_at IS NOT NULL"),
            postgresql_where=text("remaining_minor > 0 AND expires_at IS NOT NULL"),
        ),
    )
    customer_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    currency: str
    origin_entry_id: str
    funding: str
    original_minor: int = _minor()
    remaining_minor: int = _minor()
    expires_at: datetime | None = _instant()
    expired_at: datetime | None = _instant()
    notice_sent_at: datetime | None = _instant()
    created_at: datetime = _instant()


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
    amount_minor: int = _minor()


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
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
    )
    given_by_database: ClassVar[frozenset[str]] = frozenset({"arrival"})
    order_key: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    id: str
    position: int | None = _minor()
    type: str
    customer_id: str | None = None
    object_id: str
    occurred_at: datetime = _instant()
    data_json: str = _text()
    arrival: int | None = Field(default=None, sa_column=Column("arrival", BigInteger, nullable=True))


class IdempotencyRecord(Row, table=True):
    """What a key was first used for, and what came of it. Kept as long as the object (A31, W36)."""

    __tablename__ = "idempotency_record"
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    mutation: str
    request_json: str = _text()
    object_id: str
    created_at: datetime = _instant()


class AuditRecord(Row, table=True):
    """Who changed what (A43). Append-only."""

    __tablename__ = "audit_record"
    __table_args__ = (
        Index("audit_record_of_object", "object_id"),
        Index("audit_record_of_customer", "customer_id"),
    )
    id: str = Field(primary_key=True)
    created_at: datetime = _instant()
    actor_type: str
    actor_id: str
    mutation: str
    object_id: str
    customer_id: str | None = None
    request_id: str | None = None
    detail_json: str = _text()


class ApiKey(Row, table=True):
    """A secret key with its scopes (A40); only its hash is stored, and its prefix to tell it by."""

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("secret_hash", name="api_key_secret"),)
    id: str = Field(primary_key=True)
    name: str
    prefix: str
    secret_hash: str
    scopes: str
    created_at: datetime = _instant()
    last_used_at: datetime | None = _instant()
    revoked_at: datetime | None = _instant()
