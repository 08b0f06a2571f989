"""Wake-ups over NATS: they make it quicker, and nothing waits for them."""

import asyncio
import os
from contextlib import suppress
from time import monotonic
from typing import Any, cast
from uuid import uuid4

import pytest
from nats.aio.client import Client

from saifu.store import Signal
from saifu.store_postgres import PostgresStore
from saifu.wakeups import over_nats
from tests.gateway import free_port

NATS = os.environ.get("SAIFU_TEST_NATS_URL", "nats://127.0.0.1:4222")


class Process:
    """What `over_nats` needs of a store: where stamping is told, and where growth is."""

    def __init__(self) -> None:
        self.stamped = Signal()
        self.log_grew = Signal()
        self.woken = asyncio.Event()
        self.log_grew.listeners.append(self.woken.set)

    @property
    def store(self) -> PostgresStore:
        return cast("PostgresStore", self)


@pytest.fixture
async def subject() -> str:
    client = Client()
    with suppress(Exception):
        await client.connect(NATS, connect_timeout=1, allow_reconnect=False, error_cb=_quiet)
    if not client.is_connected:
        await client.close()
        pytest.skip(f"no NATS server at {NATS}: set SAIFU_TEST_NATS_URL")
    await client.close()
    return f"saifu.test.{uuid4().hex}"


async def _quiet(_fault: Exception) -> None:
    return


async def announced(teller: Process, listener: Process) -> None:
    """Tell until it is heard: connections are made in the background."""
    async with asyncio.timeout(5):
        while not listener.woken.is_set():
            teller.stamped()
            await asyncio.sleep(0.02)


async def test_what_one_process_stamped_wakes_the_others(subject: str) -> None:
    one, other, elsewhere = Process(), Process(), Process()
    async with (
        over_nats(NATS, subject, one.store),
        over_nats(NATS, subject, other.store),
        over_nats(NATS, f"{subject}.x", elsewhere.store),
    ):
        await announced(one, other)
        await announced(other, one)
        assert not elsewhere.woken.is_set()
    assert one.stamped.listeners == []


async def test_a_server_that_is_not_there_delays_nothing() -> None:
    process = Process()
    started = monotonic()
    async with over_nats(f"nats://127.0.0.1:{free_port()}", "saifu.test", process.store):
        process.stamped()
        await asyncio.sleep(0.1)
    assert monotonic() - started < 4
    assert not process.woken.is_set()


async def test_a_server_that_comes_later_is_found(subject: str) -> None:
    port = free_port()
    one, other = Process(), Process()
    url = f"nats://127.0.0.1:{port}"
    async with over_nats(url, subject, one.store), over_nats(url, subject, other.store):
        await asyncio.sleep(0.1)
        async with await asyncio.start_server(_to_nats, "127.0.0.1", port):
            async with asyncio.timeout(15):
                while not other.woken.is_set():
                    one.stamped()
                    await asyncio.sleep(0.05)


async def _to_nats(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    host, _, port = NATS.removeprefix("nats://").partition(":")
    upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        except OSError:
            return
        finally:
            sink.close()

    pumps: list[Any] = [pump(reader, upstream_writer), pump(upstream_reader, writer)]
    await asyncio.gather(*pumps)
