"""Customers: who may read and change them."""

from dataclasses import replace

from saifu import customers
from saifu.customers import CustomerChange, CustomerFilter, Identifier, NewCustomer
from saifu.idempotency import Outcome
from saifu.keys import Scope
from saifu.paging import Order
from saifu.sources.given import Given
from saifu.sources.switching import Choice
from saifu.tables import Customer

from .context import Context
from .lists import Listed


async def one(ctx: Context, customer_id: str) -> Customer | None:
    """A customer, or None when there is none that the caller may see (A27)."""
    return await ctx.loaders.customers.load(customer_id) if ctx.sees(customer_id) else None


async def gated(ctx: Context, customer_id: str) -> Customer | None:
    """The customer that something else belongs to.

    Raises:
        AccessDenied: the caller may see that something, and not customers.
    """
    ctx.require(Scope.CUSTOMERS_READ)
    return await one(ctx, customer_id)


def listed(ctx: Context, order: Order, wanted: CustomerFilter) -> Listed[Customer]:
    """The customers that the caller sees: all, or for a session its own.

    Raises:
        AccessDenied: it asks by balance, and the caller may not read wallets.
        Refusal: INVALID_QUERY_PARAMS, a filter makes no sense.
    """
    if wanted.wallet_balance_lt is not None:
        # Who may ask "less than?" often enough knows the balance.
        ctx.require(Scope.WALLETS_READ)
    own = replace(wanted, visible_id=ctx.caller.customer_id)
    filters = customers.filters(own, ctx.clock.now())
    return Listed(customers.LISTING, order, filters, owner=ctx.caller.customer_id or "")


async def create(ctx: Context, new: NewCustomer, source: Given | None, key: str | None) -> Outcome[Customer]:
    if source is not None:
        return await ctx.flows.customers.create(new, source, key, ctx.origin)
    currencies, test_mode = ctx.rules.currencies, ctx.settings.mode == "test"
    return await ctx.store.write(
        lambda tx: customers.create(tx, new, currencies, key, test_mode=test_mode), ctx.origin
    )


async def update(
    ctx: Context, customer_id: str, change: CustomerChange, switch: Given | Choice | None, key: str | None
) -> Outcome[Customer]:
    if isinstance(switch, Given):
        return await ctx.flows.customers.update(customer_id, change, switch, key, ctx.origin)
    test_mode = ctx.settings.mode == "test"
    return await ctx.store.write(
        lambda tx: customers.update(tx, customer_id, change, key, test_mode=test_mode, switch=switch),
        ctx.origin,
    )


async def delete(ctx: Context, customer_id: str, forfeit: bool, key: str | None) -> Outcome[Customer]:
    return await ctx.store.write(lambda tx: customers.delete(tx, customer_id, forfeit, key), ctx.origin)


async def block(
    ctx: Context, who: Identifier, reason: str | None, notes: str | None, key: str | None
) -> Outcome[Customer]:
    return await ctx.store.write(lambda tx: customers.block(tx, who, reason, notes, key), ctx.origin)


async def unblock(ctx: Context, customer_id: str, key: str | None) -> Outcome[Customer]:
    return await ctx.store.write(lambda tx: customers.unblock(tx, customer_id, key), ctx.origin)
