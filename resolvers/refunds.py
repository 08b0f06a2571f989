"""Refunds: who may read and make them."""

from collections.abc import Mapping
from typing import Any

from saifu.idempotency import Outcome
from saifu.paging import Order
from saifu.payments.rows import refundable_minor
from saifu.refunds import begin, rows
from saifu.refunds.begin import NewRefund
from saifu.tables import Payment, Refund

from .context import Context
from .lists import Listed


async def one(ctx: Context, refund_id: str) -> Refund | None:
    """A refund, or None when there is none that the caller may see (A27)."""
    found: Refund | None = await ctx.loaders.refunds.load(refund_id)
    return found if found is not None and ctx.sees(found.customer_id) else None


def listed(ctx: Context, customer_id: str | None, order: Order, filters: Mapping[str, Any]) -> Listed[Refund]:
    """The refunds of the business, or of one customer; a session sees its own customer's."""
    owner = ctx.narrowed(customer_id)
    hidden = customer_id is not None and not ctx.sees(customer_id)
    narrow = {} if owner is None else {"customer_id": owner}
    return Listed(rows.LISTING, order, {**filters, **narrow}, owner=owner or "", nothing=hidden)


def of_payment(payment_id: str, order: Order, filters: Mapping[str, Any]) -> Listed[Refund]:
    """The refunds of a payment that the caller sees, beside others' that are asked for at the same time."""
    return Listed(rows.LISTING, order, dict(filters), parent=payment_id, owner=payment_id)


async def refundable_of_line(ctx: Context, payment: Payment, item_id: str) -> int:
    """What of a line can still be refunded, in minor units: never more than of the whole payment (PM3, PM43)."""
    refunds = await ctx.loaders.refunds_of.load(payment.id)
    return min(begin.lines(payment, refunds)[item_id].left_minor, refundable_minor(payment))


async def create(ctx: Context, new: NewRefund) -> Outcome[Refund]:
    return await ctx.flows.refunds.create(new, ctx.origin)


async def void(ctx: Context, refund_id: str, key: str) -> Outcome[Refund]:
    return await ctx.flows.refunds.void(refund_id, key, ctx.origin)
