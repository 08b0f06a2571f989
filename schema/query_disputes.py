"""What can be asked about disputes."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import disputes, lists

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import CreationOrder
from .inputs_disputes import DisputeFilter
from .types_disputes import Dispute
from .values import Info


@strawberry.type
class DisputeQueries:
    @strawberry.field(description="A dispute by its id. Needs `PAYMENTS_READ`.")
    async def dispute(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which dispute, `dsp_…`.")]
    ) -> Dispute | None:
        row = await disputes.one(info.context, id)
        return Dispute.of(row, info.context.clock.now()) if row else None

    @strawberry.field(
        description="Disputes, the newest first unless said (PM59d); a session sees its own customer's. Needs "
        "`PAYMENTS_READ`."
    )
    async def disputes(
        self,
        info: Info,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's, `cus_…`; null for all.")
        ] = None,
        filter: Annotated[  # noqa: A002
            DisputeFilter | None, strawberry.argument(description="Which disputes; null for all.")
        ] = None,
        order_by: Annotated[
            CreationOrder, strawberry.argument(description="How the list is sorted.")
        ] = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Dispute]:
        filters = filter.asked() if filter else {}
        lists.period(filters)
        listed = disputes.listed(info.context, customer_id, order_of(order_by), filters)
        now = info.context.clock.now()
        return await connect(
            info.context, listed, Paging(first, after, last, before), lambda row: Dispute.of(row, now)
        )
