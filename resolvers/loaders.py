"""Batched loads: however many objects ask for the same kind of thing, it is one statement (CU37).

A loader gathers what is asked for at about the same time and remembers nothing afterwards: a
context can live as long as a socket, and what a stream shows must never be older than its event (A54).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlmodel import SQLModel
from strawberry.dataloader import DataLoader

from saifu import lookup, wallet_views
from saifu.documents import reading as documents
from saifu.paging import Listing, Order, Page, Window
from saifu.payments import rows as payment_rows
from saifu.payments.pending import pending
from saifu.refunds import rows as refund_rows
from saifu.sources import rows as source_rows
from saifu.store import Tx
from saifu.tables import (
    ApiKey,
    AuditRecord,
    CheckoutSession,
    Customer,
    CustomerSession,
    Dispute,
    Event,
    Invoice,
    LedgerEntry,
    Lot,
    Payment,
    Receipt,
    Refund,
    Source,
)

if TYPE_CHECKING:
    from .context import Context

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
M = TypeVar("M", bound=SQLModel)


AT_READ: Any = "the instant of the read"
"""A filter value that becomes the instant of the transaction, the same for all lists read in it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One parent's share of a list: which list, of whom, under which filters.

    `filters` are pairs in a fixed order, so that shares of the same list can be fetched together.
    """

    listing: Listing[Any]
    parent: str
    filters: tuple[tuple[str, Any], ...]


class Loaders:
    """The loaders of one context. What they load is not checked against the caller: resolvers do that."""

    def __init__(self, ctx: "Context") -> None:
        self._ctx = ctx

    @cached_property
    def customers(self) -> DataLoader[str, Customer | None]:
        return self._by_id(Customer)

    @cached_property
    def entries(self) -> DataLoader[str, LedgerEntry | None]:
        return self._by_id(LedgerEntry)

    @cached_property
    def lots(self) -> DataLoader[str, Lot | None]:
        return self._by_id(Lot)

    @cached_property
    def sources(self) -> DataLoader[str, Source | None]:
        return self._by_id(Source)

    @cached_property
    def default_sources(self) -> DataLoader[str, Source | None]:
        """The default source of each customer that has one."""
        return self._loader(source_rows.defaults)

    @cached_property
    def events(self) -> DataLoader[str, Event | None]:
        return self._by_id(Event)

    @cached_property
    def keys(self) -> DataLoader[str, ApiKey | None]:
        return self._by_id(ApiKey)

    @cached_property
    def sessions(self) -> DataLoader[str, CustomerSession | None]:
        return self._by_id(CustomerSession)

    @cached_property
    def audit_records(self) -> DataLoader[str, AuditRecord | None]:
        return self._by_id(AuditRecord)

    @cached_property
    def checkout_sessions(self) -> DataLoader[str, CheckoutSession | None]:
        return self._by_id(CheckoutSession)

    @cached_property
    def payments(self) -> DataLoader[str, Payment | None]:
        return self._by_id(Payment)

    @cached_property
    def refunds(self) -> DataLoader[str, Refund | None]:
        return self._by_id(Refund)

    @cached_property
    def refunds_of(self) -> DataLoader[str, Any]:
        """Every refund of a payment, the oldest first."""
        return self._loader(refund_rows.of_payments)

    @cached_property
    def disputes(self) -> DataLoader[str, Dispute | None]:
        return self._by_id(Dispute)

    @cached_property
    def payment_attempts(self) -> DataLoader[str, Any]:
        """Every call to a processor about a payment, oldest first."""
        return self._loader(payment_rows.attempts)

    @cached_property
    def invoices(self) -> DataLoader[str, Invoice | None]:
        return self._by_id(Invoice)

    @cached_property
    def receipts(self) -> DataLoader[str, Receipt | None]:
        return self._by_id(Receipt)

    @cached_property
    def invoices_of_payments(self) -> DataLoader[str, Any]:
        """The invoice of a payment, by the payment's id."""
        return self._loader(documents.invoices_of)

    @cached_property
    def receipts_of_payments(self) -> DataLoader[str, Any]:
        """The receipts of a payment and of its refunds, by the payment's id."""
        return self._loader(documents.receipts_of)

    @cached_property
    def wallets(self) -> DataLoader[tuple[str, str], Any]:
        """Wallets by customer id and currency; also of a currency that has no row yet, at zero (CU12)."""
        return self._loader(wallet_views.views, consistent=True)

    @cached_property
    def wallets_of(self) -> DataLoader[str, Any]:
        """All wallets of a customer, in configured order."""
        currencies = self._ctx.settings.currencies
        return self._loader(lambda tx, ids: wallet_views.of_customers(tx, ids, currencies), consistent=True)

    @cached_property
    def lot_parts(self) -> DataLoader[LedgerEntry, list[tuple[Lot, int]]]:
        """Which lots an entry filled or drew from, and how much of each in minor units (W71)."""

        async def load(entries: list[LedgerEntry]) -> list[list[tuple[Lot, int]]]:
            return await self._ctx.store.read(partial(_lot_parts, entries))

        return DataLoader(load_fn=load, cache=False)

    @cached_property
    def balances_at(self) -> DataLoader[tuple[str, str, Any], Any]:
        """Past balances, by customer id, currency and instant: one statement per distinct instant."""
        return self._loader(_balances_at)

    @cached_property
    def pending_payments(self) -> DataLoader[tuple[str, str], Any]:
        """What of wallets was debited for payments still under way, by customer id and currency (W49)."""
        return self._loader(pending)

    @cached_property
    def pages(self) -> DataLoader[tuple[Part, Window, Order], Any]:
        return self._loader(_pages)

    @cached_property
    def counts(self) -> DataLoader[Part, Any]:
        return self._loader(_counts)

    def _by_id(self, model: type[M]) -> DataLoader[str, M | None]:
        return self._loader(lambda tx, ids: lookup.by_ids(tx, model, ids))

    def _loader(
        self, work: Callable[[Tx, list[K]], Mapping[K, V]], consistent: bool = False
    ) -> DataLoader[K, Any]:
        """A loader; `consistent` where its statements must see one snapshot, as a balance and its lots."""

        async def load(keys: list[K]) -> Sequence[V | None]:
            found = await self._ctx.store.read(partial(_call, work, list(dict.fromkeys(keys))), consistent)
            return [found.get(key) for key in keys]

        return DataLoader(load_fn=load, cache=False)


