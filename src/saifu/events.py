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
from .tables import Customer, Event, EventOrder


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
    SOURCE_CHARGEABLE = "source.chargeable"
    SOURCE_FAILED = "source.failed"
    SOURCE_CANCELED = "source.canceled"
    SOURCE_MANDATE_NOTIFICATION = "source.mandate_notification"
    SOURCE_REFUND_ATTRIBUTES_REQUIRED = "source.refund_attributes_required"
    CUSTOMER_SOURCE_CREATED = "customer.source.created"
    CUSTOMER_SOURCE_UPDATED = "customer.source.updated"
    CUSTOMER_SOURCE_DELETED = "customer.source.deleted"
    CUSTOMER_SOURCE_EXPIRING = "customer.source.expiring"
    PAYMENT_REQUIRES_CUSTOMER_ACTION = "payment.requires_customer_action"
    PAYMENT_PROCESSING = "payment.processing"
    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CANCELLED = "payment.cancelled"
    REFUND_CREATED = "refund.created"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_CHALLENGED = "dispute.challenged"
    DISPUTE_ACCEPTED = "dispute.accepted"
    DISPUTE_EXPIRED = "dispute.expired"
    DISPUTE_CANCELLED = "dispute.cancelled"
    DISPUTE_WON = "dispute.won"
    DISPUTE_LOST = "dispute.lost"
    INVOICE_FINALIZED = "invoice.finalized"
    INVOICE_PAID = "invoice.paid"
    INVOICE_VOIDED = "invoice.voided"
    INVOICE_PAYMENT_FAILED = "invoice.payment_failed"
    CHECKOUT_COMPLETED = "checkout.completed"
    CHECKOUT_EXPIRED = "checkout.expired"
    ABANDONED_CHECKOUT_DETECTED = "abandoned_checkout.detected"
    ABANDONED_CHECKOUT_RECOVERED = "abandoned_checkout.recovered"


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
    EventType.SOURCE_CHARGEABLE: EventKind("Source", "a source can be charged from now on"),
    EventType.SOURCE_FAILED: EventKind(
        "Source", "a source can never be charged: declined, aborted or revoked"
    ),
    EventType.SOURCE_CANCELED: EventKind("Source", "a source was not completed, or not charged, in time"),
    EventType.SOURCE_MANDATE_NOTIFICATION: EventKind(
        "MandateNotification", "the customer is to be told of a mandate or of a debit"
    ),
    EventType.SOURCE_REFUND_ATTRIBUTES_REQUIRED: EventKind(
        "Source", "a refund needs the account that the money is to go to"
    ),
    EventType.CUSTOMER_SOURCE_CREATED: EventKind("Source", "a source was attached to a customer"),
    EventType.CUSTOMER_SOURCE_UPDATED: EventKind("Source", "an attached source changed"),
    EventType.CUSTOMER_SOURCE_DELETED: EventKind("Source", "a source was detached from a customer"),
    EventType.CUSTOMER_SOURCE_EXPIRING: EventKind(
        "Source", "an attached card expires at the end of the month; sent once"
    ),
    EventType.PAYMENT_REQUIRES_CUSTOMER_ACTION: EventKind("Payment", "a payment waits for its customer"),
    EventType.PAYMENT_PROCESSING: EventKind("Payment", "a payment was sent and its outcome comes later"),
    EventType.PAYMENT_SUCCEEDED: EventKind("Payment", "a payment succeeded"),
    EventType.PAYMENT_FAILED: EventKind("Payment", "a payment was declined or failed"),
    EventType.PAYMENT_CANCELLED: EventKind("Payment", "a payment was given up before it was completed"),
    EventType.REFUND_CREATED: EventKind("Refund", "a refund was accepted"),
    EventType.REFUND_SUCCEEDED: EventKind("Refund", "a refund reached its destination"),
    EventType.REFUND_FAILED: EventKind("Refund", "a refund did not reach its destination"),
    EventType.DISPUTE_OPENED: EventKind("Dispute", "a payment was disputed, or a dispute rose a stage"),
    EventType.DISPUTE_CHALLENGED: EventKind("Dispute", "evidence against a dispute was submitted"),
    EventType.DISPUTE_ACCEPTED: EventKind("Dispute", "a dispute was accepted"),
    EventType.DISPUTE_EXPIRED: EventKind("Dispute", "a dispute was not answered in time"),
    EventType.DISPUTE_CANCELLED: EventKind("Dispute", "a dispute was withdrawn"),
    EventType.DISPUTE_WON: EventKind("Dispute", "a dispute was decided for the business"),
    EventType.DISPUTE_LOST: EventKind("Dispute", "a dispute was decided against the business"),
    EventType.INVOICE_FINALIZED: EventKind("Invoice", "an invoice got its number"),
    EventType.INVOICE_PAID: EventKind("Invoice", "an invoice was paid"),
    EventType.INVOICE_VOIDED: EventKind("Invoice", "an invoice was voided"),
    EventType.INVOICE_PAYMENT_FAILED: EventKind("Invoice", "a payment of an invoice failed"),
    EventType.CHECKOUT_COMPLETED: EventKind("CheckoutSession", "a checkout session was paid or completed"),
    EventType.CHECKOUT_EXPIRED: EventKind("CheckoutSession", "a checkout session ran out"),
    EventType.ABANDONED_CHECKOUT_DETECTED: EventKind(
        "AbandonedCheckout", "nobody went on with a checkout for an hour"
    ),
    EventType.ABANDONED_CHECKOUT_RECOVERED: EventKind(
        "AbandonedCheckout", "an abandoned checkout was paid after all"
    ),
}
assert KINDS.keys() == set(EventType)

API_VERSION = "2026-01"

_RAISE_SEQUENCE = (
    update(Customer)
    .where(col(Customer.id) == bindparam("customer_id"))
    .values(last_sequence=col(Customer.last_sequence) + 1)
    .returning(col(Customer.last_sequence))
)
_RAISE_ORDER = (
    update(EventOrder)
    .where(col(EventOrder.order_key) == bindparam("order_key"))
    .values(last_sequence=col(EventOrder.last_sequence) + 1)
    .returning(col(EventOrder.last_sequence))
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


def append(
    tx: Tx, customer_id: str | None, kind: EventType, object_id: str, data: Mapping[str, Any]
) -> Event:
    """Append an event, in the transaction that makes it true (G9, EV7).

    The caller holds the customer's lock, so the sequence has no gap and follows the order of the changes. Without a
    customer, as of an anonymous payment, the object is its own order key (ruling 14), and its row is the lock.
    `data` is the object as it is right after the change (EV2), without `payload_type`, which is added here.
    """
    order_key = customer_id or object_id
    payload = {"payload_type": KINDS[kind].payload_type, **data}
    return tx.insert(
        Event(
            order_key=order_key,
            sequence=_next_in_order(tx, customer_id, order_key),
            id=new_id("evt"),
            position=tx.next_position(),
            type=kind,
            customer_id=customer_id,
            object_id=object_id,
            occurred_at=tx.now,
            data_json=orjson.dumps(payload).decode(),
        )
    )


def _next_in_order(tx: Tx, customer_id: str | None, order_key: str) -> int:
    if customer_id is None:
        raised = tx.first(_RAISE_ORDER, order_key=order_key)
        if raised is None:
            tx.insert(EventOrder(order_key=order_key, last_sequence=1))
            return 1
    else:
        raised = tx.first(_RAISE_SEQUENCE, customer_id=customer_id)
        assert raised is not None, f"no customer {customer_id}"
    return raised[0]
