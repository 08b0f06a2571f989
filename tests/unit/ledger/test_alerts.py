"""W80–W83: the low-balance alert is told once per fall."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.ledger.alerts import NEW_WALLET, THRESHOLD_SET, AlertState, judge

ARMED, ALERTED = AlertState.ARMED, AlertState.ALERTED


def test_the_worked_sequence_alerts_twice() -> None:
    state, told = NEW_WALLET, []
    for after, is_credit in [(2500, True), (900, False), (700, False), (1000, True), (999, False)]:
        state, alert = judge(state, 1000, after, is_credit)
        told.append(alert)
    assert told == [False, True, False, False, True]
    assert state is ALERTED


@pytest.mark.parametrize(
    ("state", "threshold", "after", "is_credit", "expected"),
    [
        (ARMED, 1000, 1000, False, (ARMED, False)),  # W80: at the threshold is not low
        (ARMED, 1000, 999, False, (ALERTED, True)),
        (ALERTED, 1000, 999, False, (ALERTED, False)),
        (ALERTED, 1000, 0, False, (ALERTED, False)),
        (ALERTED, 1000, 999, True, (ALERTED, False)),  # not enough to re-arm
        (ALERTED, 1000, 1000, True, (ARMED, False)),
        (ARMED, 1000, 5, True, (ARMED, False)),  # W81: a first small credit is no alert
        (ARMED, 1000, 0, False, (ALERTED, True)),
        (ARMED, 0, 0, False, (ARMED, False)),  # nothing is below a threshold of 0
        (ARMED, 1, 0, False, (ALERTED, True)),
        (ARMED, None, 0, False, (ARMED, False)),  # no threshold, no alert
        (ALERTED, None, 0, False, (ARMED, False)),
        (ALERTED, 500, 700, False, (ARMED, False)),  # the default was lowered under us: not low any more
    ],
)
def test_one_judgement(
    state: AlertState, threshold: int | None, after: int, is_credit: bool, expected: tuple[AlertState, bool]
) -> None:
    assert judge(state, threshold, after, is_credit) == expected


def test_a_changed_threshold_re_arms_and_the_next_low_debit_alerts_again() -> None:
    state, alert = judge(ARMED, 1000, 900, is_credit=False)
    assert (state, alert) == (ALERTED, True)
    state = THRESHOLD_SET
    assert judge(state, 950, 850, is_credit=False) == (ALERTED, True)


def test_a_declined_payment_that_was_never_judged_leaves_the_alert_as_it_was() -> None:
    # W82: 1 500 -> 200 pending (not judged) -> reversed to 1 500 (a credit) -> debit to 900
    state, alert = judge(ARMED, 1000, 1500, is_credit=True)
    assert (state, alert) == (ARMED, False)
    assert judge(state, 1000, 900, is_credit=False) == (ALERTED, True)


@given(st.integers(0, 60), st.lists(st.integers(-30, 30).filter(bool), max_size=40))
def test_between_two_alerts_the_balance_was_back_at_the_threshold(threshold: int, moves: list[int]) -> None:
    state, balance, recovered = NEW_WALLET, 0, True
    for move in moves:
        if balance + move < 0:
            continue
        balance += move
        recovered = recovered or balance >= threshold
        state, alert = judge(state, threshold, balance, is_credit=move > 0)
        assert alert is (move < 0 and balance < threshold and recovered)
        recovered = recovered and not alert
