"""How a checkout session ends: paid, run out, or with its customer (PM71, PM72, CU53)."""

import orjson
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import events
from saifu.events import EventType
from saifu.payments.erasing import LINE
from saifu.store import Tx
from saifu.tables import CheckoutSession

from . import rows
from .rows import Status

_OF_CUSTOMER = select(CheckoutSession).where(col(CheckoutSession.customer_id) == bindparam("customer_id"))


def ended(tx: Tx, session: CheckoutSession) -> CheckoutSession:
    """Write down that an open session is over, unpaid (PM71). The caller holds its lock."""
    after = rows.save(tx, session, {"status": Status.EXPIRED.value, "abandons_at": None})
    events.append(tx, after.customer_id, EventType.CHECKOUT_EXPIRED, after.id, rows.snapshot(after))
    return after


def completed(tx: Tx, session: CheckoutSession, **changes: str | None) -> CheckoutSession:
    """Write down that a session has done its work and is consumed (PM72). The caller holds its lock."""
    done = {"status": Status.COMPLETED.value, "completed_at": tx.now, "abandons_at": None}
    after = rows.save(tx, session, {**changes, **done})
    events.append(tx, after.customer_id, EventType.CHECKOUT_COMPLETED, after.id, rows.snapshot(after))
    return after


def forget_all(tx: Tx, customer_id: str) -> None:
    """Take a customer who is being deleted out of its checkout sessions, of which the open ones end (CU53).

    The caller holds the customer's lock, and has refused where a payment is under way (CU51).
    """
    for session in tx.all(_OF_CUSTOMER, customer_id=customer_id):
        held = rows.locked(tx, session.id)
        assert held is not None
        if held.status == Status.OPEN:
            held = ended(tx, held)
        lines = orjson.dumps([{**line, **LINE} for line in rows.lines(held)]).decode()
        copies = {"customer_json": "{}", "billing_json": None, "metadata_json": "{}"}
        rows.save(tx, held, {**copies, "lines_json": lines})
