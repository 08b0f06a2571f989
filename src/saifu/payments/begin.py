"""Step A of a charge: the payment is written down, its source claimed, its wallet's part taken (W46).

All of that is one transaction, and commits before any processor hears of the payment.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from saifu import audit, customer_rows, idempotency, locks, wallets
from saifu.ids import new_id
from saifu.ledger.entries import EntryType
from saifu.manual_entries import refuse_currency
from saifu.money import MAX_MINOR_UNITS
from saifu.posting import Posting
from saifu.processors.contract import Instrument
from saifu.refusals import ErrorCode, Refusal, TransitionNotAllowed, invalid
from saifu.sources import charging
from saifu.sources import rows as source_rows
from saifu.store import Tx
from saifu.tables import Customer, Payment, Source

from . import attempts, charges, checks, rows, settling
from .attempts import AttemptKind
from .machine import PaymentStatus
from .orders import PaymentOrder, Purpose
from .rules import PaymentRules
from .settling import Held
from .split import Split, split

CUSTOMER_BALANCE = "customer_balance"
"""The payment method of what the stored balance covers alone (PM8)."""
NO_PROCESSOR = "none"
"""The provider of a payment for which no processor was there, nor needed."""

_KEPT_OF_CUSTOMER = ("customer_id", "name", "email", "phone_number")


@dataclass(frozen=True, slots=True)
class Begun:
    """A payment that was begun: `to_send` when its source is to be charged now, by whoever began it.

    `replayed` when an earlier request with this key began it; it may still be under way there.
    """

    payment: Payment
    replayed: bool
    to_send: bool


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who pays, with what, and how the amount is divided."""

    customer: Customer | None
    source: Source | None
    parts: Split


def begin(
    tx: Tx,
    order: PaymentOrder,
    rules: PaymentRules,
    processor_name: str | None,
    instrument: Instrument | None = None,
) -> Begun:
    """Write a payment down, once per key, with everything that has to be true before its source is charged.

    Args:
        processor_name: whom a token was given to; a source goes to its own processor.
        instrument: what the processor made of the order's token.

    Raises:
        IdempotencyKeyReused: the key belongs to another request (PM21).
        Refusal: as `checks.well_formed` and `sources.charging.eligible`; NOT_FOUND, GONE (CU57), CUSTOMER_BLOCKED
            (CU62), UNSUPPORTED_CURRENCY, TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT (W45, PM26),
            PREVIOUS_PAYMENT_PENDING (W50), TRANSITION_NOT_ALLOWED, SOURCE_STATE_CONFLICT (SR16).
    """
    order = checks.well_formed(order, rules)
    customer = None if order.customer_id is None else locks.lock(tx, order.customer_id)
    made: list[Payment] = []

    def make() -> str:
        made.append(_make(tx, order, customer, rules, processor_name, instrument))
        return made[0].id

    once = idempotency.once(tx, order.idempotency_key, order.mutation, checks.identity(order), make)
    payment = made[0] if made else rows.existing(tx, once.object_id)
    to_send = bool(made) and payment.status == PaymentStatus.REQUIRES_CONFIRMATION
    return Begun(payment, once.replayed, to_send)


def _make(
    tx: Tx,
    order: PaymentOrder,
    customer: Customer | None,
    rules: PaymentRules,
    processor_name: str | None,
    instrument: Instrument | None,
) -> Payment:
    _refuse(tx, order, customer, rules)
    parts = _divided(tx, order, customer, rules)
    source = _source(tx, order, customer, parts, processor_name, instrument)
    parties = _Parties(customer, source, parts)
    payment = tx.insert(_row(tx, order, parties, processor_name or NO_PROCESSOR))
    audit.record(tx, order.mutation, payment.id, order.customer_id, _detail(payment))
    if source is not None:
        charging.claim(tx, source, payment.id)
    if customer is not None and parts.wallet_minor:
        _take(tx, payment, customer, rules)
    if source is not None:
        charge = charges.order(tx, payment, source, save=order.save_source)
        attempts.begin(tx, payment.id, AttemptKind.CHARGE, order_json=charges.packed(charge))
        return payment
    learned = {"payment_method": CUSTOMER_BALANCE, "succeeded_at": tx.now}
    return settling.moved(tx, Held(payment, customer), PaymentStatus.SUCCEEDED, learned, rules)


def _refuse(tx: Tx, order: PaymentOrder, customer: Customer | None, rules: PaymentRules) -> None:
    """What depends on the hour; checked once the key is known to be new, so that a repeated key still answers."""
    if customer is not None:
        locks.refuse_anonymised(customer)
        locks.refuse_blocked(customer)
    refuse_currency(order.currency, rules.wallet)
    if order.pays_for is not None:
        _refuse_second(tx, order.pays_for)
    if order.purpose == Purpose.WALLET_TOP_UP:
        _refuse_flood(tx, order)


def _refuse_second(tx: Tx, pays_for: str) -> None:
    """W50: one payment at most is live or succeeded for one thing."""
    other = rows.live_for(tx, pays_for)
    if other is None:
        return
    if other.status == PaymentStatus.SUCCEEDED:
        raise TransitionNotAllowed("The payment", other.status, "retried", ("input", "paymentId"))
    raise Refusal(
        ErrorCode.PREVIOUS_PAYMENT_PENDING,
        f"The payment {other.id} for the same is {other.status}. Wait for its outcome, or cancel it.",
        ("input", "paymentId"),
    )


