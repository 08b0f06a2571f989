"""Checkout sessions: made, opened, ended (PM70-PM72, PM75, PM89a; customers CU7, CU8).

What is paid from one is in `attempts.py`. Every change holds the customer's lock first and the session's then.
"""

from dataclasses import asdict
from datetime import timedelta

import orjson

from saifu import audit, locks
from saifu.idempotency import once
from saifu.ids import new_id
from saifu.payments.rules import PaymentRules
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Tx
from saifu.tables import CheckoutSession

from . import endings, payers, rows, tokens, totals
from .orders import NewSession, well_formed
from .rows import Status

MUTATION = "checkoutSessionCreate"
LASTS = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=60)
SEEN_EVERY = timedelta(minutes=1)
"""How often opening the page again is written down."""

_PATH = ("input", "checkoutSessionId")


def create(tx: Tx, new: NewSession, rules: PaymentRules, key: str) -> tuple[CheckoutSession, str | None]:
    """A session that is good for 24 hours, and the token of its link, which is never shown again (PM70, PM86).

    The token is None when an earlier request with this key had made the session: only its hash is stored.

    Raises:
        Refusal: NOT_FOUND, GONE, CUSTOMER_BLOCKED (CU57, CU62); what `orders.well_formed` refuses.
        IdempotencyKeyReused: the key belongs to another request.
    """
    new = well_formed(new, rules)
    if new.customer_id is not None:
        locks.lock(tx, new.customer_id)
    token = tokens.new()
    done = once(tx, key, MUTATION, new.identity(), lambda: _make(tx, new, rules, token))
    session = rows.get(tx, done.object_id)
    assert session is not None
    return session, None if done.replayed else token


def expire(tx: Tx, session_id: str, key: str | None = None) -> tuple[CheckoutSession, bool]:
    """End an open session at once; one that has expired already stays so. Its payment was given up before.

    Returns:
        The session, and whether an earlier request with this key had ended it.

    Raises:
        Refusal: NOT_FOUND, CHECKOUT_SESSION_CONSUMED (PM72).
    """
    session = known(tx, session_id)

    def do() -> str:
        if session.status == Status.COMPLETED:
            raise consumed()
        if session.status == Status.OPEN:
            endings.ended(tx, session)
            audit.record(tx, "checkoutSessionExpire", session.id, session.customer_id)
        return session.id

    done = once(tx, key, "checkoutSessionExpire", {"checkout_session_id": session_id}, do)
    return known(tx, done.object_id), done.replayed


def seen(tx: Tx, session_id: str) -> None:
    """Somebody opened the page: an hour from now it is abandoned, unless something happens (PM89a)."""
    session = rows.locked(tx, session_id)
    if session is not None and rows.status_at(session, tx.now) is Status.OPEN:
        rows.save(tx, session, active(tx, session))


def active(tx: Tx, session: CheckoutSession) -> dict[str, object]:
    """What changes in a session when somebody does something with it."""
    return {
        "last_activity_at": tx.now,
        "abandons_at": None if session.abandonment_json else tx.now + ABANDONED_AFTER,
    }


def known(tx: Tx, session_id: str) -> CheckoutSession:
    """The session, locked until the commit, after its customer.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = rows.locked(tx, session_id)
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such checkout session.", _PATH)
    return found


def consumed() -> Refusal:
    """PM72: a session is good for one payment."""
    return Refusal(ErrorCode.CHECKOUT_SESSION_CONSUMED, "This checkout has been completed already.", _PATH)


def over() -> Refusal:
    """PM71: nothing can be paid from a session that has run out."""
    return Refusal(ErrorCode.CHECKOUT_SESSION_EXPIRED, "This checkout has expired.", _PATH)


def _make(tx: Tx, new: NewSession, rules: PaymentRules, token: str) -> str:
    customer_id = _whose(tx, new, rules)
    cost = new.totals
    session = tx.insert(
        CheckoutSession(
            id=new_id("cks"),
            token_hash=tokens.hashed(token),
            customer_id=customer_id,
            verified=new.customer_id is not None,
            purpose=new.purpose.value,
            status=Status.OPEN.value,
            currency=new.currency,
            total_minor=cost.total_minor,
            tax_minor=cost.tax_minor,
            lines_json=orjson.dumps(totals.stored(new.lines)).decode(),
            customer_json=orjson.dumps(asdict(new.payer) if new.payer else {}).decode(),
            billing_json=orjson.dumps(new.billing_address).decode() if new.billing_address else None,
            options_json=orjson.dumps(asdict(new.options)).decode(),
            metadata_json=orjson.dumps(new.metadata or {}).decode(),
            return_url=new.return_url,
            cancel_url=new.cancel_url,
            attempts=0,
            last_activity_at=tx.now,
            expires_at=tx.now + LASTS,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    audit.record(tx, MUTATION, session.id, customer_id, {"purpose": new.purpose.value})
    return session.id


def _whose(tx: Tx, new: NewSession, rules: PaymentRules) -> str | None:
    if new.customer_id is not None:
        return locks.unblocked(tx, new.customer_id).id
    if new.payer is None:
        return None
    return payers.customer_of(tx, new.payer, rules, always_new=new.options.always_create_new_customer).id
