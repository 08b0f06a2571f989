"""What becomes of a session when its payment does (PM72, PM89a). Called in the payment's own transaction."""

import orjson

from saifu import events, locks
from saifu.clock import rfc3339
from saifu.events import EventType
from saifu.payments.machine import UNPAID
from saifu.sources import rows as sources
from saifu.sources.detaching import detach_in
from saifu.store import Tx
from saifu.tables import CheckoutSession, Payment

from . import endings, rows
from .rows import Status

ABANDONED, RECOVERED = "abandoned", "recovered"
PAYMENT_FAILED, INCOMPLETE = "payment_failed", "checkout_incomplete"
_CONSUMING = frozenset({"succeeded", "processing"})


def payment_settled(tx: Tx, payment: Payment) -> None:
    """A payment came to another status: where it was made in a checkout, its session follows.

    Success, and a bank's word that the money is on its way, consume the session; a payment of which nobody knows how
    it ended does not, and neither does a decline, after which it can be tried again (PM19b).
    """
    if payment.checkout_session_id is None or payment.outcome_unknown:
        return
    session = rows.locked(tx, payment.checkout_session_id)
    assert session is not None, "sessions are never deleted"
    if payment.status in UNPAID:
        _let_go(tx, session, payment)
    elif payment.status in _CONSUMING:
        _consume(tx, session, payment)


def _consume(tx: Tx, session: CheckoutSession, payment: Payment) -> None:
    # A look-up may find that the money came after the session had expired: then it was paid all the same.
    if session.status != Status.COMPLETED:
        session = endings.completed(tx, session, payment_id=payment.id)
    if payment.status == "succeeded":
        _recovered(tx, session, payment.id)


def abandon(tx: Tx, session_id: str) -> None:
    """Take a session for abandoned when its hour is over; nothing when somebody did something meanwhile (PM89a)."""
    session = rows.locked(tx, session_id)
    if session is None or session.abandons_at is None or session.abandons_at > tx.now:
        return
    if session.customer_id is None or rows.status_at(session, tx.now) is not Status.OPEN:
        rows.save(tx, session, {"abandons_at": None})
        return
    found = {
        "session_id": session.id,
        "customer_id": session.customer_id,
        "payment_id": session.payment_id,
        "status": ABANDONED,
        "abandonment_reason": PAYMENT_FAILED if session.payment_id else INCOMPLETE,
        "abandoned_at": rfc3339(tx.now),
        "recovered_payment_id": None,
    }
    rows.save(tx, session, {"abandons_at": None, "abandonment_json": orjson.dumps(found).decode()})
    events.append(tx, session.customer_id, EventType.ABANDONED_CHECKOUT_DETECTED, session.id, found)


def _let_go(tx: Tx, session: CheckoutSession, payment: Payment) -> None:
    """A card that was to be kept and did not pay is not kept (PM77)."""
    if session.source_id is None or session.source_id != payment.source_id or session.customer_id is None:
        return
    customer, source = locks.lock(tx, session.customer_id), sources.locked(tx, session.source_id)
    if source.customer_id == customer.id:
        detach_in(tx, customer, source)
    rows.save(tx, session, {"source_id": None})


def _recovered(tx: Tx, session: CheckoutSession, payment_id: str) -> None:
    if session.abandonment_json is None:
        return
    found = orjson.loads(session.abandonment_json)
    if found["status"] != ABANDONED:
        return
    found |= {"status": RECOVERED, "recovered_payment_id": payment_id}
    rows.save(tx, session, {"abandonment_json": orjson.dumps(found).decode()})
    events.append(tx, session.customer_id, EventType.ABANDONED_CHECKOUT_RECOVERED, session.id, found)
