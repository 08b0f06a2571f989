"""What a charge comes to: pure rules over the published tables (payments.md §9, PM94, PM95, SR65, SR66)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from saifu.processors.contract import ChargeState
from saifu.processors.declines import DeclineCode

from .accounts import SOON, Account
from .cards import Asks, Card

ACTION_FOR = timedelta(minutes=10)
"""How long the customer has to confirm (PM94)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a charge begins, and what it becomes by itself after a time."""

    state: ChargeState
    code: DeclineCode | None = None
    later: ChargeState | None = None
    later_code: DeclineCode | None = None
    after: timedelta | None = None


SUCCEEDED = Plan(ChargeState.SUCCEEDED)
LATER = Plan(ChargeState.PROCESSING, None, ChargeState.SUCCEEDED, None, SOON)
ASKED = Plan(
    ChargeState.ACTION_REQUIRED,
    None,
    ChargeState.DECLINED,
    DeclineCode.AUTHENTICATION_TIMEOUT,
    ACTION_FOR,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What of a charge matters to a bank."""

    on_session: bool
    is_set_up: bool
    has_expired: bool = False
    billing_country: str | None = None


def declined(code: DeclineCode) -> Plan:
    return Plan(ChargeState.DECLINED, code)


def fails_later(code: DeclineCode, after: timedelta = SOON) -> Plan:
    return Plan(ChargeState.PROCESSING, None, ChargeState.DECLINED, code, after)


def asked(situation: Situation) -> Plan:
    """Whoever is there confirms; for whoever is not, nobody can (PM19a, SR66)."""
    return ASKED if situation.on_session else declined(DeclineCode.AUTHENTICATION_REQUIRED)


def of_card(card: Card, situation: Situation) -> Plan:
    if situation.has_expired:
        return declined(DeclineCode.EXPIRED_CARD)
    refused = card.refused_in.get(situation.billing_country or "")
    if refused is not None:
        return declined(refused)
    return asked(situation) if wants_action(card.asks, situation) else settled(card)


def settled(behaviour: Card | Account) -> Plan:
    """What a charge comes to once nobody has to confirm it any more."""
    if isinstance(behaviour, Card):
        return declined(behaviour.charge) if behaviour.charge else SUCCEEDED
    if behaviour.after is None:
        return SUCCEEDED
    if behaviour.failure is not None:
        return fails_later(behaviour.failure, behaviour.after)
    return replace(LATER, after=behaviour.after)


def wants_action(asks: Asks, situation: Situation) -> bool:
    match asks:
        case Asks.NEVER:
            return False
        case Asks.ALWAYS:
            return True
        case Asks.UNLESS_SET_UP:
            return not situation.is_set_up
        case Asks.ON_SESSION:
            return situation.on_session


def succeeds_at(plan: Plan, now: datetime) -> datetime | None:
    """When a charge will have succeeded by itself; None where it will not."""
    if plan.state is ChargeState.SUCCEEDED:
        return now
    return now + plan.after if plan.later is ChargeState.SUCCEEDED and plan.after else None
