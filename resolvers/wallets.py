"""Wallets and their ledgers: who may read and change them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from saifu import usd, wallet_proofs, wallet_reports, wallet_views, wallets
from saifu.idempotency import Outcome
from saifu.keys import Scope
from saifu.ledger.reports import SpendBucket, Summary, TrendBucket
from saifu.paging import Order
from saifu.store import Tx
from saifu.tables import LedgerEntry, Lot
from saifu.wallet_proofs import CurrencyBalance, Verdict
from saifu.wallet_reports import Period
from saifu.wallet_views import WalletView
from saifu.wallets import ManualEntry, Posted

from .context import Context
from .lists import Listed
from .loaders import AT_READ


async def one(ctx: Context, customer_id: str, currency: str) -> WalletView | None:
    """A wallet, or None: no such customer, a currency neither enabled nor used (W4), or not for the caller (A27)."""
    if not ctx.sees(customer_id):
        return None
    view: WalletView | None = await ctx.loaders.wallets.load((customer_id, currency))
    there = view is not None and (currency in ctx.settings.currencies or view.sequence > 0)
    return view if there else None


async def existing(ctx: Context, customer_id: str, currency: str) -> WalletView:
    """The wallet of something that is certainly in it."""
    view = await ctx.loaders.wallets.load((customer_id, currency))
    assert isinstance(view, WalletView), f"no wallet {customer_id} {currency}"
    return view


async def of_customer(ctx: Context, customer_id: str) -> list[WalletView]:
    """Every enabled wallet of a customer the caller sees.

    Raises:
        AccessDenied: the caller may see customers, and not wallets.
    """
    ctx.require(Scope.WALLETS_READ)
    return list(await ctx.loaders.wallets_of.load(customer_id))


async def of_customer_in(ctx: Context, customer_id: str, currency: str) -> WalletView | None:
    ctx.require(Scope.WALLETS_READ)
    return await one(ctx, customer_id, currency)


async def pending_payments(ctx: Context, customer_id: str, currency: str) -> int:
    """What of a wallet that the caller sees was debited for payments still under way, in minor units (W49)."""
    pending_minor: int = await ctx.loaders.pending_payments.load((customer_id, currency))
    return pending_minor


async def total_usd(ctx: Context, customer_id: str) -> usd.Total:
    """All of a customer's wallets in US cents, or the currencies without a rate (W5)."""
    return usd.total(
        {view.currency: view.balance_minor for view in await of_customer(ctx, customer_id)},
        ctx.settings.usd_rates,
    )


async def entry(ctx: Context, entry_id: str) -> LedgerEntry | None:
    found = await ctx.loaders.entries.load(entry_id)
    return found if found and ctx.sees(found.customer_id) else None


async def entry_of_lot(ctx: Context, entry_id: str) -> LedgerEntry:
    found = await ctx.loaders.entries.load(entry_id)
    assert found is not None, f"a lot without its entry {entry_id}"
    return found


async def lot(ctx: Context, lot_id: str) -> Lot | None:
    found = await ctx.loaders.lots.load(lot_id)
    return found if found and ctx.sees(found.customer_id) else None


def entries(
    ctx: Context, customer_id: str | None, currency: str | None, order: Order, filters: Mapping[str, Any]
) -> Listed[LedgerEntry]:
    """The ledger of the business, or of one customer."""
    owner = ctx.narrowed(customer_id)
    hidden = customer_id is not None and not ctx.sees(customer_id)
    wanted = {"customer_id": owner, "currency": currency}
    narrow = {name: value for name, value in wanted.items() if value is not None}
    return Listed(wallet_views.ENTRIES, order, {**filters, **narrow}, owner=owner or "", nothing=hidden)


