"""Customer sessions: opened by the business, held by a frontend (A41)."""

from saifu import sessions
from saifu.tables import CustomerSession

from .context import Context


async def one(ctx: Context, session_id: str) -> CustomerSession | None:
    found = await ctx.loaders.sessions.load(session_id)
    return found if found and ctx.sees(found.customer_id) else None


async def create(
    ctx: Context, customer_id: str, ttl_s: int, key: str | None
) -> tuple[CustomerSession, str | None]:
    """A new session and its token; None when a replay has none to show."""
    return await ctx.store.write(lambda tx: sessions.create(tx, customer_id, ttl_s, key), ctx.origin)
