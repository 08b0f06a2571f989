"""Payments, as clients see them; each type knows how to read its row."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from strawberry import ID, Private

from resolvers import customers, documents, payments
from saifu import tables
from saifu.payments import rows
from saifu.processors.declines import DECLINES, DeclineCode, DeclineType

from .enums_payments import AttemptKind, AttemptState, PaymentRefundStatus, PaymentStatus, Purpose
from .scalars import Metadata
from .types_returns import CanBeReturned, LineCanBeReturned
from .values import BillingAddress, Info, Money, Node, OfBusiness

if TYPE_CHECKING:
    from .types import Customer
    from .types_documents import Invoice, Receipt


@strawberry.type(description="A code of `declineCodes`, and how it is to be taken (PM30).")
class DeclineInfo:
    code: DeclineCode = strawberry.field(description="The code.")
    type: DeclineType = strawberry.field(description="Whether the same instrument may ever work.")
    user_error: bool = strawberry.field(description="Whether the customer can do something about it.")
    auto_retryable: bool = strawberry.field(description="Whether an unattended retry makes sense (PM33).")
    masked: bool = strawberry.field(description="Whether the customer never learns the real reason (PM32).")
    customer_message: str = strawberry.field(description="What the customer reads.")

    @classmethod
    def of(cls, code: DeclineCode) -> "DeclineInfo":
        known = DECLINES[code]
        return cls(
            code=code,
            type=known.type,
            user_error=known.customer_can_fix,
            auto_retryable=known.auto_retry,
            masked=known.masked,
            customer_message=known.shown_as,
        )


@strawberry.type(description="How a decline is to be taken (payments.md §4).")
class PaymentDecline:
    type: DeclineType = strawberry.field(description="Whether the same instrument may ever work.")
    user_error: bool = strawberry.field(description="Whether the customer can do something about it.")
    auto_retryable: bool = strawberry.field(description="Whether an unattended retry makes sense (PM33).")
    customer_message: str = strawberry.field(description="What the customer may read.")


@strawberry.type(description="The card of a payment, as it was when it was charged.")
class PaymentCard:
    last_four: str | None = strawberry.field(description="The last four digits.")
    network: str | None = strawberry.field(description="In lower case, such as `visa`.")
    type: str | None = strawberry.field(description="`credit`, `debit` or `prepaid`.")
    exp_month: str | None = strawberry.field(description="Two digits.")
    exp_year: str | None = strawberry.field(description="Four digits.")
    holder_name: str | None = strawberry.field(description="The name on the card.")
    issuing_country: str | None = strawberry.field(description="ISO 3166-1 alpha-2.")

    @classmethod
    def of(cls, known: dict[str, Any]) -> "PaymentCard":
        month, year, brand = known.get("exp_month"), known.get("exp_year"), known.get("brand")
        return cls(
            last_four=known.get("last4"),
            network=brand.lower() if brand else None,
            type=known.get("funding"),
            exp_month=None if month is None else f"{month:0>2}",
            exp_year=None if year is None else str(year),
            holder_name=known.get("name"),
            issuing_country=known.get("country"),
        )


@strawberry.type(description="Whether and how the customer proved to be the card's holder.")
class ThreeDSecure:
    status: str | None = strawberry.field(
        description="`authenticated`, `attempt_acknowledged`, `exempted`, `failed`, `not_supported` or "
        "`processing_error`."
    )
    flow: str | None = strawberry.field(description="`challenge` or `frictionless`.")
    version: str | None = strawberry.field(description="Of the protocol.")


@strawberry.type(description="One line of what was paid for (PM3); the lines add up to the payment's total.")
class PaymentLine(LineCanBeReturned):
    item_id: ID = strawberry.field(description="`itm_…`, to refund this line.")
    name: str = strawberry.field(description="What it is.")
    description: str | None = strawberry.field(description="More about it.")
    quantity: int = strawberry.field(description="How many.")
    unit_amount: Money = strawberry.field(description="The price of one.")
    amount: Money = strawberry.field(description="What the line costs, tax included.")
    tax: Money = strawberry.field(description="How much of that is tax.")

    @classmethod
    def of(cls, line: dict[str, Any], currency: str, payment: tables.Payment | None = None) -> "PaymentLine":
        return cls(
            item_id=ID(line["id"]),
            payment=payment,
            name=line["name"],
            description=line["description"],
            quantity=line["quantity"],
            unit_amount=Money.of(line["unit_amount"], currency),
            amount=Money.of(line["amount"], currency),
            tax=Money.of(line["tax"], currency),
        )


@strawberry.type(description="A copy of the customer, as it was when the payment was made.")
class PaymentCustomer:
    customer_id: ID = strawberry.field(description="The customer's id.")
    name: str = strawberry.field(description="The name.")
    email: str = strawberry.field(description="The address.")
    phone_number: str | None = strawberry.field(description="The phone number.")


@strawberry.type(description="One call to a processor about a payment, recorded before it was made.")
class PaymentAttempt:
    number: int = strawberry.field(description="1 is the first.")
    kind: AttemptKind = strawberry.field(description="What was asked.")
    state: AttemptState = strawberry.field(description="What is known of it.")
    sent_at: datetime = strawberry.field(description="When it was recorded, just before it was made.")
    answered_at: datetime | None = strawberry.field(description="When the answer was recorded.")
    decline_code: DeclineCode | None = strawberry.field(description="Why it was declined.")
    raw_code: str | None = strawberry.field(
        description="The processor's own code, for operators (PM31); null for customer sessions."
    )

    @classmethod
    def of(cls, row: tables.PaymentAttempt, code: DeclineCode | None, raw: str | None) -> "PaymentAttempt":
        return cls(
            number=row.number,
            kind=AttemptKind(row.kind),
            state=AttemptState(row.state),
            sent_at=row.sent_at,
            answered_at=row.answered_at,
            decline_code=code,
            raw_code=raw,
        )


@strawberry.type(description="One attempt to move money for one purpose (payments.md §1).")
class Payment(Node, OfBusiness, CanBeReturned):
    row: Private[tables.Payment]
    status: PaymentStatus = strawberry.field(description="Where it stands.")
    purpose: Purpose = strawberry.field(description="What it is for.")
    total_amount: Money = strawberry.field(description="What the customer pays in all, tax included.")
    tax: Money = strawberry.field(description="How much of that is tax.")
    wallet_amount: Money = strawberry.field(
        description="What the stored balance paid; 0 after a failure, when it has been given back (W48)."
    )
    source_amount: Money = strawberry.field(description="What the source pays, or was asked for.")
    settlement_amount: Money = strawberry.field(description="What is settled; always the total in v1.")
    amount_refunded: Money = strawberry.field(description="What was given back.")
    amount_refundable: Money = strawberry.field(
        description="What was neither given back nor is on its way back."
    )
    refund_status: PaymentRefundStatus | None = strawberry.field(
        description="Null while nothing was refunded."
    )
    customer_id: ID | None = strawberry.field(description="Who pays; null for an anonymous charge.")
    source_id: ID | None = strawberry.field(
        description="What was charged, attached or not; null when the balance covered all."
    )
    payment_method: str | None = strawberry.field(
        description="The type of the source, such as `card`; `customer_balance` when the stored balance covered all "
        "(PM8)."
    )
    payment_provider: str = strawberry.field(description="The processor's name.")
    outcome_unknown: bool = strawberry.field(
        description="Nobody can say yet whether the source was charged; the processor is being asked (W49)."
    )
    action_url: str | None = strawberry.field(description="Where the customer confirms it, while it has to.")
    on_session: bool = strawberry.field(description="Whether the customer was there to confirm it.")
    retry_attempt: int = strawberry.field(description="Of scheduled retries; always 0 outside subscriptions.")
    retry_of_id: ID | None = strawberry.field(description="The payment that this one tries again (PM19b).")
    checkout_session_id: ID | None = strawberry.field(description="The checkout it was made in.")
    description: str | None = strawberry.field(description="What it is for, in words.")
    statement_descriptor: str | None = strawberry.field(description="What the bank shows.")
    metadata: Metadata = strawberry.field(description="Your own notes.")
    expires_at: datetime | None = strawberry.field(description="Until when the customer can confirm it.")
    succeeded_at: datetime | None = strawberry.field(description="When the money moved.")
    version: int = strawberry.field(description="Raised by every change.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, row: tables.Payment) -> "Payment":
        refunded = rows.refund_status(row)
        action = rows.loaded(row.action_json)
        return cls(
            id=ID(row.id),
            row=row,
            status=PaymentStatus(row.status),
            purpose=Purpose(row.purpose),
            total_amount=Money.of(row.total_minor, row.currency),
            tax=Money.of(row.tax_minor, row.currency),
            wallet_amount=Money.of(row.wallet_minor, row.currency),
            source_amount=Money.of(row.source_minor, row.currency),
            settlement_amount=Money.of(row.total_minor, row.currency),
            amount_refunded=Money.of(row.refunded_minor, row.currency),
            amount_refundable=Money.of(rows.refundable_minor(row), row.currency),
            refund_status=PaymentRefundStatus(refunded) if refunded else None,
            customer_id=_id(row.customer_id),
            source_id=_id(row.source_id),
            payment_method=row.payment_method,
            payment_provider=row.processor,
            outcome_unknown=row.outcome_unknown,
            action_url=action["url"] if action else None,
            on_session=row.on_session,
            retry_attempt=row.retry_attempt,
            retry_of_id=_id(row.retry_of),
            checkout_session_id=_id(row.checkout_session_id),
            description=row.description,
            statement_descriptor=row.statement_descriptor,
            metadata=Metadata(orjson.loads(row.metadata_json)),
            expires_at=row.expires_at,
            succeeded_at=row.succeeded_at,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(description="What was paid for (PM3).")
    def lines(self) -> list[PaymentLine]:
        return [PaymentLine.of(line, self.row.currency, self.row) for line in rows.lines(self.row)]

    @strawberry.field(description="The customer as it was then; null for an anonymous charge.")
    def customer_details(self) -> PaymentCustomer | None:
        copy = rows.loaded(self.row.customer_json)
        return PaymentCustomer(**copy) if copy else None

    @strawberry.field(description="The address it was billed to, as it was then.")
    def billing(self) -> BillingAddress | None:
        return BillingAddress.of(self.row.billing_json) if self.row.billing_json else None

    @strawberry.field(description="The card that was charged, as it was then; null for everything else.")
    def card(self) -> PaymentCard | None:
        known = rows.loaded(self.row.instrument_json)
        return PaymentCard.of(known) if known and known["type"] == "card" else None

    @strawberry.field(description="The proof of who paid, where there was one.")
    def three_ds(self) -> ThreeDSecure | None:
        known = rows.loaded(self.row.three_ds_json)
        return (
            ThreeDSecure(**{name: known.get(name) for name in ("status", "flow", "version")})
            if known
            else None
        )

    @strawberry.field(
        description="Why it failed; look at `status` first. A customer session reads `GENERIC_DECLINE` in place of a "
        "code that would help a thief (PM32)."
    )
    def error_code(self, info: Info) -> DeclineCode | None:
        return payments.shown_code(info.context, self.row.error_code)

    @strawberry.field(description="The same in words that the customer may read.")
    def error_message(self) -> str | None:
        return DECLINES[DeclineCode(self.row.error_code)].shown_as if self.row.error_code else None

    @strawberry.field(description="How the failure is to be taken; null when there was none.")
    def decline(self, info: Info) -> PaymentDecline | None:
        code = payments.shown_code(info.context, self.row.error_code)
        known = rows.decline(code)
        if known is None or self.row.error_code is None:
            return None
        message = DECLINES[DeclineCode(self.row.error_code)].shown_as
        return PaymentDecline(**{**known, "type": DeclineType(known["type"]), "customer_message": message})

    @strawberry.field(
        description="Since when people have to look at it: its outcome is overdue (PM19c). Null for customer sessions."
    )
    def needs_review_at(self, info: Info) -> datetime | None:
        return None if info.context.caller.is_session else self.row.needs_review_at

    @strawberry.field(description="Every call to a processor about it, oldest first.")
    async def attempts(self, info: Info) -> list[PaymentAttempt]:
        ctx = info.context
        found = await payments.attempts_of(ctx, self.id)
        return [
            PaymentAttempt.of(
                each,
                payments.shown_code(ctx, each.decline_code),
                None if ctx.caller.is_session else each.raw_code,
            )
            for each in found
        ]

    @strawberry.field(description="Who pays, as it is now. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy(".types")] | None:
        from .types import Customer

        row = await customers.gated(info.context, self.customer_id) if self.customer_id else None
        return Customer.of(row) if row else None

    @strawberry.field(
        description="Its invoice, as soon as it has succeeded; null of a top-up, which has a receipt (PM60)."
    )
    async def invoice(self, info: Info) -> Annotated["Invoice", strawberry.lazy(".types_documents")] | None:
        from .types_documents import Invoice

        row = await documents.invoice_of_payment(info.context, self.id)
        return Invoice.of(row) if row else None

    @strawberry.field(description="Receipts of a top-up and of refunds, the oldest first (PM60, PM65).")
    async def receipts(self, info: Info) -> list[Annotated["Receipt", strawberry.lazy(".types_documents")]]:
        from .types_documents import Receipt

        return [Receipt.of(row) for row in await documents.receipts_of_payment(info.context, self.id)]

    @strawberry.field(description="The payment that this one tries again (PM19b), as it is now.")
    async def retry_of(self, info: Info) -> "Payment | None":
        row = await payments.one(info.context, self.retry_of_id) if self.retry_of_id else None
        return Payment.of(row) if row else None


def _id(value: str | None) -> ID | None:
    return None if value is None else ID(value)