def _call(work: Callable[[Tx, list[K]], Mapping[K, V]], keys: list[K], tx: Tx) -> Mapping[K, V]:
    return work(tx, keys)


def _grouped(items: Sequence[V], of: Callable[[V], K]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = {}
    for item in items:
        groups.setdefault(of(item), []).append(item)
    return groups


def _lot_parts(entries: list[LedgerEntry], tx: Tx) -> list[list[tuple[Lot, int]]]:
    moved = wallet_views.movements(tx, entries)
    ids = sorted({movement.lot_id for movements in moved.values() for movement in movements})
    lots = {lot.id: lot for lot in wallet_views.lots_by_ids(tx, ids)}
    return [[(lots[one.lot_id], one.amount_minor) for one in moved[entry.id]] for entry in entries]


def _balances_at(tx: Tx, keys: list[tuple[str, str, Any]]) -> dict[tuple[str, str, Any], Any]:
    answers: dict[tuple[str, str, Any], Any] = {}
    for as_of, group in _grouped(keys, lambda key: key[2]).items():
        found = wallet_views.balance_at(tx, [key[:2] for key in group], as_of)
        answers |= {key: found[key[:2]] for key in group}
    return answers


def _pages(tx: Tx, keys: list[tuple[Part, Window, Order]]) -> dict[tuple[Part, Window, Order], Page[Any]]:
    answers: dict[tuple[Part, Window, Order], Page[Any]] = {}
    groups = _grouped(keys, lambda key: (key[0].listing, key[0].filters, key[1], key[2]))
    for (listing, filters, window, order), group in groups.items():
        found = listing.pages(tx, [part.parent for part, *_ in group], window, order, _values(tx, filters))
        answers |= {key: found[key[0].parent] for key in group}
    return answers


def _counts(tx: Tx, keys: list[Part]) -> dict[Part, int]:
    answers: dict[Part, int] = {}
    for (listing, filters), group in _grouped(keys, lambda part: (part.listing, part.filters)).items():
        found = listing.counts(tx, [part.parent for part in group], _values(tx, filters))
        answers |= {part: found[part.parent] for part in group}
    return answers


def _values(tx: Tx, filters: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {name: tx.now if value is AT_READ else value for name, value in filters}
