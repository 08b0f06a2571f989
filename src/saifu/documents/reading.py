"""Documents as they are found again: by id, by what they are about, and as lists."""

from sqlalchemy import bindparam
from sqlmodel import col

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

RECEIPTS: Listing[Receipt] = Listing(
    Receipt,
    orders={"CREATED_AT": [col(Receipt.issued_at), col(Receipt.id)]},
    filters={},
    parent=col(Receipt.payment_id),
)
"""Receipts of a payment: of a top-up its own, and those of refunds."""


def find(tx: Tx, document_id: str) -> Document | None:
    """An invoice or a receipt by its id."""
    match prefix_of(document_id):
        case "inv":
            return lookup.by_ids(tx, Invoice, [document_id]).get(document_id)
        case "rcp":
            return lookup.by_ids(tx, Receipt, [document_id]).get(document_id)
        case _:
            return None
