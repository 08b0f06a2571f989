"""A reader looks at a database from beside the process that owns it, and can change nothing."""

import sqlite3

import asyncpg
import pytest
from sqlalchemy import delete, func
from sqlmodel import select

from saifu import installation
from saifu.store_reader import open_reader
from saifu.tables import Installation

_COUNT = select(func.count()).select_from(Installation)


async def test_it_reads_what_another_connection_has_committed(store, url, clock):
    async with open_reader(url, clock) as reader:
        assert await reader.read(lambda tx: tx.all(_COUNT)) == [0]
        await store.write(lambda tx: installation.ensure(tx, "bus_a", "test"))
        assert await reader.read(lambda tx: tx.all(_COUNT)) == [1]
        assert await reader.read(lambda tx: tx.now) == clock.now()


async def test_it_cannot_write_even_when_told_to(store, url, clock):
    await store.write(lambda tx: installation.ensure(tx, "bus_a", "test"))
    async with open_reader(url, clock) as reader:
        with pytest.raises((sqlite3.OperationalError, asyncpg.ReadOnlySQLTransactionError)):
            await reader.read(lambda tx: tx.run(delete(Installation)))
        assert await reader.read(lambda tx: tx.all(_COUNT)) == [1]
