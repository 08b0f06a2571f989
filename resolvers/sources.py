"""Sources: who may read, make and attach them."""

from dataclasses import dataclass

from saifu.idempotency import Outcome
from saifu.keys import Scope
from saifu.paging import Order
from saifu.processors.declines import DECLINES
from saifu.refusals import Declined, ErrorCode, Refusal
from saifu.sources import changing, creating, rows
from saifu.sources.asked import NewSource
from saifu.sources.changing import SourceChange
from saifu.sources.creating import Made
from saifu.sources.given import Given
from saifu.sources.kinds import SourceType
from saifu.tables import Customer, Source

from . import payments
from .context import Context
from .lists import Listed, given


@dataclass(frozen=True, slots=True)
class Held:
    """A source and the customer that it was attached to or detached from, as both are now."""

    source: Source
    customer: Customer
    replayed: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A source and its status at the instant of the read."""

    source: Source
    status: str


async def one(ctx: Context, source_id: str) -> Source | None:
    """A source, or None when there is none that the caller may see (A27): a session sees what it has, or had."""
    found: Source | None = await ctx.loaders.sources.load(source_id)
    if found is None or not (ctx.sees(found.customer_id) or ctx.sees(found.last_customer_id)):
        return None
    return found


async def gated(ctx: Context, source_id: str) -> Source | None:
    """The source that something else was paid with.

    Raises:
        AccessDenied: the caller may see that something, and not sources.
    """
    ctx.require(Scope.SOURCES_READ)
    return await one(ctx, source_id)


async def default_of(ctx: Context, customer_id: str) -> Source | None:
    """A customer's default source (SR50).

    Raises:
        AccessDenied: the caller may see customers, and not sources.
    """
    ctx.require(Scope.SOURCES_READ)
    found: Source | None = await ctx.loaders.default_sources.load(customer_id)
    return found


def of_customer(
    ctx: Context, customer_id: str, kind: SourceType | None, status: str | None, order: Order
) -> Listed[Source]:
    """What a customer has attached (SR55), beside others' that are asked for at the same time.

    Raises:
        AccessDenied: the caller may see customers, and not sources.
    """
    ctx.require(Scope.SOURCES_READ)
    filters = given(type=kind and kind.value, status=status)
    return Listed(rows.LISTING, order, filters, parent=customer_id, owner=customer_id)


async def progress(ctx: Context, source_id: str, client_secret: str) -> Progress | None:
    """How a source stands, for whoever holds its client secret; None when either is wrong (SR96)."""
    found: Source | None = await ctx.loaders.sources.load(source_id)
    if found is None or not creating.opens(found, client_secret):
        return None
    return Progress(found, rows.status_at(found, ctx.clock.now()))


async def create(ctx: Context, new: NewSource, key: str | None) -> Made:
    return await ctx.flows.sources.create(new, key, ctx.origin)


async def update(ctx: Context, source_id: str, change: SourceChange, key: str | None) -> Outcome[Source]:
    rules = ctx.flows.rules
    return await ctx.store.write(lambda tx: changing.update(tx, source_id, change, key, rules), ctx.origin)


async def attach(
    ctx: Context,
    customer_id: str,
    what: Given,
    key: str | None,
    *,
    reject_duplicates: bool,
    make_default: bool,
) -> Held:
    """Attach to a customer; a session only to its own, and of sources only what it has (CU77).

    Raises:
        Declined: a session does not learn what would help a thief (PM32).
    """
    _own(ctx, customer_id)
    if what.source_id is not None:
        await _seen(ctx, what.source_id, "source")
    try:
        done = await ctx.flows.sources.attach(
            customer_id,
            what,
            ctx.own_key(key),
            ctx.origin,
            reject_duplicates=reject_duplicates,
            make_default=make_default,
        )
    except Declined as no:
        raise _told(ctx, no) from None
    return await _held(ctx, customer_id, done)


async def detach(ctx: Context, customer_id: str, source_id: str, key: str | None) -> Held:
    """Detach from a customer; a session only from its own, and what it has or had (CU77, A27)."""
    _own(ctx, customer_id)
    await _seen(ctx, source_id, "sourceId")
    return await _held(
        ctx,
        customer_id,
        await ctx.flows.sources.detach(customer_id, source_id, ctx.own_key(key), ctx.origin),
    )


async def verify(ctx: Context, source_id: str, code: str, key: str | None) -> Outcome[Source]:
    return await ctx.flows.sources.verify(source_id, code, key, ctx.origin)


def _told(ctx: Context, no: Declined) -> Declined:
    code = payments.shown_code(ctx, no.decline_code)
    assert code is not None
    return Declined(code, DECLINES[code].shown_as, no.path)


def _own(ctx: Context, customer_id: str) -> None:
    if not ctx.sees(customer_id):
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such customer.", ("input", "customerId"))


async def _seen(ctx: Context, source_id: str, argument: str) -> None:
    if ctx.caller.is_session and await one(ctx, source_id) is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such source.", ("input", argument))


async def _held(ctx: Context, customer_id: str, done: Outcome[Source]) -> Held:
    customer = await ctx.loaders.customers.load(customer_id)
    assert customer is not None, f"no customer {customer_id}"
    return Held(done.value, customer, done.replayed)
