"""Bringing a database to the shape this program knows, and refusing one that is newer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine


class DatabaseNewer(Exception):
    """The database was migrated by a later version of saifu than this one."""


@dataclass(frozen=True, slots=True)
class Revision:
    """Where a database stands: `current` is None when it is empty; `head` is what this program needs."""

    current: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        return self.current == self.head


async def revision(url: str) -> Revision:
    """Where the database stands.

    Raises:
        DatabaseNewer: its revision is not one that this program knows.
    """
    return await _connected(url, _revision)


async def upgrade(url: str) -> Revision:
    """Migrate to the newest shape, in one transaction; answers where the database stood before.

    Raises:
        DatabaseNewer: as for `revision`; nothing was changed.
    """
    return await _connected(url, _upgrade)


async def _connected(url: str, work: Callable[[Connection], Revision]) -> Revision:
    if url.startswith("sqlite"):
        Path(url.partition(":///")[2]).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _revision(connection: Connection) -> Revision:
    scripts = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head()
    assert head is not None
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise DatabaseNewer(
            f"The database is at revision {current}, which this version of saifu (at {head}) does not know: "
            "it was migrated by a newer one. Start that version, or restore the backup made before the upgrade."
        )
    return Revision(current, head)


def _upgrade(connection: Connection) -> Revision:
    before = _revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
