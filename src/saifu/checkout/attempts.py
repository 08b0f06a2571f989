"""Paying from a checkout session: one attempt at a time, ten at most (PM72, PM74-PM78, PM19b)."""

from dataclasses import dataclass

import orjson

from saifu import locks, wallets
from saifu.payments import begin
from saifu.payments import rows as payments
from saifu.payments.begin import Begun
from saifu.payments.machine import TERMINAL
from saifu.payments.orders import Line, PaymentOrder
from saifu.payments.orders import Purpose as PaymentPurpose
from saifu.payments.rules import PaymentRules
from saifu.payments.split import Split, split
from saifu.processors.contract import Instrument
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Tx
from saifu.tables import CheckoutSession, Customer, Payment

from . import payers, rows, sessions
from .orders import Payer
from .rows import Purpose, Status

MOST_ATTEMPTS = 10
MUTATION = "checkoutSessionPay"
"""What the audit log calls a payment that was confirmed on a page."""
TOP_UP_LINE = "Wallet top-up"
_PURPOSES = {Purpose.PAYMENT: PaymentPurpose.PURCHASE, Purpose.TOP_UP: PaymentPurpose.WALLET_TOP_UP}


@dataclass(frozen=True, slots=True)
class Made:
    """What a processor made of a token."""

    processor: str
    instrument: Instrument


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor has confirmed.

    Attributes:
        attempt: the number of the attempt that the page offered: the same one twice is a double click (PM72).
        source_id: a saved source; None with an instrument, or where the wallet pays all.
        use_wallet: whether the balance is to be used (PM74).
        shown_minor: what the page said that the instrument would pay; None where it said nothing (PM78).
        keep: whether the instrument is to be kept for the customer once it has paid (PM77).
        payer: who is paying, where the session does not know.
    """

    attempt: int
    source_id: str | None = None
    use_wallet: bool = False
    shown_minor: int | None = None
    keep: bool = False
    payer: Payer | None = None


class Changed(Exception):
    """What is to be paid is not what the page has shown: it has to ask again (PM78)."""


class Repeated(Exception):
    """This attempt was made already, or another is under way: the page shows how it stands (PM72)."""


def latest(tx: Tx, session: CheckoutSession) -> Payment | None:
    """The payment that says how a session stands: one that is live or has succeeded, else the last that failed."""
    live = payments.live_for(tx, session.id)
    if live is not None or session.payment_id is None:
        return live
    return payments.get(tx, session.payment_id)


def under_way(tx: Tx, session: CheckoutSession) -> Payment | None:
    """The payment of a session that is not terminal, whoever began it: a merchant may retry one too."""
    payment = payments.live_for(tx, session.id)
    return None if payment is None or payment.status in TERMINAL else payment


def spendable_minor(tx: Tx, session: CheckoutSession) -> int:
    """What the page may offer of the balance: a verified customer's, and never for a top-up (PM74, PM75, W63)."""
    if session.customer_id is None or not session.verified or session.purpose != Purpose.PAYMENT:
        return 0
    key = (session.customer_id, session.currency)
    return max(0, wallets.views(tx, [key])[key].balance_minor)


def parts(session: CheckoutSession, balance_minor: int, rules: PaymentRules) -> Split | None:
    """What the balance and what an instrument would pay (W44, W45); None when no instrument could be asked."""
    return split(session.total_minor, balance_minor, rules.minimum(session.currency))


def refuse(tx: Tx, session: CheckoutSession, attempt: int) -> None:
    """Go no further where nothing may be paid, or this attempt was made before. The caller holds the session's lock.

    Raises:
        Repeated: a double click, or a payment is under way.
        Refusal: CHECKOUT_SESSION_CONSUMED, CHECKOUT_SESSION_EXPIRED, TOO_MANY_REQUESTS after ten attempts.
    """
    if session.status == Status.COMPLETED:
        raise sessions.consumed()
    if under_way(tx, session) is not None:
        raise Repeated
    if rows.status_at(session, tx.now) is Status.EXPIRED:
        raise sessions.over()
    if session.attempts >= MOST_ATTEMPTS:
        raise Refusal(ErrorCode.TOO_MANY_REQUESTS, "This checkout has been tried too often.")
    if attempt != session.attempts + 1:
        raise Repeated


