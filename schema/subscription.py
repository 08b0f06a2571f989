"""Live streams: what can be listened to (A50-A54). Each begins at a cursor and misses nothing from there on."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry import ID, Private

from resolvers import checkout, streams
from saifu.feed import GapReason
from saifu.tables import Event as EventRow

from .described import described
from .inputs import EventFilter
from .scalars import Currency, Cursor
from .types import Event, LedgerEntry, Wallet
from .types_checkout import CheckoutSession
from .types_payments import Payment
from .values import Info, Money

T = TypeVar("T")

SHOWN_ROWS = 256

described(
    GapReason,
    "StreamGapReason",
    "Why a stream has a hole.",
    {
        GapReason.EXPIRED: "The cursor is older than what is kept; the stream goes on with the first event kept.",
        GapReason.SLOW_CONSUMER: "More than 1000 events waited to be read; the stream ends after this message.",
    },
)


@strawberry.type(
    description="Events are missing here, and the stream says so (ruling 13). `EXPIRED` goes on after `cursor`; "
    "`SLOW_CONSUMER` ends the stream, and nothing is lost when it is begun again from `cursor`."
)
class StreamGap:
    reason: GapReason = strawberry.field(description="Why.")
    cursor: Cursor = strawberry.field(description="What is kept begins after this place in the log.")

    @classmethod
    def of(cls, gap: streams.Gap) -> "StreamGap":
        return cls(reason=gap.reason, cursor=Cursor(gap.cursor))


@strawberry.type(description="All that was missed has been delivered; what follows is live.")
class StreamReady:
    cursor: Cursor = strawberry.field(description="Where the stream has got to; keep it to resume from.")


@strawberry.type(
    description="A wallet as it is when a stream begins; the changes that follow are not in it yet."
)
class WalletSnapshot:
    cursor: Cursor = strawberry.field(
        description="Where the changes that follow begin; keep it to resume from."
    )
    wallet: Wallet = strawberry.field(description="The wallet, with its balance and sequence.")

    @classmethod
    def of(cls, snapshot: streams.Snapshot) -> "WalletSnapshot":
        return cls(cursor=Cursor(snapshot.cursor), wallet=Wallet.of(snapshot.wallet))


@strawberry.type(
    description="One ledger entry, and the balance it left. Every entry comes, in the order of `sequence`."
)
class WalletChange:
    cursor: Cursor = strawberry.field(
        description="Keep it: a stream that begins `after` it goes on with the next change."
    )
    row: Private[Any]

    @strawberry.field(description="The entry.")
    def entry(self) -> LedgerEntry:
        return LedgerEntry.of(self.row)

    @strawberry.field(description="The balance right after the entry; never older or newer.")
    def balance(self) -> Money:
        return Money.of(self.row.after_minor, self.row.currency)

    @classmethod
    def of(cls, change: streams.Change) -> "WalletChange":
        return cls(cursor=Cursor(change.cursor), row=change.entry)


@strawberry.type(
    description="A checkout session as it is, when the stream begins, and then after everything that happened "
    "to it or to a payment made from it. Never older than the event at `cursor`."
)
class CheckoutSessionChange:
    cursor: Cursor = strawberry.field(
        description="Keep it: a stream that begins `after` it goes on with the next change."
    )
    row: Private[Any]

    @strawberry.field(description="The session.")
    def checkout_session(self, info: Info) -> CheckoutSession:
        return CheckoutSession.of(self.row, info.context)

    @classmethod
    def of(cls, now: checkout.SessionNow) -> "CheckoutSessionChange":
        return cls(cursor=Cursor(now.cursor), row=now.session)


@strawberry.type(
    description="A payment after something happened to it: as it is now, never older than the event at `cursor`."
)
class PaymentUpdate:
    cursor: Cursor = strawberry.field(
        description="Keep it: a stream that begins `after` it goes on with the next change."
    )
    row: Private[Any]

    @strawberry.field(description="The payment.")
    def payment(self) -> Payment:
        return Payment.of(self.row)

    @classmethod
    def of(cls, now: streams.PaymentNow) -> "PaymentUpdate":
        return cls(cursor=Cursor(now.cursor), row=now.payment)


EventMessage = Annotated[
    Event | StreamGap | StreamReady,
    strawberry.union("EventMessage", description="What a stream of events says."),
]
WalletBalanceMessage = Annotated[
    WalletSnapshot | WalletChange | StreamGap,
    strawberry.union("WalletBalanceMessage", description="What a stream of wallets says."),
]
CheckoutSessionMessage = Annotated[
    CheckoutSessionChange | StreamGap,
    strawberry.union("CheckoutSessionMessage", description="What a stream of a checkout session says."),
]
PaymentMessage = Annotated[
    PaymentUpdate | StreamGap | StreamReady,
    strawberry.union("PaymentMessage", description="What a stream of payments says."),
]
After = Annotated[
    Cursor | None,
    strawberry.argument(
        description="The cursor of the last message that was taken in: what was missed since comes first. `0` is the "
        "first event kept; null begins now. An unusable one is an error (`BAD_USER_INPUT`), never taken for now."
    ),
]


class _Shown:
    """What rows were last shown as: all who listen are given one object for one row, and it is executed once."""

    def __init__(self, show: Callable[..., Any]) -> None:
        self._show = show
        self._recent: dict[int, tuple[Any, Any]] = {}

    def __call__(self, row: Any, *more: Any) -> Any:
        found = self._recent.get(id(row))
        if found is None:
            if len(self._recent) >= SHOWN_ROWS:
                self._recent.clear()
            # With the row, so that its id is nobody else's.
            found = self._recent[id(row)] = (row, self._show(row, *more))
        return found[1]


_event = _Shown(Event.of)
_change = _Shown(lambda _entry, change: WalletChange.of(change))


def _event_message(message: EventRow | streams.Gap | streams.Ready) -> Any:
    match message:
        case EventRow():
            return _event(message)
        case streams.Gap():
            return StreamGap.of(message)
        case streams.Ready():
            return StreamReady(cursor=Cursor(message.cursor))


def _payment_message(message: streams.PaymentNow | streams.Gap | streams.Ready) -> Any:
    match message:
        case streams.PaymentNow():
            return PaymentUpdate.of(message)
        case streams.Gap():
            return StreamGap.of(message)
        case streams.Ready():
            return StreamReady(cursor=Cursor(message.cursor))


def _wallet_message(message: streams.Snapshot | streams.Change | streams.Gap) -> Any:
    match message:
        case streams.Snapshot():
            return WalletSnapshot.of(message)
        case streams.Change():
            return _change(message.entry, message)
        case streams.Gap():
            return StreamGap.of(message)


def _checkout_message(message: checkout.SessionNow | streams.Gap) -> Any:
    if isinstance(message, streams.Gap):
        return StreamGap.of(message)
    return CheckoutSessionChange.of(message)


async def _shown(messages: AsyncGenerator[T, None], show: Callable[[T], Any]) -> AsyncGenerator[Any, None]:
    async with aclosing(messages):
        async for message in messages:
            yield show(message)


@strawberry.type(
    description="Live streams over websocket, protocol graphql-transport-ws. Delivery is at least once on the wire and "
    "in order per customer; whoever keeps the last cursor and resumes from it ends with every message exactly once."
)
class Subscription:
    @strawberry.subscription(
        description="The event log from a cursor on: first what was missed, then `StreamReady`, then what happens "
        "(A51). A customer session sees its own customer's events. Needs `EVENTS_READ`. "
        "Errors: `BAD_USER_INPUT` for an unusable cursor or an unknown customer, `FORBIDDEN`."
    )
    async def events(
        self,
        info: Info,
        after: After = None,
        filter: Annotated[  # noqa: A002
            EventFilter | None, strawberry.argument(description="Which events; null for all.")
        ] = None,
    ) -> AsyncGenerator[EventMessage, None]:
        types = filter.types if filter else None
        customer_id = filter.customer_id if filter else None
        return _shown(await streams.events(info.context, after, types, customer_id), _event_message)

    @strawberry.subscription(
        description="A customer's wallets: first each as it is, with its cursor, then every change (A52). With `after` "
        "the changes since that cursor come instead of the first snapshot; after a gap the wallets are shown as they "
        "are. Needs `WALLETS_READ`. Errors: `BAD_USER_INPUT` for an unusable cursor, a currency that is not enabled or "
        "an unknown customer, `FORBIDDEN`."
    )
    async def wallet_balance(
        self,
        info: Info,
        customer_id: Annotated[ID, strawberry.argument(description="Whose wallets, cus_….")],
        currency: Annotated[
            Currency | None,
            strawberry.argument(description="Only this wallet; null for all enabled currencies."),
        ] = None,
        after: After = None,
    ) -> AsyncGenerator[WalletBalanceMessage, None]:
        messages = await streams.balance(info.context, customer_id, currency, after)
        return _shown(messages, _wallet_message)

    @strawberry.subscription(
        description="The `WALLET_BALANCE_LOW` alerts from a cursor on: what was missed, then `StreamReady`, then "
        "each as it happens (A53). Needs `WALLETS_READ`. Errors: as for `events`."
    )
    async def wallet_balance_low(
        self,
        info: Info,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's alerts, cus_…; null for all.")
        ] = None,
        after: After = None,
    ) -> AsyncGenerator[EventMessage, None]:
        return _shown(await streams.balance_low(info.context, after, customer_id), _event_message)

    @strawberry.subscription(
        description="A checkout session as it is, then after everything that happens to it or to its payments (A53). "
        "With `after` what happened since that cursor comes instead of the first. Needs `PAYMENTS_READ`, or the token "
        "of its link. Errors: `BAD_USER_INPUT` for an unusable cursor or an unknown session, `FORBIDDEN`."
    )
    async def checkout_session_updated(
        self,
        info: Info,
        id: Annotated[ID, strawberry.argument(description="Which session, `cks_…`.")],
        after: After = None,
    ) -> AsyncGenerator[CheckoutSessionMessage, None]:
        return _shown(await checkout.updated(info.context, id, after), _checkout_message)

    @strawberry.subscription(
        description="Payments from a cursor on, each after every transition: what was missed, then `StreamReady`, then "
        "what happens (A53). A customer session sees its own customer's. Needs `PAYMENTS_READ`. Errors: as for "
        "`events`, `BAD_USER_INPUT` also for an unknown payment."
    )
    async def payment_updated(
        self,
        info: Info,
        id: Annotated[
            ID | None, strawberry.argument(description="Only this payment, pay_…; null for all.")
        ] = None,
        customer_id: Annotated[
            ID | None, strawberry.argument(description="Only this customer's payments, cus_…; null for all.")
        ] = None,
        after: After = None,
    ) -> AsyncGenerator[PaymentMessage, None]:
        messages = await streams.payment_updated(info.context, after, customer_id, id)
        return _shown(messages, _payment_message)
