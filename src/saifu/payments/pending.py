"""What of wallets has been debited for payments that have not ended yet (W49)."""

from collections.abc import Mapping, Sequence

from sqlalchemy import literal_column
from sqlmodel import col, select

from saifu.statements import any_of, total
from saifu.store import Tx
from saifu.tables import Payment
from saifu.wallet_views import WalletKey

UNDER_WAY = col(Payment.status).not_in(
    [literal_column(f"'{status}'") for status in ("succeeded", "failed", "cancelled")]
)
"""The condition of the index of such payments, written out: without it no planner would use the index."""

_PENDING = (
    select(col(Payment.customer_id), col(Payment.currency), total(col(Payment.wallet_minor)))
    .where(
        UNDER_WAY,
        any_of(col(Payment.customer_id), "customers"),
        any_of(col(Payment.currency), "currencies"),
    )
    .group_by(col(Payment.customer_id), col(Payment.currency))
)


def pending(tx: Tx, keys: Sequence[WalletKey]) -> Mapping[WalletKey, int]:
    """What each wallet has paid of payments that are still under way, in minor units; it has left the balance."""
    found = dict.fromkeys(keys, 0)
    customers = sorted({customer for customer, _ in keys})
    currencies = sorted({currency for _, currency in keys})
    for customer, currency, amount_minor in tx.all(_PENDING, customers=customers, currencies=currencies):
        if customer is not None and (customer, currency) in found:
            found[customer, currency] = amount_minor
    return found
