"""Checkout sessions whose time is over, and such as nobody came back to (PM71, PM89a)."""

from datetime import timedelta
from functools import partial

from sqlalchemy import Integer, bindparam
from sqlmodel import col, select

from saifu.jobs import BATCH, Job, Run, each
from saifu.payments.flow import PaymentFlow
from saifu.payments.machine import PaymentStatus
from saifu.store import Store, Tx
from saifu.tables import CheckoutSession, Instant, Payment

from . import attempts, endings, rows, sessions, settled
from .rows import Status

_DUE = (
    select(CheckoutSession.id)
    .where(
        col(CheckoutSession.status) == Status.OPEN.value,
        col(CheckoutSession.expires_at) <= bindparam("now", type_=Instant()),
    )
    .order_by(col(CheckoutSession.expires_at))
    .limit(bindparam("limit", type_=Integer))
)
_LEFT_ALONE = (
    select(CheckoutSession.id)
    .where(
        col(CheckoutSession.abandons_at).is_not(None),
        col(CheckoutSession.abandons_at) <= bindparam("now", type_=Instant()),
    )
    .order_by(col(CheckoutSession.abandons_at))
    .limit(bindparam("limit", type_=Integer))
)


def jobs(payments: PaymentFlow) -> list[Job]:
    """The jobs of checkout sessions."""
    return [
        Job("checkout_expiry", timedelta(seconds=15), partial(expire, payments=payments)),
        Job("checkout_abandonment", timedelta(minutes=1), abandon),
    ]


async def expire(store: Store, payments: PaymentFlow) -> Run:
    """End the sessions that ran out, each after the payment that waits for its customer was cancelled (PM71).

    A payment of which nobody knows how it ended keeps its session: it may have been paid.
    """
    due = await store.read(lambda tx: tx.all(_DUE, now=tx.now, limit=BATCH))
    return await each(due, partial(_expire, store, payments), "checkout_expiry", BATCH)


async def abandon(store: Store) -> Run:
    """Tell of the sessions that were left alone for an hour (PM89a)."""
    due = await store.read(lambda tx: tx.all(_LEFT_ALONE, now=tx.now, limit=BATCH))
    return await each(
        due,
        lambda session_id: store.write(lambda tx: settled.abandon(tx, session_id)),
        "checkout_abandonment",
        BATCH,
    )


async def _expire(store: Store, payments: PaymentFlow, session_id: str) -> bool:
    payment = await store.read(lambda tx: _under_way(tx, session_id))
    if payment is not None and payment.status == PaymentStatus.REQUIRES_CUSTOMER_ACTION:
        await payments.cancel(payment.id)
    return await store.write(lambda tx: _end(tx, session_id))


def _under_way(tx: Tx, session_id: str) -> Payment | None:
    session = rows.get(tx, session_id)
    return None if session is None else attempts.under_way(tx, session)


def _end(tx: Tx, session_id: str) -> bool:
    session = sessions.known(tx, session_id)
    if session.status != Status.OPEN or session.expires_at > tx.now:
        return False
    if attempts.under_way(tx, session) is not None:
        return False
    endings.ended(tx, session)
    return True
