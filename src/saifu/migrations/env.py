"""How Alembic reaches the database: the connection is handed in by `saifu.migrations`."""

from alembic import context
from sqlmodel import SQLModel

from saifu import tables

assert tables.Customer.__tablename__ in SQLModel.metadata.tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
