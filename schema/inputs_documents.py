"""Inputs of documents."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from saifu.documents.links import LONGEST_DAYS

from .enums_documents import InvoiceStatus
from .request_keys import optional_key


@strawberry.input(description="Which invoices; all conditions must hold.")
class InvoiceFilter:
    statuses: list[InvoiceStatus] | None = strawberry.field(
        default=None, description="In one of these; null for all, an empty list for none."
    )
    created_at_gte: datetime | None = strawberry.field(
        default=None, description="Made at this instant or later."
    )
    created_at_lte: datetime | None = strawberry.field(
        default=None, description="Made at this instant or earlier."
    )

    def asked(self) -> dict[str, Any]:
        # A tuple, since filters are compared to see which lists can be read together.
        statuses = None if self.statuses is None else tuple(status.value for status in self.statuses)
        return {
            "statuses": statuses,
            "created_at_gte": self.created_at_gte,
            "created_at_lte": self.created_at_lte,
        }


@strawberry.input(description="A link to a document (PM66).")
class DocumentLinkCreateInput:
    document_id: ID = strawberry.field(description="Which invoice, `inv_…`, or receipt, `rcp_…`.")
    expires_in_days: int = strawberry.field(
        default=LONGEST_DAYS, description="How long it is good, in days of 24 hours: 1 to 30."
    )
    idempotency_key: str | None = optional_key()


@strawberry.input(description="The end of all links to a document (PM66).")
class DocumentLinksRevokeInput:
    document_id: ID = strawberry.field(description="Which invoice, `inv_…`, or receipt, `rcp_…`.")
    idempotency_key: str | None = optional_key()
