"""What happens to sources without a request; each job is bounded and can be run again at any moment."""

from saifu.jobs import BATCH, Run, each
from saifu.store import Store

from . import completing, expiring, velocity


async def lapse(store: Store) -> Run:
    """Write down which sources' time is over; that they cannot be charged does not depend on it (SR17)."""
    due = await store.read(lambda tx: completing.due(tx, BATCH))
    return await each(
        due,
        lambda source_id: store.write(lambda tx: completing.lapse(tx, source_id)),
        "source_timeouts",
        BATCH,
    )


async def give_notice(store: Store) -> Run:
    """Tell of the cards that run out this month."""
    due = await store.read(lambda tx: expiring.due(tx, BATCH))
    return await each(
        due, lambda source_id: store.write(lambda tx: expiring.tell(tx, source_id)), "source_notices", BATCH
    )


async def forget_tries(store: Store) -> Run:
    """Delete tries that no limit counts any more (SR98)."""
    forgotten = await store.write(lambda tx: velocity.forget(tx, BATCH))
    return Run(forgotten, more=forgotten == BATCH)
