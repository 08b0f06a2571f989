"""Whether this process should be given work, and how it stands (for /health and /metrics)."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import column, select, table

from .feed import Feed, last_position, unstamped_events
from .store import Store, Tx

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 2.0
FEED_SILENT_S = 10.0
_REVISION: Any = select(column("version_num")).select_from(table("alembic_version"))


async def ready(store: Store, feed: Feed, revision: str) -> dict[str, str]:
    """Each thing that must hold, with `ok` or what is wrong with it.

    Args:
        revision: the shape of the database that this program needs.
    """
    return {
        "database": await _within(store.read(_nothing)),
        "migrations": await _within(_migrated(store, revision)),
        "writer": await _within(store.write(_nothing)),
        "feed": "ok" if monotonic() - feed.read_at < FEED_SILENT_S else "has not read the log for a while",
    }


async def gauges(store: Store, feed: Feed) -> dict[str, tuple[str, float]]:
    """Figures of the moment: name → (meaning, value)."""
    position, (unstamped, _) = await store.read(lambda tx: (last_position(tx), unstamped_events(tx)))
    return {
        "open_streams": ("Subscriptions that listen to the log.", feed.listeners),
        "writes_waiting": ("Writes that wait for the database or are in it.", store.waiting),
        "log_position": ("The newest position in the event log.", position),
        "feed_lag_events": (
            "Events of the log that this process has not read yet.",
            max(position - feed.head, 0),
        ),
        "feed_silent_seconds": ("How long ago this process last read the log.", monotonic() - feed.read_at),
        "unstamped_events": ("Committed events without a position yet (PostgreSQL).", unstamped),
    }


def _nothing(_tx: Tx) -> None:
    return


async def _migrated(store: Store, revision: str) -> None:
    found = await store.read(lambda tx: tx.all(_REVISION))
    if found != [(revision,)]:
        raise RuntimeError(f"the database is at {found}, not at {revision}")


async def _within(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await check
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is the answer
        log.warning("not_ready", error_type=type(fault).__name__, error=str(fault))
        return "does not answer" if isinstance(fault, TimeoutError) else "failed"
    return "ok"
