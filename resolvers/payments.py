"""Payments: who may read and make them, and what of a decline a customer may know (PM32)."""

from collections.abc import Mapping
from typing import Any

from saifu.keys import Scope
from saifu.paging import Order
from saifu.payments import rows
from saifu.payments.flow import Paid
from saifu.payments.orders import PaymentOrder
from saifu.payments.retrying import Retry
from saifu.processors.declines import DeclineCode
from saifu.tables import Payment, PaymentAttempt

from .context import Context
from .lists import Listed


async def one(ctx: Context, payment_id: str) -> Payment | None:
    """A payment, or None when there is none that the caller may see (A27)."""
    found: Payment | None = await ctx.loaders.payments.load(payment_id)
    return found if found is not None and ctx.sees(found.customer_id) else None


async def gated(ctx: Context, payment_id: str) -> Payment | None:
    """The payment that something else belongs to.

    Raises:
        AccessDenied: the caller may see that something, and not payments.
    """
    ctx.require(Scope.PAYMENTS_READ)
    return await one(ctx, payment_id)


def listed(
    ctx: Context, customer_id: str | None, order: Order, filters: Mapping[str, Any]
) -> Listed[Payment]:
    """The payments of the business, or of one customer; a session sees its own customer's."""
    owner = ctx.narrowed(customer_id)
    hidden = (customer_id is not None and not ctx.sees(customer_id)) or _is_internal(ctx, filters)
    narrow = {} if owner is None else {"customer_id": owner}
    return Listed(rows.LISTING, order, {**filters, **narrow}, owner=owner or "", nothing=hidden)


def of_customer(ctx: Context, customer_id: str, order: Order, filters: Mapping[str, Any]) -> Listed[Payment]:
    """One customer's payments, beside others' that are asked for at the same time.

    Raises:
        AccessDenied: the caller may see customers, and not payments.
    """
    ctx.require(Scope.PAYMENTS_READ)
    hidden = _is_internal(ctx, filters)
    return Listed(rows.LISTING, order, dict(filters), parent=customer_id, owner=customer_id, nothing=hidden)


def _is_internal(ctx: Context, filters: Mapping[str, Any]) -> bool:
    """Whether it asks for what a session is not shown: that people are looking at a payment."""
    return ctx.caller.is_session and "needs_review" in filters


async def attempts_of(ctx: Context, payment_id: str) -> list[PaymentAttempt]:
    """Every call to a processor about a payment, oldest first."""
    found: list[PaymentAttempt] = await ctx.loaders.payment_attempts.load(payment_id)
    return found


def shown_code(ctx: Context, code: str | None) -> DeclineCode | None:
    """A decline as the caller may know it: a customer never learns what would help a thief (PM32)."""
    if ctx.caller.is_session:
        return rows.told_to_customers(code)
    return None if code is None else DeclineCode(code)


async def create(ctx: Context, order: PaymentOrder) -> Paid:
    return await ctx.flows.payments.create(order, ctx.origin)


async def top_up(ctx: Context, order: PaymentOrder) -> Paid:
    return await ctx.flows.payments.top_up(order, ctx.origin)


async def retry(ctx: Context, again: Retry) -> Paid:
    return await ctx.flows.payments.retry(again, ctx.origin)


async def cancel(ctx: Context, payment_id: str, key: str | None) -> Paid:
    return await ctx.flows.payments.cancel(payment_id, ctx.origin, key)
