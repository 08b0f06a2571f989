"""What can be asked about payments."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import lists, payments
from saifu.processors.declines import DeclineCode

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import CreationOrder
from .inputs_payments import PaymentFilter
from .types_payments import DeclineInfo, Payment
from .values import Info

PaymentsFilter = Annotated[
    PaymentFilter | None, strawberry.argument(description="Which payments; null for all.")
]
PaymentOrderBy = Annotated[CreationOrder, strawberry.argument(description="How the list is sorted.")]


@strawberry.type
class PaymentQueries:
    @strawberry.field(description="A payment by its id. Needs `PAYMENTS_READ`.")
    async def payment(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which payment, `pay_…`.")]
    ) -> Payment | None:
        row = await payments.one(info.context, id)
        return Payment.of(row) if row else None

    @strawberry.field(
        description="Payments, the newest first unless said; a session sees its own customer's. Needs `PAYMENTS_READ`."
    )
    async def payments(
        self,
        info: Info,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's, `cus_…`; null for all.")
        ] = None,
        filter: PaymentsFilter = None,  # noqa: A002
        order_by: PaymentOrderBy = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Payment]:
        filters = filter.asked() if filter else {}
        lists.period(filters)
        listed = payments.listed(info.context, customer_id, order_of(order_by), filters)
        return await connect(info.context, listed, Paging(first, after, last, before), Payment.of)

    @strawberry.field(
        description="Every reason for which a payment is declined, and how it is to be taken (PM30)."
    )
    async def decline_codes(self) -> list[DeclineInfo]:
        return [DeclineInfo.of(code) for code in DeclineCode]
