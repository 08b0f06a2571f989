"""How long events are kept, and so how long a stream can be resumed (ruling 13)."""

from datetime import timedelta
from functools import partial

from .feed import DROP_SIZE, drop_old_events
from .jobs import Job, Run
from .store import Store


def job(days: int) -> Job:
    """The job that drops events older than so many days, a bounded number in each run."""
    return Job("event_retention", timedelta(hours=1), partial(drop, days=days))


async def drop(store: Store, days: int) -> Run:
    """Drop what is older, and leave a floor: a cursor below it is told of the gap."""
    dropped = await store.write(lambda tx: drop_old_events(tx, tx.now - timedelta(days=days)))
    return Run(dropped, more=dropped == DROP_SIZE)
