"""What a client can ask. What does not exist and what the caller may not see are the same null (A27)."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import audit, customers, events, keys, nodes, operations, wallets
from saifu.customers import CustomerFilter
from saifu.events import KINDS
from saifu.wallet_reports import Period

from .connections import After, Before, Connection, First, Last, Paging, connect, order_of
from .enums import CreationOrder, CustomerOrder, EventOrder, EventType, Granularity
from .inputs import AuditLogFilter, CustomerFilterInput, EventFilter
from .query_checkout import CheckoutQueries
from .query_disputes import DisputeQueries
from .query_documents import DocumentQueries
from .query_payments import PaymentQueries
from .query_refunds import RefundQueries
from .query_sources import SourceQueries
from .reports import BalanceTrend, Cut, From, LedgerVerification, SpendReport, Timezone, To, TrialBalance
from .types import (
    AnyCurrency,
    Customer,
    EntryFilter,
    Event,
    LedgerEntry,
    LedgerOrder,
    OneCurrency,
    Wallet,
    filters_of,
    node_of,
)
from .types_admin import ApiKey, AuditRecord, Viewer
from .values import Info, Node

OneCustomer = Annotated[ID, strawberry.argument(description="Which customer, `cus_…`.")]


@strawberry.type(description="One type of event: how webhooks spell it, what it carries, when it is sent.")
class EventTypeInfo:
    type: EventType = strawberry.field(description="The type.")
    name: str = strawberry.field(description="As webhooks spell it, such as `customer.created`.")
    payload_type: str = strawberry.field(description="The shape of `data`.")
    sent_when: str = strawberry.field(description="When it is sent.")


@strawberry.type(description="A request that was carried out (A32).")
class Operation:
    mutation: str = strawberry.field(description="Which mutation it was, such as `ledgerEntryCreate`.")
    created_at: datetime = strawberry.field(description="When it was carried out.")
    result: Node | None = strawberry.field(
        description="The object it made or changed, as it is now; null when the caller may not read it."
    )


@strawberry.type(description="Everything that can be asked.")
class Query(SourceQueries, PaymentQueries, CheckoutQueries, DocumentQueries, RefundQueries, DisputeQueries):
    @strawberry.field(
        description="Any object by its id; null when there is none or the caller may not see it (A2, A27)."
    )
    async def node(
        self,
        info: Info,
        id: Annotated[ID, strawberry.argument(description="The id, such as `wlt_01J8…_USD`.")],
    ) -> Node | None:
        return node_of(await nodes.find(info.context, id), info.context)

    @strawberry.field(
        description="Many objects by their ids, in the same order, null for each that there is not. More than 100 ids "
        "are `BAD_USER_INPUT`."
    )
    async def nodes(
        self, info: Info, ids: Annotated[list[ID], strawberry.argument(description="At most 100 ids.")]
    ) -> list[Node | None]:
        return [node_of(row, info.context) for row in await nodes.find_all(info.context, ids)]

    @strawberry.field(
        description="Who is asking: the credential, its scopes, the mode, the enabled currencies."
    )
    async def viewer(self, info: Info) -> Viewer:
        return Viewer.of(info.context.caller)

    @strawberry.field(
        description="A customer by its id, also one that was deleted (CU35). Needs `CUSTOMERS_READ`."
    )
    async def customer(self, info: Info, id: OneCustomer) -> Customer | None:
        row = await customers.one(info.context, id)
        return Customer.of(row) if row else None

    @strawberry.field(
        description="Customers, the newest first unless said; a session sees its own only. Needs `CUSTOMERS_READ`."
    )
    async def customers(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            CustomerFilterInput | None,
            strawberry.argument(description="Which customers; null for all living."),
        ] = None,
        order_by: Annotated[
            CustomerOrder, strawberry.argument(description="How the list is sorted.")
        ] = CustomerOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Customer]:
        wanted = filter.filter() if filter else CustomerFilter()
        listed = customers.listed(info.context, order_of(order_by), wanted)
        return await connect(info.context, listed, Paging(first, after, last, before), Customer.of)

    @strawberry.field(
        description="A customer's wallet in one currency; null also when the currency is neither enabled nor was ever "
        "used (W4). Needs `WALLETS_READ`."
    )
    async def wallet(self, info: Info, customer_id: OneCustomer, currency: OneCurrency) -> Wallet | None:
        view = await wallets.one(info.context, customer_id, currency)
        return Wallet.of(view) if view else None

    @strawberry.field(
        description="The ledger of the whole business or of one customer, the newest entry first unless said. Needs "
        "`WALLETS_READ`."
    )
    async def ledger_entries(  # noqa: PLR0913, PLR0917 - the arguments of the contract
        self,
        info: Info,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's, `cus_…`; null for all.")
        ] = None,
        currency: AnyCurrency = None,
        filter: EntryFilter = None,  # noqa: A002
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LedgerEntry]:
        listed = wallets.entries(info.context, customer_id, currency, order_of(order_by), filters_of(filter))
        return await connect(info.context, listed, Paging(first, after, last, before), LedgerEntry.of)

    @strawberry.field(
        description="Money in and out per bucket of `[from, to)`, of one customer or of the whole business, in one "
        "currency (W90-W92, W94). Needs `WALLETS_READ`. A period that cannot be cut is `BAD_USER_INPUT`."
    )
    async def wallet_spend_report(
        self,
        info: Info,
        currency: OneCurrency,
        from_: From,
        to: To,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's, `cus_…`; null for all.")
        ] = None,
        granularity: Cut = Granularity.DAY,
        timezone: Timezone = "UTC",
    ) -> SpendReport | None:
        period = Period(from_, to, granularity, timezone)
        found = await wallets.spend_report(info.context, currency, period, customer_id)
        return SpendReport.of(*found, currency) if found else None

    @strawberry.field(
        description="A wallet's balance at the end of every bucket of `[from, to)` (W93). Needs `WALLETS_READ`. A "
        "period that cannot be cut is `BAD_USER_INPUT`."
    )
    async def wallet_balance_trend(
        self,
        info: Info,
        customer_id: OneCustomer,
        currency: OneCurrency,
        from_: From,
        to: To,
        granularity: Cut = Granularity.DAY,
        timezone: Timezone = "UTC",
    ) -> BalanceTrend | None:
        period = Period(from_, to, granularity, timezone)
        found = await wallets.balance_trend(info.context, customer_id, currency, period)
        return BalanceTrend.of(found, currency) if found else None

    @strawberry.field(
        description="All wallets and all contra accounts of each currency: the sum is 0, or something is wrong "
        "(ruling 11). Needs `WALLETS_READ`; not for customer sessions."
    )
    async def trial_balance(
        self,
        info: Info,
        as_of: Annotated[
            datetime | None,
            strawberry.argument(
                description="With the entries up to this instant; null for now, with stored balances."
            ),
        ] = None,
    ) -> list[TrialBalance]:
        return [TrialBalance.of(found) for found in await wallets.trial_balance(info.context, as_of)]

    @strawberry.field(
        description="Recompute a wallet's ledger from its first entry, and name the first that does not hold (ruling "
        "12). Needs `WALLETS_READ`."
    )
    async def ledger_verify(
        self, info: Info, customer_id: OneCustomer, currency: OneCurrency
    ) -> LedgerVerification | None:
        verdict = await wallets.verify(info.context, customer_id, currency)
        return LedgerVerification.of(verdict) if verdict else None

    @strawberry.field(description="An event by its id. Needs `EVENTS_READ`.")
    async def event(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which event, `evt_…`.")]
    ) -> Event | None:
        row = await events.one(info.context, id)
        return Event.of(row) if row else None

    @strawberry.field(
        description="The event log, the newest first unless said; the same rows as webhooks and streams (A50). Needs "
        "`EVENTS_READ`."
    )
    async def events(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            EventFilter | None, strawberry.argument(description="Which events; null for all.")
        ] = None,
        order_by: Annotated[
            EventOrder, strawberry.argument(description="How the list is sorted.")
        ] = EventOrder.CURSOR_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Event]:
        customer_id, types = (filter.customer_id, filter.types) if filter else (None, None)
        listed = events.listed(info.context, customer_id, types, order_of(order_by))
        return await connect(info.context, listed, Paging(first, after, last, before), Event.of)

    @strawberry.field(description="Every type of event there is. Needs `EVENTS_READ`.")
    async def event_types(self) -> list[EventTypeInfo]:
        return [
            EventTypeInfo(
                type=kind, name=kind.value, payload_type=known.payload_type, sent_when=known.sent_when
            )
            for kind, known in KINDS.items()
        ]

    @strawberry.field(
        description="What became of a request whose answer was lost; null when it never happened (A32). Needs the "
        "scope that the request needed; not for customer sessions."
    )
    async def operation(
        self,
        info: Info,
        idempotency_key: Annotated[str, strawberry.argument(description="The key of the request.")],
        customer_id: Annotated[
            ID | None,
            strawberry.argument(
                description="Whose key, for ledger entries: their keys are each customer's own. Null for all others."
            ),
        ] = None,
    ) -> Operation | None:
        found = await operations.one(info.context, idempotency_key, customer_id)
        if found is None:
            return None
        result = node_of(found.result, info.context)
        return Operation(mutation=found.mutation, created_at=found.created_at, result=result)

    @strawberry.field(
        description="Who changed what, the newest first unless said (A43). Needs `AUDIT_READ`; not for "
        "customer sessions."
    )
    async def audit_log(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            AuditLogFilter | None, strawberry.argument(description="Which lines; null for all.")
        ] = None,
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditRecord]:
        listed = audit.listed(info.context, order_of(order_by), filter.asked() if filter else {})
        return await connect(info.context, listed, Paging(first, after, last, before), AuditRecord.of)

    @strawberry.field(
        description="Every API key, also revoked ones, the newest first unless said; never their secrets. Needs "
        "`KEYS_READ`; not for customer sessions."
    )
    async def api_keys(
        self,
        info: Info,
        order_by: LedgerOrder = CreationOrder.CREATED_AT_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ApiKey]:
        listed = keys.listed(info.context, order_of(order_by))
        return await connect(info.context, listed, Paging(first, after, last, before), ApiKey.of)
