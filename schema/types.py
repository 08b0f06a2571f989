"""Object types. They refer to each other in circles, so they live together; each knows how to read its row."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
import strawberry
from strawberry import ID, Private

from resolvers import customers, documents, events, lists, nodes, payments, sources, wallets
from resolvers.context import Context
from saifu import cursors, tables, wallet_views
from saifu.events import API_VERSION
from saifu.sources.kinds import SourceStatus, SourceType

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import (
    ContraAccount,
    CreationOrder,
    EntryType,
    EventOrder,
    EventType,
    Funding,
    Locale,
    LotStatus,
    ReferenceType,
)
from .enums_sources import SourceOrder
from .inputs import LedgerEntryFilter
from .inputs_documents import InvoiceFilter
from .inputs_payments import PaymentFilter
from .scalars import JSON, Currency, Cursor, Metadata
from .types_admin import ApiKey, AuditRecord
from .types_checkout import CheckoutSession
from .types_disputes import Dispute
from .types_documents import Invoice, Receipt
from .types_payments import Payment
from .types_refunds import Refund
from .types_sources import Source
from .values import Actor, BillingAddress, Info, Money, NextExpiry, Node, OfBusiness

LedgerOrder = Annotated[CreationOrder, strawberry.argument(description="How the list is sorted.")]
EntryFilter = Annotated[
    LedgerEntryFilter | None, strawberry.argument(description="Which entries; all conditions must hold.")
]
OneCurrency = Annotated[Currency, strawberry.argument(description="Which currency, such as USD.")]
AnyCurrency = Annotated[
    Currency | None, strawberry.argument(description="Only entries in this currency; null for all.")
]


@strawberry.type(
    description="Somebody who has wallets: one in every enabled currency, from the first moment (CU2)."
)
class Customer(Node, OfBusiness):
    email: str = strawberry.field(description="As it was given; several customers may share one (CU6).")
    name: str = strawberry.field(description="The full name.")
    phone_number: str | None = strawberry.field(description="Digits with an optional leading `+`.")
    metadata: Metadata = strawberry.field(description="Your own notes.")
    preferred_locale: Locale | None = strawberry.field(
        description="The language of messages; null is English."
    )
    billing_address: BillingAddress | None = strawberry.field(description="The default billing address.")
    blocked_at: datetime | None = strawberry.field(
        description="Since when the customer is blocked, if it is."
    )
    anonymised_at: datetime | None = strawberry.field(
        description="When the customer was deleted: personal data is gone, the ledger remains (CU50)."
    )
    version: int = strawberry.field(description="Raised by every change; see `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the customer was created.")
    updated_at: datetime = strawberry.field(description="When the customer last changed.")

    @classmethod
    def of(cls, row: tables.Customer) -> "Customer":
        address = row.billing_address_json
        return cls(
            id=ID(row.id),
            email=row.email,
            name=row.name,
            phone_number=row.phone_number,
            metadata=Metadata(orjson.loads(row.metadata_json)),
            preferred_locale=Locale(row.preferred_locale) if row.preferred_locale else None,
            billing_address=BillingAddress.of(address) if address else None,
            blocked_at=row.blocked_at,
            anonymised_at=row.anonymised_at,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(
        description="One wallet per enabled currency, in configured order. Needs `WALLETS_READ`, else null."
    )
    async def wallets(self, info: Info) -> "list[Wallet] | None":
        return [Wallet.of(view) for view in await wallets.of_customer(info.context, self.id)]

    @strawberry.field(
        description="The wallet in one currency; null when the currency is not enabled and was never used. "
        "Needs `WALLETS_READ`, else null."
    )
    async def wallet(self, info: Info, currency: OneCurrency) -> "Wallet | None":
        view = await wallets.of_customer_in(info.context, self.id, currency)
        return Wallet.of(view) if view else None

    @strawberry.field(
        description="All wallets together in US cents at the configured rates, for display only (W5). Null when a "
        "rate is missing (see `totalBalanceUsdMissing`), or without `WALLETS_READ`."
    )
    async def total_balance_usd(self, info: Info) -> Money | None:
        total = await wallets.total_usd(info.context, self.id)
        return None if total.cents is None else Money.of(total.cents, "USD")

    @strawberry.field(
        description="The currencies for which no rate is configured; empty when the total is known. Needs "
        "`WALLETS_READ`, else null."
    )
    async def total_balance_usd_missing(self, info: Info) -> list[Currency] | None:
        return [Currency(code) for code in (await wallets.total_usd(info.context, self.id)).missing]

    @strawberry.field(
        description="The customer's ledger in all currencies, the newest first. Needs `WALLETS_READ`, else null."
    )
    async def ledger_entries(
        self,
        info: Info,
        currency: AnyCurrency = None,
        filter: EntryFilter = None,  # noqa: A002
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[LedgerEntry] | None":
        listed = wallets.entries_of(info.context, self.id, currency, order_of(order_by), filters_of(filter))
        return await connect(info.context, listed, Paging(first, after, last, before), LedgerEntry.of)

    @strawberry.field(
        description="What can be charged, as far as it is attached, the newest attached first (SR55). Needs "
        "`SOURCES_READ`, else null."
    )
    async def sources(
        self,
        info: Info,
        type: Annotated[
            SourceType | None, strawberry.argument(description="Only of this type; null for all.")
        ] = None,
        status: Annotated[
            SourceStatus | None,
            strawberry.argument(description="Only with this status; what is attached is `CHARGEABLE`."),
        ] = None,
        order_by: Annotated[
            SourceOrder, strawberry.argument(description="How the list is sorted.")
        ] = SourceOrder.ATTACHED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[Source] | None":
        wanted = status and status.value
        listed = sources.of_customer(info.context, self.id, type, wanted, order_of(order_by))
        return await connect(info.context, listed, Paging(first, after, last, before), Source.of)

    @strawberry.field(
        description="What is charged unless another source is named (SR50); null when nothing is attached, or without "
        "`SOURCES_READ`."
    )
    async def default_source(self, info: Info) -> Source | None:
        row = await sources.default_of(info.context, self.id)
        return Source.of(row) if row else None

    @strawberry.field(
        description="What the customer paid, the newest first. Needs `PAYMENTS_READ`, else null."
    )
    async def payments(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            PaymentFilter | None, strawberry.argument(description="Which payments; null for all.")
        ] = None,
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[Payment] | None":
        filters = filter.asked() if filter else {}
        lists.period(filters)
        listed = payments.of_customer(info.context, self.id, order_of(order_by), filters)
        return await connect(info.context, listed, Paging(first, after, last, before), Payment.of)

    @strawberry.field(
        description="The customer's invoices, the newest first. Needs `PAYMENTS_READ`, else null."
    )
    async def invoices(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            InvoiceFilter | None, strawberry.argument(description="Which invoices; null for all.")
        ] = None,
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[Invoice] | None":
        asked = documents.filters(**filter.asked()) if filter else {}
        listed = documents.of_customer(info.context, self.id, order_of(order_by), asked)
        return await connect(info.context, listed, Paging(first, after, last, before), Invoice.of)

    @strawberry.field(
        description="What happened to the customer, the newest first. Needs `EVENTS_READ`, else null."
    )
    async def events(
        self,
        info: Info,
        types: Annotated[
            list[EventType] | None,
            strawberry.argument(description="Only events of these types; null for all."),
        ] = None,
        order_by: Annotated[
            EventOrder, strawberry.argument(description="How the list is sorted.")
        ] = EventOrder.CURSOR_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[Event] | None":
        listed = events.of_customer(info.context, self.id, types, order_of(order_by))
        return await connect(info.context, listed, Paging(first, after, last, before), Event.of)


@strawberry.type(description="A customer's money in one currency, changed only by ledger entries (W1).")
class Wallet(Node):
    currency: Currency = strawberry.field(description="The currency.")
    customer_id: ID = strawberry.field(description="Whose money it is.")
    balance: Money = strawberry.field(
        description="What can be spent now; funds that have expired are already left out (W75)."
    )
    paid_balance: Money = strawberry.field(description="The part that is the customer's own money.")
    promotional_balance: Money = strawberry.field(description="The part that was a gift.")
    next_expiry: NextExpiry | None = strawberry.field(
        description="The funds that expire next; null when none do."
    )
    low_balance_threshold: Money | None = strawberry.field(
        description="This wallet's own threshold: a debit that leaves less raises an alert. Null for the "
        "installation's default, if it has one (W80)."
    )
    sequence: int = strawberry.field(description="The number of the last ledger entry; 0 when there is none.")
    version: int = strawberry.field(description="Raised by every change; see `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the wallet was opened.")
    updated_at: datetime = strawberry.field(description="When the wallet last changed.")

    @classmethod
    def of(cls, view: wallet_views.WalletView) -> "Wallet":
        expiry, threshold = view.next_expiry, view.low_balance_threshold_minor
        return cls(
            id=ID(view.id),
            currency=Currency(view.currency),
            customer_id=ID(view.customer_id),
            balance=Money.of(view.balance_minor, view.currency),
            paid_balance=Money.of(view.paid_minor, view.currency),
            promotional_balance=Money.of(view.promotional_minor, view.currency),
            next_expiry=NextExpiry.of(expiry, view.currency) if expiry else None,
            low_balance_threshold=None if threshold is None else Money.of(threshold, view.currency),
            sequence=view.sequence,
            version=view.version,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )

    @strawberry.field(
        description="What was debited for payments that have not ended yet: it has left `balance`, and is back in it "
        "when they fail (W48, W49)."
    )
    async def pending_payment_amount(self, info: Info) -> Money:
        pending = await wallets.pending_payments(info.context, self.customer_id, self.currency)
        return Money.of(pending, self.currency)

    @strawberry.field(description="Whose money it is. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Customer | None:
        row = await customers.gated(info.context, self.customer_id)
        return Customer.of(row) if row else None

    @strawberry.field(description="The wallet's ledger, the newest entry first.")
    async def entries(
        self,
        info: Info,
        filter: EntryFilter = None,  # noqa: A002
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[LedgerEntry]":
        listed = wallets.entries_of(
            info.context, self.customer_id, self.currency, order_of(order_by), filters_of(filter)
        )
        return await connect(info.context, listed, Paging(first, after, last, before), LedgerEntry.of)

    @strawberry.field(description="What each credit brought and what is left of it, the newest first.")
    async def lots(
        self,
        info: Info,
        spendable: Annotated[
            bool, strawberry.argument(description="Only lots of which something can still be spent.")
        ] = False,
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "Connection[Lot]":
        listed = wallets.lots_of(info.context, self.customer_id, self.currency, order_of(order_by), spendable)
        now = info.context.clock.now()
        return await connect(
            info.context, listed, Paging(first, after, last, before), lambda row: Lot.of(row, now)
        )

    @strawberry.field(
        description="What could be spent at an instant, expired funds left out; 0 before the first entry. Of an "
        "instant in the future: what would be left if nothing else happened."
    )
    async def balance_at(
        self,
        info: Info,
        as_of: Annotated[
            datetime, strawberry.argument(description="The instant, such as 2026-01-31T00:00:00Z.")
        ],
    ) -> Money:
        balance = await wallets.balance_at(info.context, self.customer_id, self.currency, as_of)
        return Money.of(balance, self.currency)


@strawberry.type(description="A part of a ledger entry: how much went into or came out of one lot (W71).")
class LedgerEntryLot:
    lot: "Lot" = strawberry.field(description="The lot, as it is now.")
    amount: Money = strawberry.field(description="How much of the entry; always positive.")


@strawberry.type(
    description="One movement of a wallet's money: a transfer from or to a contra account, sealed by a hash that "
    "covers all entries before it. Never changed and never deleted (W14)."
)
class LedgerEntry(Node, OfBusiness):
    row: Private[tables.LedgerEntry]
    customer_id: ID = strawberry.field(description="Whose wallet.")
    currency: Currency = strawberry.field(description="Which wallet of the customer's.")
    sequence: int = strawberry.field(description="The entry's number in its wallet: 1, 2, 3 … without a gap.")
    event_type: EntryType = strawberry.field(description="What made the entry.")
    is_credit: bool = strawberry.field(description="True when it added to the balance.")
    amount: Money = strawberry.field(description="How much; always positive, the direction is `isCredit`.")
    before_balance: Money = strawberry.field(description="The balance it found.")
    after_balance: Money = strawberry.field(description="The balance it left.")
    contra_account: ContraAccount = strawberry.field(description="The other side of the transfer.")
    reference_object_type: ReferenceType | None = strawberry.field(
        description="What kind of object caused it."
    )
    reference_object_id: ID | None = strawberry.field(description="The id of the object that caused it.")
    reason: str | None = strawberry.field(
        description="What was said about it: up to 500 characters of any script."
    )
    funding: Funding | None = strawberry.field(description="Credits only: where the money came from.")
    expires_at: datetime | None = strawberry.field(
        description="When the money of a credit expires; of an `EXPIRY` entry, when it did."
    )
    idempotency_key: str | None = strawberry.field(description="The key it was made with.")
    metadata: Metadata = strawberry.field(description="Your own notes.")
    actor: Actor = strawberry.field(description="Who made it.")
    created_at: datetime = strawberry.field(description="When it was made; never before the entry before it.")
    hash: str = strawberry.field(
        description="SHA-256 of its content and of the hash before it: 64 hexadecimal digits (see `ledgerVerify`)."
    )

    @classmethod
    def of(cls, row: tables.LedgerEntry) -> "LedgerEntry":
        def money(amount_minor: int) -> Money:
            return Money.of(amount_minor, row.currency)

        return cls(
            row=row,
            id=ID(row.id),
            customer_id=ID(row.customer_id),
            currency=Currency(row.currency),
            sequence=row.sequence,
            event_type=EntryType(row.entry_type),
            is_credit=row.is_credit,
            amount=money(row.amount_minor),
            before_balance=money(row.before_minor),
            after_balance=money(row.after_minor),
            contra_account=ContraAccount(row.contra_account),
            reference_object_type=ReferenceType(row.reference_type) if row.reference_type else None,
            reference_object_id=ID(row.reference_id) if row.reference_id else None,
            reason=row.reason,
            funding=Funding(row.funding) if row.funding else None,
            expires_at=row.expires_at,
            idempotency_key=row.idempotency_key,
            metadata=Metadata(orjson.loads(row.metadata_json)),
            actor=Actor.of(row.actor_type, row.actor_id),
            created_at=row.created_at,
            hash=row.hash,
        )

    @strawberry.field(
        description="Which lots a credit filled or a debit drew from; the parts add up to the amount."
    )
    async def lots(self, info: Info) -> list[LedgerEntryLot]:
        now = info.context.clock.now()
        return [
            LedgerEntryLot(lot=Lot.of(lot, now), amount=Money.of(amount_minor, self.currency))
            for lot, amount_minor in await info.context.loaders.lot_parts.load(self.row)
        ]

    @strawberry.field(description="The wallet, as it is now.")
    async def wallet(self, info: Info) -> Wallet:
        return Wallet.of(await wallets.existing(info.context, self.customer_id, self.currency))

    @strawberry.field(description="Whose wallet it is. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Customer | None:
        row = await customers.gated(info.context, self.customer_id)
        return Customer.of(row) if row else None


@strawberry.type(description="What one credit brought to a wallet, and what is left of it (W70).")
class Lot(Node):
    customer_id: ID = strawberry.field(description="Whose wallet.")
    currency: Currency = strawberry.field(description="Which wallet of the customer's.")
    origin_entry_id: ID = strawberry.field(description="The ledger entry that brought it.")
    funding: Funding = strawberry.field(description="Where the money came from.")
    original_amount: Money = strawberry.field(description="What it brought.")
    remaining_amount: Money = strawberry.field(description="What is left to spend; 0 once it has expired.")
    expires_at: datetime | None = strawberry.field(
        description="From this instant on it cannot be spent; null for never."
    )
    status: LotStatus = strawberry.field(description="What has become of it.")
    created_at: datetime = strawberry.field(description="When it was brought.")

    @classmethod
    def of(cls, row: tables.Lot, now: datetime) -> "Lot":
        status = LotStatus[wallet_views.status(row, now).upper()]
        remaining = row.remaining_minor if status is LotStatus.ACTIVE else 0
        return cls(
            id=ID(row.id),
            customer_id=ID(row.customer_id),
            currency=Currency(row.currency),
            origin_entry_id=ID(row.origin_entry_id),
            funding=Funding(row.funding),
            original_amount=Money.of(row.original_minor, row.currency),
            remaining_amount=Money.of(remaining, row.currency),
            expires_at=row.expires_at,
            status=status,
            created_at=row.created_at,
        )

    @strawberry.field(description="The ledger entry that brought it.")
    async def origin_entry(self, info: Info) -> LedgerEntry:
        return LedgerEntry.of(await wallets.entry_of_lot(info.context, self.origin_entry_id))

    @strawberry.field(description="The wallet it is part of, as it is now.")
    async def wallet(self, info: Info) -> Wallet:
        return Wallet.of(await wallets.existing(info.context, self.customer_id, self.currency))


@strawberry.type(description="Something that happened, as a row of the event log (A50).")
class Event(Node, OfBusiness):
    type: EventType = strawberry.field(description="What kind of thing happened.")
    name: str = strawberry.field(
        description="The type as webhooks spell it, such as `wallet.balance_changed`."
    )
    cursor: Cursor = strawberry.field(description="Its place in the whole log, to resume a stream from.")
    sequence: int = strawberry.field(
        description="Its number among the events of its order key, without a gap."
    )
    order_key: str = strawberry.field(
        description="What it is ordered within: the customer's id, or the object's own when it has no customer."
    )
    customer_id: ID | None = strawberry.field(description="The customer it concerns.")
    object_id: ID = strawberry.field(description="The id of what it is about.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    data: JSON = strawberry.field(
        description="The object right after the change, as sent to webhooks; `payload_type` names its shape."
    )

    @classmethod
    def of(cls, row: tables.Event) -> "Event":
        assert row.position is not None, f"{row.id} has no place in the log yet"
        return cls(
            id=ID(row.id),
            type=EventType(row.type),
            name=row.type,
            cursor=Cursor(cursors.cursor_of(row.position)),
            sequence=row.sequence,
            order_key=row.order_key,
            customer_id=ID(row.customer_id) if row.customer_id else None,
            object_id=ID(row.object_id),
            occurred_at=row.occurred_at,
            data=JSON(orjson.loads(row.data_json)),
        )

    @strawberry.field(description="The version of the shape of `data`.")
    def api_version(self) -> str:
        return API_VERSION

    @strawberry.field(
        description="What it is about, as it is now, never older than the event; null when the caller may not see it."
    )
    async def object(self, info: Info) -> Node | None:
        return node_of(await nodes.find(info.context, self.object_id), info.context)

    @strawberry.field(
        description="The customer it concerns, as it is now. Needs `CUSTOMERS_READ`, else null."
    )
    async def customer(self, info: Info) -> Customer | None:
        row = await customers.gated(info.context, self.customer_id) if self.customer_id else None
        return Customer.of(row) if row else None


@strawberry.type(description="A short-lived credential for a frontend, which sees one customer (A41).")
class CustomerSession(Node):
    customer_id: ID = strawberry.field(description="The one customer it sees.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    revoked_at: datetime | None = strawberry.field(description="When it was ended before its time.")

    @classmethod
    def of(cls, row: tables.CustomerSession) -> "CustomerSession":
        return cls(
            id=ID(row.id),
            customer_id=ID(row.customer_id),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )

    @strawberry.field(description="The one customer it sees. Needs `CUSTOMERS_READ`, else null.")
    async def customer(self, info: Info) -> Customer | None:
        row = await customers.gated(info.context, self.customer_id)
        return Customer.of(row) if row else None


_OF: Mapping[type, Callable[[Any, Context], Node]] = {
    tables.Customer: lambda row, _: Customer.of(row),
    wallet_views.WalletView: lambda row, _: Wallet.of(row),
    tables.LedgerEntry: lambda row, _: LedgerEntry.of(row),
    tables.Lot: lambda row, ctx: Lot.of(row, ctx.clock.now()),
    tables.Source: lambda row, _: Source.of(row),
    tables.Payment: lambda row, _: Payment.of(row),
    tables.CheckoutSession: CheckoutSession.of,
    tables.Invoice: lambda row, _: Invoice.of(row),
    tables.Receipt: lambda row, _: Receipt.of(row),
    tables.Refund: lambda row, _: Refund.of(row),
    tables.Dispute: lambda row, ctx: Dispute.of(row, ctx.clock.now()),
    tables.Event: lambda row, _: Event.of(row),
    tables.ApiKey: lambda row, _: ApiKey.of(row),
    tables.CustomerSession: lambda row, _: CustomerSession.of(row),
    tables.AuditRecord: lambda row, _: AuditRecord.of(row),
}
NODE_TYPES = (
    Customer,
    Wallet,
    LedgerEntry,
    Lot,
    Source,
    Payment,
    CheckoutSession,
    Invoice,
    Receipt,
    Refund,
    Dispute,
    Event,
    ApiKey,
    CustomerSession,
    AuditRecord,
)


def node_of(row: Any, ctx: Context) -> Node | None:
    """Any row as its GraphQL object."""
    return None if row is None else _OF[type(row)](row, ctx)


def filters_of(given: LedgerEntryFilter | None) -> dict[str, Any]:
    filters = lists.given(**given.asked()) if given else {}
    lists.period(filters)
    return filters
