"""A card that was typed to be charged and to be kept: attached once it was charged, without another check (PM77).

Its bank has seen the customer while it was charged, if it wanted to, and its processor keeps it since; asked for a
check of its own before, nobody would be there to answer the bank.
"""

import structlog

from saifu.refusals import Refusal
from saifu.sources import attaching
from saifu.sources import rows as source_rows
from saifu.store import Tx
from saifu.tables import Customer, Payment, Source

from . import charges

log = structlog.get_logger(__name__)


def is_wished(tx: Tx, payment: Payment) -> bool:
    """Whether what a payment charges is not attached yet and is to be kept."""
    if payment.customer_id is None or _reserved(tx, payment) is None:
        return False
    charge = charges.ordered(tx, payment.id)
    return charge is not None and charge.save


def keep(tx: Tx, payment: Payment, customer: Customer) -> bool:
    """Attach what a payment has charged to its customer, whose lock the caller holds; answers whether that went.

    It has paid either way: a customer who was blocked meanwhile, or who has too many sources, keeps no other one.
    """
    source = _reserved(tx, payment)
    assert source is not None, "nothing is to be kept"
    free = source_rows.save(tx, source, {"in_use_by": None})
    try:
        attaching.attach_in(tx, customer, free)
    except Refusal as refusal:
        source_rows.save(tx, free, {"in_use_by": payment.id})
        log.warning("source_not_kept", object_id=source.id, payment_id=payment.id, code=refusal.code)
        return False
    return True


def _reserved(tx: Tx, payment: Payment) -> Source | None:
    """The source that a payment has for itself; one that is attached it shares."""
    source = None if payment.source_id is None else source_rows.locked(tx, payment.source_id)
    return source if source is not None and source.in_use_by == payment.id else None
