"""Disputes, as clients see them; each type knows how to read its row."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import ID, Private

from resolvers import customers, disputes, payments
from saifu import tables
from saifu.disputes import rows

from .enums_disputes import DisputeStage, DisputeStatus
from .values import Info, Money, Node, OfBusiness

if TYPE_CHECKING:
    from .types import Customer
    from .types_payments import Payment


@strawberry.type(description="What was submitted to the bank in one stage (PM59c).")
class DisputeEvidence:
    stage: DisputeStage = strawberry.field(description="In which stage.")
    text: str = strawberry.field(description="What was said.")
    submitted_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> "DisputeEvidence":
        submitted_at = datetime.fromisoformat(known["submitted_at"])
        return cls(stage=DisputeStage(known["stage"]), text=known["text"], submitted_at=submitted_at)


@strawberry.type(description="Money that a bank or a customer asks back (payments.md §6).")
class Dispute(Node, OfBusiness):
    row: Private[tables.Dispute]
    payment_id: ID = strawberry.field(description="About which payment; it stays `SUCCEEDED` (PM59a).")
    customer_id: ID | None = strawberry.field(description="Who had paid; null for an anonymous charge.")
    amount: Money = strawberry.field(
        description="How much is asked back: at most what the source had paid (PM59)."
    )
    stage: DisputeStage = strawberry.field(description="How far it has gone.")
    status: DisputeStatus = strawberry.field(
        description="How it stands; a deadline that has passed counts at once (PM53)."
    )
    reason: str | None = strawberry.field(description="The bank's reason, such as `fraudulent`.")
    remarks: str | None = strawberry.field(description="What else the bank says.")
    respond_by: datetime | None = strawberry.field(
        description="Until when it can be answered; 4 days unless the bank says (PM53)."
    )
    wallet_amount: Money = strawberry.field(
        description="What the wallet bears of it now: money that had come into it from the source (W66)."
    )
    wallet_shortfall: Money = strawberry.field(
        description="What the wallet would bear and did not hold; later credits are not seized (W66)."
    )
    is_resolved_by_rdr: bool = strawberry.field(description="Whether the card network settled it by itself.")
    version: int = strawberry.field(description="Raised by every change.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, row: tables.Dispute, now: datetime) -> "Dispute":
        return cls(
            id=ID(row.id),
            row=row,
            payment_id=ID(row.payment_id),
            customer_id=ID(row.customer_id) if row.customer_id else None,
            amount=Money.of(row.amount_minor, row.currency),
            stage=DisputeStage(row.stage),
            status=rows.status_of(row, now),
            reason=row.reason,
            remarks=row.remarks,
            respond_by=row.respond_by,
            wallet_amount=Money.of(row.wallet_minor, row.currency),
            wallet_shortfall=Money.of(row.wallet_shortfall_minor, row.currency),
            is_resolved_by_rdr=row.is_resolved_by_rdr,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(
        description="What was submitted to the bank, once in each stage; nothing for customer sessions."
    )
    def evidence(self, info: Info) -> list[DisputeEvidence]:
        return [DisputeEvidence.of(each) for each in disputes.shown_evidence(info.context, self.row)]

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
