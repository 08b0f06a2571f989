"""The status machine of payments (PM10-PM19a), as a table. Data, not code."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from saifu.events import EventType
from saifu.processors.contract import ChargeAnswer, ChargeState
from saifu.processors.declines import DeclineCode
from saifu.tables import Payment


class PaymentStatus(StrEnum):
    """Where a payment stands. Those that nothing leads to are reserved: nothing is captured by hand in v1."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_CUSTOMER_ACTION = "requires_customer_action"
    REQUIRES_MERCHANT_ACTION = "requires_merchant_action"
    REQUIRES_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    PARTIALLY_CAPTURED = "partially_captured"
    PARTIALLY_CAPTURED_AND_CAPTURABLE = "partially_captured_and_capturable"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATUS = PaymentStatus

TERMINAL = frozenset({_STATUS.SUCCEEDED, _STATUS.FAILED, _STATUS.CANCELLED})
"""What is never left again (PM19)."""
UNPAID = frozenset({_STATUS.FAILED, _STATUS.CANCELLED})
"""Terminal, and the customer's money is where it was (W48)."""

TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = MappingProxyType(
    {status: frozenset() for status in PaymentStatus}
    | {
        _STATUS.REQUIRES_PAYMENT_METHOD: frozenset({_STATUS.REQUIRES_CONFIRMATION, _STATUS.CANCELLED}),
        _STATUS.REQUIRES_CONFIRMATION: frozenset(
            {
                _STATUS.SUCCEEDED,
                _STATUS.PROCESSING,
                _STATUS.REQUIRES_CUSTOMER_ACTION,
                _STATUS.FAILED,
                _STATUS.CANCELLED,
            }
        ),
        _STATUS.REQUIRES_CUSTOMER_ACTION: frozenset(
            {_STATUS.SUCCEEDED, _STATUS.PROCESSING, _STATUS.FAILED, _STATUS.CANCELLED}
        ),
        _STATUS.PROCESSING: frozenset({_STATUS.SUCCEEDED, _STATUS.FAILED}),
    }
)

EVENTS: Mapping[PaymentStatus, EventType] = MappingProxyType(
    {
        _STATUS.REQUIRES_CUSTOMER_ACTION: EventType.PAYMENT_REQUIRES_CUSTOMER_ACTION,
        _STATUS.PROCESSING: EventType.PAYMENT_PROCESSING,
        _STATUS.SUCCEEDED: EventType.PAYMENT_SUCCEEDED,
        _STATUS.FAILED: EventType.PAYMENT_FAILED,
        _STATUS.CANCELLED: EventType.PAYMENT_CANCELLED,
    }
)
"""What is said when a payment comes to a status; the others are not announced."""

_REACHED: Mapping[ChargeState, PaymentStatus] = MappingProxyType(
    {
        ChargeState.SUCCEEDED: _STATUS.SUCCEEDED,
        ChargeState.DECLINED: _STATUS.FAILED,
        ChargeState.PROCESSING: _STATUS.PROCESSING,
        ChargeState.ACTION_REQUIRED: _STATUS.REQUIRES_CUSTOMER_ACTION,
        ChargeState.CANCELLED: _STATUS.CANCELLED,
    }
)
assert _REACHED.keys() == set(ChargeState)


class Target(NamedTuple):
    """Where an answer of a processor leads, and for a failure why."""

    status: PaymentStatus
    code: DeclineCode | None = None


def standing(payment: Payment) -> PaymentStatus:
    """Where a payment truly stands: as long as its outcome is unknown that is before the processor's answer."""
    return _STATUS.REQUIRES_CONFIRMATION if payment.outcome_unknown else _STATUS(payment.status)


def target(payment: Payment, answer: ChargeAnswer) -> Target:
    """Where an answer leads this payment."""
    reached = _REACHED[answer.state]
    if reached is _STATUS.REQUIRES_CUSTOMER_ACTION and not payment.on_session:
        return Target(_STATUS.FAILED, DeclineCode.AUTHENTICATION_REQUIRED)  # nobody is there to act (PM19a)
    if reached is _STATUS.CANCELLED and standing(payment) is _STATUS.PROCESSING:
        return Target(
            _STATUS.FAILED, DeclineCode.CUSTOMER_CANCELLED
        )  # what is under way is not cancelled (PM18)
    return Target(reached, answer.code)


def leads(payment: Payment, to: PaymentStatus) -> bool:
    """Whether there is a way from where the payment stands; nothing leads back, and nothing out of an end (PM19)."""
    return to in TRANSITIONS[standing(payment)]
