"""Proving the books from the command line: every hash recomputed, every balance compared, all accounts summed."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from rich.table import Table
from sqlalchemy import bindparam, exists
from sqlmodel import col, select

from . import cli_database as database
from . import wallet_proofs
from .cli_output import Failure, out, progress, say, table
from .ids import wallet_id
from .ledger.chain import Fault
from .money import exponent
from .paging import Listing, Order, Window
from .settings import Settings
from .store_reader import Reader
from .tables import LedgerEntry, Wallet
from .wallet_proofs import CurrencyBalance, Verdict, WalletFault

PAGE = 500
WALLETS: Listing[Wallet] = Listing(
    Wallet,
    orders={"KEY": [col(Wallet.customer_id), col(Wallet.currency)]},
    filters={
        "customer_id": col(Wallet.customer_id) == bindparam("customer_id"),
        "currency": col(Wallet.currency) == bindparam("currency"),
    },
)
BY_KEY = Order("KEY", descending=False)
# An entry whose wallet's row is gone is in no wallet that could be walked through.
_WITHOUT_WALLET = (
    select(LedgerEntry)
    .where(
        ~exists().where(
            col(Wallet.customer_id) == col(LedgerEntry.customer_id),
            col(Wallet.currency) == col(LedgerEntry.currency),
        )
    )
    .limit(1)
)
REASONS: Mapping[Fault | WalletFault, str] = {
    Fault.SEQUENCE: "its number does not follow the one before it, so an entry was removed, added or moved",
    Fault.CONTINUITY: "it does not begin with the balance that the entry before it left",
    Fault.ARITHMETIC: "its balances do not differ by its amount",
    Fault.HASH: "its hash is not that of what it says",
    WalletFault.WALLET_ROW: "the wallet does not stand where its last entry left it",
    WalletFault.MOVEMENTS: "its parts in lots do not add up to it",
    WalletFault.LOTS: "what its lots hold does not add up",
}
assert REASONS.keys() == {*Fault, *WalletFault}


@dataclass
class _Found:
    """What a walk through the wallets has seen so far."""

    wallets: int = 0
    entries: int = 0
    faults: int = 0
    first: str = ""

    def add(self, wallet: Wallet, verdict: Verdict) -> None:
        self.wallets += 1
        self.entries += verdict.entries_checked
        if not verdict.intact:
            self.add_fault(told(wallet, verdict))

    def add_fault(self, text: str) -> None:
        self.faults += 1
        self.first = self.first or text


async def verify(settings: Settings, customer_id: str | None, currency: str | None) -> None:
    """Verify every wallet, or those of one customer or one currency; prints the trial balance.

    Raises:
        Failure: something does not hold, and the text names the first; or there is nobody of that name.
    """
    asked = {"customer_id": customer_id, "currency": currency}
    filters = {name: value for name, value in asked.items() if value is not None}
    async with database.read_only(settings) as reader:
        found = await _walked(reader, filters)
        if filters and not found.wallets:
            raise Failure(f"There is no such customer or wallet: {' '.join(filters.values())}.")
        if customer_id is None:
            await _compare_accounts(reader, found, settings, currency)
    _judge(settings, found)


async def _compare_accounts(reader: Reader, found: _Found, settings: Settings, currency: str | None) -> None:
    """What no single wallet can show: that all accounts together are 0, and that no entry is without a wallet."""
    balances = await reader.read(lambda tx: wallet_proofs.trial_balance(tx, None, settings.currencies))
    orphan = await reader.read(lambda tx: tx.first(_WITHOUT_WALLET))
    shown = [each for each in balances if currency in {None, each.currency}]
    out().print(_table(shown))
    if orphan is not None:
        found.add_fault(f"entry {orphan.id} belongs to wallet {_id(orphan)}, whose row is gone")
    for each in shown:
        if not each.balanced:
            found.add_fault(_unbalanced(each))


async def _walked(reader: Reader, filters: Mapping[str, str]) -> _Found:
    found = _Found()
    with progress() as bar:
        task = bar.add_task(
            "Verifying wallets", total=await reader.read(lambda tx: WALLETS.count(tx, filters))
        )
        async for wallet in _wallets(reader, filters):
            found.add(wallet, await _verdict(reader, wallet))
            bar.advance(task)
    return found


async def _wallets(reader: Reader, filters: Mapping[str, str]) -> AsyncIterator[Wallet]:
    window = Window(PAGE)
    while True:
        page = await reader.read(partial(WALLETS.page, window=window, order=BY_KEY, filters=filters))
        for wallet in page.rows:
            yield wallet
        if not page.has_next:
            return
        window = Window(PAGE, after=WALLETS.keyset(page.rows[-1], BY_KEY))


async def _verdict(reader: Reader, wallet: Wallet) -> Verdict:
    return await reader.read(lambda tx: wallet_proofs.verify(tx, wallet.customer_id, wallet.currency))


def _judge(settings: Settings, found: _Found) -> None:
    where = database.shown(settings.database_url)
    seen = f"{found.wallets} wallets, {found.entries} entries"
    if not found.faults:
        say(f"The {where}: {seen}; every hash and balance holds.", style="green")
        return
    more = f", and {found.faults - 1} more" if found.faults > 1 else ""
    raise Failure(
        f"The ledger does not hold: {found.first}{more}. Seen: {seen}. "
        f"Keep this database as it is ({where}), and compare it with the last backup that verifies."
    )


def told(wallet: Wallet, verdict: Verdict) -> str:
    """What is wrong with a wallet, in words, beginning with the first entry that does not hold."""
    if verdict.broken is not None:
        entry = verdict.broken
        place = f"entry {entry.entry_id} (sequence {entry.sequence} of wallet {_id(wallet)})"
        return f"{place}: {REASONS[entry.fault]}"
    assert verdict.fault is not None
    return f"wallet {_id(wallet)}, at {verdict.fault_id}: {REASONS[verdict.fault]}"


def _unbalanced(balance: CurrencyBalance) -> str:
    if balance.drifted:
        wallet = balance.drifted[0]
        return f"wallet {wallet.wallet_id} does not hold the sum of its entries"
    return (
        f"the accounts in {balance.currency} add up to {_amount(balance.sum_minor, balance.currency)}, not 0"
    )


def _table(balances: list[CurrencyBalance]) -> Table:
    shown = table("trial balance", "")
    for name in ("in", "out", "balance"):
        shown.add_column(name, justify="right")
    for each in balances:
        for row in each.rows:
            amounts = (row.credits_minor, row.debits_minor, row.balance_minor)
            shown.add_row(each.currency, row.account, *(_amount(amount, each.currency) for amount in amounts))
        style = "green" if each.balanced else "red"
        total = _amount(each.sum_minor, each.currency)
        shown.add_row(each.currency, "sum", "", "", total, style=style, end_section=True)
    return shown


def _amount(amount_minor: int, currency: str) -> str:
    return f"{Decimal(amount_minor).scaleb(-exponent(currency)):,}"


def _id(row: Wallet | LedgerEntry) -> str:
    return wallet_id(row.customer_id, row.currency)
