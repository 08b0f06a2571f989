"""What one ledger post reads and writes, as plain SQL: the work that the gateway is measured against.

Same tables, same rows of the same size, same constraints and triggers, since the database is migrated by the
gateway. Left out is only what is not the database's: GraphQL, rules, hashing, validation.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

CREDIT_MINOR = 100
_HASH = "0123456789abcdef" * 4
NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)

READS = {
    "customer": "SELECT id, blocked_at, anonymised_at, last_sequence FROM customer WHERE id = :customer_id",
    "known": "SELECT mutation, request_json, object_id FROM idempotency_record "
    "WHERE scope = :customer_id AND key = :key",
    "wallet": "SELECT balance_minor, paid_minor, sequence, last_hash, version FROM wallet "
    "WHERE customer_id = :customer_id AND currency = 'USD'",
    "expired": "SELECT id, remaining_minor FROM lot WHERE customer_id = :customer_id AND currency = 'USD' "
    "AND remaining_minor > 0 AND expires_at <= :now",
}
UPDATES = {
    "wallet": "UPDATE wallet SET balance_minor = :after, paid_minor = :after, sequence = :sequence, "
    "last_hash = :hash, version = version + 1, updated_at = :now "
    "WHERE customer_id = :customer_id AND currency = 'USD' AND sequence = :found",
    "customer": "UPDATE customer SET last_sequence = last_sequence + 1 WHERE id = :customer_id "
    "RETURNING last_sequence",
}


def rows(customer_id: str, key: str, number: str, before: int, sequence: int, now: Any) -> Mapping[str, Any]:
    """The new rows of one credit by table; the event still lacks its `sequence` and `position`."""
    entry_id, lot_id = f"cwt_{number}", f"lot_{number}"
    after = before + CREDIT_MINOR
    actor = {"actor_type": "api_key", "actor_id": "key_01J8ZQ4W0000000000000000AA"}
    request = {"currency": "USD", "entry_type": "credit", "amount": CREDIT_MINOR}
    entry = {
        "customer_id": customer_id,
        "id": entry_id,
        "currency": "USD",
        "sequence": sequence,
        "entry_type": "merchant_adjustment",
        "is_credit": True,
        "amount_minor": CREDIT_MINOR,
        "before_minor": before,
        "after_minor": after,
        "contra_account": "merchant_adjustments",
        "funding": "paid",
        "idempotency_key": key,
        "metadata_json": "{}",
        **actor,
        "created_at": now,
        "hash": _HASH,
    }
    payload = {
        **{name: entry[name] for name in ("id", "customer_id", "currency", "sequence", "is_credit", "hash")},
        "payload_type": "WalletLedgerEntry",
        "event_type": "merchant_adjustment",
        "amount": CREDIT_MINOR,
        "before_balance": before,
        "after_balance": after,
        "balance": after,
        "reason": None,
        "contra_account": "merchant_adjustments",
        "reference_object_type": None,
        "metadata": {},
        "reference_object_id": None,
        "funding": "paid",
        "expires_at": None,
        "idempotency_key": key,
        "lots": [{"lot_id": lot_id, "amount": CREDIT_MINOR}],
        "created_at": str(now),
        "actor": actor,
    }
    return {
        "ledger_entry": entry,
        "lot": {
            "customer_id": customer_id,
            "id": lot_id,
            "currency": "USD",
            "origin_entry_id": entry_id,
            "funding": "paid",
            "original_minor": CREDIT_MINOR,
            "remaining_minor": CREDIT_MINOR,
            "created_at": now,
        },
        "lot_movement": {
            "customer_id": customer_id,
            "entry_id": entry_id,
            "lot_id": lot_id,
            "amount_minor": CREDIT_MINOR,
        },
        "event": {
            "order_key": customer_id,
            "id": f"evt_{number}",
            "type": "wallet.balance_changed",
            "customer_id": customer_id,
            "object_id": entry_id,
            "occurred_at": now,
            "data_json": json.dumps(payload, separators=(",", ":")),
        },
        "idempotency_record": {
            "scope": customer_id,
            "key": key,
            "mutation": "ledgerEntryCreate",
            "object_id": entry_id,
            "request_json": json.dumps(request, separators=(",", ":")),
            "created_at": now,
        },
        "audit_record": {
            "id": f"aud_{number}",
            "created_at": now,
            **actor,
            "mutation": "ledgerEntryCreate",
            "object_id": entry_id,
            "customer_id": customer_id,
            "request_id": f"req_{number}",
            "detail_json": "{}",
        },
    }


def wallet_update(customer_id: str, before: int, sequence: int, now: Any) -> Mapping[str, Any]:
    """The parameters of `UPDATES["wallet"]`."""
    return {
        "customer_id": customer_id,
        "after": before + CREDIT_MINOR,
        "sequence": sequence,
        "found": sequence - 1,
        "hash": _HASH,
        "now": now,
    }
