"""Checkout sessions, as clients see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry
from strawberry import ID, Private

from resolvers import checkout, customers, payments
from resolvers.context import Context
from saifu import tables
from saifu.checkout import rows

from .enums_checkout import Purpose, Status
from .enums_payments import PaymentStatus
from .scalars import Currency, Metadata
from .types_payments import Payment, PaymentLine
from .values import Info, Money, Node, OfBusiness

if TYPE_CHECKING:
    from .types import Customer


@strawberry.type(
    description="What somebody is asked to pay on a hosted page (payments.md §8). The token of its link sees this "
    "session and nothing else."
)
class CheckoutSession(Node, OfBusiness):
    row: Private[tables.CheckoutSession]
    status: Status = strawberry.field(description="How it stands.")
    purpose: Purpose = strawberry.field(description="What it is for.")
    currency: Currency = strawberry.field(description="The currency.")
    total_amount: Money = strawberry.field(
        description="What is to be paid in all, tax included; 0 for a mandate."
    )
    tax: Money = strawberry.field(description="How much of that is tax.")
    lines: list[PaymentLine] = strawberry.field(description="What is paid for.")
    verified: bool = strawberry.field(
        description="Whether the customer was named by id, and so may use balance and saved sources (PM75)."
    )
    attempts: int = strawberry.field(description="How often it was tried to be paid; 10 is the most (PM72).")
    payment_id: ID | None = strawberry.field(description="The latest payment made from it.")
    source_id: ID | None = strawberry.field(description="What a mandate has attached, or a payment has kept.")
    return_url: str | None = strawberry.field(description="Where the visitor goes afterwards.")
    cancel_url: str | None = strawberry.field(description="Where the link to give up leads.")
    expires_at: datetime = strawberry.field(description="Until when it can be paid.")
    completed_at: datetime | None = strawberry.field(description="When it was consumed.")
    version: int = strawberry.field(description="Raised by every change.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, row: tables.CheckoutSession, ctx: Context) -> "CheckoutSession":
        return cls(
            row=row,
            id=ID(row.id),
            status=rows.status_at(row, ctx.clock.now()),
            purpose=Purpose(row.purpose),
            currency=Currency(row.currency),
            total_amount=Money.of(row.total_minor, row.currency),
            tax=Money.of(row.tax_minor, row.currency),
            lines=[PaymentLine.of(line, row.currency) for line in rows.lines(row)],
            verified=row.verified,
            attempts=row.attempts,
            payment_id=ID(row.payment_id) if row.payment_id else None,
            source_id=ID(row.source_id) if row.source_id else None,
            return_url=row.return_url,
            cancel_url=row.cancel_url,
            expires_at=row.expires_at,
            completed_at=row.completed_at,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(
        description="Where its latest payment stands; null while there is none. The link's token may ask this too."
    )
    async def payment_status(self, info: Info) -> PaymentStatus | None:
        row = await checkout.payment_of(info.context, self.row)
        return PaymentStatus(row.status) if row else None

    @strawberry.field(description="Its latest payment. Needs `PAYMENTS_READ`, else null.")
    async def payment(self, info: Info) -> Payment | None:
        row = await payments.gated(info.context, self.row.payment_id) if self.row.payment_id else None
        return Payment.of(row) if row else None

    @strawberry.field(
        description="Whose session it is, verified or not; null until somebody unknown has paid. Needs "
        "`CUSTOMERS_READ`, else null."
    )
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy(".types")] | None:
        from .types import Customer

        row = await customers.gated(info.context, self.row.customer_id) if self.row.customer_id else None
        return Customer.of(row) if row else None

    @strawberry.field(description="Your own notes; null for the token of its link.")
    def metadata(self, info: Info) -> Metadata | None:
        if info.context.caller.is_checkout:
            return None
        return Metadata(orjson.loads(self.row.metadata_json))
