"""What can be set on a wallet and on its lots: the low-balance threshold, an expiry date (W78, W83)."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import bindparam, literal_column, update
from sqlmodel import col

from . import audit, fields, idempotency, locks
from .book import stored_wallet, zero_wallet
from .clock import rfc3339
from .idempotency import Outcome
from .ids import wallet_id
from .ledger import alerts
from .ledger.entries import MAX_BALANCE_MINOR
from .lookup import by_ids
from .manual_entries import refuse_currency
from .posting import Rules
from .refusals import ErrorCode, Refusal, StaleVersion, invalid
from .store import Tx
from .tables import Customer, Instant, Lot, Wallet
from .wallet_views import WalletView, views

THRESHOLD_MUTATION = "walletUpdate"
LOT_MUTATION = "lotUpdateExpiry"

_SET_THRESHOLD = (
    update(Wallet)
    .where(
        col(Wallet.customer_id) == bindparam("of_customer"), col(Wallet.currency) == bindparam("of_currency")
    )
    .values(
        low_balance_threshold_minor=bindparam("to_threshold"),
        alert_state=bindparam("to_alert_state"),
        version=col(Wallet.version) + literal_column("1"),
        updated_at=bindparam("to_updated_at", type_=Instant),
    )
)
_SET_EXPIRY = (
    update(Lot)
    .where(col(Lot.customer_id) == bindparam("of_customer"), col(Lot.id) == bindparam("lot_id"))
    .values(expires_at=bindparam("to_expires_at", type_=Instant))
)


def set_threshold(
    tx: Tx,
    customer_id: str,
    currency: str,
    threshold_minor: int | None,
    expected_version: int | None,
    key: str | None,
    rules: Rules | None = None,
) -> Outcome[WalletView]:
    """Set a wallet's own low-balance threshold, or with None return to the default (W80).

    It re-arms the alert and sends nothing; the next debit that leaves the balance below it does (W83). A wallet
    whose row is not there yet is opened when `rules` enable its currency (CU12); without rules only a wallet
    that has its row can be changed.

    Raises:
        StaleVersion: the wallet is at another version than expected (A10).
        Refusal: NOT_FOUND, GONE, UNSUPPORTED_CURRENCY, INVALID_REQUEST_PARAMETERS.
    """
    if threshold_minor is not None and not 0 <= threshold_minor <= MAX_BALANCE_MINOR:
        raise invalid(f"A threshold is 0 to {MAX_BALANCE_MINOR} minor units.", "lowBalanceThreshold")
    customer = locks.lock(tx, customer_id)
    request = {
        "customer_id": customer_id,
        "currency": currency,
        "low_balance_threshold": threshold_minor,
        "expected_version": expected_version,
    }
    wallet = partial(_wallet, tx, customer, currency, rules)
    change = partial(_set_threshold, tx, wallet, threshold_minor, expected_version)
    once = idempotency.once(tx, key, THRESHOLD_MUTATION, request, change)
    return Outcome(views(tx, [(customer_id, currency)])[customer_id, currency], once.replayed)


def _wallet(tx: Tx, customer: Customer, currency: str, rules: Rules | None) -> Wallet:
    locks.refuse_anonymised(customer)
    found = stored_wallet(tx, customer.id, currency)
    if rules is not None or found is None:
        refuse_currency(currency, rules)
    return found or tx.insert(zero_wallet(customer.id, currency, customer.created_at))


def _set_threshold(
    tx: Tx, find: Callable[[], Wallet], threshold_minor: int | None, expected_version: int | None
) -> str:
    wallet = find()
    if expected_version is not None and expected_version != wallet.version:
        raise StaleVersion(wallet.version)
    tx.run(
        _SET_THRESHOLD,
        of_customer=wallet.customer_id,
        of_currency=wallet.currency,
        to_threshold=threshold_minor,
        to_alert_state=alerts.THRESHOLD_SET,
        to_updated_at=max(tx.now, wallet.updated_at),
    )
    object_id = wallet_id(wallet.customer_id, wallet.currency)
    audit.record(tx, THRESHOLD_MUTATION, object_id, wallet.customer_id, {"threshold": threshold_minor})
    return object_id


def update_lot_expiry(tx: Tx, lot_id: str, expires_at: datetime | None, key: str | None) -> Outcome[Lot]:
    """Extend, bring forward or remove the expiry of a lot; an audit record, no ledger entry (W78).

    Raises:
        Refusal: NOT_FOUND, GONE; INVALID_REQUEST_PARAMETERS when the instant is not in the future, or too far in it,
            or when the lot has expired: its money is gone, swept or not.
    """
    found = by_ids(tx, Lot, [lot_id]).get(lot_id)
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such lot.", ("input", "lotId"))
    customer = locks.lock(tx, found.customer_id)
    expires_at = None if expires_at is None else expires_at.astimezone(UTC)
    request = {"lot_id": lot_id, "expires_at": None if expires_at is None else rfc3339(expires_at)}
    change = partial(_set_expiry, tx, customer, lot_id, expires_at)
    once = idempotency.once(tx, key, LOT_MUTATION, request, change)
    return Outcome(by_ids(tx, Lot, [lot_id])[lot_id], once.replayed)


def _set_expiry(tx: Tx, customer: Customer, lot_id: str, expires_at: datetime | None) -> str:
    locks.refuse_anonymised(customer)
    lot = by_ids(tx, Lot, [lot_id])[lot_id]  # again: only now is the customer locked
    if lot.expired_at is not None or (lot.expires_at is not None and lot.expires_at <= tx.now):
        raise invalid("This lot has expired, and its money is gone.", "lotId")
    if expires_at is not None:
        fields.expiry(expires_at, tx.now)
    tx.run(_SET_EXPIRY, of_customer=customer.id, lot_id=lot_id, to_expires_at=expires_at)
    detail = {
        "before": None if lot.expires_at is None else rfc3339(lot.expires_at),
        "after": None if expires_at is None else rfc3339(expires_at),
    }
    audit.record(tx, LOT_MUTATION, lot_id, customer.id, detail)
    return lot_id
