"""Wallets as they are read: what can be spent at this instant, swept or not (W75).

However many wallets are asked for, they are read in the same few statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, literal_column
from sqlmodel import col, select

from .ids import wallet_id
from .ledger.entries import Funding
from .ledger.lots import NextExpiry
from .lookup import by_ids
from .paging import Listing
from .statements import any_of, total
from .store import Tx
from .tables import Customer, Instant, LedgerEntry, Lot, LotMovement, Wallet

WalletKey = tuple[str, str]
"""The customer's id and the currency."""

FIRST_VERSION = 1
ACTIVE, DEPLETED, EXPIRED = "active", "depleted", "expired"


@dataclass(frozen=True, slots=True)
class WalletView:
    """A wallet at one instant: amounts in minor units of its currency, `balance = paid + promotional`."""

    customer_id: str
    currency: str
    balance_minor: int
    paid_minor: int
    promotional_minor: int
    sequence: int
    next_expiry: NextExpiry | None
    low_balance_threshold_minor: int | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> str:
        return wallet_id(self.customer_id, self.currency)

    @property
    def key(self) -> WalletKey:
        return self.customer_id, self.currency


# Written out, since a parameter in its place would keep the planners from the partial indexes.
HAS_MONEY = col(Lot.remaining_minor) > literal_column("0")

_WALLETS = select(Wallet).where(
    any_of(col(Wallet.customer_id), "customers"), any_of(col(Wallet.currency), "currencies")
)
_WALLETS_OF_CUSTOMER = (
    select(Wallet).where(col(Wallet.customer_id) == bindparam("customer_id")).order_by(col(Wallet.currency))
)
_EXPIRING = (
    select(  # type: ignore[call-overload]
        col(Lot.customer_id),
        col(Lot.currency),
        col(Lot.funding),
        col(Lot.expires_at),
        total(col(Lot.remaining_minor)),
    )
    .where(
        any_of(col(Lot.customer_id), "customers"),
        any_of(col(Lot.currency), "currencies"),
        HAS_MONEY,
        col(Lot.expires_at).is_not(None),
    )
    .group_by(col(Lot.customer_id), col(Lot.currency), col(Lot.funding), col(Lot.expires_at))
)
_CREATED = select(col(Customer.id), col(Customer.created_at)).where(any_of(col(Customer.id), "customers"))

_Expiring = tuple[str, datetime, int]
"""Funding, expiry and what is left of all lots that share both."""


def views(tx: Tx, keys: Sequence[WalletKey]) -> dict[WalletKey, WalletView]:
    """The wallets asked for, as of `tx.now`. A wallet that has no row yet reads as zero (CU12).

    A customer that does not exist has no wallet, so its keys are missing from the answer. Whether a
    currency is enabled is for the caller to know: here every currency can be asked for (W4).
    """
    wanted = set(keys)
    customers, currencies = _parts(keys)
    if not wanted:
        return {}
    rows = tx.all(_WALLETS, customers=customers, currencies=currencies)
    found = {
        (row.customer_id, row.currency): row for row in rows if (row.customer_id, row.currency) in wanted
    }
    expiring = _expiring(tx, found)
    seen = {key: view_of(row, expiring.get(key, ()), tx.now) for key, row in found.items()}
    return seen | _zero_views(tx, [key for key in keys if key not in found])


def of_customers(
    tx: Tx, customer_ids: Sequence[str], currencies: Sequence[str]
) -> dict[str, list[WalletView]]:
    """Each customer's wallets in the order of `currencies`, all of them (W2, CU12)."""
    found = views(tx, [(customer, currency) for customer in customer_ids for currency in currencies])
    return {
        customer: [found[customer, currency] for currency in currencies if (customer, currency) in found]
        for customer in customer_ids
    }


def balances(tx: Tx, customer_id: str) -> list[WalletView]:
    """Every wallet that the customer has, also in currencies no longer enabled, by currency."""
    rows = tx.all(_WALLETS_OF_CUSTOMER, customer_id=customer_id)
    expiring = _expiring(tx, [(row.customer_id, row.currency) for row in rows])
    return [view_of(row, expiring.get((customer_id, row.currency), ()), tx.now) for row in rows]


