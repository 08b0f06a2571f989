"""What anonymising takes out of what is stored already (CU50, CU53, CU54).

Events are redacted in place: names, addresses, metadata and free text become stand-ins of the same shape, while
ids, types, times, amounts and the sequence stay. Blocks lose their e-mail and their notes. Idempotency records and
the audit log never had personal data.

Ledger entries keep their reason, metadata and key: they are append-only, sealed by the hash chain and kept as the
record of the money (CU50, W14). That is why the contract tells clients not to write personal data there.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Integer, String, bindparam, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlmodel import col, select

from .events import EventType
from .payments import erasing as of_payments
from .sources import erasing
from .store import Tx
from .tables import CustomerBlock, Event

STUB_NAME = "Anonymised customer"
BATCH = 500

_CUSTOMER_EVENTS = {
    EventType.CUSTOMER_CREATED,
    EventType.CUSTOMER_UPDATED,
    EventType.CUSTOMER_BLOCKED,
    EventType.CUSTOMER_UNBLOCKED,
}


class value_of(ColumnElement[str]):  # noqa: N801 - reads as the function it stands for
    """The text that the JSON object in the parameter `name` holds under the number in `column`."""

    inherit_cache = True
    type = String()

    def __init__(self, name: str, column: Any) -> None:
        self.bind = bindparam(name, type_=String())
        self.column = column


@compiles(value_of)
def _value_of_postgresql(element: value_of, compiler: Any, **options: Any) -> str:
    column, texts = compiler.process(element.column, **options), compiler.process(element.bind, **options)
    return f"CAST({texts} AS JSONB) ->> CAST({column} AS TEXT)"


@compiles(value_of, "sqlite")
def _value_of_sqlite(element: value_of, compiler: Any, **options: Any) -> str:
    column, texts = compiler.process(element.column, **options), compiler.process(element.bind, **options)
    return f"json_extract({texts}, '$.\"' || {column} || '\"')"


_EVENTS = (
    select(Event.sequence, Event.type, Event.data_json)
    .where(col(Event.order_key) == bindparam("order_key"), col(Event.sequence) > bindparam("after"))
    .order_by(col(Event.sequence))
    .limit(bindparam("batch", type_=Integer))
)
_REDACT = (
    update(Event)
    .where(
        col(Event.order_key) == bindparam("of_order_key"),
        col(Event.sequence) >= bindparam("first"),
        col(Event.sequence) <= bindparam("last"),
    )
    .values(data_json=value_of("texts", col(Event.sequence)))
)
_REDACT_BLOCKS = (
    update(CustomerBlock)
    .where(col(CustomerBlock.customer_id) == bindparam("of_customer"))
    .values(
        customer_email=bindparam("to_email"),
        identifier=bindparam("of_customer"),
        reason=None,
        notes=None,
    )
)


def stub(customer_id: str) -> dict[str, Any]:
    """The profile of a customer who was anonymised (CU53)."""
    return {
        "email": f"anonymised+{customer_id}@invalid",
        "name": STUB_NAME,
        "phone_number": None,
        "metadata": {},
        "preferred_locale": None,
        "billing_address": None,
    }


def erase(tx: Tx, customer_id: str) -> None:
    """Redact what is stored of a customer beside its own row, whose lock the caller holds.

    Two statements for each 500 events, which are kept for 90 days; the same for each source the customer had.
    """
    stand_ins = stub(customer_id)
    of_payments.erase(tx, customer_id, stand_ins)
    tx.run(_REDACT_BLOCKS, of_customer=customer_id, to_email=stand_ins["email"])
    for order_key in [customer_id, *erasing.erase(tx, customer_id)]:
        _redact_events(tx, order_key, stand_ins)


def _redact_events(tx: Tx, order_key: str, stand_ins: Mapping[str, Any]) -> None:
    after = 0
    while rows := tx.all(_EVENTS, order_key=order_key, after=after, batch=BATCH):
        first, after = rows[0][0], rows[-1][0]
        texts = {str(sequence): _redacted(kind, data, stand_ins) for sequence, kind, data in rows}
        if any(texts[str(sequence)] != data for sequence, _, data in rows):
            tx.run(
                _REDACT,
                of_order_key=order_key,
                first=first,
                last=after,
                texts=orjson.dumps(texts).decode(),
            )


def _redacted(kind: str, data: str, stand_ins: Mapping[str, Any]) -> str:
    payload = orjson.loads(data)
    if kind in _CUSTOMER_EVENTS:
        payload = _replaced(payload, stand_ins)
        if "previous_attributes" in payload:
            payload["previous_attributes"] = _replaced(payload["previous_attributes"], stand_ins)
    else:
        payload = _replaced(payload, _FREE_TEXT)
        if isinstance(payload.get("lines"), list):
            payload["lines"] = [_replaced(line, of_payments.LINE) for line in payload["lines"]]
        for name, parts in _inside(stand_ins).items():
            if isinstance(payload.get(name), dict):
                payload[name] = _replaced(payload[name], parts)
    return orjson.dumps(payload).decode()


_FREE_TEXT: Mapping[str, Any] = {
    "reason": None,
    "idempotency_key": None,
    "metadata": {},
    "owner": None,
    "billing": None,
    "description": None,
    "remarks": None,
}
"""What clients may have written about a person beside an amount."""


def _inside(stand_ins: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What is personal in a part of a payload: who paid, the holder of a card, where a browser went."""
    return {
        "customer": stand_ins,
        "card": {"name": None},
        "instrument": {"name": None},
        "redirect": {"url": None, "return_url": None},
    }


def _replaced(payload: Mapping[str, Any], stand_ins: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stand_ins.get(name, value) for name, value in payload.items()}
