"""What the events of a wallet carry: snapshots right after the change, in snake_case (EV2, W84, W85)."""

from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from .clock import rfc3339
from .ledger.lots import LotState
from .tables import LedgerEntry


class Movement(Protocol):
    """How much of an entry one lot got or gave."""

    @property
    def lot_id(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...


def entry_payload(entry: LedgerEntry, movements: Sequence[Movement]) -> dict[str, Any]:
    """A ledger entry with the balance it left: `wallet.balance_changed` and `wallet.funds_expired` (W85)."""
    return {
        "id": entry.id,
        "customer_id": entry.customer_id,
        "currency": entry.currency,
        "sequence": entry.sequence,
        "event_type": entry.entry_type,
        "is_credit": entry.is_credit,
        "amount": entry.amount_minor,
        "before_balance": entry.before_minor,
        "after_balance": entry.after_minor,
        "balance": entry.after_minor,
        "contra_account": entry.contra_account,
        "reference_object_type": entry.reference_type,
        "reference_object_id": entry.reference_id,
        "reason": entry.reason,
        "funding": entry.funding,
        "expires_at": None if entry.expires_at is None else rfc3339(entry.expires_at),
        "idempotency_key": entry.idempotency_key,
        "lots": [{"lot_id": move.lot_id, "amount": move.amount_minor} for move in movements],
        "metadata": orjson.loads(entry.metadata_json),
        "actor": {"type": entry.actor_type, "id": entry.actor_id},
        "created_at": rfc3339(entry.created_at),
        "hash": entry.hash,
    }


def low_payload(
    entry: LedgerEntry, balance_minor: int, previous_minor: int, threshold_minor: int
) -> dict[str, Any]:
    """`wallet.balance_low` (W84). No charge is known ahead before there are subscriptions."""
    return {
        "customer_id": entry.customer_id,
        "currency": entry.currency,
        "balance": balance_minor,
        "previous_balance": previous_minor,
        "threshold": threshold_minor,
        "ledger_entry_id": entry.id,
        "upcoming_charge": None,
    }


def expiring_payload(customer_id: str, currency: str, lot: LotState, balance_minor: int) -> dict[str, Any]:
    """`wallet.funds_expiring` (W79): `amount` of `balance` goes at `expires_at`."""
    assert lot.expires_at is not None
    return {
        "customer_id": customer_id,
        "currency": currency,
        "lot_id": lot.id,
        "funding": lot.funding,
        "amount": lot.remaining_minor,
        "expires_at": rfc3339(lot.expires_at),
        "balance": balance_minor,
    }
