"""What became of a request whose answer was lost (A32)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saifu import idempotency

from . import nodes
from .context import Context
from .permissions import PERMISSIONS


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that was carried out, and the object it made or changed, as it is now."""

    mutation: str
    created_at: datetime
    result: Any


async def one(ctx: Context, key: str, customer_id: str | None) -> Operation | None:
    """What a key was used for: of one customer (ledger entries), or of the installation (everything else).

    None when nothing ever came of it, or when the caller could not have made that request.
    """
    scope = customer_id or idempotency.INSTALLATION
    found = await ctx.store.read(lambda tx: idempotency.find(tx, key, scope))
    permission = PERMISSIONS.get(found.mutation) if found else None
    if (
        found is None
        or permission is None
        or permission.scope is None
        or not ctx.caller.may(permission.scope)
    ):
        return None
    return Operation(found.mutation, found.created_at, await nodes.find(ctx, found.object_id))
