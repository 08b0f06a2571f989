"""Test data: each builder works in the transaction it is given and asks only for what the test is about.

customer = await store.write(a_customer)
wallet = await store.write(lambda tx: a_wallet(tx, balance=12_50))
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count

from saifu import customers, keys, sessions, wallets
from saifu.keys import Scope
from saifu.store import Tx
from saifu.tables import Customer
from saifu.wallets import WalletView

CURRENCIES = ("USD", "INR")
RULES = wallets.Rules(
    currencies=CURRENCIES,
    thresholds={},
    promotional_expiry_days=None,
    reversal_grace_days=7,
    expiry_notice_days=7,
)
_numbers = count(1)


def a_customer(tx: Tx, name: str = "Aiko", email: str | None = None) -> Customer:
    """A customer with a wallet at zero in each of `CURRENCIES`."""
    new = customers.NewCustomer(email or f"{name.lower()}{next(_numbers)}@example.com", name)
    return customers.create(tx, new, CURRENCIES).value


def a_wallet(
    tx: Tx,
    balance: int = 0,
    currency: str = "USD",
    customer_id: str | None = None,
    threshold: int | None = None,
) -> WalletView:
    """A wallet that holds `balance` minor units of paid money, of a customer of its own unless one is named."""
    owner = customer_id or a_customer(tx).id
    if threshold is not None:
        wallets.set_threshold(tx, owner, currency, threshold, None, None)
    if balance:
        return post(tx, owner, balance, currency).wallet
    return wallets.views(tx, [(owner, currency)])[owner, currency]


def post(
    tx: Tx,
    customer_id: str,
    amount: int,
    currency: str = "USD",
    key: str | None = None,
    expires_at: datetime | None = None,
    reason: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> wallets.Posted:
    """A manual entry: a credit of `amount` minor units, or a debit when it is negative."""
    entry = wallets.ManualEntry(
        customer_id=customer_id,
        currency=currency,
        entry_type="CREDIT" if amount > 0 else "DEBIT",
        amount_minor=abs(amount),
        reason=reason,
        idempotency_key=key or f"test-{next(_numbers)}",
        expires_at=expires_at,
        metadata=metadata or {},
    )
    return wallets.post_manual(tx, entry, RULES)


def a_key(tx: Tx, scopes: Iterable[Scope] = (Scope.ADMIN,)) -> tuple[str, str]:
    """An API key of test mode: its id and its secret."""
    key, secret = keys.create(tx, "test", tuple(scopes), "test")
    return key.id, secret


def a_session(tx: Tx, customer_id: str, ttl_s: int = 3_600) -> tuple[str, str]:
    """A customer's session: its id and its token."""
    session, token = sessions.create(tx, customer_id, ttl_s, None)
    return session.id, token
