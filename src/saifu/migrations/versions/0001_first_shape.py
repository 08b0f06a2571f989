"""Customers, wallets, the ledger, the event log, keys: the first shape.

The triggers make the ledger and the audit log append-only in the database itself (W14, S20), also
for whoever comes with a console: on SQLite against UPDATE, DELETE and the DELETE hidden in REPLACE,
on PostgreSQL against UPDATE, DELETE and TRUNCATE.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
APPEND_ONLY = {
    "ledger_entry": (
        "customer_id = NEW.customer_id AND (id = NEW.id OR currency = NEW.currency AND sequence = NEW.sequence)"
    ),
    "lot_movement": "customer_id = NEW.customer_id AND entry_id = NEW.entry_id AND lot_id = NEW.lot_id",
    "audit_record": "id = NEW.id",
}


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "sqlite":
        forbid_changes_on_sqlite()
    else:
        forbid_changes_on_postgresql()
        give_arrivals_on_postgresql()


def forbid_changes_on_sqlite() -> None:
    for table, same_row in APPEND_ONLY.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same_row}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def forbid_changes_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )


def give_arrivals_on_postgresql() -> None:
    """The order of arrival, from which places in the log are stamped after the commit."""
    op.execute("CREATE SEQUENCE event_arrival AS BIGINT CACHE 1 OWNED BY event.arrival")
    op.execute("ALTER TABLE event ALTER COLUMN arrival SET DEFAULT nextval('event_arrival')")


def create_tables() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_hash", name="api_key_secret"),
    )
    op.create_table(
        "audit_record",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor_type", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("mutation", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_record_of_customer", "audit_record", ["customer_id"], unique=False)
    op.create_index("audit_record_of_object", "audit_record", ["object_id"], unique=False)
    op.create_table(
        "customer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_folded", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_folded", sa.String(), nullable=False),
        sa.Column("phone_number", sa.String(), nullable=True),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.Column("preferred_locale", sa.String(), nullable=True),
        sa.Column("billing_address_json", sa.Text(), nullable=True),
        sa.Column("blocked_at", INSTANT, nullable=True),
        sa.Column("anonymised_at", INSTANT, nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("customer_created", "customer", ["created_at", "id"], unique=False)
    op.create_index("customer_by_name", "customer", ["name_folded", "id"], unique=False)
    op.create_index("customer_email", "customer", ["email_folded"], unique=False)
    op.create_table(
        "event",
        sa.Column("order_key", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("data_json", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("order_key", "sequence"),
        sa.UniqueConstraint("position", name="event_position"),
    )
    op.create_index("event_id", "event", ["id"], unique=False)
    op.create_index("event_of_customer", "event", ["customer_id", "position"], unique=False)
    op.create_index(
        "event_unstamped",
        "event",
        ["arrival"],
        unique=False,
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "idempotency_record",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("mutation", sa.String(), nullable=False),
        sa.Column("request_json", sa.Text(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_id", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("log_floor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("entry_type", sa.String(), nullable=False),
        sa.Column("is_credit", sa.Boolean(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("before_minor", sa.BigInteger(), nullable=False),
        sa.Column("after_minor", sa.BigInteger(), nullable=False),
        sa.Column("contra_account", sa.String(), nullable=False),
        sa.Column("reference_type", sa.String(), nullable=True),
        sa.Column("reference_id", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("funding", sa.String(), nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.Column("actor_type", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.CheckConstraint(
            "after_minor = before_minor + CASE WHEN is_credit THEN amount_minor ELSE -amount_minor END",
            name="ledger_entry_adds_up",
        ),
        sa.CheckConstraint("amount_minor > 0", name="ledger_entry_amount_positive"),
        sa.CheckConstraint("before_minor >= 0 AND after_minor >= 0", name="ledger_entry_not_negative"),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.UniqueConstraint("customer_id", "currency", "sequence", name="ledger_entry_sequence"),
    )
    op.create_index("ledger_entry_id", "ledger_entry", ["id"], unique=False)
    op.create_index("ledger_entry_of_business", "ledger_entry", ["currency", "created_at"], unique=False)
    op.create_index(
        "ledger_entry_of_customer",
        "ledger_entry",
        ["customer_id", "created_at", "sequence", "id"],
        unique=False,
    )
    op.create_table(
        "lot",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("origin_entry_id", sa.String(), nullable=False),
        sa.Column("funding", sa.String(), nullable=False),
        sa.Column("original_minor", sa.BigInteger(), nullable=False),
        sa.Column("remaining_minor", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("expired_at", INSTANT, nullable=True),
        sa.Column("notice_sent_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "remaining_minor >= 0 AND remaining_minor <= original_minor", name="lot_remaining_within_original"
        ),
        sa.PrimaryKeyConstraint("customer_id", "id"),
    )
    op.create_index(
        "lot_due",
        "lot",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("remaining_minor > 0 AND expires_at IS NOT NULL"),
        postgresql_where=sa.text("remaining_minor > 0 AND expires_at IS NOT NULL"),
    )
    op.create_index("lot_id", "lot", ["id"], unique=False)
    op.create_index("lot_of_wallet", "lot", ["customer_id", "currency", "created_at", "id"], unique=False)
    op.create_index(
        "lot_with_money",
        "lot",
        ["customer_id", "currency"],
        unique=False,
        sqlite_where=sa.text("remaining_minor > 0"),
        postgresql_where=sa.text("remaining_minor > 0"),
    )
    op.create_table(
        "lot_movement",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("lot_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="lot_movement_amount_positive"),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", "lot_id"),
    )
    op.create_index("lot_movement_of_lot", "lot_movement", ["customer_id", "lot_id"], unique=False)
    op.create_table(
        "customer_block",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_email", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("blocked_by_email", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("unblocked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("customer_id", "id"),
    )
    op.create_index("customer_block_id", "customer_block", ["id"], unique=False)
    op.create_table(
        "customer_session",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("customer_id", "id"),
        sa.UniqueConstraint("token_hash", name="customer_session_token"),
    )
    op.create_index("customer_session_id", "customer_session", ["id"], unique=False)
    op.create_table(
        "wallet",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("promotional_minor", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.Column("low_balance_threshold_minor", sa.BigInteger(), nullable=True),
        sa.Column("alert_state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("balance_minor <= 9007199254740991", name="wallet_exact_in_json"),
        sa.CheckConstraint("balance_minor = paid_minor + promotional_minor", name="wallet_parts_add_up"),
        sa.CheckConstraint("balance_minor >= 0", name="wallet_not_negative"),
        sa.CheckConstraint("paid_minor >= 0 AND promotional_minor >= 0", name="wallet_parts_not_negative"),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("customer_id", "currency"),
    )
