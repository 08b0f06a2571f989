"""Databases of a benchmark's own, gone when it ends."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from saifu.store_postgres import postgres_dsn
from saifu.store_sqlite import sqlite_path

SERVER = os.environ.get("SAIFU_TEST_DATABASE_URL") or "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"


@asynccontextmanager
async def empty(engine: str, folder: Path) -> AsyncIterator[str]:
    """The URL of a new database without a schema."""
    if engine == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'gateway.db'}"
    else:
        async with _on_server(f"saifu_bench_{os.getpid()}", "template1") as url:
            yield url


@asynccontextmanager
async def copy_of(url: str) -> AsyncIterator[str]:
    """The URL of a copy of a database that nobody has open."""
    if url.startswith("sqlite"):
        path = sqlite_path(url)
        shutil.copyfile(path, path.with_name("raw.db"))
        yield f"sqlite+aiosqlite:///{path.with_name('raw.db')}"
    else:
        original = urlsplit(url).path.removeprefix("/")
        async with _on_server(f"{original}_raw", original) as copied:
            yield copied


@asynccontextmanager
async def _on_server(name: str, copied_from: str) -> AsyncIterator[str]:
    await _execute(f'CREATE DATABASE "{name}" TEMPLATE "{copied_from}"')
    try:
        yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    finally:
        await _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _execute(statement: str) -> None:
    connection = await asyncpg.connect(postgres_dsn(SERVER), timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
