"""Fresh, migrated databases for tests: copies of one that was migrated once.

On SQLite the template is a file that is copied. With `SAIFU_TEST_DATABASE_URL` set it is a database on that
server, of which `CREATE DATABASE … TEMPLATE` makes the others; names hold the process's number, so that runs side
by side do not meet.
"""

import asyncio
import itertools
import os
import shutil
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from saifu.migrations import upgrade
from saifu.store_postgres import postgres_dsn

T = TypeVar("T")
SERVER = os.environ.get("SAIFU_TEST_DATABASE_URL", "")
_counter = itertools.count(1)


@contextmanager
def template(folder: Path) -> Iterator[str]:
    """The URL of a migrated database that nobody uses but to copy it."""
    if SERVER:
        with _database_on_server(f"saifu_template_{os.getpid()}") as url:
            in_thread(upgrade(url))
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
        with _database_on_server(f"saifu_copy_{os.getpid()}_{number}", _name(original)) as url:
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


@contextmanager
def _database_on_server(name: str, copied_from: str = "template1") -> Iterator[str]:
    in_thread(_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{copied_from}"'))
    try:
        yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    finally:
        in_thread(_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


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
