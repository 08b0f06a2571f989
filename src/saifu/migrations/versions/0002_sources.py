"""Payment sources, and the order of events of what has no customer."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "event_order",
        sa.Column("order_key", sa.String(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_key"),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("usage", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("last_customer_id", sa.String(), nullable=True),
        sa.Column("attached_at", INSTANT, nullable=True),
        sa.Column("detached_at", INSTANT, nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("in_use_by", sa.String(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("duplicate_of", sa.String(), nullable=True),
        sa.Column("client_secret_hash", sa.String(), nullable=True),
        sa.Column("mandate_reference", sa.String(), nullable=True),
        sa.Column("owner_json", sa.Text(), nullable=True),
        sa.Column("redirect_json", sa.Text(), nullable=True),
        sa.Column("receiver_json", sa.Text(), nullable=True),
        sa.Column("verification_json", sa.Text(), nullable=True),
        sa.Column("mandate_json", sa.Text(), nullable=True),
        sa.Column("detail_json", sa.Text(), nullable=True),
        sa.Column("statement_descriptor", sa.String(), nullable=True),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("notice_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "customer_id IS NULL OR status = 'chargeable'", name="source_attached_is_chargeable"
        ),
        sa.CheckConstraint(
            "usage = 'reusable' OR customer_id IS NULL", name="source_single_use_is_not_attached"
        ),
        sa.CheckConstraint("NOT is_default OR customer_id IS NOT NULL", name="source_default_is_attached"),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("source_at_processor", "source", ["processor", "processor_ref"], unique=False)
    op.create_index(
        "source_default",
        "source",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
    op.create_index(
        "source_due",
        "source",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL AND status IN ('pending', 'chargeable')"),
        postgresql_where=sa.text("expires_at IS NOT NULL AND status IN ('pending', 'chargeable')"),
    )
    op.create_index("source_fingerprint", "source", ["fingerprint"], unique=False)
    op.create_index(
        "source_mandate_reference",
        "source",
        ["mandate_reference"],
        unique=True,
        sqlite_where=sa.text("mandate_reference IS NOT NULL"),
        postgresql_where=sa.text("mandate_reference IS NOT NULL"),
    )
    op.create_index(
        "source_notice",
        "source",
        ["notice_at"],
        unique=False,
        sqlite_where=sa.text("notice_at IS NOT NULL"),
        postgresql_where=sa.text("notice_at IS NOT NULL"),
    )
    op.create_index("source_of_customer", "source", ["customer_id", "attached_at", "id"], unique=False)
    op.create_index("source_of_past_customer", "source", ["last_customer_id"], unique=False)
    op.create_table(
        "source_try",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("tried_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("source_try_age", "source_try", ["tried_at"], unique=False)
    op.create_index("source_try_of_subject", "source_try", ["subject", "tried_at"], unique=False)
    op.create_table(
        "processor_customer",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
        ),
        sa.PrimaryKeyConstraint("customer_id", "processor"),
    )
