"""Proofs that the books are right: the trial balance and the verification of a wallet (rulings 11, 12; W10-W13).

Both compare numbers that were stored independently of each other, so they must be read in one snapshot:
`store.read(…, consistent=True)`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Integer, and_, bindparam, case, func, literal_column
from sqlmodel import col, select

from .book import stored_wallet
from .ids import wallet_id
from .ledger import chain
from .ledger.chain import Broken, Link
from .ledger.entries import ContraAccount, Funding
from .ledger.trial_balance import AccountRow, ContraTotal, WalletTotal
from .ledger.trial_balance import trial_balance as balanced
from .statements import total
from .store import Tx
from .tables import Instant, LedgerEntry, Lot, LotMovement, Wallet

PAGE = 1_000
"""How many entries are held in memory while a ledger is verified."""

MAX_DRIFTED = 100


@dataclass(frozen=True, slots=True)
class CurrencyBalance:
    """All accounts of one currency: `rows` are the wallets together, then each contra account (ruling 11).

    Attributes:
        sum_minor: what must be 0.
        drifted: wallets whose stored balance is not the sum of their entries, up to `MAX_DRIFTED` of them;
            two such errors can hide in a 0. Empty for an instant in the past, which stored no balance.
    """

    currency: str
    rows: tuple[AccountRow, ...]
    sum_minor: int
    drifted: tuple[WalletTotal, ...]

    @property
    def balanced(self) -> bool:
        return self.sum_minor == 0 and not self.drifted


class WalletFault(StrEnum):
    """What is wrong beside the chain of entries; when several things are, the first in this order is named."""

    WALLET_ROW = "wallet_row"
    """The stored wallet does not stand where its last entry left it: entries or the row were changed."""
    MOVEMENTS = "movements"
    """The lots' parts of an entry do not add up to it (W71)."""
    LOTS = "lots"
    """A lot does not hold what its movements left in it, or the lots do not add up to the balance (W12)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    Attributes:
        broken: the first entry that does not hold, if one does not.
        fault: what else does not agree; looked for only when every entry holds.
        fault_id: the id of the wallet, entry or lot that the fault is about.
        head: the seal of the last entry, 64 zeros before the first: keep it to prove later that nothing was cut off.
    """

    entries_checked: int
    broken: Broken | None
    fault: WalletFault | None
    fault_id: str | None
    head: str

    @property
    def intact(self) -> bool:
        return self.broken is None and self.fault is None


# The trial balance

_AT = bindparam("as_of", type_=Instant)
_CREDIT = case((col(LedgerEntry.is_credit), col(LedgerEntry.amount_minor)), else_=literal_column("0"))
_DEBIT = case((col(LedgerEntry.is_credit), literal_column("0")), else_=col(LedgerEntry.amount_minor))

_CONTRA = select(
    LedgerEntry.currency,
    LedgerEntry.contra_account,
    LedgerEntry.is_credit,
    total(col(LedgerEntry.amount_minor)),
).group_by(col(LedgerEntry.currency), col(LedgerEntry.contra_account), col(LedgerEntry.is_credit))
_CONTRA_AT = _CONTRA.where(col(LedgerEntry.created_at) <= _AT)

_STORED = select(Wallet.currency, total(col(Wallet.balance_minor))).group_by(col(Wallet.currency))
_LAST = (
    select(LedgerEntry.customer_id, LedgerEntry.currency, func.max(col(LedgerEntry.sequence)).label("last"))
    .where(col(LedgerEntry.created_at) <= _AT)
    .group_by(col(LedgerEntry.customer_id), col(LedgerEntry.currency))
    .subquery()
)
_STORED_AT = (
    select(LedgerEntry.currency, total(col(LedgerEntry.after_minor)))
    .join(
        _LAST,
        and_(
            col(LedgerEntry.customer_id) == _LAST.c.customer_id,
            col(LedgerEntry.currency) == _LAST.c.currency,
            col(LedgerEntry.sequence) == _LAST.c.last,
        ),
    )
    .group_by(col(LedgerEntry.currency))
)
_DRIFTED = (
    select(Wallet.customer_id, Wallet.currency, Wallet.balance_minor, total(_CREDIT), total(_DEBIT))  # type: ignore[call-overload]
    .join(
        LedgerEntry,
        and_(
            col(LedgerEntry.customer_id) == col(Wallet.customer_id),
            col(LedgerEntry.currency) == col(Wallet.currency),
        ),
        isouter=True,
    )
    .group_by(Wallet.customer_id, Wallet.currency, Wallet.balance_minor)
    .having(col(Wallet.balance_minor) != total(_CREDIT) - total(_DEBIT))
    .order_by(Wallet.customer_id, Wallet.currency)
    .limit(bindparam("at_most", type_=Integer))
)


