"""Invoices and receipts, as clients see them: what was frozen when they were issued (PM62, PM63)."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID, Private

from resolvers import customers, payments
from saifu import tables
from saifu.documents import content
from saifu.documents.content import Content

from .enums_documents import InvoiceKind, InvoiceStatus, ReceiptKind
from .types_payments import Payment
from .values import BillingAddress, Info, Money, Node, OfBusiness

if TYPE_CHECKING:
    from .types import Customer


@strawberry.type(description="Who issued a document, as of that moment.")
class DocumentBusiness:
    name: str = strawberry.field(description="The name of the business.")
    contact: str = strawberry.field(
        description="Its address and contact, in one line; empty when there is none."
    )


@strawberry.type(
    description="To whom a document was issued, as of that moment; kept when the customer is deleted (CU54)."
)
class DocumentRecipient:
    name: str = strawberry.field(description="The name.")
    email: str = strawberry.field(description="The address for mail.")
    address: BillingAddress | None = strawberry.field(description="The postal address.")

    @classmethod
    def of(cls, known: content.Recipient) -> "DocumentRecipient":
        address = known.address
        return cls(
            name=known.name,
            email=known.email,
            address=BillingAddress(
                country=address.country or "",
                city=address.city,
                state=address.state,
                street=address.street,
                zipcode=address.zipcode,
            )
            if address
            else None,
        )


@strawberry.type(description="One line of a document.")
class DocumentLine:
    name: str = strawberry.field(description="What it is.")
    description: str | None = strawberry.field(description="More about it.")
    quantity: int = strawberry.field(description="How many.")
    unit_price: Money = strawberry.field(description="The price of one, as it was given.")
    tax_rate_bps: int | None = strawberry.field(
        description="The rate of tax in hundredths of a percent: 1900 is 19 %; null when none was named."
    )
    tax_inclusive: bool = strawberry.field(description="Whether the price holds its tax.")
    tax: Money = strawberry.field(description="The tax of the whole line.")
    amount: Money = strawberry.field(description="The whole line, tax included.")

    @classmethod
    def of(cls, line: content.Line, currency: str) -> "DocumentLine":
        return cls(
            name=line.name,
            description=line.description,
            quantity=line.quantity,
            unit_price=Money.of(line.unit_amount, currency),
            tax_rate_bps=line.tax_rate_bps,
            tax_inclusive=line.tax_inclusive,
            tax=Money.of(line.tax, currency),
            amount=Money.of(line.amount, currency),
        )


@strawberry.type(
    description="Where a part of the money came from, or of a refund where it went (PM63, PM65)."
)
class DocumentPart:
    is_wallet: bool = strawberry.field(description="Whether it is the customer's stored balance.")
    amount: Money = strawberry.field(description="How much of the total.")
    payment_method: str | None = strawberry.field(description="The type of the source, such as `card`.")
    network: str | None = strawberry.field(description="Of a card, in lower case, such as `visa`.")
    last_four: str | None = strawberry.field(description="The last four digits.")

    @classmethod
    def of(cls, part: content.Part, currency: str) -> "DocumentPart":
        return cls(
            is_wallet=part.is_wallet,
            amount=Money.of(part.amount, currency),
            payment_method=part.method,
            network=part.network,
            last_four=part.last4,
        )


@strawberry.type
class Document(Node, OfBusiness):
    """What invoices and receipts have alike."""

    content: Private[Content]
    number: str | None = strawberry.field(
        description="Counted up without a gap (PM61), such as `INV-000001`."
    )
    customer_id: ID | None = strawberry.field(description="Whose it is; null of an anonymous payment.")
    payment_id: ID = strawberry.field(description="The payment that it is about.")
    subtotal: Money = strawberry.field(description="The total without its tax.")
    tax: Money = strawberry.field(description="The tax.")
    total: Money = strawberry.field(description="The total, tax included.")
    issued_at: datetime | None = strawberry.field(description="When it got its number.")

    @strawberry.field(description="Who issued it.")
    def business(self) -> DocumentBusiness:
        known = self.content.business
        return DocumentBusiness(name=known.name, contact=known.contact)

    @strawberry.field(description="To whom it was issued; null when nothing was known of who paid.")
    def recipient(self) -> DocumentRecipient | None:
        return DocumentRecipient.of(self.content.customer) if self.content.customer else None

    @strawberry.field(description="What was paid for; of a refund's receipt nothing.")
    def lines(self) -> list[DocumentLine]:
        return [DocumentLine.of(line, self.content.currency) for line in self.content.lines]

    @strawberry.field(description="From the wallet, from a card; the parts add up to the total.")
    def payment_parts(self) -> list[DocumentPart]:
        return [DocumentPart.of(part, self.content.currency) for part in self.content.parts]

    @strawberry.field(description="The payment, as it is now.")
    async def payment(self, info: Info) -> Payment | None:
        row = await payments.one(info.context, self.payment_id)
        return Payment.of(row) if row else None

    @strawberry.field(description="The customer, as it is now. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy(".types")] | None:
        from .types import Customer

        row = await customers.gated(info.context, self.customer_id) if self.customer_id else None
        return Customer.of(row) if row else None


@strawberry.type(
    description="The invoice of a payment, never changed (PM62): a refund brings a receipt of its own. "
    "`documentLinkCreate` makes links to it as a page and as a PDF."
)
class Invoice(Document):
    kind: InvoiceKind = strawberry.field(description="What it is for.")
    status: InvoiceStatus = strawberry.field(description="Where it stands.")
    due_at: datetime | None = strawberry.field(
        description="Until when it is to be paid; null of one that was paid."
    )
    paid_at: datetime | None = strawberry.field(description="When it was paid.")
    version: int = strawberry.field(description="Raised by every change of its status.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When its status last changed.")

    @classmethod
    def of(cls, row: tables.Invoice) -> "Invoice":
        known = Content.thawed(row.content_json)
        return cls(
            id=ID(row.id),
            content=known,
            number=row.number,
            kind=InvoiceKind(row.kind),
            status=InvoiceStatus(row.status),
            customer_id=_id(row.customer_id),
            payment_id=ID(known.payment_id),
            subtotal=Money.of(row.subtotal_minor, row.currency),
            tax=Money.of(row.tax_minor, row.currency),
            total=Money.of(row.total_minor, row.currency),
            issued_at=row.issued_at,
            due_at=row.due_at,
            paid_at=row.paid_at,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@strawberry.type(
    description="What confirms a top-up of a wallet (PM60) or a refund (PM65). `documentLinkCreate` makes links to it."
)
class Receipt(Document):
    kind: ReceiptKind = strawberry.field(description="What it confirms.")
    refund_id: ID | None = strawberry.field(description="The refund that it confirms; null of a top-up.")
    reason: str | None = strawberry.field(description="Why it was refunded, if that was said.")
    invoice_number: str | None = strawberry.field(
        description="Of a refund: the number of the payment's invoice."
    )

    @classmethod
    def of(cls, row: tables.Receipt) -> "Receipt":
        known = Content.thawed(row.content_json)
        refund = known.refund
        return cls(
            id=ID(row.id),
            content=known,
            number=row.number,
            kind=ReceiptKind(row.kind),
            customer_id=_id(row.customer_id),
            payment_id=ID(row.payment_id),
            subtotal=Money.of(known.subtotal, row.currency),
            tax=Money.of(known.tax, row.currency),
            total=Money.of(row.total_minor, row.currency),
            issued_at=row.issued_at,
            refund_id=ID(refund.refund_id) if refund else None,
            reason=refund.reason if refund else None,
            invoice_number=refund.invoice_number if refund else None,
        )


def _id(value: str | None) -> ID | None:
    return None if value is None else ID(value)
