"""Wake-ups over NATS between processes (optional): they carry nothing, and losing one costs a second.

The log in the database is the truth; a process that hears nothing reads it each second all the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from nats.aio.client import Client

from .store_postgres import PostgresStore
from .tasks import cancelled

log = structlog.get_logger(__name__)

CONNECT_WITHIN_S = 2
RECONNECT_S = 1
CLOSE_WITHIN_S = 2.0


@asynccontextmanager
async def over_nats(url: str, subject: str, store: PostgresStore) -> AsyncIterator[None]:
    """Within it, a log that grew in one process wakes all others on the same subject.

    An unreachable server is logged and tried again in the background: nothing waits for it.
    """
    client = Client()
    task = asyncio.create_task(_connect(client, url, subject, store), name="saifu-nats")

    def announce() -> None:
        if client.is_connected:
            _spawn(_publish(client, subject))

    store.stamped.listeners.append(announce)
    try:
        yield
    finally:
        store.stamped.listeners.remove(announce)
        await cancelled([task])
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await client.close()


async def _connect(client: Client, url: str, subject: str, store: PostgresStore) -> None:
    async def woken(_message: Any) -> None:
        store.log_grew()

    async def told(fault: Exception) -> None:
        log.warning("nats_unreachable", error_type=type(fault).__name__)

    while not client.is_connected:
        try:
            await client.connect(
                url,
                name="saifu",
                connect_timeout=CONNECT_WITHIN_S,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_S,
                allow_reconnect=True,
                error_cb=told,
            )
            await client.subscribe(subject, cb=woken)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the database still carries the wake-ups
            await told(fault)
            await asyncio.sleep(RECONNECT_S)


async def _publish(client: Client, subject: str) -> None:
    with suppress(Exception):
        await client.publish(subject, b"")


_running: set[asyncio.Task[None]] = set()


def _spawn(work: Any) -> None:
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
