"""Trying again: a new payment for what an earlier one did not pay (PM19b, W50)."""

from dataclasses import dataclass, replace

import orjson

from saifu.store import Tx
from saifu.tables import Payment

from . import rows
from .orders import PAYMENT_RETRY, Line, PaymentOrder


@dataclass(frozen=True, slots=True)
class Retry:
    """What is asked of another try; None leaves it as it was with the first.

    Attributes:
        source_id: what to charge instead.
        use_wallet: whether the stored balance, as it is now, pays first.
        on_session, return_url: whether the customer is there this time, and where it comes back to.
    """

    payment_id: str
    idempotency_key: str
    source_id: str | None = None
    use_wallet: bool | None = None
    on_session: bool | None = None
    return_url: str | None = None


def order_of(tx: Tx, retry: Retry) -> PaymentOrder:
    """The order of another try. Whether there may be one is asked when it is begun, by what it pays for.

    Raises:
        Refusal: NOT_FOUND.
    """
    first = rows.existing(tx, retry.payment_id)
    return PaymentOrder(
        currency=first.currency,
        customer_id=first.customer_id,
        amount_minor=first.total_minor,
        source_id=retry.source_id or first.source_id,
        use_wallet=first.uses_wallet if retry.use_wallet is None else retry.use_wallet,
        purpose=first.purpose,
        lines=_lines(first),
        description=first.description,
        statement_descriptor=first.statement_descriptor,
        metadata=orjson.loads(first.metadata_json),
        billing_address=rows.loaded(first.billing_json),
        return_url=first.return_url if retry.return_url is None else retry.return_url,
        on_session=first.on_session if retry.on_session is None else retry.on_session,
        pays_for=first.pays_for,
        retry_of=first.id,
        checkout_session_id=first.checkout_session_id,
        idempotency_key=retry.idempotency_key,
        mutation=PAYMENT_RETRY,
    )


def _lines(payment: Payment) -> list[Line]:
    """The same lines, which get ids of their own."""
    return [replace(Line.kept(line), id=None) for line in rows.lines(payment)]
