"""The event log, as a list: who sees which of its rows."""

from collections.abc import Sequence

from saifu import events
from saifu.events import EventType
from saifu.keys import Scope
from saifu.paging import Order
from saifu.tables import Event

from .context import Context
from .lists import Listed


async def one(ctx: Context, event_id: str) -> Event | None:
    """An event that is in the log, or None when the caller sees none (A27)."""
    found = await ctx.loaders.events.load(event_id)
    return found if found and found.position is not None and ctx.sees(found.customer_id) else None


def listed(
    ctx: Context, customer_id: str | None, types: Sequence[EventType] | None, order: Order
) -> Listed[Event]:
    """The log, or one customer's part of it."""
    owner = ctx.narrowed(customer_id)
    hidden = customer_id is not None and not ctx.sees(customer_id)
    filters = {**_of_types(types), **({"customer_id": owner} if owner is not None else {})}
    return Listed(events.LISTING, order, filters, owner=owner or "", nothing=hidden)


def of_customer(
    ctx: Context, customer_id: str, types: Sequence[EventType] | None, order: Order
) -> Listed[Event]:
    """One customer's events, beside those of other customers asked for at the same time.

    Raises:
        AccessDenied: the caller may see customers, and not events.
    """
    ctx.require(Scope.EVENTS_READ)
    return Listed(events.LISTING, order, _of_types(types), parent=customer_id, owner=customer_id)


def _of_types(types: Sequence[EventType] | None) -> dict[str, object]:
    # A tuple, since filters are compared to see which lists can be read together.
    stamped: dict[str, object] = {"in_the_log": True}
    return stamped if types is None else {**stamped, "types": tuple(str(kind) for kind in types)}
