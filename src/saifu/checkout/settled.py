"""What becomes of a session when its payment does (PM72, PM89a). Called in the payment's own transaction."""

import orjson

from saifu import events
from saifu.clock import rfc3339
from saifu.events import EventType
from saifu.payments import charges
from saifu.sources import rows as sources
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
    if payment.status in _CONSUMING:
        session = rows.locked(tx, payment.checkout_session_id)
        assert session is not None, "sessions are never deleted"
        _consume(tx, session, payment)


def _consume(tx: Tx, session: CheckoutSession, payment: Payment) -> None:
    kept = {"source_id": payment.source_id} if _is_kept(tx, payment) else {}
    # A look-up may find that the money came after the session had expired: then it was paid all the same.
    if session.status != Status.COMPLETED:
        session = endings.completed(tx, session, payment_id=payment.id, **kept)
    elif kept:
        session = rows.save(tx, session, kept)
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


def _is_kept(tx: Tx, payment: Payment) -> bool:
    """Whether a card that was typed is the customer's since this payment (PM77)."""
    source = None if payment.source_id is None else sources.get(tx, payment.source_id)
    if source is None or source.customer_id is None:
        return False
    charge = charges.ordered(tx, payment.id)
    return charge is not None and charge.save


def _recovered(tx: Tx, session: CheckoutSession, payment_id: str) -> None:
    if session.abandonment_json is None:
        return
    found = orjson.loads(session.abandonment_json)
    if found["status"] != ABANDONED:
        return
    found |= {"status": RECOVERED, "recovered_payment_id": payment_id}
    rows.save(tx, session, {"abandonment_json": orjson.dumps(found).decode()})
    events.append(tx, session.customer_id, EventType.ABANDONED_CHECKOUT_RECOVERED, session.id, found)
