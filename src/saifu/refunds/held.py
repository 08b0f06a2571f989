"""A payment held for a change of what was refunded or disputed of it: its customer is locked first, then itself."""

from dataclasses import dataclass

from saifu import locks
from saifu.payments import rows as payment_rows
from saifu.store import Tx
from saifu.tables import Customer, Payment


@dataclass(frozen=True, slots=True)
class Held:
    """A payment and its customer, both locked until the commit; a payment may have no customer."""

    payment: Payment
    customer: Customer | None

    @property
    def owner(self) -> Customer | None:
        """The customer, while there is anybody whose wallet can be credited (CU57)."""
        return self.customer if self.customer and self.customer.anonymised_at is None else None


def hold(tx: Tx, payment_id: str) -> Held:
    """Lock a payment and, before it, its customer, also one that was anonymised or is blocked (CU57, CU62).

    Raises:
        Refusal: NOT_FOUND.
    """
    customer_id = payment_rows.existing(tx, payment_id).customer_id
    customer = None if customer_id is None else locks.lock(tx, customer_id)
    return Held(payment_rows.locked(tx, payment_id), customer)
