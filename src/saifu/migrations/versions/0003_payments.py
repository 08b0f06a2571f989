"""Payments, refunds, disputes, and what was asked of processors."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "payment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("wallet_minor", sa.BigInteger(), nullable=False),
        sa.Column("source_minor", sa.BigInteger(), nullable=False),
        sa.Column("uses_wallet", sa.Boolean(), nullable=False),
        sa.Column("pays_for", sa.String(), nullable=False),
        sa.Column("checkout_session_id", sa.String(), nullable=True),
        sa.Column("retry_of", sa.String(), nullable=True),
        sa.Column("retry_attempt", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=True),
        sa.Column("payment_method", sa.String(), nullable=True),
        sa.Column("instrument_json", sa.Text(), nullable=True),
        sa.Column("three_ds_json", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("raw_code", sa.String(), nullable=True),
        sa.Column("outcome_unknown", sa.Boolean(), nullable=False),
        sa.Column("needs_review_at", INSTANT, nullable=True),
        sa.Column("on_session", sa.Boolean(), nullable=False),
        sa.Column("action_json", sa.Text(), nullable=True),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("customer_json", sa.Text(), nullable=True),
        sa.Column("billing_json", sa.Text(), nullable=True),
        sa.Column("lines_json", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("statement_descriptor", sa.String(), nullable=True),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunding_minor", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("succeeded_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "status = 'succeeded' OR refunded_minor = 0", name="payment_refunded_has_succeeded"
        ),
        sa.CheckConstraint(
            "status IN ('failed', 'cancelled', 'requires_payment_method') OR total_minor = wallet_minor + source_minor",
            name="payment_parts_add_up",
        ),
        sa.CheckConstraint(
            "refunded_minor >= 0 AND refunding_minor >= 0 AND refunded_minor + refunding_minor <= total_minor",
            name="payment_refunds_within_total",
        ),
        sa.CheckConstraint("total_minor > 0", name="payment_total_positive"),
        sa.CheckConstraint("wallet_minor >= 0 AND source_minor >= 0", name="payment_parts_not_negative"),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("payment_at_processor", "payment", ["processor", "processor_ref"], unique=False)
    op.create_index("payment_created", "payment", ["created_at", "id"], unique=False)
    op.create_index(
        "payment_due",
        "payment",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL AND status NOT IN ('succeeded', 'failed', 'cancelled')"),
        postgresql_where=sa.text(
            "expires_at IS NOT NULL AND status NOT IN ('succeeded', 'failed', 'cancelled')"
        ),
    )
    op.create_index(
        "payment_live_for",
        "payment",
        ["pays_for"],
        unique=True,
        sqlite_where=sa.text("status NOT IN ('failed', 'cancelled')"),
        postgresql_where=sa.text("status NOT IN ('failed', 'cancelled')"),
    )
    op.create_index("payment_of_customer", "payment", ["customer_id", "created_at", "id"], unique=False)
    op.create_index("payment_of_session", "payment", ["checkout_session_id"], unique=False)
    op.create_index("payment_of_source", "payment", ["source_id"], unique=False)
    op.create_table(
        "payment_attempt",
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=True),
        sa.Column("decline_code", sa.String(), nullable=True),
        sa.Column("raw_code", sa.String(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("deadline_at", INSTANT, nullable=False),
        sa.Column("next_look_at", INSTANT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
        ),
        sa.PrimaryKeyConstraint("payment_id", "number"),
        sa.UniqueConstraint("id", name="payment_attempt_id"),
    )
    op.create_index(
        "payment_attempt_due",
        "payment_attempt",
        ["next_look_at"],
        unique=False,
        sqlite_where=sa.text("next_look_at IS NOT NULL"),
        postgresql_where=sa.text("next_look_at IS NOT NULL"),
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("source_minor", sa.BigInteger(), nullable=False),
        sa.Column("wallet_minor", sa.BigInteger(), nullable=False),
        sa.Column("of_source_minor", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("is_partial", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("items_json", sa.Text(), nullable=False),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=True),
        sa.Column("network_reference", sa.String(), nullable=True),
        sa.Column("network_reference_type", sa.String(), nullable=True),
        sa.Column("voided_at", INSTANT, nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_look_at", INSTANT, nullable=True),
        sa.Column("deadline_at", INSTANT, nullable=True),
        sa.Column("needs_review_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="refund_amount_positive"),
        sa.CheckConstraint(
            "of_source_minor >= source_minor AND of_source_minor <= amount_minor",
            name="refund_of_source_within_amount",
        ),
        sa.CheckConstraint(
            "source_minor >= 0 AND wallet_minor >= 0 AND amount_minor = source_minor + wallet_minor",
            name="refund_parts_add_up",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("refund_created", "refund", ["created_at", "id"], unique=False)
    op.create_index(
        "refund_due",
        "refund",
        ["next_look_at"],
        unique=False,
        sqlite_where=sa.text("next_look_at IS NOT NULL"),
        postgresql_where=sa.text("next_look_at IS NOT NULL"),
    )
    op.create_index("refund_of_customer", "refund", ["customer_id", "created_at", "id"], unique=False)
    op.create_index("refund_of_payment", "refund", ["payment_id", "created_at", "id"], unique=False)
    op.create_index(
        "refund_under_way",
        "refund",
        ["payment_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('pending', 'review')"),
        postgresql_where=sa.text("status IN ('pending', 'review')"),
    )
    op.create_table(
        "dispute",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("remarks", sa.Text(), nullable=True),
        sa.Column("evidence_json", sa.Text(), nullable=False),
        sa.Column("respond_by", INSTANT, nullable=True),
        sa.Column("asked", sa.String(), nullable=True),
        sa.Column("next_look_at", INSTANT, nullable=True),
        sa.Column("wallet_minor", sa.BigInteger(), nullable=False),
        sa.Column("wallet_shortfall_minor", sa.BigInteger(), nullable=False),
        sa.Column("is_resolved_by_rdr", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="dispute_amount_positive"),
        sa.CheckConstraint(
            "wallet_minor >= 0 AND wallet_shortfall_minor >= 0", name="dispute_parts_not_negative"
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["payment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("processor", "processor_ref", name="dispute_at_processor"),
    )
    op.create_index(
        "dispute_asked",
        "dispute",
        ["next_look_at"],
        unique=False,
        sqlite_where=sa.text("next_look_at IS NOT NULL"),
        postgresql_where=sa.text("next_look_at IS NOT NULL"),
    )
    op.create_index("dispute_created", "dispute", ["created_at", "id"], unique=False)
    op.create_index(
        "dispute_due",
        "dispute",
        ["respond_by"],
        unique=False,
        sqlite_where=sa.text("status = 'dispute_opened'"),
        postgresql_where=sa.text("status = 'dispute_opened'"),
    )
    op.create_index("dispute_of_customer", "dispute", ["customer_id", "created_at", "id"], unique=False)
    op.create_index("dispute_of_payment", "dispute", ["payment_id"], unique=False)
    op.create_table(
        "processor_callback",
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("processor_ref", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("handled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("processor", "event_id"),
    )
    op.create_index(
        "processor_callback_due",
        "processor_callback",
        ["next_try_at"],
        unique=False,
        sqlite_where=sa.text("next_try_at IS NOT NULL"),
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    # Debit and reversal of a payment exist once each (W51); the other index finds what refunds gave back (W59).
    op.create_index(
        "ledger_entry_of_payment",
        "ledger_entry",
        ["reference_id", "entry_type"],
        unique=True,
        sqlite_where=sa.text("entry_type IN ('payment', 'payment_reversal')"),
        postgresql_where=sa.text("entry_type IN ('payment', 'payment_reversal')"),
    )
    op.create_index(
        "ledger_entry_of_refund",
        "ledger_entry",
        ["reference_id"],
        unique=False,
        sqlite_where=sa.text("entry_type IN ('refund', 'refund_reversal')"),
        postgresql_where=sa.text("entry_type IN ('refund', 'refund_reversal')"),
    )
