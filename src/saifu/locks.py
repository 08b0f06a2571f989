"""The lock of a customer: one row, which serialises all that is the customer's (ruling 14, W38).

Every unit of work that changes something of a customer begins here, so that what it reads stays true
until it commits. On SQLite the one writer is the lock; on PostgreSQL it is the row.
"""

from sqlalchemy import bindparam
from sqlmodel import col, select

from .fields import storable
from .refusals import ErrorCode, Refusal
from .store import Tx
from .tables import Customer

_PATH = ("input", "customerId")
_LOCKED = select(Customer).where(col(Customer.id) == bindparam("customer_id")).with_for_update()


def lock(tx: Tx, customer_id: str) -> Customer:
    """The customer, locked until the commit; also one that was anonymised or is blocked.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = tx.first(_LOCKED, customer_id=customer_id) if storable(customer_id) else None
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such customer.", _PATH)
    return found


def living(tx: Tx, customer_id: str) -> Customer:
    """The customer, locked, and not anonymised.

    Raises:
        Refusal: NOT_FOUND, or GONE when the customer was anonymised (CU27, CU57).
    """
    customer = lock(tx, customer_id)
    refuse_anonymised(customer)
    return customer


def unblocked(tx: Tx, customer_id: str) -> Customer:
    """The customer, locked, living, and free to pay, to be credited and to sign in (CU62, CU79).

    Raises:
        Refusal: NOT_FOUND, GONE or CUSTOMER_BLOCKED.
    """
    customer = living(tx, customer_id)
    refuse_blocked(customer)
    return customer


def refuse_anonymised(customer: Customer) -> None:
    if customer.anonymised_at is not None:
        raise Refusal(ErrorCode.GONE, "This customer was deleted.", _PATH)


def refuse_blocked(customer: Customer) -> None:
    """For those who have the lock already and only now know that a block matters, as a credit does (W24)."""
    if customer.blocked_at is not None:
        raise Refusal(ErrorCode.CUSTOMER_BLOCKED, "This customer is blocked.", _PATH)
