"""The low-balance alert: one message when a balance falls below its threshold, then silence (W80–W83).

When to ask is the caller's half of the rule (W82): a `payment` debit is judged when its payment succeeds,
with the balance of that moment, and not at all if it fails; every other entry is judged as it is written.
"""

from enum import StrEnum


class AlertState(StrEnum):
    """Whether the next fall below the threshold will be told (`armed`), or has been already (`alerted`)."""

    ARMED = "armed"
    ALERTED = "alerted"


NEW_WALLET = AlertState.ARMED
"""A new wallet is armed but silent at 0, since only debits alert (W81)."""

THRESHOLD_SET = AlertState.ARMED
"""The state after a threshold was set, changed or removed; setting it sends nothing by itself (W83)."""


def judge(
    state: AlertState, threshold_minor: int | None, after_minor: int, is_credit: bool
) -> tuple[AlertState, bool]:
    """The next state, and whether to send one `wallet.balance_low`.

    Args:
        state: what the last judgement left.
        threshold_minor: the wallet's own threshold or the business's default; None when there is none.
        after_minor: the balance now, after the entry that is judged.
        is_credit: whether that entry was a credit; a credit re-arms and never alerts.

    A balance at or above the threshold is never low, so it re-arms whatever led there (W80, W81). With a
    fixed threshold only a credit can get there from `alerted`; a debit can when the default was lowered.
    """
    if threshold_minor is None or after_minor >= threshold_minor:
        return AlertState.ARMED, False
    if is_credit or state is AlertState.ALERTED:
        return state, False
    return AlertState.ALERTED, True
