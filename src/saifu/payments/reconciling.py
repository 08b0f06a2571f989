"""A processor's list of charges beside our payments, both ways; reads only (RELIABILITY §3.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.processors.contract import ChargeSeen, ChargeState, Processor
from saifu.store import Tx
from saifu.store_reader import Reader
from saifu.tables import Instant, Payment

from . import attempts, rows
from .attempts import AttemptKind
from .machine import UNPAID, PaymentStatus

APART = timedelta(minutes=5)
"""By how much a processor's clock may differ from ours, and how long a charge may be on its way to it."""

_SINCE = select(Payment).where(
    col(Payment.processor) == bindparam("processor"),
    col(Payment.source_minor) > 0,
    col(Payment.created_at) >= bindparam("since", type_=Instant()),
    col(Payment.created_at) < bindparam("until", type_=Instant()),
)
_STATUS = PaymentStatus
_AGREE: Mapping[ChargeState, frozenset[PaymentStatus]] = MappingProxyType(
    {
        ChargeState.SUCCEEDED: frozenset({_STATUS.SUCCEEDED}),
        ChargeState.PROCESSING: frozenset({_STATUS.PROCESSING}),
        ChargeState.ACTION_REQUIRED: frozenset({_STATUS.REQUIRES_CUSTOMER_ACTION}),
        ChargeState.DECLINED: UNPAID,
        ChargeState.CANCELLED: UNPAID,
    }
)
assert _AGREE.keys() == set(ChargeState)


class Kind(StrEnum):
    """In what a processor and we differ."""

    MISSING_HERE = "not here"
    MISSING_THERE = "not there"
    AMOUNT = "another amount"
    STATE = "another state"


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment of which the two lists do not say the same: what ours says, and what the processor's does."""

    kind: Kind
    payment_id: str
    processor_ref: str | None
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a comparison has come to.

    Attributes:
        compared: how many charges are in either list.
        under_way: how many of them wait for an outcome, which the recovery asks for.
    """

    compared: int
    under_way: int
    differences: Sequence[Difference]


async def reconcile(reader: Reader, processor: Processor, since: datetime) -> Reconciled:
    """Compare what a processor has charged since an instant with the payments made since then.

    Raises:
        OutcomeUnknown: the processor does not say, or its list is too long to be read to its end.
    """
    seen = {each.reference: each for each in await processor.charges_since(since - APART)}
    return await reader.read(lambda tx: _compared(tx, processor.name, since, seen))


def _compared(tx: Tx, processor: str, since: datetime, seen: Mapping[str, ChargeSeen]) -> Reconciled:
    # What was made just now may have reached the processor after its list was read.
    found = tx.all(_SINCE, processor=processor, since=since, until=tx.now - APART)
    here = {each.id: each for each in found}
    older = {each: rows.get(tx, each) for each in seen.keys() - here.keys()}
    here |= {payment_id: payment for payment_id, payment in older.items() if payment is not None}
    under_way = {payment.id for payment in here.values() if _is_under_way(payment)}
    told = [_difference(tx, here.get(each), seen.get(each)) for each in sorted(here.keys() | seen.keys())]
    differences = [each for each in told if each is not None and each.payment_id not in under_way]
    return Reconciled(len(told), len(under_way), differences)


def _difference(tx: Tx, payment: Payment | None, charge: ChargeSeen | None) -> Difference | None:
    if payment is None:
        assert charge is not None
        return Difference(Kind.MISSING_HERE, charge.reference, charge.processor_ref, "", charge.state)
    if charge is None:
        # A decline leaves nothing at some processors; whatever else we know of has to be there.
        gone = payment.status not in UNPAID
        return _named(Kind.MISSING_THERE, payment, None, payment.status, "") if gone else None
    here, there = (
        _amount(payment.source_minor, payment.currency),
        _amount(charge.amount_minor, charge.currency),
    )
    if here != there:
        return _named(Kind.AMOUNT, payment, charge, here, there)
    if payment.status in _AGREE[charge.state] or _is_given_back(tx, payment, charge):
        return None
    return _named(Kind.STATE, payment, charge, payment.status, charge.state)


def _named(kind: Kind, payment: Payment, charge: ChargeSeen | None, here: str, there: str) -> Difference:
    ref = charge.processor_ref if charge else payment.processor_ref
    return Difference(kind, payment.id, ref, here, there)


def _is_under_way(payment: Payment) -> bool:
    return payment.outcome_unknown or payment.status == PaymentStatus.REQUIRES_CONFIRMATION


def _is_given_back(tx: Tx, payment: Payment, charge: ChargeSeen) -> bool:
    """Whether it was approved after it had ended here, and is on its way back: explained (PM19)."""
    late = charge.state is ChargeState.SUCCEEDED and payment.status in UNPAID
    return late and attempts.latest(tx, payment.id, AttemptKind.GIVE_BACK) is not None


def _amount(minor: int, currency: str) -> str:
    return f"{minor} {currency}"