def view_of(wallet: Wallet, expiring: Iterable[_Expiring], now: datetime) -> WalletView:
    """A stored wallet less what has expired and not been swept yet (W75)."""
    gone = dict.fromkeys(Funding, 0)
    ahead: dict[datetime, int] = {}
    for funding, expires_at, amount in expiring:
        if expires_at <= now:
            gone[Funding(funding)] += amount
        else:
            ahead[expires_at] = ahead.get(expires_at, 0) + amount
    nearest = min(ahead, default=None)
    return WalletView(
        customer_id=wallet.customer_id,
        currency=wallet.currency,
        balance_minor=wallet.balance_minor - sum(gone.values()),
        paid_minor=wallet.paid_minor - gone[Funding.PAID],
        promotional_minor=wallet.promotional_minor - gone[Funding.PROMOTIONAL],
        sequence=wallet.sequence,
        next_expiry=None if nearest is None else NextExpiry(ahead[nearest], nearest),
        low_balance_threshold_minor=wallet.low_balance_threshold_minor,
        version=wallet.version,
        created_at=wallet.created_at,
        updated_at=wallet.updated_at,
    )


def zero_view(customer_id: str, currency: str, created_at: datetime) -> WalletView:
    """A wallet that was always there and never used (W1), whether or not its row exists yet."""
    return WalletView(
        customer_id=customer_id,
        currency=currency,
        balance_minor=0,
        paid_minor=0,
        promotional_minor=0,
        sequence=0,
        next_expiry=None,
        low_balance_threshold_minor=None,
        version=FIRST_VERSION,
        created_at=created_at,
        updated_at=created_at,
    )


def _expiring(tx: Tx, keys: Iterable[WalletKey]) -> dict[WalletKey, list[_Expiring]]:
    customers, currencies = _parts(keys)
    found: dict[WalletKey, list[_Expiring]] = {}
    if customers:
        for customer, currency, *expiring in tx.all(_EXPIRING, customers=customers, currencies=currencies):
            found.setdefault((customer, currency), []).append((expiring[0], expiring[1], expiring[2]))
    return found


def _zero_views(tx: Tx, keys: Sequence[WalletKey]) -> dict[WalletKey, WalletView]:
    if not keys:
        return {}
    created = dict(tx.all(_CREATED, customers=_parts(keys)[0]))
    return {key: zero_view(*key, created[key[0]]) for key in keys if key[0] in created}


def _parts(keys: Iterable[WalletKey]) -> tuple[list[str], list[str]]:
    pairs = list(keys)
    return sorted({customer for customer, _ in pairs}), sorted({currency for _, currency in pairs})


# Lots and entries

_ENTRY_ORDER = [col(LedgerEntry.created_at), col(LedgerEntry.sequence), col(LedgerEntry.id)]

