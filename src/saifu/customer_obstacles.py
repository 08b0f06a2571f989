"""What stands in the way of deleting a customer (CU51): money that is still on its way."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, or_
from sqlmodel import col, select

from .store import Tx
from .tables import Dispute, Payment, Refund

_PAYMENTS = (
    select(Payment.id)
    .where(
        col(Payment.customer_id) == bindparam("customer_id"),
        *(col(Payment.status) != ended for ended in ("succeeded", "failed", "cancelled")),
    )
    .limit(1)
)
_REFUNDS = (
    select(Refund.id)
    .where(
        col(Refund.customer_id) == bindparam("customer_id"),
        or_(*(col(Refund.status) == under_way for under_way in ("pending", "review"))),
    )
    .limit(1)
)
_DISPUTES = (
    select(Dispute.id)
    .where(
        col(Dispute.customer_id) == bindparam("customer_id"),
        or_(*(col(Dispute.status) == under_way for under_way in ("dispute_opened", "dispute_challenged"))),
    )
    .limit(1)
)
_OBSTACLES: Mapping[str, Any] = {
    "PAYMENT_UNDER_WAY": _PAYMENTS,
    "REFUND_UNDER_WAY": _REFUNDS,
    "DISPUTE_OPEN": _DISPUTES,
}


def obstacles(tx: Tx, customer_id: str) -> Sequence[str]:
    """The reasons for which a customer, locked, cannot be deleted now; none when it can."""
    return [
        reason
        for reason, statement in _OBSTACLES.items()
        if tx.first(statement, customer_id=customer_id) is not None
    ]
