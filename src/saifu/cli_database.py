"""Getting at the database from a command: migrated, of the right business, and not somebody else's at the moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import asyncpg
from sqlalchemy.engine import make_url

from . import installation
from .cli_output import Failure
from .clock import Clock, SystemClock
from .migrations import Revision, revision, upgrade
from .settings import Settings
from .store import Store, Tx, open_store
from .store_reader import Reader, open_reader
from .store_sqlite import hold_lock, sqlite_path


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def shown(url: str) -> str:
    """The database in words, without its password."""
    if is_sqlite(url):
        return f"SQLite file {sqlite_path(url)}"
    parts = make_url(url)
    return f"PostgreSQL database {parts.database} at {parts.host or 'localhost'}:{parts.port or 5432}"


@asynccontextmanager
async def opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Store]:
    """The store, ready for work, and closed afterwards. A SQLite file is made and migrated if need be.

    Raises:
        Failure: it is not migrated (PostgreSQL), or another process has it (SQLite).
        DatabaseNewer, WrongInstallation: it is not for this program, or not for these settings.
    """
    await _ready(settings.database_url)
    try:
        store = await open_store(settings.database_url, clock or SystemClock())
    except BlockingIOError:
        raise in_use(settings.database_url) from None
    try:
        await _belongs(store, settings)
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def read_only(settings: Settings) -> AsyncIterator[Reader]:
    """A reader that works beside a running server, also on SQLite.

    Raises:
        Failure: there is no database yet, or it is not migrated.
    """
    await require_migrated(settings.database_url)
    async with open_reader(settings.database_url, SystemClock()) as reader:
        yield reader


async def standing(url: str) -> Revision:
    """Where the database stands, without making one that is not there."""
    if is_sqlite(url) and not sqlite_path(url).exists():
        raise Failure(f"There is no {shown(url)} yet. `saifu serve` makes it, or `saifu db upgrade`.")
    return await revision(url)


async def require_migrated(url: str) -> None:
    found = await standing(url)
    if not found.up_to_date:
        raise Failure(
            f"The {shown(url)} is {_behind(found)}, and this program needs {found.head}. Run: saifu db upgrade"
        )


async def migrate(url: str) -> Revision:
    """Bring the database to this program's shape; answers where it stood before."""
    if not is_sqlite(url):
        return await upgrade(url)
    try:
        lock = hold_lock(sqlite_path(url))
    except BlockingIOError:
        raise in_use(url) from None
    with closing(lock):
        return await upgrade(url)


def in_use(url: str) -> Failure:
    """Why a second process may not write the same SQLite file, and what can be done."""
    lock = sqlite_path(url).with_name(sqlite_path(url).name + ".lock")
    pid = lock.read_text().strip() if lock.exists() else ""
    return Failure(
        f"Another process{f' (pid {pid})' if pid else ''} is using the {shown(url)}, and SQLite takes one writer. "
        "Stop it first, or use PostgreSQL for several processes (SAIFU_DATABASE_URL)."
    )


async def _ready(url: str) -> None:
    if is_sqlite(url):
        await migrate(url)
    else:
        await require_migrated(url)


async def _belongs(store: Store, settings: Settings) -> None:
    def belong(tx: Tx) -> object:
        return installation.ensure(tx, settings.business_id, settings.mode)

    try:
        await store.write(belong)
    except asyncpg.UniqueViolationError:
        # Two processes found the same fresh database, and the other one was quicker: now its row is there.
        await store.write(belong)


def _behind(found: Revision) -> str:
    return "not migrated yet" if found.current is None else f"at revision {found.current}"
