"""The status machine (PM10-PM19a): what leads where, over all pairs."""

import itertools
from typing import Any

import pytest

from saifu.payments.machine import EVENTS, TERMINAL, TRANSITIONS, PaymentStatus, leads, target
from saifu.processors.contract import ChargeAnswer, ChargeState
from saifu.processors.declines import DeclineCode
from saifu.tables import Payment

ALLOWED = {
    ("requires_payment_method", "requires_confirmation"),
    ("requires_payment_method", "cancelled"),
    ("requires_confirmation", "succeeded"),
    ("requires_confirmation", "processing"),
    ("requires_confirmation", "requires_customer_action"),
    ("requires_confirmation", "failed"),
    ("requires_confirmation", "cancelled"),
    ("requires_customer_action", "succeeded"),
    ("requires_customer_action", "processing"),
    ("requires_customer_action", "failed"),
    ("requires_customer_action", "cancelled"),
    ("processing", "succeeded"),
    ("processing", "failed"),
}


def a_payment(status: str, unknown: bool = False, on_session: bool = True) -> Payment:
    columns: dict[str, Any] = {"status": status, "outcome_unknown": unknown, "on_session": on_session}
    return Payment(**columns)


@pytest.mark.parametrize("pair", list(itertools.product(PaymentStatus, PaymentStatus)), ids=str)
def test_a_status_leads_where_the_table_says_and_nowhere_else(
    pair: tuple[PaymentStatus, PaymentStatus],
) -> None:
    """PM10-PM19."""
    origin, to = pair
    assert leads(a_payment(origin), to) is ((origin.value, to.value) in ALLOWED)


def test_nothing_leads_out_of_an_end() -> None:
    """PM19."""
    assert all(not TRANSITIONS[status] for status in TERMINAL)


def test_whatever_can_be_reached_after_sending_is_announced() -> None:
    """One event for each transition."""
    reached = set().union(*TRANSITIONS.values()) - {PaymentStatus.REQUIRES_CONFIRMATION}
    assert reached == EVENTS.keys()


def test_an_unknown_outcome_can_still_become_anything() -> None:
    """W49: `processing` is then only how it looks."""
    unknown = a_payment("processing", unknown=True)
    assert all(leads(unknown, to) for to in TRANSITIONS[PaymentStatus.REQUIRES_CONFIRMATION])


def test_nobody_is_asked_who_is_not_there() -> None:
    """PM19a: off-session an action that is required is a failure."""
    answer = ChargeAnswer(ChargeState.ACTION_REQUIRED)
    assert target(a_payment("requires_confirmation", on_session=False), answer) == (
        PaymentStatus.FAILED,
        DeclineCode.AUTHENTICATION_REQUIRED,
    )


def test_what_is_processing_is_not_cancelled() -> None:
    """PM18: a processor that gave up has failed it."""
    assert target(a_payment("processing"), ChargeAnswer(ChargeState.CANCELLED)).status == "failed"
