"""What payments, their refunds and disputes know of the person who paid, taken out with that person (CU53, CU54)."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Integer, bindparam, null, update
from sqlmodel import col, select

from saifu.store import Tx
from saifu.tables import Dispute, Payment, PaymentAttempt, Refund

from . import rows

BATCH = 500
LINE: Mapping[str, Any] = {"name": "Anonymised", "description": None}
"""What stands in a line for what was bought, which may name who bought it; invoices keep it (CU54)."""

_OF_CUSTOMER = (
    select(Payment)
    .where(col(Payment.customer_id) == bindparam("customer_id"), col(Payment.id) > bindparam("after"))
    .order_by(col(Payment.id))
    .limit(bindparam("batch", type_=Integer))
    .with_for_update()
)


# Nothing is sent any more: whoever has a payment under way is not deleted (CU51).
_FORGET_ORDERS = (
    update(PaymentAttempt)
    .where(col(PaymentAttempt.payment_id) == bindparam("of_payment"))
    .values(order_json=null())
)
_REDACT_REFUNDS = (
    update(Refund)
    .where(col(Refund.customer_id) == bindparam("of_customer"))
    .values(reason=null(), metadata_json="{}", version=col(Refund.version) + 1)
)
_DISPUTES = select(Dispute).where(col(Dispute.customer_id) == bindparam("customer_id"))
_REDACT_DISPUTE = (
    update(Dispute)
    .where(col(Dispute.id) == bindparam("of_dispute"))
    .values(remarks=null(), evidence_json=bindparam("to_evidence"), version=col(Dispute.version) + 1)
)


def erase(tx: Tx, customer_id: str, stand_ins: Mapping[str, Any]) -> None:
    """Replace the copies of a customer, whose lock the caller holds; amounts, codes and ids stay."""
    after = ""
    while found := tx.all(_OF_CUSTOMER, customer_id=customer_id, after=after, batch=BATCH):
        after = found[-1].id
        for payment in found:
            rows.save(tx, payment, _without_person(payment, stand_ins))
            tx.run(_FORGET_ORDERS, of_payment=payment.id)
    tx.run(_REDACT_REFUNDS, of_customer=customer_id)
    for dispute in tx.all(_DISPUTES, customer_id=customer_id):
        tx.run(_REDACT_DISPUTE, of_dispute=dispute.id, to_evidence=_without_texts(dispute))


def _without_person(payment: Payment, stand_ins: Mapping[str, Any]) -> dict[str, Any]:
    copy, instrument = rows.loaded(payment.customer_json), rows.loaded(payment.instrument_json)
    return {
        "customer_json": copy and _packed({name: stand_ins.get(name, value) for name, value in copy.items()}),
        "billing_json": None,
        "instrument_json": instrument and _packed({**instrument, "name": None}),
        "lines_json": orjson.dumps([{**line, **LINE} for line in rows.lines(payment)]).decode(),
        "description": None,
        "metadata_json": "{}",
    }


def _without_texts(dispute: Dispute) -> str:
    """That there was evidence, and when, is part of how the dispute went."""
    return orjson.dumps([{**each, "text": ""} for each in orjson.loads(dispute.evidence_json)]).decode()


def _packed(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
