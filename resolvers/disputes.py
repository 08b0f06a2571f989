"""Disputes: who may read and answer them."""

from collections.abc import Mapping, Sequence
from typing import Any

from saifu.disputes import rows
from saifu.disputes.answering import Answer
from saifu.idempotency import Outcome
from saifu.paging import Order
from saifu.tables import Dispute

from .context import Context
from .lists import Listed
from .loaders import AT_READ


async def one(ctx: Context, dispute_id: str) -> Dispute | None:
    """A dispute, or None when there is none that the caller may see (A27)."""
    found: Dispute | None = await ctx.loaders.disputes.load(dispute_id)
    return found if found is not None and ctx.sees(found.customer_id) else None


def listed(
    ctx: Context, customer_id: str | None, order: Order, filters: Mapping[str, Any]
) -> Listed[Dispute]:
    """The disputes of the business, or of one customer; a session sees its own customer's."""
    owner = ctx.narrowed(customer_id)
    hidden = customer_id is not None and not ctx.sees(customer_id)
    narrow = {} if owner is None else {"customer_id": owner}
    at = {"as_of": ctx.clock.now()} if "statuses" in filters else {}
    return Listed(rows.LISTING, order, {**filters, **narrow, **at}, owner=owner or "", nothing=hidden)


def of_payment(payment_id: str, order: Order, filters: Mapping[str, Any]) -> Listed[Dispute]:
    """The disputes of a payment that the caller sees, beside others' that are asked for at the same time."""
    at = {"as_of": AT_READ} if "statuses" in filters else {}
    return Listed(rows.LISTING, order, {**filters, **at}, parent=payment_id, owner=payment_id)


def shown_evidence(ctx: Context, dispute: Dispute) -> Sequence[Mapping[str, Any]]:
    """What was submitted to the bank; a customer does not read what the merchant says of it."""
    return [] if ctx.caller.is_session else rows.evidence(dispute)


async def answer(ctx: Context, given: Answer) -> Outcome[Dispute]:
    return await ctx.flows.disputes.answer(given, ctx.origin)
