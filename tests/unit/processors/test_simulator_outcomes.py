"""What a charge comes to, by card and situation: pure rules (PM14, PM19a, PM95, SR65, SR66)."""

from datetime import UTC, datetime, timedelta

import pytest

from saifu.processors.contract import ChargeState
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator.accounts import IBANS, IDEAL
from saifu.processors.simulator.cards import BY_SLUG
from saifu.processors.simulator.outcomes import Situation, of_card, settled, succeeds_at

ASKED = ChargeState.ACTION_REQUIRED
GOOD = ChargeState.SUCCEEDED
NOT_THERE = DeclineCode.AUTHENTICATION_REQUIRED
NOW = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slug", "on_session", "is_set_up", "comes_to"),
    [
        ("visa", True, False, GOOD),
        ("visa", False, False, GOOD),
        ("3ds_unless_set_up", True, False, ASKED),
        ("3ds_unless_set_up", False, False, NOT_THERE),
        ("3ds_unless_set_up", True, True, GOOD),
        ("3ds_unless_set_up", False, True, GOOD),
        ("3ds_always", True, True, ASKED),
        ("3ds_always", False, True, NOT_THERE),
        ("3ds_on_session", True, False, ASKED),
        ("3ds_on_session", False, False, GOOD),
        ("3ds_then_no_funds", True, False, ASKED),
        ("3ds_then_no_funds", False, False, NOT_THERE),
        ("3ds2_required", True, False, ASKED),
        ("declined", True, False, DeclineCode.GENERIC_DECLINE),
        ("lost", False, False, DeclineCode.LOST_CARD),
    ],
)
def test_a_card_asks_whom_its_bank_would_ask(slug, on_session, is_set_up, comes_to):
    plan = of_card(BY_SLUG[slug], Situation(on_session, is_set_up))
    assert comes_to in (plan.state, plan.code)


def test_an_expired_card_says_so_whatever_it_is():
    """SR65."""
    plan = of_card(BY_SLUG["3ds_always"], Situation(True, False, has_expired=True))
    assert plan.code is DeclineCode.EXPIRED_CARD


@pytest.mark.parametrize(("country", "state"), [("IN", ChargeState.DECLINED), ("US", GOOD), (None, GOOD)])
def test_the_prepaid_card_is_declined_in_india_alone(country, state):
    """§12."""
    plan = of_card(BY_SLUG["mastercard_prepaid"], Situation(False, False, billing_country=country))
    assert plan.state is state


@pytest.mark.parametrize(
    ("number", "later", "after"),
    [
        ("DE89370400440532013000", GOOD, timedelta(seconds=5)),
        ("DE62370400440532013001", ChargeState.DECLINED, timedelta(seconds=5)),
        ("DE08370400440532013003", GOOD, timedelta(minutes=3)),
        ("DE78370400440532013004", ChargeState.DECLINED, timedelta(minutes=3)),
    ],
)
def test_a_bank_debit_is_decided_at_once_and_told_later(number, later, after):
    plan = settled(IBANS[number])
    assert (plan.state, plan.later, plan.after) == (ChargeState.PROCESSING, later, after)
    assert succeeds_at(plan, NOW) == (NOW + after if later is GOOD else None)


def test_a_push_source_is_done_at_once():
    assert settled(IDEAL).state is GOOD
    assert succeeds_at(settled(IDEAL), NOW) == NOW
