"""The simulator's own record of the world outside."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "simulator_house",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "simulator_token",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("behaviour", sa.String(), nullable=False),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("used_by", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "simulator_instrument",
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("behaviour", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("next_status", sa.String(), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("failure_reason", sa.String(), nullable=True),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("received_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("page_hash", sa.String(), nullable=True),
        sa.Column("is_set_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_index("simulator_instrument_page", "simulator_instrument", ["page_hash"], unique=False)
    op.create_table(
        "simulator_charge",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("instrument_ref", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("raw_code", sa.String(), nullable=True),
        sa.Column("next_state", sa.String(), nullable=True),
        sa.Column("next_code", sa.String(), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("answers_at", INSTANT, nullable=True),
        sa.Column("replays_fault", sa.Boolean(), nullable=False),
        sa.Column("page_hash", sa.String(), nullable=True),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("three_ds_status", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("simulator_charge_of_instrument", "simulator_charge", ["instrument_ref"], unique=False)
    op.create_index("simulator_charge_page", "simulator_charge", ["page_hash"], unique=False)
    op.create_table(
        "simulator_refund",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("charge_reference", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_state", sa.String(), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("failure_reason", sa.String(), nullable=True),
        sa.Column("network_reference", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("simulator_refund_of_charge", "simulator_refund", ["charge_reference"], unique=False)
    op.create_table(
        "simulator_dispute",
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("charge_reference", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("next_outcome", sa.String(), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("opens_at", INSTANT, nullable=False),
        sa.Column("respond_by", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_index("simulator_dispute_of_charge", "simulator_dispute", ["charge_reference"], unique=False)
    op.create_table(
        "simulator_script",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("used_by", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "simulator_script_waiting",
        "simulator_script",
        ["target", "id"],
        unique=False,
        sqlite_where=sa.text("used_by IS NULL"),
        postgresql_where=sa.text("used_by IS NULL"),
    )
    op.create_table(
        "simulator_callback",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("processor_ref", sa.String(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delivered_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "simulator_callback_due",
        "simulator_callback",
        ["due_at", "position", "id"],
        unique=False,
        sqlite_where=sa.text("delivered_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
