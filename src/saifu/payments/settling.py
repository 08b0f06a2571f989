"""What a processor's answer does to a payment: once, forward only, with everything that follows (PM10-PM19).

Answers come directly, from look-ups and after callbacks, in any order and any number; here they all end alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import structlog

from saifu import events, locks, wallets
from saifu.checkout import settled as checkouts
from saifu.clock import rfc3339
from saifu.documents import issuing
from saifu.ledger.entries import EntryType, Funding
from saifu.ledger.lots import refill
from saifu.posting import Posting
from saifu.processors.contract import ChargeAnswer, ChargeState
from saifu.processors.declines import DeclineCode
from saifu.refunds import settling as refunds
from saifu.refunds.methods import BANK_DEBITS
from saifu.sources import charging, mandates
from saifu.sources import rows as source_rows
from saifu.store import Tx
from saifu.tables import Customer, Payment

from . import attempts, keeping, rows
from .attempts import ANSWERED, AttemptKind, AttemptState
from .drawn import debit_of, drawn_lots
from .machine import EVENTS, TERMINAL, UNPAID, PaymentStatus, leads, standing, target
from .orders import Purpose
from .rules import PaymentRules

log = structlog.get_logger(__name__)

ACTION_WITHIN = timedelta(minutes=10)
"""How long a customer has to complete an action (PM94)."""

_HOPELESS: Mapping[DeclineCode, str] = {
    DeclineCode.INVALID_ACCOUNT: "account_closed",
    DeclineCode.REVOCATION_OF_AUTHORIZATION: "mandate_revoked",
}
"""Failures of a debit after which the account is not to be debited again (SR12)."""


@dataclass(frozen=True, slots=True)
class Held:
    """A payment and its customer, both locked, in the order that everybody keeps."""

    payment: Payment
    customer: Customer | None


def held(tx: Tx, payment_id: str) -> Held:
    """Lock a payment, and before it whoever pays it and with what.

    Raises:
        Refusal: NOT_FOUND.
    """
    known = rows.existing(tx, payment_id)
    customer = None if known.customer_id is None else locks.lock(tx, known.customer_id)
    if known.source_id is not None:
        source_rows.locked(tx, known.source_id)
    return Held(rows.locked(tx, payment_id), customer)


def apply(tx: Tx, payment_id: str, answer: ChargeAnswer, rules: PaymentRules) -> Payment:
    """Bring a payment to where the processor says it is; what is known, or leads back, changes nothing."""
    now = held(tx, payment_id)
    to = target(now.payment, answer)
    if not leads(now.payment, to.status):
        _contradicted(tx, now.payment, answer)
        return rows.existing(tx, payment_id)
    payment = moved(tx, now, to.status, _learned(tx, now.payment, answer, to.status, to.code), rules)
    _answered(tx, payment, answer)
    if answer.state is ChargeState.ACTION_REQUIRED and payment.status == PaymentStatus.FAILED:
        attempts.begin(tx, payment.id, AttemptKind.CANCEL, at_once=False)
    return payment


def unknown(tx: Tx, payment_id: str) -> Payment:
    """Nobody could say what became of the charge: it is asked for until somebody can (W49)."""
    now = held(tx, payment_id)
    attempt = attempts.latest(tx, payment_id, AttemptKind.CHARGE)
    if attempt is not None and attempt.state == AttemptState.SUBMITTING:
        attempts.stands(tx, attempt, AttemptState.UNKNOWN, answered_at=None)
    if now.payment.status != PaymentStatus.REQUIRES_CONFIRMATION:
        return now.payment
    changes = {"status": PaymentStatus.PROCESSING.value, "outcome_unknown": True}
    payment = rows.save(tx, now.payment, changes)
    _announce(tx, payment)
    return payment


def moved(tx: Tx, now: Held, to: PaymentStatus, learned: Mapping[str, Any], rules: PaymentRules) -> Payment:
    """Take a payment to another status, with what follows for its wallet, its source and its documents.

    Args:
        learned: further columns that change with it.
    """
    assert leads(now.payment, to), f"no way from {now.payment.status} to {to}"
    changes = {**learned, "status": to.value, "outcome_unknown": False}
    if to in UNPAID:
        _give_back(tx, now, rules)
        changes["wallet_minor"] = 0
    payment = rows.save(tx, now.payment, changes)
    _tell_source(tx, Held(payment, now.customer), to)
    if to is PaymentStatus.SUCCEEDED:
        _succeeded(tx, Held(payment, now.customer), rules)
    if payment.status != now.payment.status:  # what was unknown and is now on its way was announced as that
        _announce(tx, payment)
    if to in (PaymentStatus.PROCESSING, PaymentStatus.SUCCEEDED) and payment.payment_method in BANK_DEBITS:
        _notify(tx, now.payment, payment, rules)
    checkouts.payment_settled(tx, payment)
    if to is PaymentStatus.SUCCEEDED:
        issuing.paid(tx, payment, rules)
    if to in TERMINAL:
        refunds.payment_settled(tx, payment, rules)
    return rows.existing(tx, payment.id)  # a refund that had waited for this has been counted


def _learned(
    tx: Tx, payment: Payment, answer: ChargeAnswer, to: PaymentStatus, code: DeclineCode | None
) -> dict[str, Any]:
    learned: dict[str, Any] = {
        "processor_ref": answer.processor_ref or payment.processor_ref,
        "error_code": code,
        "raw_code": answer.raw_code,
        "action_json": None,
        "expires_at": None,
        "needs_review_at": None,
    }
    if answer.three_ds is not None:
        learned["three_ds_json"] = orjson.dumps(dict(answer.three_ds)).decode()
    if to is PaymentStatus.REQUIRES_CUSTOMER_ACTION:
        until = tx.now + ACTION_WITHIN
        action = {"url": answer.action_url, "expires_at": rfc3339(until)}
        learned |= {"action_json": orjson.dumps(action).decode(), "expires_at": until}
    if to is PaymentStatus.SUCCEEDED:
        learned["succeeded_at"] = tx.now
    return learned


def _answered(tx: Tx, payment: Payment, answer: ChargeAnswer) -> None:
    """Record the answer with the call that it is about."""
    attempt = attempts.latest(tx, payment.id, AttemptKind.CHARGE)
    if attempt is not None:
        attempts.stands(
            tx,
            attempt,
            ANSWERED[answer.state],
            processor_ref=answer.processor_ref,
            decline_code=answer.code,
            raw_code=answer.raw_code,
        )
    if payment.status in TERMINAL:
        attempts.settled(tx, payment.id)


def _contradicted(tx: Tx, payment: Payment, answer: ChargeAnswer) -> None:
    """An answer that leads nowhere: old news, or money for a payment that has ended without (PM19)."""
    if payment.status not in UNPAID:
        _same_news(tx, payment)
        return
    if answer.state is ChargeState.SUCCEEDED:
        if attempts.latest(tx, payment.id, AttemptKind.GIVE_BACK) is None:
            log.error("late_approval", payment_id=payment.id, status=payment.status)
            attempts.begin(tx, payment.id, AttemptKind.GIVE_BACK, at_once=False)
        attempts.settled(tx, payment.id)
    elif answer.state is ChargeState.PROCESSING:
        # It may yet be approved, and then the money has to go back: the processor is asked again.
        charge = attempts.latest(tx, payment.id, AttemptKind.CHARGE)
        if charge is not None:
            attempts.stands(tx, charge, AttemptState.PROCESSING, processor_ref=answer.processor_ref)


def _same_news(tx: Tx, payment: Payment) -> None:
    """Nothing changes but when the processor is asked next."""
    charge = attempts.latest(tx, payment.id, AttemptKind.CHARGE)
    if charge is not None and payment.status != PaymentStatus.SUCCEEDED:
        attempts.looked(tx, charge)


def _give_back(tx: Tx, now: Held, rules: PaymentRules) -> None:
    """Return the wallet's part into the lots that it came from (W48, W77)."""
    wallet_minor = now.payment.wallet_minor
    if not wallet_minor:
        return
    assert now.customer is not None, "only a customer has a wallet"
    fills = refill(drawn_lots(tx, now.payment), wallet_minor)
    back = Posting(EntryType.PAYMENT_REVERSAL, True, wallet_minor, reference_id=now.payment.id, fills=fills)
    wallets.post(tx, now.customer, now.payment.currency, back, rules.wallet)