def trial_balance(
    tx: Tx, as_of: datetime | None = None, currencies: Sequence[str] = ()
) -> list[CurrencyBalance]:
    """The trial balance of every currency that is enabled (`currencies`, first and in order) or has entries.

    Args:
        as_of: include entries up to this instant; None compares with the wallets as they are stored now.
    """
    at = {} if as_of is None else {"as_of": as_of}
    contra: dict[str, list[ContraTotal]] = {}
    for currency, account, is_credit, amount in tx.all(_CONTRA_AT if at else _CONTRA, **at):
        contra.setdefault(currency, []).append(ContraTotal(ContraAccount(account), is_credit, amount))
    stored = dict(tx.all(_STORED_AT if at else _STORED, **at))
    drifted = {} if at else _drifted(tx)
    order = dict.fromkeys([*currencies, *sorted(stored.keys() | contra.keys())])
    return [
        _currency_balance(code, contra.get(code, ()), stored.get(code, 0), drifted.get(code, ()))
        for code in order
    ]


def _drifted(tx: Tx) -> dict[str, list[WalletTotal]]:
    found: dict[str, list[WalletTotal]] = {}
    for customer, currency, *amounts in tx.all(_DRIFTED, at_most=MAX_DRIFTED):
        found.setdefault(currency, []).append(WalletTotal(wallet_id(customer, currency), *amounts))
    return found


def _currency_balance(
    currency: str, totals: Sequence[ContraTotal], stored_minor: int, drifted: Sequence[WalletTotal]
) -> CurrencyBalance:
    found = balanced(totals, stored_minor)
    return CurrencyBalance(currency, found.rows, found.sum_minor, tuple(drifted))


# The verification of one wallet

_ENTRIES = (
    select(LedgerEntry)
    .where(
        col(LedgerEntry.customer_id) == bindparam("customer_id"),
        col(LedgerEntry.currency) == bindparam("currency"),
        col(LedgerEntry.sequence) > bindparam("after"),
    )
    .order_by(col(LedgerEntry.sequence))
    .limit(bindparam("page", type_=Integer))
)
_OF_MOVEMENT = and_(
    col(LotMovement.customer_id) == col(LedgerEntry.customer_id),
    col(LotMovement.entry_id) == col(LedgerEntry.id),
)
_MOVED = (
    select(LedgerEntry.id, total(col(LotMovement.amount_minor)))
    .join(LotMovement, _OF_MOVEMENT)
    .where(
        col(LedgerEntry.customer_id) == bindparam("customer_id"),
        col(LedgerEntry.currency) == bindparam("currency"),
        col(LedgerEntry.sequence) > bindparam("after"),
        col(LedgerEntry.sequence) <= bindparam("up_to"),
    )
    .group_by(col(LedgerEntry.id))
)
_SIGNED_MOVEMENT = case(
    (col(LedgerEntry.is_credit), col(LotMovement.amount_minor)), else_=-col(LotMovement.amount_minor)
)
_WRONG_LOT = (
    select(Lot.id)
    .join(
        LotMovement,
        and_(col(LotMovement.customer_id) == col(Lot.customer_id), col(LotMovement.lot_id) == col(Lot.id)),
        isouter=True,
    )
    .join(LedgerEntry, _OF_MOVEMENT, isouter=True)
    .where(col(Lot.customer_id) == bindparam("customer_id"), col(Lot.currency) == bindparam("currency"))
    .group_by(col(Lot.id), col(Lot.remaining_minor))
    .having(col(Lot.remaining_minor) != total(_SIGNED_MOVEMENT))
    .order_by(col(Lot.id))
    .limit(literal_column("1"))
)
_IN_LOTS = (
    select(Lot.funding, total(col(Lot.remaining_minor)))
    .where(col(Lot.customer_id) == bindparam("customer_id"), col(Lot.currency) == bindparam("currency"))
    .group_by(col(Lot.funding))
)
_BEFORE_ALL = -(2**62)
"""Below every sequence, also those that nobody could have written."""


