"""How a checkout stands: all that its page shows, read in one go, and the state that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from saifu import customer_rows
from saifu.payments.machine import TERMINAL, PaymentStatus
from saifu.payments.rules import PaymentRules
from saifu.payments.split import Split
from saifu.sources import rows as sources
from saifu.store import Tx
from saifu.tables import CheckoutSession, Customer, Payment, Source

from . import attempts, rows
from .rows import Purpose, Status


class State(StrEnum):
    """What the page shows."""

    OPEN = "open"
    ACTION = "action"
    WAITING = "waiting"
    DONE = "done"
    ACCEPTED = "accepted"
    FAILED = "failed"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"


_CONSUMED: Mapping[str, State] = {
    PaymentStatus.SUCCEEDED: State.DONE,
    PaymentStatus.PROCESSING: State.ACCEPTED,
    PaymentStatus.FAILED: State.FAILED,
    PaymentStatus.CANCELLED: State.FAILED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A session with what is known around it.

    Attributes:
        payment: the latest that was made from it.
        customer: only of a verified one; of anybody else nothing may be shown (PM75).
        saved: what a verified customer can pay with (PM77).
        balance_minor: what may be used of the customer's balance.
        whole, split: what an instrument pays without the balance, and with it; None where no instrument could.
    """

    session: CheckoutSession
    payment: Payment | None
    customer: Customer | None
    saved: list[Source]
    balance_minor: int
    whole: Split | None
    split: Split | None
    now: datetime

    @property
    def state(self) -> State:
        if self.session.status == Status.COMPLETED:
            return State.DONE if self.payment is None else _CONSUMED.get(self.payment.status, State.WAITING)
        if self.payment is not None and self.payment.status not in TERMINAL:
            acts = self.payment.status == PaymentStatus.REQUIRES_CUSTOMER_ACTION
            return State.ACTION if acts else State.WAITING
        if rows.status_at(self.session, self.now) is Status.EXPIRED:
            return State.EXPIRED
        return State.EXHAUSTED if self.session.attempts >= attempts.MOST_ATTEMPTS else State.OPEN


def read(tx: Tx, session_id: str, rules: PaymentRules) -> Standing:
    """How a session stands that is known to be there."""
    session = rows.get(tx, session_id)
    assert session is not None
    customer = None
    if session.customer_id is not None and session.verified:
        customer = customer_rows.known(tx, session.customer_id)
    balance_minor = attempts.spendable_minor(tx, session)
    is_charged = session.purpose != Purpose.MANDATE
    return Standing(
        session=session,
        payment=attempts.latest(tx, session),
        customer=customer,
        saved=_saved(tx, session) if customer else [],
        balance_minor=balance_minor,
        whole=attempts.parts(session, 0, rules) if is_charged else None,
        split=attempts.parts(session, balance_minor, rules) if is_charged and balance_minor else None,
        now=tx.now,
    )


def _saved(tx: Tx, session: CheckoutSession) -> list[Source]:
    wanted = rows.options(session)
    if session.customer_id is None or not wanted["show_saved"] or session.purpose == Purpose.MANDATE:
        return []
    allowed = wanted["allowed_types"]
    return [
        source
        for source in sources.attached(tx, session.customer_id)
        if (allowed is None or source.type in allowed)
        and sources.status_at(source, tx.now) == "chargeable"
        and source.currency in (None, session.currency)
    ]