def _refuse_flood(tx: Tx, order: PaymentOrder) -> None:
    if order.customer_id is None:
        raise invalid("A top-up is for a customer.", "customerId")
    if _balance(tx, order.customer_id, order.currency) + (order.amount_minor or 0) > MAX_MINOR_UNITS:
        raise invalid("The balance would pass 9007199254740991 minor units.", "amount")


def _divided(tx: Tx, order: PaymentOrder, customer: Customer | None, rules: PaymentRules) -> Split:
    assert order.amount_minor is not None, "well formed"
    uses = order.use_wallet and customer is not None
    balance_minor = _balance(tx, customer.id, order.currency) if uses and customer is not None else 0
    parts = split(order.amount_minor, balance_minor, rules.minimum(order.currency))
    if parts is None:
        raise Refusal(
            ErrorCode.TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT,
            f"The least that can be charged in {order.currency} is {rules.minimum(order.currency)} minor units.",
            ("input", "amount"),
        )
    return parts


def _balance(tx: Tx, customer_id: str, currency: str) -> int:
    """What the wallet can spend at this instant, swept or not (W75)."""
    return wallets.views(tx, [(customer_id, currency)])[customer_id, currency].balance_minor


def _source(
    tx: Tx,
    order: PaymentOrder,
    customer: Customer | None,
    parts: Split,
    processor_name: str | None,
    instrument: Instrument | None,
) -> Source | None:
    """What is charged, checked before the wallet is touched (SR69); None when the wallet covers everything."""
    if not parts.source_minor:
        return None
    if instrument is None:
        return charging.eligible(tx, customer, order.source_id, parts.source_minor, order.currency)
    assert processor_name is not None, "whoever made the instrument has a name"
    made = charging.from_instrument(tx, instrument, processor_name, None)
    return charging.eligible(tx, customer, made.id, parts.source_minor, order.currency)


def _take(tx: Tx, payment: Payment, customer: Customer, rules: PaymentRules) -> None:
    """Debit the wallet's part; whether the balance is low is asked when the payment succeeds (W82)."""
    debit = Posting(EntryType.PAYMENT, False, payment.wallet_minor, reference_id=payment.id, settled=False)
    wallets.post(tx, customer, payment.currency, debit, rules.wallet)


def _row(tx: Tx, order: PaymentOrder, parties: _Parties, processor_name: str) -> Payment:
    source, payment_id = parties.source, new_id("pay")
    assert order.amount_minor is not None, "well formed"
    return Payment(
        id=payment_id,
        customer_id=order.customer_id,
        status=PaymentStatus.REQUIRES_CONFIRMATION.value,
        purpose=str(order.purpose),
        currency=order.currency,
        total_minor=order.amount_minor,
        tax_minor=sum(line.tax_minor for line in order.lines),
        wallet_minor=parties.parts.wallet_minor,
        source_minor=parties.parts.source_minor,
        uses_wallet=bool(order.use_wallet),
        pays_for=order.pays_for or payment_id,
        checkout_session_id=order.checkout_session_id,
        retry_of=order.retry_of,
        retry_attempt=0,
        source_id=source.id if source else None,
        processor=source.processor if source else processor_name,
        processor_ref=None,
        payment_method=source.type if source else None,
        instrument_json=_instrument(source) if source else None,
        three_ds_json=None,
        error_code=None,
        raw_code=None,
        outcome_unknown=False,
        needs_review_at=None,
        on_session=order.on_session,
        action_json=None,
        return_url=order.return_url,
        customer_json=_customer_copy(parties.customer),
        billing_json=_billing(order, parties.customer),
        lines_json=orjson.dumps([rows.line(line) for line in order.lines]).decode(),
        description=order.description,
        statement_descriptor=order.statement_descriptor,
        metadata_json=orjson.dumps(order.metadata or {}, option=orjson.OPT_SORT_KEYS).decode(),
        refunded_minor=0,
        refunding_minor=0,
        expires_at=None,
        succeeded_at=None,
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
    )


def _instrument(source: Source) -> str:
    """What of an instrument a payment shows, as it was when it was charged."""
    return orjson.dumps({"type": source.type, **(source_rows.unpacked(source.detail_json) or {})}).decode()


def _customer_copy(customer: Customer | None) -> str | None:
    if customer is None:
        return None
    copy = {"customer_id": customer.id, **customer_rows.profile(customer)}
    return orjson.dumps({name: copy[name] for name in _KEPT_OF_CUSTOMER}).decode()


def _billing(order: PaymentOrder, customer: Customer | None) -> str | None:
    if order.billing_address is not None:
        return orjson.dumps(order.billing_address).decode()
    return customer.billing_address_json if customer else None


def _detail(payment: Payment) -> dict[str, Any]:
    return {
        "currency": payment.currency,
        "amount": payment.total_minor,
        "wallet_amount": payment.wallet_minor,
        "source_id": payment.source_id,
    }
