"""Invoices and receipts: who may read them, and who may hand out links to them (PM66, CU77)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saifu.documents import links, reading
from saifu.documents.reading import Document
from saifu.keys import Scope
from saifu.paging import Order
from saifu.store import Tx
from saifu.tables import Invoice, Receipt

from . import lists
from .checkout import home
from .context import Context
from .lists import Listed


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link that was made; a replay has no addresses to show."""

    document: Document
    html_url: str | None = None
    pdf_url: str | None = None
    expires_at: datetime | None = None


async def invoice(ctx: Context, invoice_id: str) -> Invoice | None:
    """An invoice, or None when there is none that the caller may see (A27)."""
    found: Invoice | None = await ctx.loaders.invoices.load(invoice_id)
    return found if found is not None and ctx.sees(found.customer_id) else None


async def receipt(ctx: Context, receipt_id: str) -> Receipt | None:
    """A receipt, or None when there is none that the caller may see (A27)."""
    found: Receipt | None = await ctx.loaders.receipts.load(receipt_id)
    return found if found is not None and ctx.sees(found.customer_id) else None


def filters(**asked: Any) -> dict[str, Any]:
    """Which invoices were asked for.

    Raises:
        BadUserInput: a period that ends before it begins.
    """
    given = lists.given(**asked)
    lists.period(given)
    return given


def listed(ctx: Context, customer_id: str | None, order: Order, asked: Mapping[str, Any]) -> Listed[Invoice]:
    """The invoices of the business, or of one customer; a session sees its own customer's."""
    owner = ctx.narrowed(customer_id)
    hidden = customer_id is not None and not ctx.sees(customer_id)
    narrow = {} if owner is None else {"customer_id": owner}
    return Listed(reading.INVOICES, order, {**asked, **narrow}, owner=owner or "", nothing=hidden)


def of_customer(ctx: Context, customer_id: str, order: Order, asked: Mapping[str, Any]) -> Listed[Invoice]:
    """One customer's invoices, beside others' that are asked for at the same time.

    Raises:
        AccessDenied: the caller may see customers, and not payments.
    """
    ctx.require(Scope.PAYMENTS_READ)
    return Listed(reading.INVOICES, order, dict(asked), parent=customer_id, owner=customer_id)


async def invoice_of_payment(ctx: Context, payment_id: str) -> Invoice | None:
    """The invoice of a payment that the caller sees; None of a top-up, and before it has succeeded."""
    found: Invoice | None = await ctx.loaders.invoices_of_payments.load(payment_id)
    return found


async def receipts_of_payment(ctx: Context, payment_id: str) -> list[Receipt]:
    """The receipts of a payment that the caller sees and of its refunds, oldest first."""
    return list(await ctx.loaders.receipts_of_payments.load(payment_id) or ())


async def link(ctx: Context, document_id: str, days: int, key: str | None) -> MadeLink:
    """A fresh link to a document that the caller sees.

    Raises:
        Refusal: NOT_FOUND, also for what the caller may not see; INVALID_REQUEST_PARAMETERS.
    """

    own_key = ctx.own_key(key)

    def make(tx: Tx) -> links.Link:
        _refuse_unseen(ctx, tx, document_id)
        return links.create(tx, document_id, days, own_key)

    made = await ctx.store.write(make, ctx.origin)
    if made.token is None:
        return MadeLink(made.document)
    page, pdf = links.urls(home(ctx), made.token)
    return MadeLink(made.document, page, pdf, made.expires_at)


async def revoke_links(ctx: Context, document_id: str, key: str | None) -> tuple[Document, bool]:
    return await ctx.store.write(lambda tx: links.revoke(tx, document_id, key), ctx.origin)


def _refuse_unseen(ctx: Context, tx: Tx, document_id: str) -> None:
    if not ctx.sees(links.existing(tx, document_id).customer_id):
        raise links.unknown()
