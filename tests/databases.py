"""Fresh, migrated databases for tests: copies of one that was migrated once.

On SQLite the template is a file that is copied. With `SAIFU_TEST_DATABASE_URL` set it is a database on that
server, of which `CREATE DATABASE … TEMPLATE` makes the others; names hold the process's number, so that runs side
by side do not meet. Making and dropping one costs the server two checkpoints, so a copy that a test is done with
is emptied and used again, as long as its shape is still that of the template.
"""

import asyncio
import itertools
import os
import shutil
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from saifu.migrations import upgrade
from saifu.store_postgres import postgres_dsn

T = TypeVar("T")
SERVER = os.environ.get("SAIFU_TEST_DATABASE_URL", "")
_counter = itertools.count(1)
_emptied: list[str] = []
_shape_of_template: list[str] = []

_SHAPE = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
  SELECT 'version ' || version_num AS part FROM alembic_version
  UNION ALL SELECT 'class ' || relname || relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat('column ', relname, '.', attname, atttypid, attnotnull, attisdropped)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0
  UNION ALL SELECT 'trigger ' || tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'constraint ' || conname || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT 'function ' || proname || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT 'setting ' || setconfig::text FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS parts
"""
# As a replica the session fires no triggers, which here would refuse to empty what is append-only.
_EMPTY = """
DO $$ DECLARE one record; BEGIN
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
  SET LOCAL session_replication_role = replica;
  FOR one IN SELECT relname, relkind FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S') AND relname <> 'alembic_version'
  LOOP
    IF one.relkind = 'r' THEN EXECUTE format('DELETE FROM %I', one.relname);
    ELSE EXECUTE format('ALTER SEQUENCE %I RESTART', one.relname); END IF;
  END LOOP;
END $$
"""


@contextmanager
def template(folder: Path) -> Iterator[str]:
    """The URL of a migrated database that nobody uses but to copy it."""
    if SERVER:
        with ExitStack() as stack:
            url = stack.enter_context(_database_on_server(f"saifu_template_{os.getpid()}"))
            stack.callback(_drop_emptied)
            in_thread(upgrade(url))
            _shape_of_template[:] = [in_thread(_shape(url))]
            yield url
    else:
        url = sqlite_url(folder / "template.db")
        in_thread(upgrade(url))
        yield url


@contextmanager
def copy_of(original: str, folder: Path) -> Iterator[str]:
    """The URL of a fresh copy, which is gone afterwards."""
    number = next(_counter)
    if SERVER:
        name = f"saifu_copy_{os.getpid()}_{number}"
        fresh = (
            _reusable(name, original)
            if _is_template(original)
            else _database_on_server(name, _name(original))
        )
        with fresh as url:
            yield url
    else:
        path = folder / f"saifu{number}.db"
        shutil.copyfile(_path(original), path)
        yield sqlite_url(path)


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop of its own, also where a loop is already running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _is_template(url: str) -> bool:
    return _name(url) == f"saifu_template_{os.getpid()}"


@contextmanager
def _reusable(name: str, original: str) -> Iterator[str]:
    """A copy of the template: one that was emptied if there is one, and emptied again afterwards."""
    if _emptied:
        name = _emptied.pop()
    else:
        in_thread(_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{_name(original)}"'))
    url = _url(name)
    try:
        yield url
    finally:
        if in_thread(_empty(url)):
            _emptied.append(name)
        else:
            _drop(name)


async def _empty(url: str) -> bool:
    """Whether the database is as good as a fresh copy again."""
    try:
        connection = await asyncpg.connect(postgres_dsn(url), timeout=10)
        try:
            await connection.execute(_EMPTY, timeout=10)
            return [await connection.fetchval(_SHAPE)] == _shape_of_template
        finally:
            await connection.close()
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False


async def _shape(url: str) -> str:
    connection = await asyncpg.connect(postgres_dsn(url), timeout=10)
    try:
        return str(await connection.fetchval(_SHAPE))
    finally:
        await connection.close()


def _drop_emptied() -> None:
    while _emptied:
        _drop(_emptied.pop())


@contextmanager
def _database_on_server(name: str, copied_from: str = "template1") -> Iterator[str]:
    in_thread(_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{copied_from}"'))
    try:
        yield _url(name)
    finally:
        _drop(name)


def _drop(name: str) -> None:
    in_thread(_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def _url(name: str) -> str:
    return urlsplit(SERVER)._replace(path=f"/{name}").geturl()


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(postgres_dsn(SERVER), timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _path(url: str) -> Path:
    return Path(url.partition(":///")[2])
