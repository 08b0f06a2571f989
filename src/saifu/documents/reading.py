"""Documents as they are found again: by id, by what they are about, and as lists."""

from collections.abc import Sequence

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import lookup
from saifu.ids import prefix_of
from saifu.paging import Listing
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Invoice, Receipt

Document = Invoice | Receipt

INVOICES: Listing[Invoice] = Listing(
    Invoice,
    orders={"CREATED_AT": [col(Invoice.created_at), col(Invoice.id)]},
    filters={
        "customer_id": col(Invoice.customer_id) == bindparam("customer_id"),
        "statuses": any_of(col(Invoice.status), "statuses"),
        "created_at_gte": col(Invoice.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(Invoice.created_at) <= bindparam("created_at_lte"),
    },
    parent=col(Invoice.customer_id),
)
"""Invoices; a customer's are read beside those of others."""

_INVOICES_OF = select(Invoice).where(any_of(col(Invoice.payment_id), "payment_ids"))
_RECEIPTS_OF = (
    select(Receipt)
    .where(any_of(col(Receipt.payment_id), "payment_ids"))
    .order_by(col(Receipt.payment_id), col(Receipt.issued_at), col(Receipt.id))
)


def find(tx: Tx, document_id: str) -> Document | None:
    """An invoice or a receipt by its id."""
    match prefix_of(document_id):
        case "inv":
            return lookup.by_ids(tx, Invoice, [document_id]).get(document_id)
        case "rcp":
            return lookup.by_ids(tx, Receipt, [document_id]).get(document_id)
        case _:
            return None


def invoices_of(tx: Tx, payment_ids: Sequence[str]) -> dict[str, Invoice]:
    """The invoices of payments; a payment that has none is not in the answer."""
    rows = tx.all(_INVOICES_OF, payment_ids=list(payment_ids))
    return {row.payment_id: row for row in rows if row.payment_id is not None}


def receipts_of(tx: Tx, payment_ids: Sequence[str]) -> dict[str, list[Receipt]]:
    """The receipts of payments and of their refunds, oldest first."""
    found: dict[str, list[Receipt]] = {}
    for row in tx.all(_RECEIPTS_OF, payment_ids=list(payment_ids)):
        found.setdefault(row.payment_id, []).append(row)
    return found
