"""What can be asked about refunds."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import lists, refunds

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import CreationOrder
from .inputs_refunds import RefundFilter
from .types_refunds import Refund
from .values import Info


@strawberry.type
class RefundQueries:
    @strawberry.field(description="A refund by its id. Needs `PAYMENTS_READ`.")
    async def refund(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which refund, `ref_…`.")]
    ) -> Refund | None:
        row = await refunds.one(info.context, id)
        return Refund.of(row) if row else None

    @strawberry.field(
        description="Refunds, the newest first unless said; a session sees its own customer's. Needs `PAYMENTS_READ`."
    )
    async def refunds(
        self,
        info: Info,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's, `cus_…`; null for all.")
        ] = None,
        filter: Annotated[  # noqa: A002
            RefundFilter | None, strawberry.argument(description="Which refunds; null for all.")
        ] = None,
        order_by: Annotated[
            CreationOrder, strawberry.argument(description="How the list is sorted.")
        ] = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Refund]:
        filters = filter.asked() if filter else {}
        lists.period(filters)
        listed = refunds.listed(info.context, customer_id, order_of(order_by), filters)
        return await connect(info.context, listed, Paging(first, after, last, before), Refund.of)