def refuse_early(tx: Tx, session_id: str, attempt: int) -> None:
    """The same, before anything is asked of a processor.

    Raises:
        Repeated, Refusal: as `refuse`; NOT_FOUND.
    """
    refuse(tx, sessions.known(tx, session_id), attempt)


def start(
    tx: Tx,
    session_id: str,
    choice: Choice,
    rules: PaymentRules,
    by: Made | None,
    return_url: str,
) -> Begun:
    """Make the payment that a visitor has confirmed, ready to be sent; the wallet's part is debited here (PM76).

    Args:
        by: what a processor made of a token, where a token is to be charged.
        return_url: where an action that the bank asks for leads back to.

    Raises:
        Changed: the split is not the one that was shown.
        Repeated: a double click, or a payment is under way.
        Refusal: what `refuse` and `payments.begin` refuse.
    """
    session = sessions.known(tx, session_id)
    refuse(tx, session, choice.attempt)
    customer = _customer(tx, session, choice, rules)
    _refuse_other_price(tx, session, choice, rules)
    counted = {"customer_id": customer.id, "attempts": choice.attempt, **sessions.active(tx, session)}
    order = _order(session, customer, choice, return_url)
    rows.save(tx, session, counted)
    begun = begin.begin(tx, order, rules, by.processor if by else None, by.instrument if by else None)
    # What is paid already has completed the session (`settled`), so it is read again.
    now = rows.get(tx, session_id)
    assert now is not None
    rows.save(tx, now, {"payment_id": begun.payment.id})
    return begun


def count(tx: Tx, session_id: str, attempt: int) -> None:
    """Write down an attempt that ended before there was a payment, as where a bank did not let a card be kept."""
    session = sessions.known(tx, session_id)
    refuse(tx, session, attempt)
    rows.save(tx, session, {"attempts": attempt, **sessions.active(tx, session)})


def _customer(tx: Tx, session: CheckoutSession, choice: Choice, rules: PaymentRules) -> Customer:
    if session.customer_id is not None:
        return locks.unblocked(tx, session.customer_id)
    assert choice.payer is not None, "the page asks who is paying"
    always_new = rows.options(session)["always_create_new_customer"]
    return payers.customer_of(tx, choice.payer, rules, always_new=always_new)


def _refuse_other_price(tx: Tx, session: CheckoutSession, choice: Choice, rules: PaymentRules) -> None:
    """PM78: lines are priced by whoever made the session, so only what the balance pays can have changed."""
    balance_minor = spendable_minor(tx, session) if choice.use_wallet else 0
    now = parts(session, balance_minor, rules)
    if now is not None and choice.shown_minor not in (None, now.source_minor):
        raise Changed


def _order(session: CheckoutSession, customer: Customer, choice: Choice, return_url: str) -> PaymentOrder:
    purpose = Purpose(session.purpose)
    return PaymentOrder(
        currency=session.currency,
        customer_id=customer.id,
        source_id=choice.source_id,
        use_wallet=choice.use_wallet and session.verified and purpose is Purpose.PAYMENT,
        purpose=_PURPOSES[purpose],
        lines=_lines(session),
        metadata=orjson.loads(session.metadata_json),
        billing_address=orjson.loads(session.billing_json) if session.billing_json else None,
        return_url=return_url,
        on_session=True,
        pays_for=session.id,
        retry_of=session.payment_id,
        checkout_session_id=session.id,
        save_source=choice.keep,
        mutation=MUTATION,
    )


def _lines(session: CheckoutSession) -> list[Line]:
    if session.purpose == Purpose.TOP_UP:
        return [Line(TOP_UP_LINE, session.total_minor)]
    return [Line.kept(line) for line in rows.lines(session)]
