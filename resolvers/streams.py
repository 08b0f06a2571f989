"""Live streams: from a cursor to now, and then on (A50-A54). Rows of the log in, messages out."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import cursors, wallet_views
from saifu.events import EventType
from saifu.feed import Batch, GapReason, Interest, interest_in
from saifu.refusals import ErrorCode, Refusal
from saifu.tables import Customer, Event, LedgerEntry, Payment
from saifu.wallet_views import WalletView

from . import payments, permissions
from .context import Context

RETRY_S = 1.0
BUFFER = 1_000
"""How many events may wait for a live consumer before it is cut (A54, EV83)."""

_BALANCE_CHANGED = frozenset({EventType.WALLET_BALANCE_CHANGED.value})
_BALANCE_LOW = frozenset({EventType.WALLET_BALANCE_LOW.value})
_PAYMENT = frozenset(kind.value for kind in EventType if kind.value.startswith("payment."))
_KNOWN = select(Customer).where(col(Customer.id) == bindparam("customer_id"))

_told: ContextVar[int | str | None] = ContextVar("told", default=None)
"""In the task of a stream: the position, or the cursor, of the last message whose sending is over."""


def resume_from() -> str | None:
    """Asked in the task of a stream: the cursor of the last message whose sending is over."""
    told = _told.get()
    return cursors.cursor_of(told) if isinstance(told, int) else told


@dataclass(frozen=True, slots=True)
class Gap:
    """Events are missing here; what follows, or a new stream, begins after `cursor`."""

    reason: GapReason
    cursor: str


@dataclass(frozen=True, slots=True)
class Ready:
    """All that happened up to `cursor` has been delivered; what follows is live."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A wallet as it is; later changes have a higher sequence."""

    wallet: WalletView
    cursor: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry, and with it the balance it left."""

    entry: LedgerEntry
    cursor: str


@dataclass(frozen=True, slots=True)
class PaymentNow:
    """A payment after something happened to it: as it is now, never older than the event at `cursor`."""

    payment: Payment
    cursor: str


async def events(
    ctx: Context, after: str | None, types: Sequence[EventType] | None, customer_id: str | None
) -> AsyncGenerator[Event | Gap | Ready, None]:
    """Every event of interest after a cursor, a `Ready`, and then what happens (A51).

    Without types every type, also those of later versions; with an empty list none (EV51).

    Raises:
        Refusal: INVALID_QUERY_PARAMS for an unusable cursor, NOT_FOUND when there is no such customer
            for this caller (A27: it is not said which).
    """
    permissions.admit(ctx, "events")
    wanted = None if types is None else frozenset(map(str, types))
    interest = interest_in(await _customer(ctx, customer_id), wanted)
    return follow(ctx, await start(ctx, after), interest)


async def balance_low(
    ctx: Context, after: str | None, customer_id: str | None
) -> AsyncGenerator[Event | Gap | Ready, None]:
    """Every low-balance alert after a cursor, a `Ready`, and then as they happen (A53, W86)."""
    permissions.admit(ctx, "walletBalanceLow")
    interest = interest_in(await _customer(ctx, customer_id), _BALANCE_LOW)
    return follow(ctx, await start(ctx, after), interest)


async def balance(
    ctx: Context, customer_id: str, currency: str | None, after: str | None
) -> AsyncGenerator[Snapshot | Change | Gap, None]:
    """A customer's wallets as they are, then every change (A52); from a cursor, every change since.

    After a gap because the cursor is too old, the wallets are shown as they are and followed on.
    """
    permissions.admit(ctx, "walletBalance")
    owner = await _customer(ctx, customer_id)
    assert owner is not None
    watched = _Wallets(ctx, owner, _enabled(ctx, currency))
    position = await start(ctx, after)
    return watched.follow(position, fresh=after is None)


async def payment_updated(
    ctx: Context, after: str | None, customer_id: str | None, payment_id: str | None
) -> AsyncGenerator[PaymentNow | Gap | Ready, None]:
    """Every transition of payments after a cursor, a `Ready`, and then as they happen (A53).

    Raises:
        Refusal: as for `events`; NOT_FOUND also when there is no such payment for this caller.
    """
    permissions.admit(ctx, "paymentUpdated")
    owner = await _customer(ctx, customer_id)
    if payment_id is not None:
        owner = await _payer(ctx, owner, payment_id)
    position = await start(ctx, after)
    return _payments(ctx, position, interest_in(owner, _PAYMENT), payment_id)


async def _payer(ctx: Context, customer_id: str | None, payment_id: str) -> str | None:
    """The customer in whose order a payment's events are; None for one that has no customer."""
    found = await payments.one(ctx, payment_id)
    if found is None or (customer_id is not None and found.customer_id != customer_id):
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such payment.", ("id",))
    return found.customer_id


async def _payments(
    ctx: Context, position: int, interest: Interest, payment_id: str | None
) -> AsyncGenerator[PaymentNow | Gap | Ready, None]:
    async with aclosing(follow(ctx, position, interest)) as messages:
        async for message in messages:
            if not isinstance(message, Event):
                yield message
            elif payment_id is None or message.object_id == payment_id:
                payment = await payments.one(ctx, message.object_id)
                assert payment is not None, f"{message.id} tells of a payment that is not there"
                yield PaymentNow(payment, cursor_of(message))


