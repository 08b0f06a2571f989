"""What happens to sources without a request; each job is bounded and can be run again at any moment."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from saifu.jobs import BATCH, Run
from saifu.store import Store, Tx

from . import completing, expiring, velocity

log = structlog.get_logger(__name__)


async def lapse(store: Store) -> Run:
    """Write down which sources' time is over; that they cannot be charged does not depend on it (SR17)."""
    return await _each(store, await store.read(lambda tx: completing.due(tx, BATCH)), completing.lapse)


async def give_notice(store: Store) -> Run:
    """Tell of the cards that run out this month."""
    return await _each(store, await store.read(lambda tx: expiring.due(tx, BATCH)), expiring.tell)


async def forget_tries(store: Store) -> Run:
    """Delete tries that no limit counts any more (SR98)."""
    forgotten = await store.write(lambda tx: velocity.forget(tx, BATCH))
    return Run(forgotten, more=forgotten == BATCH)


async def _each(store: Store, ids: Sequence[str], work: Callable[[Tx, str], int]) -> Run:
    """Do each source in a transaction of its own; one that fails stays due and does not stop the others."""
    done = failed = 0
    for source_id in ids:
        try:
            done += await store.write(partial(_do, work, source_id))
        except Exception:
            failed += 1
            log.exception("source_job_failed", object_id=source_id)
    return Run(done, more=len(ids) == BATCH and not failed)


def _do(work: Callable[[Tx, str], int], source_id: str, tx: Tx) -> int:
    return work(tx, source_id)
