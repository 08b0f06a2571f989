"""Inputs of refunds, and how each becomes a value of the domain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from saifu.refunds.amounts import ItemOrder
from saifu.refunds.begin import NewRefund

from .enums_refunds import Destination, RefundStatus
from .request_keys import money_key
from .scalars import Currency, Metadata, MinorUnits

_REFUND = "the refund as it is then and `replayed: true`, and moves nothing"


@strawberry.input(description="A line of the payment that is to be refunded, or a part of it (PM42).")
class RefundItemInput:
    item_id: ID = strawberry.field(description="Which line, `itm_…`.")
    amount: MinorUnits | None = strawberry.field(
        default=None, description="How much of it, in the smallest unit; null is all that is left."
    )
    tax_inclusive: bool = strawberry.field(
        default=True,
        description="Whether the amount has its tax in it; otherwise the tax is refunded on top (PM47).",
    )

    def order(self) -> ItemOrder:
        return ItemOrder(self.item_id, self.amount, self.tax_inclusive)


@strawberry.input(
    description="A refund: of a sum, of lines, or with neither of all that can still be refunded (PM42)."
)
class RefundCreateInput:
    payment_id: ID = strawberry.field(description="Which payment.")
    idempotency_key: str = money_key(_REFUND)
    amount: MinorUnits | None = strawberry.field(
        default=None, description="In the smallest unit of the payment's currency; not together with `items`."
    )
    items: list[RefundItemInput] | None = strawberry.field(
        default=None, description="1 to 100 lines of the payment; not together with `amount`."
    )
    destination: Destination = strawberry.field(
        default=Destination.ORIGINAL,
        description="Where the money goes. Of a deleted customer's payment `WALLET` falls back to the source (CU57).",
    )
    currency: Currency | None = strawberry.field(
        default=None, description="Only as a check: another one than the payment's is refused (PM45)."
    )
    reason: str | None = strawberry.field(
        default=None,
        description="Why: up to 3 000 characters of any script. Shown on the receipt and kept in the ledger: no "
        "personal data here.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description="Your own notes.")

    def refund(self) -> NewRefund:
        return NewRefund(
            payment_id=self.payment_id,
            amount_minor=self.amount,
            items=None if self.items is None else [item.order() for item in self.items],
            destination=self.destination,
            reason=self.reason,
            metadata=self.metadata,
            currency=self.currency,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="Taking a refund out of the wallet again (W62).")
class RefundVoidInput:
    refund_id: ID = strawberry.field(description="Which refund.")
    idempotency_key: str = money_key(_REFUND)


@strawberry.input(description="Which refunds; all conditions must hold.")
class RefundFilter:
    statuses: list[RefundStatus] | None = strawberry.field(
        default=None, description="In one of these; an empty list is none."
    )
    payment_id: ID | None = strawberry.field(default=None, description="Of this payment.")
    created_at_gte: datetime | None = strawberry.field(default=None, description="Made at or after this.")
    created_at_lte: datetime | None = strawberry.field(default=None, description="Made at or before this.")

    def asked(self) -> Mapping[str, Any]:
        given = dict(vars(self))
        if self.statuses is not None:
            given["statuses"] = tuple(status.value for status in self.statuses)
        return {name: value for name, value in given.items() if value is not None}
