"""What can be asked about invoices and receipts."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import documents

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import CreationOrder
from .inputs_documents import InvoiceFilter
from .types_documents import Invoice, Receipt
from .values import Info

InvoicesFilter = Annotated[
    InvoiceFilter | None, strawberry.argument(description="Which invoices; null for all.")
]
InvoiceOrderBy = Annotated[CreationOrder, strawberry.argument(description="How the list is sorted.")]


@strawberry.type
class DocumentQueries:
    @strawberry.field(description="An invoice by its id. Needs `PAYMENTS_READ`.")
    async def invoice(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which invoice, `inv_…`.")]
    ) -> Invoice | None:
        row = await documents.invoice(info.context, id)
        return Invoice.of(row) if row else None

    @strawberry.field(
        description="Invoices, the newest first unless said; a session sees its own customer's. Needs `PAYMENTS_READ`."
    )
    async def invoices(
        self,
        info: Info,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's, `cus_…`; null for all.")
        ] = None,
        filter: InvoicesFilter = None,  # noqa: A002
        order_by: InvoiceOrderBy = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Invoice]:
        asked = documents.filters(**filter.asked()) if filter else {}
        listed = documents.listed(info.context, customer_id, order_of(order_by), asked)
        return await connect(info.context, listed, Paging(first, after, last, before), Invoice.of)

    @strawberry.field(description="A receipt by its id. Needs `PAYMENTS_READ`.")
    async def receipt(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which receipt, `rcp_…`.")]
    ) -> Receipt | None:
        row = await documents.receipt(info.context, id)
        return Receipt.of(row) if row else None