class _Wallets:
    """Wallets of one customer that are being watched.

    A change that is in a snapshot does not come again, and none between the two is missing: the
    snapshot is taken after the position from which the log is followed, and each wallet's own
    sequence tells which entries it already holds.
    """

    def __init__(self, ctx: Context, customer_id: str, currencies: Sequence[str]) -> None:
        self._ctx = ctx
        self._customer_id = customer_id
        self._held = dict.fromkeys(currencies, 0)

    async def follow(self, position: int, fresh: bool) -> AsyncGenerator[Snapshot | Change | Gap, None]:
        for snapshot in await self.snapshots(position) if fresh else ():
            yield snapshot
        interest = interest_in(self._customer_id, _BALANCE_CHANGED)
        async with aclosing(follow(self._ctx, position, interest)) as messages:
            async for message in messages:
                for shown in await self.messages(message):
                    yield shown

    async def snapshots(self, position: int) -> list[Snapshot]:
        """The wallets as they are now, to be followed from a position that was reached before."""
        keys = [(self._customer_id, currency) for currency in self._held]
        views = await self._ctx.store.read(lambda tx: wallet_views.views(tx, keys), consistent=True)
        self._held = {currency: views[self._customer_id, currency].sequence for currency in self._held}
        cursor = cursors.cursor_of(max(position, 0))
        return [Snapshot(views[key], cursor) for key in keys]

    async def messages(self, message: Event | Gap | Ready) -> Sequence[Snapshot | Change | Gap]:
        """What a listener of wallets is told of a message of the log."""
        match message:
            case Event():
                return await self._changes(message)
            case Gap(reason=GapReason.EXPIRED):
                return [message, *await self.snapshots(cursors.position_of(message.cursor))]
            case Gap():
                return [message]
            case Ready():
                return []

    async def _changes(self, event: Event) -> list[Change]:
        data: dict[str, Any] = orjson.loads(event.data_json)
        held = self._held.get(data["currency"])
        if held is None or data["sequence"] <= held:
            return []
        entry = await self._ctx.feed.entries.get(data["id"])
        assert entry is not None, f"{event.id} tells of an entry that is not there"
        return [Change(entry, cursor_of(event))]


async def follow(
    ctx: Context, position: int, interest: Interest
) -> AsyncGenerator[Event | Gap | Ready, None]:
    """The one way in which every stream reads: from its position, wait, read again."""
    live, allowance = False, BUFFER
    every = ctx.caller.customer_id is None
    with ctx.feed.listen(interest) as listener:
        while True:
            behind = ctx.feed.behind(position, interest) if live else 0
            if behind > allowance:
                yield Gap(GapReason.SLOW_CONSUMER, cursors.cursor_of(position))
                return
            # What had gathered while the consumer waited for us is not its fault; it may only not grow.
            allowance = min(allowance, behind + BUFFER)
            batch = await _read(ctx, position, interest)
            if batch.floor is not None:
                yield Gap(GapReason.EXPIRED, cursors.cursor_of(batch.floor))
            for event in batch.events:
                assert every or ctx.sees(event.customer_id), "a stream is limited to what its caller sees"
                yield event
                _told.set(event.position)
            position = batch.position
            if batch.more:
                continue
            if not live:
                live = True
                yield Ready(cursors.cursor_of(position))
            _told.set(position)
            caught_up = not ctx.feed.behind(position, interest)
            await listener.wait()
            if caught_up:
                allowance = BUFFER + ctx.feed.behind(position, interest)


async def _read(ctx: Context, position: int, interest: Interest) -> Batch:
    """A stream outlives a database that is away for a moment: it has missed nothing, and reads on."""
    while True:
        try:
            return await ctx.feed.read(position, interest)
        except Refusal as refusal:
            if not refusal.manner.retryable:
                raise
            await asyncio.sleep(RETRY_S)


async def start(ctx: Context, after: str | None) -> int:
    """Where a stream begins: after its cursor, or now."""
    if after is None:
        position = await ctx.feed.now()
    else:
        position = await ctx.feed.position_after(after)
    _told.set(max(position, 0) if after is None else after)
    return position


async def _customer(ctx: Context, customer_id: str | None) -> str | None:
    """The one customer a stream is about: a session's own whether it is named or not (A41, EV82)."""
    if customer_id is None:
        return ctx.caller.customer_id
    visible = ctx.sees(customer_id) and "\0" not in customer_id
    if not visible or await ctx.store.read(lambda tx: tx.first(_KNOWN, customer_id=customer_id)) is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such customer.", ("customerId",))
    return customer_id


def _enabled(ctx: Context, currency: str | None) -> tuple[str, ...]:
    if currency is None:
        return tuple(ctx.settings.currencies)
    if currency not in ctx.settings.currencies:
        enabled = ", ".join(ctx.settings.currencies)
        raise Refusal(
            ErrorCode.UNSUPPORTED_CURRENCY, f"{currency} is not enabled; there are {enabled}.", ("currency",)
        )
    return (currency,)


def cursor_of(event: Event) -> str:
    assert event.position is not None, "only what has its place in the log is delivered"
    return cursors.cursor_of(event.position)
