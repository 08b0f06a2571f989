"""Lots that will expire are found by customer, in the order in which they do.

What a wallet shows is less what has expired and not been swept yet, so every reader of a balance asks for such lots;
most customers have none, and learn it from this index without reading any lot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    passing = sa.text("remaining_minor > 0 AND expires_at IS NOT NULL")
    op.create_index(
        "lot_passing",
        "lot",
        ["customer_id", "expires_at"],
        unique=False,
        sqlite_where=passing,
        postgresql_where=passing,
    )
