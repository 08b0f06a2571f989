"""What of a payment goes back: fields that every payment has, kept beside refunds and disputes."""

from typing import Annotated

import strawberry
from strawberry import ID, Private

from resolvers import disputes, lists, refunds
from saifu import tables
from saifu.refunds.methods import may_be_refunded_in_parts

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import CreationOrder
from .inputs_disputes import DisputeFilter
from .inputs_refunds import RefundFilter
from .types_disputes import Dispute
from .types_refunds import Refund
from .values import Info, Money

_OrderBy = Annotated[CreationOrder, strawberry.argument(description="How the list is sorted.")]


@strawberry.type
class CanBeReturned:
    """What a payment says of its refunds and disputes."""

    id: ID
    row: Private[tables.Payment]

    @strawberry.field(description="Its refunds, the newest first.")
    async def refunds(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            RefundFilter | None, strawberry.argument(description="Which refunds; null for all.")
        ] = None,
        order_by: _OrderBy = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Refund]:
        filters = filter.asked() if filter else {}
        lists.period(filters)
        listed = refunds.of_payment(self.id, order_of(order_by), filters)
        return await connect(info.context, listed, Paging(first, after, last, before), Refund.of)

    @strawberry.field(description="Its disputes, the newest first (PM59a).")
    async def disputes(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            DisputeFilter | None, strawberry.argument(description="Which disputes; null for all.")
        ] = None,
        order_by: _OrderBy = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Dispute]:
        filters = filter.asked() if filter else {}
        lists.period(filters)
        listed = disputes.of_payment(self.id, order_of(order_by), filters)
        now = info.context.clock.now()
        return await connect(
            info.context, listed, Paging(first, after, last, before), lambda row: Dispute.of(row, now)
        )

    @strawberry.field(
        description="Whether its source can be given back a part: what was paid by transfer goes back as a whole (PM3)."
    )
    def partial_refund_allowed(self) -> bool:
        return may_be_refunded_in_parts(self.row.payment_method)


@strawberry.type
class LineCanBeReturned:
    """What a line of a payment says of its refunds."""

    item_id: ID
    payment: Private[tables.Payment | None]

    @strawberry.field(
        description="What of it was neither refunded nor is being refunded, and of the whole payment neither (PM3). "
        "Null while it is not a payment's yet."
    )
    async def refundable_amount(self, info: Info) -> Money | None:
        if self.payment is None:
            return None
        left_minor = await refunds.refundable_of_line(info.context, self.payment, self.item_id)
        return Money.of(left_minor, self.payment.currency)
