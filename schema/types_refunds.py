"""Refunds, as clients see them; each type knows how to read its row."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry
from strawberry import ID, Private

from resolvers import customers, documents, payments
from saifu import tables
from saifu.refunds import rows
from saifu.refunds.amounts import ItemRefund

from .enums_refunds import Destination, NetworkReferenceType, RefundStatus
from .scalars import Metadata
from .values import Info, Money, Node, OfBusiness

if TYPE_CHECKING:
    from .types import Customer
    from .types_documents import Receipt
    from .types_payments import Payment


@strawberry.type(description="What of a line was refunded (PM47).")
class RefundItem:
    item_id: ID = strawberry.field(description="Which line of the payment, `itm_…`.")
    amount: Money = strawberry.field(description="How much, tax included.")
    tax: Money = strawberry.field(description="How much of that is tax.")

    @classmethod
    def of(cls, item: ItemRefund, currency: str) -> "RefundItem":
        return cls(
            item_id=ID(item.item_id),
            amount=Money.of(item.amount_minor, currency),
            tax=Money.of(item.tax_minor, currency),
        )


@strawberry.type(description="Money of a payment on its way back (payments.md §5).")
class Refund(Node, OfBusiness):
    row: Private[tables.Refund]
    payment_id: ID = strawberry.field(description="Of which payment.")
    customer_id: ID | None = strawberry.field(description="Who had paid; null for an anonymous charge.")
    status: RefundStatus = strawberry.field(description="How it stands.")
    destination: Destination = strawberry.field(description="Where the money goes.")
    amount: Money = strawberry.field(description="How much in all, tax included.")
    tax: Money = strawberry.field(description="How much of that is tax, in proportion (PM47).")
    source_amount: Money = strawberry.field(description="The part that goes to the source (W58).")
    wallet_amount: Money = strawberry.field(
        description="The part that goes into the wallet, once the source has its part (W58)."
    )
    is_partial: bool = strawberry.field(description="Whether it is less than the whole payment (PM48).")
    reason: str | None = strawberry.field(description="Why, as it was given.")
    failure_reason: str | None = strawberry.field(description="Why it failed.")
    network_reference: str | None = strawberry.field(
        description="What the customer's bank can search for, once it is known."
    )
    network_reference_type: NetworkReferenceType | None = strawberry.field(
        description="What kind of number that is."
    )
    metadata: Metadata = strawberry.field(description="Your own notes.")
    voided_at: datetime | None = strawberry.field(
        description="When it was taken out of the wallet again (W62)."
    )
    version: int = strawberry.field(description="Raised by every change.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, row: tables.Refund) -> "Refund":
        kind = row.network_reference_type
        return cls(
            id=ID(row.id),
            row=row,
            payment_id=ID(row.payment_id),
            customer_id=ID(row.customer_id) if row.customer_id else None,
            status=RefundStatus(row.status),
            destination=Destination(row.destination),
            amount=Money.of(row.amount_minor, row.currency),
            tax=Money.of(row.tax_minor, row.currency),
            source_amount=Money.of(row.source_minor, row.currency),
            wallet_amount=Money.of(row.wallet_minor, row.currency),
            is_partial=row.is_partial,
            reason=row.reason,
            failure_reason=row.failure_reason,
            network_reference=row.network_reference,
            network_reference_type=NetworkReferenceType(kind) if kind else None,
            metadata=Metadata(orjson.loads(row.metadata_json)),
            voided_at=row.voided_at,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(description="What of which lines; empty when it is of a sum.")
    def items(self) -> list[RefundItem]:
        return [RefundItem.of(item, self.row.currency) for item in rows.items(self.row)]

    @strawberry.field(
        description="Since when people have to look at it: its outcome is overdue. Null for customer sessions."
    )
    def needs_review_at(self, info: Info) -> datetime | None:
        return None if info.context.caller.is_session else self.row.needs_review_at

    @strawberry.field(description="Its receipt, once it has succeeded (PM65).")
    async def receipt(self, info: Info) -> Annotated["Receipt", strawberry.lazy(".types_documents")] | None:
        from .types_documents import Receipt

        found = await documents.receipts_of_payment(info.context, self.payment_id)
        return next((Receipt.of(row) for row in found if row.object_id == self.id), None)

    @strawberry.field(description="The payment, as it is now. Needs `PAYMENTS_READ`, else null.")
    async def payment(self, info: Info) -> Annotated["Payment", strawberry.lazy(".types_payments")] | None:
        from .types_payments import Payment

        row = await payments.gated(info.context, self.payment_id)
        return Payment.of(row) if row else None

    @strawberry.field(description="Who had paid, as it is now. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy(".types")] | None:
        from .types import Customer

        row = await customers.gated(info.context, self.customer_id) if self.customer_id else None
        return Customer.of(row) if row else None
