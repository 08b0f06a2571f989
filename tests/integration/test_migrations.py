"""The database's shape: made by migrations alone, on both engines, and never one that is newer than the program."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from saifu import migrations


async def on(url: str, work):
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return list(compare_metadata(context, SQLModel.metadata))


async def test_the_migrations_make_exactly_the_tables_that_the_program_declares(url: str) -> None:
    assert await on(url, differences) == []


async def test_a_database_is_up_to_date_after_the_upgrade_and_upgrading_again_changes_nothing(
    url: str,
) -> None:
    stood = await migrations.upgrade(url)
    assert stood.up_to_date
    assert (await migrations.revision(url)).up_to_date


async def test_a_database_newer_than_the_program_is_refused_with_the_next_step(url: str) -> None:
    await on(
        url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    for look in (migrations.revision, migrations.upgrade):
        with pytest.raises(migrations.DatabaseNewer, match=r"9999.*newer.*Start that version"):
            await look(url)
