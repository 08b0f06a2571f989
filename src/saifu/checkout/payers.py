"""Who somebody is of whom only an e-mail address is known (CU7, CU8)."""

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customers, fields, locks
from saifu.payments.rules import PaymentRules
from saifu.store import Tx
from saifu.tables import Customer

from .orders import Payer

_OLDEST = (
    select(Customer)
    .where(
        col(Customer.email_folded) == bindparam("email"),
        col(Customer.anonymised_at).is_(None),
        col(Customer.blocked_at).is_(None),
    )
    .order_by(col(Customer.created_at), col(Customer.id))
    .limit(1)
)


def customer_of(tx: Tx, payer: Payer, rules: PaymentRules, always_new: bool = False) -> Customer:
    """The customer of an e-mail address, locked: the oldest there is, or a new one (CU7).

    A match is not verified: nothing of that customer's may be used or shown (CU8, PM75). A new customer without a
    name is called by what stands before the @.

    Raises:
        Refusal: CUSTOMER_BLOCKED, the address is under a block (CU62).
    """
    found = None if always_new else tx.first(_OLDEST, email=fields.folded_email(payer.email))
    if found is None:
        new = customers.NewCustomer(
            payer.email, payer.name or payer.email.partition("@")[0], payer.phone_number
        )
        found = customers.create(tx, new, rules.wallet.currencies, test_mode=rules.is_test).value
    return locks.unblocked(tx, found.id)
