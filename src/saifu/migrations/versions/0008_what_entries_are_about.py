"""What refunds, disputes and top-ups have moved is found by an index, and so is what of a wallet is still under way."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOVED = sa.text(
    "entry_type IN ('refund', 'refund_reversal', 'dispute', 'dispute_reversal', 'top_up', 'top_up_reversal')"
)
_OPEN = sa.text("status NOT IN ('succeeded', 'failed', 'cancelled')")


def upgrade() -> None:
    op.drop_index("ledger_entry_of_refund", table_name="ledger_entry")
    op.create_index(
        "ledger_entry_of_object",
        "ledger_entry",
        ["reference_id"],
        unique=False,
        sqlite_where=_MOVED,
        postgresql_where=_MOVED,
    )
    op.create_index(
        "payment_under_way",
        "payment",
        ["customer_id", "currency"],
        unique=False,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
