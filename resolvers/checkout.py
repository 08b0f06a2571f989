"""Checkout sessions: who may see and make them, and who may follow one (A41, A53)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson

from saifu import cursors
from saifu.checkout import sessions
from saifu.checkout.orders import NewSession
from saifu.events import EventType
from saifu.feed import interest_in
from saifu.refusals import ErrorCode, Refusal
from saifu.tables import CheckoutSession, Event, Payment

from . import permissions, streams
from .context import Context
from .streams import Gap, Ready

PAGE = "/checkout/"
_EVENTS = frozenset(
    kind.value
    for kind in EventType
    if kind.value.startswith(("checkout.", "abandoned_checkout.", "payment."))
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session, its link and the link's token; both are None in a repetition, which has nothing to show."""

    session: CheckoutSession
    url: str | None
    token: str | None


@dataclass(frozen=True, slots=True)
class SessionNow:
    """A session as it is, no older than the event at `cursor`."""

    session: CheckoutSession
    cursor: str


async def one(ctx: Context, session_id: str) -> CheckoutSession | None:
    """A session that the caller may see; of a checkout's token only its own, and of a customer only a verified one."""
    if ctx.caller.is_checkout and ctx.caller.id != session_id:
        return None
    found: CheckoutSession | None = await ctx.loaders.checkout_sessions.load(session_id)
    if found is None or ctx.caller.is_checkout:
        return found
    # A match by e-mail is nobody's yet: a customer's own frontend does not see what a stranger has typed (CU8).
    seen = ctx.sees(found.customer_id) and (found.verified or not ctx.caller.is_session)
    return found if seen else None


async def payment_of(ctx: Context, session: CheckoutSession) -> Payment | None:
    """The latest payment of a session that the caller sees; whoever pays may know how it stands."""
    if session.payment_id is None:
        return None
    found: Payment | None = await ctx.loaders.payments.load(session.payment_id)
    return found


async def create(ctx: Context, new: NewSession, key: str) -> Opened:
    rules = ctx.flows.rules
    session, token = await ctx.store.write(lambda tx: sessions.create(tx, new, rules, key), ctx.origin)
    return Opened(session, None if token is None else home(ctx) + PAGE + token, token)


async def expire(ctx: Context, session_id: str, key: str | None) -> tuple[CheckoutSession, bool]:
    return await ctx.flows.checkout.expire(session_id, key, ctx.origin)


async def updated(ctx: Context, session_id: str, after: str | None) -> AsyncGenerator[SessionNow | Gap, None]:
    """A session as it is, then after everything that happens to it or to its payments; from a cursor, since then.

    Raises:
        Refusal: NOT_FOUND.
    """
    permissions.admit(ctx, "checkoutSessionUpdated")
    session = await one(ctx, session_id)
    if session is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such checkout session.", ("id",))
    position = await streams.start(ctx, after)
    return _followed(ctx, session, position, fresh=after is None)


async def _followed(
    ctx: Context, session: CheckoutSession, position: int, fresh: bool
) -> AsyncGenerator[SessionNow | Gap, None]:
    if fresh:
        yield await _now(ctx, session.id, cursors.cursor_of(max(position, 0)))
    # Nobody's sessions become somebody's when they are paid, so those are looked for among everybody's events.
    interest = interest_in(session.customer_id, _EVENTS)
    async with aclosing(streams.follow(ctx, position, interest)) as messages:
        async for message in messages:
            if isinstance(message, Gap):
                yield message
            elif not isinstance(message, Ready) and _concerns(message, session.id):
                yield await _now(ctx, session.id, streams.cursor_of(message))


def _concerns(event: Event, session_id: str) -> bool:
    if event.object_id == session_id:
        return True
    data: dict[str, Any] = orjson.loads(event.data_json)
    return data.get("checkout_session_id") == session_id


async def _now(ctx: Context, session_id: str, cursor: str) -> SessionNow:
    session = await ctx.loaders.checkout_sessions.load(session_id)
    assert session is not None, "sessions are never deleted"
    return SessionNow(session, cursor)


def home(ctx: Context) -> str:
    """Where customers' browsers reach the gateway, without a slash at the end."""
    return ctx.settings.base_url