def verify(tx: Tx, customer_id: str, currency: str) -> Verdict:
    """Recompute one wallet's ledger from its first entry, `PAGE` entries in memory at a time (ruling 12).

    Checked are, per entry, its number, its arithmetic and its seal (W10, W11, W13) and that its lots' parts
    add up to it (W71); then that the wallet stands where the last entry left it, that each lot holds what its
    movements left in it, and that the lots add up to the balance (W12). A wallet without entries is intact.
    """
    checked, at = 0, chain.START
    for page in _pages(tx, customer_id, currency):
        broken = chain.verify(page, at)
        if broken is not None:
            held = next(i for i, entry in enumerate(page) if entry.id == broken.entry_id)
            return Verdict(
                checked + held, broken, None, None, chain.link(page[held - 1]).hash if held else at.hash
            )
        checked, at = checked + len(page), chain.link(page[-1])
        moved = _first_not_moved(tx, customer_id, currency, page)
        if moved is not None:
            return Verdict(checked, None, WalletFault.MOVEMENTS, moved, at.hash)
    fault, fault_id = _disagreement(tx, customer_id, currency, at) or (None, None)
    return Verdict(checked, None, fault, fault_id, at.hash)


def _pages(tx: Tx, customer_id: str, currency: str) -> Iterator[list[LedgerEntry]]:
    after = _BEFORE_ALL
    while page := tx.all(_ENTRIES, customer_id=customer_id, currency=currency, after=after, page=PAGE):
        yield page
        after = page[-1].sequence


def _first_not_moved(tx: Tx, customer_id: str, currency: str, page: Sequence[LedgerEntry]) -> str | None:
    """The first entry of a page whose lots' parts do not add up to it."""
    bounds = {"after": page[0].sequence - 1, "up_to": page[-1].sequence}
    moved = dict(tx.all(_MOVED, customer_id=customer_id, currency=currency, **bounds))
    return next((entry.id for entry in page if moved.get(entry.id) != entry.amount_minor), None)


def _disagreement(tx: Tx, customer_id: str, currency: str, at: Link) -> tuple[WalletFault, str] | None:
    """What does not agree with the ledger: the wallet's row, or its lots."""
    wallet = stored_wallet(tx, customer_id, currency)
    own_id = wallet_id(customer_id, currency)
    stored = chain.START if wallet is None else Link(wallet.sequence, wallet.balance_minor, wallet.last_hash)
    if stored != at:
        return WalletFault.WALLET_ROW, own_id
    wrong_lot = tx.first(_WRONG_LOT, customer_id=customer_id, currency=currency)
    if wrong_lot is not None:
        return WalletFault.LOTS, wrong_lot
    parts = dict(tx.all(_IN_LOTS, customer_id=customer_id, currency=currency))
    expected = {Funding.PAID: 0, Funding.PROMOTIONAL: 0}
    if wallet is not None:
        expected = {Funding.PAID: wallet.paid_minor, Funding.PROMOTIONAL: wallet.promotional_minor}
    agree = all(parts.get(funding, 0) == amount for funding, amount in expected.items())
    return None if agree and sum(parts.values()) == at.balance_minor else (WalletFault.LOTS, own_id)