def _succeeded(tx: Tx, now: Held, rules: PaymentRules) -> None:
    """The wallet's part is spent for good (W82); a top-up is credited (W63)."""
    payment, customer = now.payment, now.customer
    if customer is None:
        return
    debit = debit_of(tx, payment.id) if payment.wallet_minor else None
    if debit is not None:
        wallets.judge_settled(tx, customer, debit, rules.wallet)
    if payment.purpose == Purpose.WALLET_TOP_UP:
        credit = Posting(
            EntryType.TOP_UP, True, payment.total_minor, funding=Funding.PAID, reference_id=payment.id
        )
        wallets.post(tx, customer, payment.currency, credit, rules.wallet)


def _tell_source(tx: Tx, now: Held, to: PaymentStatus) -> None:
    payment = now.payment
    if payment.source_id is None:
        return
    if to in (PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING):
        if not _kept(tx, now, to):
            charging.charged(tx, payment.source_id, payment.id)
    elif to in UNPAID:
        charging.released(tx, payment.source_id, payment.id)
        if payment.error_code:
            charging.declined(tx, payment.source_id, payment.customer_id)
        why = _HOPELESS.get(DeclineCode(payment.error_code)) if payment.error_code else None
        if why is not None and payment.payment_method != "card":
            charging.hopeless(tx, payment.source_id, why)


def _kept(tx: Tx, now: Held, to: PaymentStatus) -> bool:
    """Whether the source is the customer's to keep: from success on, and reserved for this payment until then."""
    if now.customer is None or not keeping.is_wished(tx, now.payment):
        return False
    return to is PaymentStatus.PROCESSING or keeping.keep(tx, now.payment, now.customer)


def _notify(tx: Tx, before: Payment, payment: Payment, rules: PaymentRules) -> None:
    """Have the customer told of a debit once, when the bank has accepted it (SR81, SR82)."""
    source = None if payment.source_id is None else source_rows.get(tx, payment.source_id)
    if source is not None and standing(before) is not PaymentStatus.PROCESSING:
        mandates.notify(tx, source, rows.snapshot(payment), rules)


def _announce(tx: Tx, payment: Payment) -> None:
    kind = EVENTS[PaymentStatus(payment.status)]
    events.append(tx, payment.customer_id, kind, payment.id, rows.snapshot(payment))
