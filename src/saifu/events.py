"""The event log: what happened, in the order in which it happened (A50, EV1-EV11, ruling 14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import bindparam, update
from sqlmodel import col

from .ids import new_id
from .paging import Listing
from .statements import any_of
from .store import Tx
from .tables import Customer, Event


class EventType(StrEnum):
    """Dot-separated names, as webhooks and filters spell them (EV4)."""

    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_UPDATED = "customer.updated"
    CUSTOMER_DELETED = "customer.deleted"
    CUSTOMER_BLOCKED = "customer.blocked"
    CUSTOMER_UNBLOCKED = "customer.unblocked"
    WALLET_BALANCE_CHANGED = "wallet.balance_changed"
    WALLET_BALANCE_LOW = "wallet.balance_low"
    WALLET_FUNDS_EXPIRING = "wallet.funds_expiring"
    WALLET_FUNDS_EXPIRED = "wallet.funds_expired"


@dataclass(frozen=True, slots=True)
class EventKind:
    """What is known of an event type: the shape of its payload, and when it is sent."""

    payload_type: str
    sent_when: str


KINDS: Mapping[EventType, EventKind] = {
    EventType.CUSTOMER_CREATED: EventKind("Customer", "a customer was created"),
    EventType.CUSTOMER_UPDATED: EventKind("Customer", "a field of a customer changed"),
    EventType.CUSTOMER_DELETED: EventKind("Customer", "a customer was anonymised; carries the id only"),
    EventType.CUSTOMER_BLOCKED: EventKind("Customer", "a customer was blocked"),
    EventType.CUSTOMER_UNBLOCKED: EventKind("Customer", "a block was lifted"),
    EventType.WALLET_BALANCE_CHANGED: EventKind("WalletLedgerEntry", "a ledger entry was written; one each"),
    EventType.WALLET_BALANCE_LOW: EventKind(
        "WalletBalanceLow", "a debit left the balance below its threshold"
    ),
    EventType.WALLET_FUNDS_EXPIRING: EventKind("WalletFundsExpiring", "funds will expire soon; once per lot"),
    EventType.WALLET_FUNDS_EXPIRED: EventKind("WalletLedgerEntry", "an expiry entry was written"),
}
assert KINDS.keys() == set(EventType)

API_VERSION = "2026-01"

_RAISE_SEQUENCE = (
    update(Customer)
    .where(col(Customer.id) == bindparam("customer_id"))
    .values(last_sequence=col(Customer.last_sequence) + 1)
    .returning(col(Customer.last_sequence))
)

LISTING: Listing[Event] = Listing(
    Event,
    orders={"CURSOR": [col(Event.position), col(Event.id)]},
    filters={
        "in_the_log": col(Event.position).is_not(None),
        "customer_id": col(Event.customer_id) == bindparam("customer_id"),
        "types": any_of(col(Event.type), "types"),
    },
    parent=col(Event.customer_id),
)
"""The log in its own order. Give `in_the_log`: on PostgreSQL a row has no place for a moment after its commit."""


def append(tx: Tx, customer_id: str, kind: EventType, object_id: str, data: Mapping[str, Any]) -> Event:
    """Append an event of a customer, in the transaction that makes it true (G9, EV7).

    The caller holds the customer's lock, so the sequence has no gap and follows the order of the
    changes (ruling 14). `data` is the object as it is right after the change (EV2), without
    `payload_type`, which is added here.
    """
    raised = tx.first(_RAISE_SEQUENCE, customer_id=customer_id)
    assert raised is not None, f"no customer {customer_id}"
    payload = {"payload_type": KINDS[kind].payload_type, **data}
    return tx.insert(
        Event(
            order_key=customer_id,
            sequence=raised[0],
            id=new_id("evt"),
            position=tx.next_position(),
            type=kind,
            customer_id=customer_id,
            object_id=object_id,
            occurred_at=tx.now,
            data_json=orjson.dumps(payload).decode(),
        )
    )
