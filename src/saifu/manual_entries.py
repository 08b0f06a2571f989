"""Manual credits and debits: what may be asked for, and what a repeated key means (W20-W37)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from . import audit, fields, idempotency, locks
from .book import Book
from .clock import rfc3339
from .ledger.entries import MAX_ENTRY_MINOR, EntryType, Funding
from .lookup import by_ids
from .posting import Posting, Rules
from .refusals import ErrorCode, Refusal, invalid
from .store import Tx
from .tables import Customer, LedgerEntry
from .wallet_views import WalletView, views

MUTATION = "ledgerEntryCreate"

CREDIT, DEBIT = "CREDIT", "DEBIT"


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """A manual credit or debit as a client asks for it (W20-W27).

    Attributes:
        entry_type: CREDIT or DEBIT.
        amount_minor: 1 … 999 999 999 999 minor units.
        funding: of a credit; None is paid money.
        expires_at: of a credit; None is the default of its funding (W73).
    """

    customer_id: str
    currency: str
    entry_type: str
    amount_minor: int
    reason: str | None = None
    idempotency_key: str | None = None
    funding: Funding | str | None = None
    expires_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_credit(self) -> bool:
        return self.entry_type == CREDIT


@dataclass(frozen=True, slots=True)
class Posted:
    """A manual entry and its wallet now; `replayed` when an earlier request with this key wrote it (W31)."""

    entry: LedgerEntry
    wallet: WalletView
    replayed: bool


def post_manual(tx: Tx, entry: ManualEntry, rules: Rules) -> Posted:
    """Credit or debit a wallet by hand, once per key.

    Raises:
        InsufficientFunds: W22; nothing was written, not even the expiry of lots.
        IdempotencyKeyReused: W32.
        Refusal: NOT_FOUND, GONE, CUSTOMER_BLOCKED (W24), UNSUPPORTED_CURRENCY (W4),
            INVALID_REQUEST_PARAMETERS (W21, W26, W27), MAXIMUM_KEYS_REACHED (CU42).
    """
    entry = _well_formed(entry)
    customer = locks.lock(tx, entry.customer_id)
    made: list[Posted] = []

    def make() -> str:
        made.append(_make(tx, customer, entry, rules))
        return made[0].entry.id

    once = idempotency.once(tx, entry.idempotency_key, MUTATION, _identity(entry), make, scope=customer.id)
    return made[0] if made else _replayed(tx, customer, once.object_id)


def _make(tx: Tx, customer: Customer, entry: ManualEntry, rules: Rules) -> Posted:
    _refuse(tx, customer, entry, rules)
    book = Book(tx, customer, entry.currency, rules)
    written = book.post(_posting(tx, entry, rules))
    book.save()
    detail = {"currency": entry.currency, "entry_type": entry.entry_type, "amount": entry.amount_minor}
    audit.record(tx, MUTATION, written.id, customer.id, detail)
    return Posted(written, book.view(), replayed=False)


def _posting(tx: Tx, entry: ManualEntry, rules: Rules) -> Posting:
    return Posting(
        EntryType.MERCHANT_ADJUSTMENT,
        entry.is_credit,
        entry.amount_minor,
        funding=Funding(entry.funding) if entry.funding else None,
        expires_at=_expiry(tx, entry, rules),
        reason=entry.reason,
        metadata=entry.metadata,
        key=entry.idempotency_key,
    )


def _expiry(tx: Tx, entry: ManualEntry, rules: Rules) -> datetime | None:
    """When a credit expires: as it says, or by default when it is promotional (W73)."""
    if entry.expires_at is None and entry.funding == Funding.PROMOTIONAL and rules.promotional_expiry_days:
        return tx.now + timedelta(days=rules.promotional_expiry_days)
    return entry.expires_at


def _replayed(tx: Tx, customer: Customer, entry_id: str) -> Posted:
    entry = by_ids(tx, LedgerEntry, [entry_id])[entry_id]
    key = customer.id, entry.currency
    return Posted(entry, views(tx, [key])[key], replayed=True)


def _identity(entry: ManualEntry) -> dict[str, Any]:
    """What makes two requests the same (W33); reason and metadata are descriptions."""
    return {
        "currency": entry.currency,
        "entry_type": entry.entry_type,
        "amount": entry.amount_minor,
        "funding": entry.funding,
        "expires_at": None if entry.expires_at is None else rfc3339(entry.expires_at),
    }


def _well_formed(entry: ManualEntry) -> ManualEntry:
    """The request with its texts tidied, or what is wrong with it whatever the wallet holds."""
    if entry.entry_type not in (CREDIT, DEBIT):
        raise invalid("An entry is a CREDIT or a DEBIT.", "entryType")
    if isinstance(entry.amount_minor, bool) or not 1 <= entry.amount_minor <= MAX_ENTRY_MINOR:
        raise invalid(f"An amount is 1 to {MAX_ENTRY_MINOR} minor units.", "amount")
    if not entry.is_credit:
        _refuse_lot_of_debit(entry)
    return replace(
        entry,
        reason=fields.reason(entry.reason),
        metadata=fields.metadata(entry.metadata),
        funding=Funding(entry.funding or Funding.PAID) if entry.is_credit else None,
        expires_at=None if entry.expires_at is None else entry.expires_at.astimezone(UTC),
    )


def _refuse_lot_of_debit(entry: ManualEntry) -> None:
    if entry.funding is not None:
        raise invalid("Only a credit has a funding.", "funding")
    if entry.expires_at is not None:
        raise invalid("Only a credit can expire.", "expiresAt")


def _refuse(tx: Tx, customer: Customer, entry: ManualEntry, rules: Rules) -> None:
    """What depends on the customer, the installation or the hour; checked once the key is known to be new (W35)."""
    locks.refuse_anonymised(customer)
    if entry.is_credit:
        locks.refuse_blocked(customer)
    refuse_currency(entry.currency, rules)
    if entry.expires_at is not None:
        fields.expiry(entry.expires_at, tx.now)


def refuse_currency(currency: str, rules: Rules | None) -> None:
    """W4: an operation can only name a currency that is enabled."""
    enabled = rules.currencies if rules else ()
    if currency not in enabled:
        known = (
            f"The currencies enabled here are {', '.join(enabled)}."
            if enabled
            else "There is no such wallet."
        )
        raise Refusal(ErrorCode.UNSUPPORTED_CURRENCY, known, ("input", "currency"))
