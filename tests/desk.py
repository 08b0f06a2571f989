"""A desk at which tests credit, debit and look at one wallet.

desk = await a_desk(store)
await desk.credit(5_000)
assert (await desk.view()).balance_minor == 5_000
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import orjson
from sqlalchemy import bindparam
from sqlmodel import SQLModel, col, select

from saifu import locks, wallets
from saifu.store import Store, Tx
from saifu.tables import AuditRecord, Customer, Event, LedgerEntry, Lot, LotMovement, Wallet
from saifu.wallets import ManualEntry, Posted, Posting, Rules, WalletView
from tests.builders import RULES, a_customer

T = TypeVar("T")
_numbers = count(1)

_ENTRIES = (
    select(LedgerEntry)
    .where(
        col(LedgerEntry.customer_id) == bindparam("customer"),
        col(LedgerEntry.currency) == bindparam("currency"),
    )
    .order_by(col(LedgerEntry.sequence))
)
_LOTS = (
    select(Lot)
    .where(col(Lot.customer_id) == bindparam("customer"), col(Lot.currency) == bindparam("currency"))
    .order_by(col(Lot.id))
)
_EVENTS = select(Event).where(col(Event.customer_id) == bindparam("customer")).order_by(col(Event.sequence))
_TABLES: tuple[type[SQLModel], ...] = (Customer, Wallet, LedgerEntry, Lot, LotMovement, Event, AuditRecord)
_ALL = {table: select(table) for table in _TABLES}


@dataclass(frozen=True)
class Desk:
    store: Store
    customer_id: str
    currency: str = "USD"
    rules: Rules = RULES

    def ruled(self, **rules: Any) -> "Desk":
        """The same wallet in an installation that has decided otherwise."""
        return replace(self, rules=replace(self.rules, **rules))

    def entry(self, entry_type: str, amount: int, key: str | None, **more: Any) -> ManualEntry:
        return ManualEntry(
            more.pop("customer_id", self.customer_id),
            more.pop("currency", self.currency),
            entry_type,
            amount,
            idempotency_key=f"desk-{next(_numbers)}" if key is None else key,
            **more,
        )

    async def credit(self, amount: int, key: str | None = None, **more: Any) -> Posted:
        return await self.manual("CREDIT", amount, key, **more)

    async def debit(self, amount: int, key: str | None = None, **more: Any) -> Posted:
        return await self.manual("DEBIT", amount, key, **more)

    async def manual(self, entry_type: str, amount: int, key: str | None = None, **more: Any) -> Posted:
        entry = self.entry(entry_type, amount, key, **more)
        return await self.store.write(lambda tx: wallets.post_manual(tx, entry, self.rules))

    async def post(self, posting: Posting) -> LedgerEntry:
        """An entry of any type, as the payments of tomorrow will write it."""

        def work(tx: Tx) -> LedgerEntry:
            customer = locks.lock(tx, self.customer_id)
            return wallets.post(tx, customer, self.currency, posting, self.rules)

        return await self.store.write(work)

    async def sweep(self) -> list[LedgerEntry]:
        return await self.store.write(
            lambda tx: wallets.sweep(tx, self.customer_id, self.currency, self.rules)
        )

    async def notices(self) -> int:
        return await self.store.write(
            lambda tx: wallets.notices(tx, self.customer_id, self.currency, self.rules)
        )

    async def threshold(
        self, threshold: int | None, expected: int | None = None, key: str | None = None
    ) -> Any:
        return await self.store.write(
            lambda tx: wallets.set_threshold(
                tx, self.customer_id, self.currency, threshold, expected, key, self.rules
            )
        )

    async def view(self) -> WalletView:
        key = self.customer_id, self.currency
        return (await self.store.read(lambda tx: wallets.views(tx, [key])))[key]

    async def balance_at(self, instant: datetime) -> int:
        key = self.customer_id, self.currency
        return (await self.store.read(lambda tx: wallets.balance_at(tx, [key], instant)))[key]

    async def entries(self) -> list[LedgerEntry]:
        return await self._of_wallet(_ENTRIES)

    async def lots(self) -> list[Lot]:
        return await self._of_wallet(_LOTS)

    async def left(self) -> list[int]:
        """What is left in each lot, in the order of their creation."""
        return [lot.remaining_minor for lot in await self.lots()]

    async def moved(self, entry: LedgerEntry) -> dict[str, int]:
        """How much of an entry each lot got or gave."""
        found = await self.store.read(lambda tx: wallets.movements(tx, [entry]))
        return {move.lot_id: move.amount_minor for move in found[entry.id]}

    async def events(self, *types: str) -> list[tuple[str, dict[str, Any]]]:
        """Type and payload of the customer's events in their order, of some types or of all that are the wallet's."""
        found = await self.store.read(lambda tx: tx.all(_EVENTS, customer=self.customer_id))
        wanted = [
            event
            for event in found
            if event.type in types or (not types and event.type.startswith("wallet."))
        ]
        return [(event.type, orjson.loads(event.data_json)) for event in wanted]

    async def verdict(self) -> wallets.Verdict:
        return await self.store.read(
            lambda tx: wallets.verify(tx, self.customer_id, self.currency), consistent=True
        )

    async def _of_wallet(self, statement: Any) -> list[Any]:
        return await self.store.read(
            lambda tx: tx.all(statement, customer=self.customer_id, currency=self.currency)
        )


async def a_desk(store: Store, currency: str = "USD", rules: Rules = RULES) -> Desk:
    """A desk for the empty wallet of a new customer."""
    return Desk(store, (await store.write(a_customer)).id, currency, rules)


Rows = dict[str, list[dict[str, Any]]]


def all_rows(tx: Tx) -> Rows:
    """All rows that wallets are made of, by table; without places in the log, which PostgreSQL gives afterwards."""
    return {str(table.__tablename__): sorted(map(_row, tx.all(_ALL[table])), key=repr) for table in _TABLES}


def _row(row: SQLModel) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if name != "position"}


async def everything(store: Store) -> Rows:
    """What a refused request must leave as it was."""
    return await store.read(all_rows)


async def statements(store: Store, work: Callable[[Tx], T]) -> int:
    """How many statements a unit of work takes, its inserts included."""

    def counted(tx: Tx) -> int:
        work(tx)
        tx.flush()
        return tx.statements

    return await store.write(counted)
