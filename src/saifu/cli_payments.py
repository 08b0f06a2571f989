"""Comparing payments with what their processor says, from the command line."""

from datetime import UTC, datetime, timedelta
from typing import cast

from rich.table import Table

from . import cli_database as database
from .cli_output import Failure, out, say, table
from .payments import reconciling
from .payments.reconciling import Reconciled
from .processors.contract import OutcomeUnknown
from .processors.installed import installed
from .settings import Settings
from .store import Store

DEFAULT_DAYS = 2


async def reconcile(settings: Settings, since: datetime | None, name: str | None) -> None:
    """Compare both ways, and print every difference.

    Args:
        since: from when on; the last two days when it is not said.
        name: which processor; the one that new charges go to when it is not said.

    Raises:
        Failure: there is a difference, there is no such processor, or it did not say.
    """
    start = (
        since.replace(tzinfo=since.tzinfo or UTC)
        if since
        else datetime.now(UTC) - timedelta(days=DEFAULT_DAYS)
    )
    async with database.read_only(settings) as reader:
        # Only lists are asked for, which takes no more of a store than a reader can do.
        processors = installed(settings, cast("Store", reader))
        processor = processors.named(name or processors.chosen_name or "")
        if processor is None:
            raise Failure(f"There is no processor {name or ''} here. `saifu settings` shows SAIFU_PROCESSOR.")
        try:
            found = await reconciling.reconcile(reader, processor, start)
        except OutcomeUnknown as fault:
            raise Failure(
                f"{processor.name} does not say ({fault}). Try again, or a later --since."
            ) from fault
        finally:
            await processors.close()
    _judge(processor.name, start, found)


def _judge(name: str, since: datetime, found: Reconciled) -> None:
    seen = f"{found.compared} charges at {name} since {since:%Y-%m-%d %H:%M} UTC, {found.under_way} under way"
    if not found.differences:
        say(f"{seen}; both lists say the same.", style="green")
        return
    out().print(_table(found))
    count = len(found.differences)
    raise Failure(f"{count} {'difference' if count == 1 else 'differences'}. Compared: {seen}.")


def _table(found: Reconciled) -> Table:
    shown = table("difference", "payment", "at the processor", "here", "there")
    for each in found.differences:
        shown.add_row(each.kind, each.payment_id, each.processor_ref or "", each.here, each.there)
    return shown
