"""API keys: who may list, make and revoke them."""

from collections.abc import Sequence

from saifu import keys
from saifu.idempotency import Outcome
from saifu.keys import Scope
from saifu.paging import Order
from saifu.refusals import ErrorCode, Refusal
from saifu.tables import ApiKey

from .context import Context
from .lists import Listed


async def one(ctx: Context, key_id: str) -> ApiKey | None:
    return await ctx.loaders.keys.load(key_id)


def listed(ctx: Context, order: Order) -> Listed[ApiKey]:
    """Every key, also those that were revoked."""
    ctx.require(Scope.KEYS_READ)
    return Listed(keys.LISTING, order)


async def create(
    ctx: Context, name: str, scopes: Sequence[Scope], key: str | None
) -> tuple[ApiKey, str | None]:
    """A new key and its secret; None when a replay has none to show.

    Raises:
        Refusal: FORBIDDEN, the caller would give away more than it may do itself.
    """
    if beyond := sorted(scope for scope in set(scopes) if not ctx.caller.may(scope)):
        message = f"You cannot give what you do not have: {', '.join(beyond)}."
        raise Refusal(ErrorCode.FORBIDDEN, message, ("input", "scopes"))
    mode = ctx.settings.mode
    return await ctx.store.write(lambda tx: keys.create(tx, name, scopes, mode, key), ctx.origin)


async def revoke(ctx: Context, key_id: str, key: str | None) -> Outcome[ApiKey]:
    return await ctx.store.write(lambda tx: keys.revoke(tx, key_id, key), ctx.origin)
