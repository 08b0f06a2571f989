"""Which wallets are missing, hold expired money, or have money about to expire: the work of jobs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Integer, bindparam, exists, func
from sqlmodel import col, select

from .book import zero_wallet
from .posting import Rules
from .store import Tx
from .tables import Customer, Instant, Lot, Wallet
from .wallet_views import HAS_MONEY, WalletKey


def open_for(tx: Tx, customer_id: str, currencies: Sequence[str], created_at: datetime | None = None) -> None:
    """Open a wallet at zero in every currency, in the transaction that creates the customer (W1, CU2)."""
    for currency in currencies:
        tx.insert(zero_wallet(customer_id, currency, created_at or tx.now))


_WITHOUT_WALLET = (
    select(col(Customer.id), col(Customer.created_at))
    .where(
        col(Customer.anonymised_at).is_(None),
        ~exists().where(
            col(Wallet.customer_id) == col(Customer.id), col(Wallet.currency) == bindparam("currency")
        ),
    )
    .order_by(col(Customer.id))
    .limit(bindparam("at_most", type_=Integer))
)


def backfill(tx: Tx, currencies: Sequence[str], limit: int) -> int:
    """Open the wallets that customers lack since a currency was enabled (CU12).

    Returns:
        how many were opened; fewer than `limit` means that none is missing any more.
    """
    opened = 0
    for currency in currencies:
        lacking = tx.all(_WITHOUT_WALLET, currency=currency, at_most=limit - opened)
        for customer_id, created_at in lacking:
            open_for(tx, customer_id, [currency], created_at)
        opened += len(lacking)
        if opened == limit:
            break
    return opened


_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_DUE = (
    select(col(Lot.customer_id), col(Lot.currency))
    .where(
        HAS_MONEY,
        # A lower end, which every instant passes, makes this a range of the index of what is due.
        col(Lot.expires_at) > bindparam("ever", type_=Instant),
        col(Lot.expires_at) <= bindparam("now", type_=Instant),
    )
    .group_by(col(Lot.customer_id), col(Lot.currency))
    .order_by(func.min(col(Lot.expires_at)))
    .limit(bindparam("at_most", type_=Integer))
)
_NOTICES_DUE = (
    select(col(Lot.customer_id), col(Lot.currency))
    .where(
        HAS_MONEY,
        col(Lot.expires_at) > bindparam("now", type_=Instant),
        col(Lot.expires_at) <= bindparam("soon", type_=Instant),
        col(Lot.notice_sent_at).is_(None),
    )
    .group_by(col(Lot.customer_id), col(Lot.currency))
    .order_by(func.min(col(Lot.expires_at)))
    .limit(bindparam("at_most", type_=Integer))
)


def due(tx: Tx, limit: int) -> list[WalletKey]:
    """Wallets that hold expired money, the longest overdue first."""
    return tx.all(_DUE, ever=_EVER, now=tx.now, at_most=limit)


def notices_due(tx: Tx, rules: Rules, limit: int) -> list[WalletKey]:
    """Wallets with money that expires within the notice period and of which nobody was told, soonest first."""
    soon = tx.now + timedelta(days=rules.expiry_notice_days)
    return tx.all(_NOTICES_DUE, now=tx.now, soon=soon, at_most=limit)
