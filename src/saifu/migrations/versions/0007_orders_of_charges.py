"""What a processor was told of a charge is kept with the attempt, so that it is told the same again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payment_attempt", sa.Column("order_json", sa.Text(), nullable=True))
