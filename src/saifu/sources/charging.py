"""Which source a charge may use, and what becomes of it then (SR6-SR8, SR14-SR16, SR53, SR60-SR69).

A charge asks `eligible`, then `claim`s the source in the transaction that makes the payment, and says `charged` or
`released` when the processor has answered. All three can be repeated.
"""

from collections.abc import Mapping
from typing import Any

from saifu import events, locks
from saifu.events import EventType
from saifu.ids import new_id
from saifu.processors.contract import Instrument
from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.store import Tx
from saifu.tables import Customer, Source

from . import detaching, mandates, rows, velocity
from .kinds import KINDS, SourceStatus, SourceType, SourceUsage
from .machine import Trigger
from .moves import moved

_PATH = ("input", "sourceId")


def eligible(
    tx: Tx, customer: Customer | None, source_id: str | None, amount_minor: int, currency: str
) -> Source:
    """The source that a charge is to use, locked; checked before anything is taken from a wallet (SR69).

    Args:
        customer: who pays, locked already; None for a charge without a customer.
        source_id: None for the customer's default (SR53).
        amount_minor: what the source is to pay, in minor units.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS (SR60h), NO_ELIGIBLE_PAYMENT_METHODS (SR53), NOT_FOUND,
            SOURCE_REQUIRES_CUSTOMER (SR60b), SOURCE_CUSTOMER_MISMATCH (SR60f), SOURCE_NOT_CHARGEABLE (SR61),
            UNSUPPORTED_PAYMENT_CURRENCY, CHARGE_EXCEEDS_SOURCE_LIMIT (SR62, SR63), MANDATE_INVALID (SR83),
            TOO_MANY_REQUESTS (SR98).
    """
    source = rows.locked(tx, _chosen(tx, customer, source_id))
    _refuse_stranger(source, customer)
    status = rows.status_at(source, tx.now)
    if status != SourceStatus.CHARGEABLE:
        raise Refusal(
            ErrorCode.SOURCE_NOT_CHARGEABLE,
            f"The source is {status}, and only a chargeable one can be charged.",
            _PATH,
            status=status,
        )
    velocity.refuse(tx, customer.id if customer else None, source.fingerprint)
    _refuse_currency(source, currency)
    _refuse_amount(source, amount_minor)
    mandates.refuse(source, amount_minor)
    return source


def from_instrument(
    tx: Tx, instrument: Instrument, processor: str, owner: Mapping[str, Any] | None
) -> Source:
    """An unattached, reusable source of what a processor made out of a token (SR1, SR36)."""
    source = rows.insert(
        tx,
        id=new_id("src"),
        processor=processor,
        processor_ref=instrument.ref,
        type=instrument.type,
        status=SourceStatus.CHARGEABLE.value,
        usage=SourceUsage.REUSABLE.value,
        flow=KINDS[SourceType(instrument.type)].flow.value,
        fingerprint=instrument.fingerprint,
        owner_json=rows.packed(owner),
        detail_json=rows.packed(instrument.detail),
    )
    events.append(tx, None, EventType.SOURCE_CHARGEABLE, source.id, rows.snapshot(source))
    return source


def claim(tx: Tx, source: Source, payment_id: str) -> None:
    """Reserve a source for one payment before the processor hears of it (SR16).

    A reusable source that is attached is not reserved, and neither is its mandate unless it is good for one debit.

    Raises:
        Refusal: SOURCE_STATE_CONFLICT, another charge has it; MANDATE_INVALID (SR83).
    """
    now = rows.locked(tx, source.id)
    if now.in_use_by == payment_id:
        return
    if now.in_use_by is not None or rows.status_at(now, tx.now) != SourceStatus.CHARGEABLE:
        raise Refusal(ErrorCode.SOURCE_STATE_CONFLICT, "Another charge is using this source.", _PATH)
    changes = mandates.claimed(now, payment_id)
    if now.customer_id is None:
        changes["in_use_by"] = payment_id
    if changes:
        rows.save(tx, now, changes)


def charged(tx: Tx, source_id: str, payment_id: str) -> None:
    """The charge succeeded or is on its way: what was reserved is consumed, what is attached stays (SR6-SR8, SR14)."""
    source = rows.locked(tx, source_id)
    if source.in_use_by == payment_id:
        moved(tx, source, Trigger.CHARGED)


def released(tx: Tx, source_id: str, payment_id: str) -> None:
    """No money moved: what was reserved can be charged again (SR14); what was consumed stays so (SR15)."""
    source = rows.locked(tx, source_id)
    changes = mandates.released(source, payment_id)
    if source.in_use_by == payment_id:
        changes["in_use_by"] = None
    if changes:
        rows.save(tx, source, changes)


def declined(tx: Tx, source_id: str, customer_id: str | None) -> None:
    """Count a declined charge against its card and its customer (SR98)."""
    source = rows.get(tx, source_id)
    assert source is not None, f"no source {source_id}"
    velocity.count(tx, customer_id, source.fingerprint)


def hopeless(tx: Tx, source_id: str, why: str) -> None:
    """Later debits of this account cannot succeed: the source fails, and is detached if it was attached (SR12).

    Args:
        why: `account_closed` or `mandate_revoked`; the latter is also written into the mandate (SR84).
    """
    known = rows.get(tx, source_id)
    assert known is not None, f"no source {source_id}"
    customer = None if known.customer_id is None else locks.lock(tx, known.customer_id)
    source = rows.locked(tx, source_id)
    if source.status != SourceStatus.CHARGEABLE:
        return
    if why == mandates.REVOKED:
        source = rows.save(tx, source, mandates.revoked(source))
    if customer is None or source.customer_id is None:
        moved(tx, source, Trigger.HOPELESS)
    else:
        detaching.detach_in(tx, customer, source, Trigger.HOPELESS)


def _chosen(tx: Tx, customer: Customer | None, source_id: str | None) -> str:
    if source_id is not None:
        return source_id
    if customer is None:
        raise invalid("A charge needs a customer, a source or a token.", "sourceId")
    default = rows.defaults(tx, [customer.id]).get(customer.id)
    if default is None:
        raise Refusal(
            ErrorCode.NO_ELIGIBLE_PAYMENT_METHODS,
            "The customer has no default source, and none was named.",
            _PATH,
        )
    return default.id


def _refuse_stranger(source: Source, customer: Customer | None) -> None:
    if source.customer_id is None:
        return
    if customer is None:
        raise Refusal(
            ErrorCode.SOURCE_REQUIRES_CUSTOMER,
            "This source is attached to a customer, so the charge has to name the customer too.",
            ("input", "customerId"),
        )
    if source.customer_id != customer.id:
        raise Refusal(
            ErrorCode.SOURCE_CUSTOMER_MISMATCH, "This source is attached to another customer.", _PATH
        )


def _refuse_currency(source: Source, currency: str) -> None:
    of_type = KINDS[SourceType(source.type)].currencies
    allowed = (source.currency,) if source.currency else of_type
    if allowed and currency not in allowed:
        raise Refusal(
            ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY,
            f"This source can be charged in {' or '.join(allowed)}.",
            ("input", "currency"),
        )


def _refuse_amount(source: Source, amount_minor: int) -> None:
    limits = [
        each for each in (source.amount_minor, KINDS[SourceType(source.type)].limit_minor) if each is not None
    ]
    if limits and amount_minor > min(limits):
        raise Refusal(
            ErrorCode.CHARGE_EXCEEDS_SOURCE_LIMIT,
            f"This source can be charged at most {min(limits)} minor units at once.",
            ("input", "amount"),
        )
