"""Payment sources, as clients see them; each type knows how to read its row."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from strawberry import ID, Private

from resolvers import customers, sources
from saifu import tables
from saifu.sources import rows
from saifu.sources.kinds import SourceFlow, SourceStatus, SourceType, SourceUsage

from .enums_sources import (
    CodeVerificationStatus,
    MandateInterval,
    MandateNotification,
    MandateStatus,
    MandateType,
    RefundAttributesMethod,
    RefundAttributesStatus,
    SourceRedirectFailure,
    SourceRedirectStatus,
)
from .scalars import Currency, Metadata, MinorUnits
from .values import BillingAddress, Info, Money, Node, OfBusiness

if TYPE_CHECKING:
    from .types import Customer

_OVER = {SourceStatus.CONSUMED, SourceStatus.FAILED, SourceStatus.CANCELED}


@strawberry.type(description="Whose instrument it is.")
class SourceOwner:
    name: str | None = strawberry.field(description="The full name.")
    email: str | None = strawberry.field(description="The e-mail address.")
    phone: str | None = strawberry.field(description="Digits with an optional leading `+`.")
    address: BillingAddress | None = strawberry.field(description="The address.")

    @classmethod
    def of(cls, known: dict[str, Any]) -> "SourceOwner":
        address = known.get("address")
        return cls(
            name=known.get("name"),
            email=known.get("email"),
            phone=known.get("phone"),
            address=BillingAddress.of(orjson.dumps(address).decode()) if address else None,
        )


@strawberry.type(description="Where the customer goes to make a source chargeable (flow `REDIRECT`).")
class SourceRedirect:
    url: str | None = strawberry.field(description="Where to send the browser.")
    return_url: str | None = strawberry.field(
        description="Where the browser comes back to, with `source`, `livemode` and `client_secret`. Coming back "
        "proves nothing (SR25)."
    )
    status: SourceRedirectStatus = strawberry.field(description="What came of it.")
    failure_reason: SourceRedirectFailure | None = strawberry.field(description="Why it failed, if it did.")

    @classmethod
    def of(cls, known: dict[str, Any]) -> "SourceRedirect":
        why = known["failure_reason"]
        return cls(
            url=known["url"],
            return_url=known["return_url"],
            status=SourceRedirectStatus(known["status"]),
            failure_reason=SourceRedirectFailure(why) if why in set(SourceRedirectFailure) else None,
        )


@strawberry.type(description="Where the customer sends money to (flow `RECEIVER`).")
class SourceReceiver:
    address: str | None = strawberry.field(description="The account to send it to.")
    amount_received: MinorUnits = strawberry.field(description="What has arrived, in minor units.")
    amount_charged: MinorUnits = strawberry.field(description="What was charged of it.")
    amount_returned: MinorUnits = strawberry.field(description="What went back to the customer (SR62).")
    refund_attributes_status: RefundAttributesStatus = strawberry.field(
        description="Whether the account that refunds would go to is known."
    )
    refund_attributes_method: RefundAttributesMethod = strawberry.field(
        description="How that account is asked for."
    )

    @classmethod
    def of(cls, known: dict[str, Any]) -> "SourceReceiver":
        return cls(
            address=known["address"],
            amount_received=MinorUnits(known["amount_received"]),
            amount_charged=MinorUnits(known["amount_charged"]),
            amount_returned=MinorUnits(known["amount_returned"]),
            refund_attributes_status=RefundAttributesStatus(known["refund_attributes_status"]),
            refund_attributes_method=RefundAttributesMethod(known["refund_attributes_method"]),
        )


@strawberry.type(description="The code that the customer has to tell (flow `CODE_VERIFICATION`, SR26).")
class SourceCodeVerification:
    attempts_remaining: int = strawberry.field(description="How often it may still be tried: 3 at first.")
    status: CodeVerificationStatus = strawberry.field(description="What came of it.")


@strawberry.type(description="The customer's agreement to be debited (SR80-SR84).")
class SourceMandate:
    reference: str = strawberry.field(description="What the customer finds on statements; unique.")
    url: str | None = strawberry.field(
        description="The text that was agreed to, where there is a page of it."
    )
    status: MandateStatus = strawberry.field(description="Whether the customer has agreed.")
    type: MandateType = strawberry.field(description="How.")
    accepted_at: str | None = strawberry.field(description="When, in UTC; null before that.")
    amount: MinorUnits | None = strawberry.field(
        description="The most that one debit may take; null for any."
    )
    interval: MandateInterval = strawberry.field(description="How often it can be used.")
    notification_method: MandateNotification = strawberry.field(
        description="Who tells the customer of a debit."
    )

    @classmethod
    def of(cls, known: dict[str, Any]) -> "SourceMandate":
        acceptance, amount = known["acceptance"], known["amount"]
        return cls(
            reference=known["reference"],
            url=known["url"],
            status=MandateStatus(acceptance["status"]),
            type=MandateType(acceptance["type"]),
            accepted_at=acceptance["date"],
            amount=None if amount is None else MinorUnits(amount),
            interval=MandateInterval(known["interval"]),
            notification_method=MandateNotification(known["notification_method"]),
        )


@strawberry.type(description="What is known of a card; never its number (SR92).")
class SourceCard:
    brand: str | None = strawberry.field(description="Such as `visa`.")
    last4: str | None = strawberry.field(description="The last four digits.")
    exp_month: int | None = strawberry.field(description="1 to 12.")
    exp_year: int | None = strawberry.field(description="Four digits.")
    funding: str | None = strawberry.field(description="`credit`, `debit`, `prepaid` or `unknown`.")
    country: str | None = strawberry.field(description="Of the bank, ISO 3166-1 alpha-2.")
    name: str | None = strawberry.field(description="The name on the card.")
    three_d_secure: str | None = strawberry.field(
        description="`required`, `recommended`, `optional` or `not_supported`."
    )
    cvc_check: str | None = strawberry.field(description="What came of the check of the security code.")
    fingerprint: str | None = strawberry.field(description="Equal for the same physical card (SR93).")


@strawberry.type(description="What is known of an account (SR94).")
class SourceBankAccount:
    country: str | None = strawberry.field(description="ISO 3166-1 alpha-2.")
    bank_code: str | None = strawberry.field(
        description="The bank within its country, of a European account."
    )
    bank_name: str | None = strawberry.field(description="The bank's name, where it is known.")
    routing_number: str | None = strawberry.field(
        description="The bank's number, of an account in the United States."
    )
    last4: str | None = strawberry.field(description="The last four characters.")
    fingerprint: str | None = strawberry.field(description="Equal for the same account.")
    mandate_reference: str | None = strawberry.field(description="The reference of its mandate.")
    mandate_url: str | None = strawberry.field(description="Where the text of the mandate is shown.")


_BANK_TYPES = {
    SourceType.SEPA_DEBIT,
    SourceType.ACH_DEBIT,
    SourceType.ACH_CREDIT_TRANSFER,
}


@strawberry.type(description="One payment instrument of a customer (sources.md §1).")
class Source(Node, OfBusiness):
    row: Private[tables.Source]
    type: SourceType = strawberry.field(description="Which instrument it is.")
    usage: SourceUsage = strawberry.field(description="How often it can be charged.")
    flow: SourceFlow = strawberry.field(description="What the customer does to make it chargeable.")
    amount: Money | None = strawberry.field(description="The most it can be charged; null for any amount.")
    currency: Currency | None = strawberry.field(
        description="The currency it can be charged in; null for any."
    )
    customer_id: ID | None = strawberry.field(description="Whose it is, while it is attached.")
    attached_at: datetime | None = strawberry.field(description="When it was attached.")
    detached_at: datetime | None = strawberry.field(description="When it was detached.")
    is_default: bool = strawberry.field(
        description="Whether the customer's charges use it unless they name another."
    )
    duplicate_of: ID | None = strawberry.field(
        description="Another source of the customer that was attached before and is the same card (SR37)."
    )
    statement_descriptor: str | None = strawberry.field(
        description="What stands on the customer's statement: at most 22 characters."
    )
    metadata: Metadata = strawberry.field(description="Your own notes.")
    version: int = strawberry.field(description="Raised by every change; see `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, row: tables.Source) -> "Source":
        amount, currency = row.amount_minor, row.currency
        return cls(
            row=row,
            id=ID(row.id),
            type=SourceType(row.type),
            usage=SourceUsage(row.usage),
            flow=SourceFlow(row.flow),
            amount=Money.of(amount, currency) if amount is not None and currency else None,
            currency=Currency(currency) if currency else None,
            customer_id=ID(row.customer_id) if row.customer_id else None,
            attached_at=row.attached_at,
            detached_at=row.detached_at,
            is_default=row.is_default,
            duplicate_of=ID(row.duplicate_of) if row.duplicate_of else None,
            statement_descriptor=row.statement_descriptor,
            metadata=Metadata(orjson.loads(row.metadata_json)),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(description="Where it stands at this moment, to the second of its time limit (SR17).")
    def status(self, info: Info) -> SourceStatus:
        return SourceStatus(rows.status_at(self.row, info.context.clock.now()))

    @strawberry.field(description="Whose instrument it is; null once it is of no use any more (SR56).")
    def owner(self, info: Info) -> SourceOwner | None:
        known = rows.unpacked(self.row.owner_json)
        over = rows.status_at(self.row, info.context.clock.now()) in _OVER
        return None if known is None or over else SourceOwner.of(known)

    @strawberry.field(description="Where its customer goes; flow `REDIRECT`.")
    def redirect(self) -> SourceRedirect | None:
        known = rows.unpacked(self.row.redirect_json)
        return None if known is None else SourceRedirect.of(known)

    @strawberry.field(description="Where its customer sends money to; flow `RECEIVER`.")
    def receiver(self) -> SourceReceiver | None:
        known = rows.unpacked(self.row.receiver_json)
        return None if known is None else SourceReceiver.of(known)

    @strawberry.field(description="The code that its customer has to tell; flow `CODE_VERIFICATION`.")
    def code_verification(self) -> SourceCodeVerification | None:
        known = rows.unpacked(self.row.verification_json)
        if known is None:
            return None
        return SourceCodeVerification(
            attempts_remaining=known["attempts_remaining"], status=CodeVerificationStatus(known["status"])
        )

    @strawberry.field(description="Its customer's agreement to be debited.")
    def mandate(self) -> SourceMandate | None:
        known = rows.unpacked(self.row.mandate_json)
        return None if known is None else SourceMandate.of(known)

    @strawberry.field(description="The card, of type `CARD`.")
    def card(self) -> SourceCard | None:
        known = rows.unpacked(self.row.detail_json) if self.type is SourceType.CARD else None
        return None if known is None else _made_of(SourceCard, known, self.row.fingerprint)

    @strawberry.field(
        description="The account, of types `SEPA_DEBIT`, `ACH_DEBIT` and `ACH_CREDIT_TRANSFER`."
    )
    def bank_account(self) -> SourceBankAccount | None:
        known = rows.unpacked(self.row.detail_json) if self.type in _BANK_TYPES else None
        return None if known is None else _made_of(SourceBankAccount, known, self.row.fingerprint)

    @strawberry.field(description="Whose it is while it is attached. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy(".types")] | None:
        from .types import Customer

        row = await customers.gated(info.context, self.customer_id) if self.customer_id else None
        return Customer.of(row) if row else None


@strawberry.type(description="How a source stands, for a browser that holds its client secret (SR96).")
class SourceProgress:
    status: SourceStatus = strawberry.field(description="Where it stands.")
    flow: SourceFlow = strawberry.field(description="What the customer does to make it chargeable.")
    redirect_status: SourceRedirectStatus | None = strawberry.field(description="What came of the redirect.")
    amount: Money | None = strawberry.field(description="The most it can be charged; null for any amount.")
    currency: Currency | None = strawberry.field(description="Its currency; null for any.")

    @classmethod
    def of(cls, progress: sources.Progress) -> "SourceProgress":
        row, redirect = progress.source, rows.unpacked(progress.source.redirect_json)
        amount, currency = row.amount_minor, row.currency
        return cls(
            status=SourceStatus(progress.status),
            flow=SourceFlow(row.flow),
            redirect_status=SourceRedirectStatus(redirect["status"]) if redirect else None,
            amount=Money.of(amount, currency) if amount is not None and currency else None,
            currency=Currency(currency) if currency else None,
        )


def _made_of(kind: Any, known: dict[str, Any], fingerprint: str | None) -> Any:
    """An object of what is known, with null for what is not."""
    names = [field.python_name for field in kind.__strawberry_definition__.fields]
    return kind(**{**{name: known.get(name) for name in names}, "fingerprint": fingerprint})