ENTRIES: Listing[LedgerEntry] = Listing(
    LedgerEntry,
    # The sequence stands before the id: in one wallet it is the order, also at one and the same instant.
    orders={"CREATED_AT": _ENTRY_ORDER},
    filters={
        "customer_id": col(LedgerEntry.customer_id) == bindparam("customer_id"),
        "currency": col(LedgerEntry.currency) == bindparam("currency"),
        "entry_type": col(LedgerEntry.entry_type) == bindparam("entry_type"),
        "is_credit": col(LedgerEntry.is_credit) == bindparam("is_credit"),
        "created_at_gte": col(LedgerEntry.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(LedgerEntry.created_at) <= bindparam("created_at_lte"),
        "reference_object_id": col(LedgerEntry.reference_id) == bindparam("reference_object_id"),
    },
    parent=col(LedgerEntry.customer_id),
)
"""Ledger entries with the filters of W28; an order is newest first unless it says otherwise."""

LOTS: Listing[Lot] = Listing(
    Lot,
    orders={"CREATED_AT": [col(Lot.created_at), col(Lot.id)]},
    filters={
        "customer_id": col(Lot.customer_id) == bindparam("customer_id"),
        "currency": col(Lot.currency) == bindparam("currency"),
        "spendable_at": HAS_MONEY
        & (col(Lot.expires_at).is_(None) | (col(Lot.expires_at) > bindparam("spendable_at"))),
    },
    parent=col(Lot.customer_id),
)
"""Lots, also empty and expired ones; `spendable_at` (give `tx.now`) keeps those that still hold money."""

_MOVEMENTS = (
    select(LotMovement)
    .where(any_of(col(LotMovement.customer_id), "customers"), any_of(col(LotMovement.entry_id), "entries"))
    .order_by(col(LotMovement.entry_id), col(LotMovement.lot_id))
)


def status(lot: Lot, now: datetime) -> str:
    """`active`, `depleted` or `expired`; a lot spent before its expiry stays depleted (§6, W74)."""
    if lot.remaining_minor:
        return ACTIVE if lot.expires_at is None or now < lot.expires_at else EXPIRED
    return DEPLETED if lot.expired_at is None else EXPIRED


def lots_by_ids(tx: Tx, ids: Sequence[str]) -> list[Lot]:
    return list(by_ids(tx, Lot, ids).values()) if ids else []


def movements(tx: Tx, entries: Sequence[LedgerEntry]) -> dict[str, list[LotMovement]]:
    """Which lots each entry filled or drew from, by entry id; one statement for all (W71)."""
    found: dict[str, list[LotMovement]] = {entry.id: [] for entry in entries}
    if entries:
        customers = sorted({entry.customer_id for entry in entries})
        for row in tx.all(_MOVEMENTS, customers=customers, entries=list(found)):
            found[row.entry_id].append(row)
    return found


# The balance at an instant

_AT = bindparam("as_of", type_=Instant)
_LAST_AFTER = (
    select(col(LedgerEntry.after_minor))
    .where(
        col(LedgerEntry.customer_id) == col(Wallet.customer_id),
        col(LedgerEntry.currency) == col(Wallet.currency),
        col(LedgerEntry.created_at) <= _AT,
    )
    .order_by(col(LedgerEntry.created_at).desc(), col(LedgerEntry.sequence).desc())
    .limit(literal_column("1"))
    .correlate(Wallet)
    .scalar_subquery()
)
_EXPIRED_UNSWEPT = (
    select(total(col(Lot.remaining_minor)))
    .where(
        col(Lot.customer_id) == col(Wallet.customer_id),
        col(Lot.currency) == col(Wallet.currency),
        HAS_MONEY,
        col(Lot.expires_at) <= _AT,
    )
    .correlate(Wallet)
    .scalar_subquery()
)
_SWEPT_LATER = (
    select(total(col(LedgerEntry.amount_minor)))
    .where(
        col(LedgerEntry.customer_id) == col(Wallet.customer_id),
        col(LedgerEntry.currency) == col(Wallet.currency),
        col(LedgerEntry.entry_type) == literal_column("'expiry'"),
        col(LedgerEntry.created_at) > _AT,
        col(LedgerEntry.expires_at) <= _AT,
    )
    .correlate(Wallet)
    .scalar_subquery()
)
_BALANCE_AT = select(
    col(Wallet.customer_id),
    col(Wallet.currency),
    func.coalesce(_LAST_AFTER, literal_column("0")) - _SWEPT_LATER - _EXPIRED_UNSWEPT,
).where(any_of(col(Wallet.customer_id), "customers"), any_of(col(Wallet.currency), "currencies"))


def balance_at(tx: Tx, keys: Sequence[WalletKey], as_of: datetime) -> Mapping[WalletKey, int]:
    """What each wallet could spend at an instant, in minor units; 0 before its first entry.

    Money that had expired by then counts as gone although its sweep came later (W75). Since every
    write sweeps first, nothing was drawn from it in between. Asked about the future, this is what
    would be left if nobody touched the wallet.
    """
    customers, currencies = _parts(keys)
    if not customers:
        return {}
    found = tx.all(_BALANCE_AT, customers=customers, currencies=currencies, as_of=as_of)
    known = {(customer, currency): balance for customer, currency, balance in found}
    return {key: known.get(key, 0) for key in keys}
