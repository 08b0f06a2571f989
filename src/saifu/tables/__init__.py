"""The stored shape, on one shelf. Rows are read-only values: a change is an UPDATE through the store.

Every hot table of a customer's leads its key with `customer_id`, so that the same schema can be distributed by
customer. Constraints repeat the invariants of the ledger as the last line of defence; they are not
the mechanism.
"""

from .base import Instant, Row
from .checkout import CheckoutSession
from .documents import Counter, DocumentLink, Invoice, Receipt
from .payments import Dispute, Payment, PaymentAttempt, ProcessorCallback, Refund
from .simulator import (
    SimulatorCallback,
    SimulatorCharge,
    SimulatorDispute,
    SimulatorHouse,
    SimulatorInstrument,
    SimulatorRefund,
    SimulatorScript,
    SimulatorToken,
)
from .sources import ProcessorCustomer, Source, SourceTry
from .wallets import (
    ApiKey,
    AuditRecord,
    Customer,
    CustomerBlock,
    CustomerSession,
    Event,
    EventOrder,
    IdempotencyRecord,
    Installation,
    LedgerEntry,
    Lot,
    LotMovement,
    Wallet,
)

__all__ = [
    "ApiKey",
    "AuditRecord",
    "CheckoutSession",
    "Counter",
    "Customer",
    "CustomerBlock",
    "CustomerSession",
    "Dispute",
    "DocumentLink",
    "Event",
    "EventOrder",
    "IdempotencyRecord",
    "Installation",
    "Instant",
    "Invoice",
    "LedgerEntry",
    "Lot",
    "LotMovement",
    "Payment",
    "PaymentAttempt",
    "ProcessorCallback",
    "ProcessorCustomer",
    "Receipt",
    "Refund",
    "Row",
    "SimulatorCallback",
    "SimulatorCharge",
    "SimulatorDispute",
    "SimulatorHouse",
    "SimulatorInstrument",
    "SimulatorRefund",
    "SimulatorScript",
    "SimulatorToken",
    "Source",
    "SourceTry",
    "Wallet",
]
