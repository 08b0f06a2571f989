"""The simulator, for those who test against it: what its next charges come to (PM96)."""

from collections.abc import Sequence

from saifu import audit
from saifu.idempotency import once
from saifu.processors.installed import SIMULATOR
from saifu.processors.simulator import scripts
from saifu.refusals import ErrorCode, Refusal
from saifu.sources import rows
from saifu.store import Tx

from .context import Context

MUTATION = "simulatorScript"


async def script(ctx: Context, source_id: str | None, outcomes: Sequence[str], key: str | None) -> bool:
    """Have the next charges of a source, or of any, come to these outcomes; answers whether that was replayed.

    Raises:
        Refusal: UNSUPPORTED_ACTION in live mode, NOT_FOUND, INVALID_REQUEST_PARAMETERS.
    """
    if ctx.flows.simulator is None:
        raise Refusal(ErrorCode.UNSUPPORTED_ACTION, "The simulator exists in test mode only.")
    return await ctx.store.write(lambda tx: _script(tx, source_id, outcomes, key), ctx.origin)


def _script(tx: Tx, source_id: str | None, outcomes: Sequence[str], key: str | None) -> bool:
    target = None if source_id is None else _instrument(tx, source_id)

    def do() -> str:
        scripts.queue(tx, target, outcomes)
        audit.record(tx, MUTATION, source_id or SIMULATOR, detail={"outcomes": list(outcomes)})
        return source_id or SIMULATOR

    request = {"source_id": source_id, "outcomes": list(outcomes)}
    return once(tx, key, MUTATION, request, do).replayed


def _instrument(tx: Tx, source_id: str) -> str:
    source = rows.get(tx, source_id)
    if source is None or source.processor != SIMULATOR or source.processor_ref is None:
        raise Refusal(ErrorCode.NOT_FOUND, "The simulator knows no such source.", ("input", "sourceId"))
    return source.processor_ref
