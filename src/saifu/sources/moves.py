"""A source changes its status: the row and the event together (SR1-SR17)."""

from collections.abc import Mapping
from typing import Any

from saifu import events
from saifu.store import Tx
from saifu.tables import Source

from . import rows
from .machine import Trigger, move


def moved(tx: Tx, source: Source, trigger: Trigger, changes: Mapping[str, Any] | None = None) -> Source:
    """Move a source whose lock the caller holds; of one that was attached, its customer's lock too.

    The event stands in the order of the customer whose source it was until now, otherwise in its own.

    Raises:
        Refusal: SOURCE_STATE_CONFLICT (SR13).
    """
    to = move(source.status, trigger)
    after = rows.save(tx, source, {"status": to.to.value, "in_use_by": None, **(changes or {})})
    if to.event is not None:
        events.append(tx, source.customer_id, to.event, source.id, rows.snapshot(after))
    return after


def detached(tx: Tx, source: Source, trigger: Trigger) -> Source:
    """The same of an attached source, which is nobody's afterwards (SR71)."""
    gone = {"customer_id": None, "is_default": False, "detached_at": tx.now, "expires_at": None}
    return moved(tx, source, trigger, gone)