def entries_of(
    ctx: Context, customer_id: str, currency: str | None, order: Order, filters: Mapping[str, Any]
) -> Listed[LedgerEntry]:
    """One customer's or one wallet's ledger, beside others that are asked for at the same time.

    Raises:
        AccessDenied: the caller may see customers, and not ledgers.
    """
    ctx.require(Scope.WALLETS_READ)
    narrow = {} if currency is None else {"currency": currency}
    owner = f"{customer_id}/{currency or ''}"
    return Listed(wallet_views.ENTRIES, order, {**filters, **narrow}, parent=customer_id, owner=owner)


def lots_of(ctx: Context, customer_id: str, currency: str, order: Order, spendable: bool) -> Listed[Lot]:
    """What one wallet's credits brought, beside other wallets that are asked for at the same time."""
    ctx.require(Scope.WALLETS_READ)
    filters: dict[str, Any] = {"currency": currency}
    if spendable:
        filters["spendable_at"] = AT_READ
    return Listed(wallet_views.LOTS, order, filters, parent=customer_id, owner=f"{customer_id}/{currency}")


async def balance_at(ctx: Context, customer_id: str, currency: str, as_of: datetime) -> int:
    """What the wallet could spend at an instant, in minor units."""
    balance: int = await ctx.loaders.balances_at.load((customer_id, currency, as_of))
    return balance


async def spend_report(
    ctx: Context, currency: str, period: Period, customer_id: str | None
) -> tuple[tuple[SpendBucket, ...], Summary | None] | None:
    """Money in and out, of a customer or of the whole business, and a wallet's summary; None when it is not there."""
    owner = ctx.narrowed(customer_id)
    if owner is None:
        whole = await ctx.store.read(
            lambda tx: wallet_reports.spend_report(tx, currency, period), consistent=True
        )
        return whole, None
    if (customer_id is not None and not ctx.sees(customer_id)) or await one(ctx, owner, currency) is None:
        return None

    def read(tx: Tx) -> tuple[tuple[SpendBucket, ...], Summary | None]:
        buckets = wallet_reports.spend_report(tx, currency, period, owner)
        return buckets, wallet_reports.summaries(tx, [(owner, currency)])[owner, currency]

    return await ctx.store.read(read, consistent=True)


async def balance_trend(
    ctx: Context, customer_id: str, currency: str, period: Period
) -> tuple[TrendBucket, ...] | None:
    if await one(ctx, customer_id, currency) is None:
        return None
    return await ctx.store.read(
        lambda tx: wallet_reports.balance_trend(tx, customer_id, currency, period), consistent=True
    )


async def trial_balance(ctx: Context, as_of: datetime | None) -> list[CurrencyBalance]:
    currencies = ctx.settings.currencies
    return await ctx.store.read(
        lambda tx: wallet_proofs.trial_balance(tx, as_of, currencies), consistent=True
    )


async def verify(ctx: Context, customer_id: str, currency: str) -> Verdict | None:
    """Recompute a wallet's ledger from its first entry on; None when the caller sees no such wallet."""
    if await one(ctx, customer_id, currency) is None:
        return None
    return await ctx.store.read(lambda tx: wallet_proofs.verify(tx, customer_id, currency), consistent=True)


async def post(ctx: Context, entry: ManualEntry) -> Posted:
    return await ctx.store.write(lambda tx: wallets.post_manual(tx, entry, ctx.rules), ctx.origin)


async def set_threshold(
    ctx: Context,
    customer_id: str,
    currency: str,
    threshold_minor: int | None,
    expected_version: int | None,
    key: str | None,
) -> Outcome[WalletView]:
    return await ctx.store.write(
        lambda tx: wallets.set_threshold(
            tx, customer_id, currency, threshold_minor, expected_version, key, ctx.rules
        ),
        ctx.origin,
    )


async def update_lot_expiry(
    ctx: Context, lot_id: str, expires_at: datetime | None, key: str | None
) -> Outcome[Lot]:
    return await ctx.store.write(
        lambda tx: wallets.update_lot_expiry(tx, lot_id, expires_at, key), ctx.origin
    )
