"""What a processor is told of a charge: written down once, before it is sent, and the same however often it is sent.

A processor that knows our key refuses another request under it. What a charge is made of may change between two
sendings: a source gets attached, a customer becomes known to the processor. So it is kept with the attempt, as it was
ordered, and without anything that says who the customer is.
"""

from dataclasses import asdict

import orjson

from saifu.processors.contract import Charge
from saifu.sources import proving
from saifu.store import Tx
from saifu.tables import Payment, PaymentAttempt, Source

from . import attempts, rows
from .attempts import AttemptKind


def order(tx: Tx, payment: Payment, source: Source, *, save: bool) -> Charge:
    """What is to be charged, as it stands now.

    Args:
        save: whether the processor is to keep the instrument for the customer (PM77).
    """
    billing = rows.loaded(payment.billing_json)
    customer_id = payment.customer_id
    return Charge(
        reference=payment.id,
        instrument_ref=source.processor_ref or "",
        instrument_type=source.type,
        amount_minor=payment.source_minor,
        currency=payment.currency,
        customer_id=customer_id,
        customer_ref=customer_id and proving.customer_ref(tx, customer_id, payment.processor),
        is_attached=source.customer_id is not None,
        save=save,
        on_session=payment.on_session,
        return_url=payment.return_url,
        description=payment.description,
        statement_descriptor=payment.statement_descriptor,
        source_id=source.id,
        billing_country=billing and billing.get("country"),
    )


def packed(charge: Charge) -> str:
    """An order as it is kept."""
    return orjson.dumps(asdict(charge)).decode()


def ordered(tx: Tx, payment_id: str) -> Charge | None:
    """What was ordered of a payment's source; None where nothing was, or nobody may know it any more (CU53)."""
    attempt = attempts.latest(tx, payment_id, AttemptKind.CHARGE)
    return None if attempt is None else _loaded(attempt)


def _loaded(attempt: PaymentAttempt) -> Charge | None:
    return None if attempt.order_json is None else Charge(**orjson.loads(attempt.order_json))
