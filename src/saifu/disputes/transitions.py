"""The stages and statuses of a dispute, and which way leads from one to another (PM50-PM58). Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

ANSWER_WITHIN = timedelta(days=4)
"""How long there is to answer a dispute whose bank does not say (PM53)."""


class DisputeStage(StrEnum):
    """How far a dispute has gone; a stage is never left for an earlier one (PM58)."""

    PRE_DISPUTE = "pre_dispute"
    DISPUTE = "dispute"
    PRE_ARBITRATION = "pre_arbitration"


class DisputeStatus(StrEnum):
    """How a dispute stands (payments.md §6)."""

    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_CHALLENGED = "dispute_challenged"
    DISPUTE_ACCEPTED = "dispute_accepted"
    DISPUTE_EXPIRED = "dispute_expired"
    DISPUTE_CANCELLED = "dispute_cancelled"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


_OPENED, _CHALLENGED = DisputeStatus.DISPUTE_OPENED, DisputeStatus.DISPUTE_CHALLENGED

WAYS: Mapping[DisputeStatus, frozenset[DisputeStatus]] = MappingProxyType(
    {
        _OPENED: frozenset(
            {
                _CHALLENGED,  # PM51
                DisputeStatus.DISPUTE_ACCEPTED,  # PM52
                DisputeStatus.DISPUTE_EXPIRED,  # PM53
                DisputeStatus.DISPUTE_CANCELLED,  # PM54
                DisputeStatus.DISPUTE_LOST,  # PM56
            }
        ),
        _CHALLENGED: frozenset(
            {
                DisputeStatus.DISPUTE_CANCELLED,  # PM54
                DisputeStatus.DISPUTE_WON,  # PM55
                DisputeStatus.DISPUTE_LOST,  # PM56
            }
        ),
        DisputeStatus.DISPUTE_ACCEPTED: frozenset(),
        # Our clock has said so, and not the bank: where it gives the money back after all, it is back (PM54, PM55).
        DisputeStatus.DISPUTE_EXPIRED: frozenset(
            {DisputeStatus.DISPUTE_CANCELLED, DisputeStatus.DISPUTE_WON}
        ),
        DisputeStatus.DISPUTE_CANCELLED: frozenset(),
        DisputeStatus.DISPUTE_WON: frozenset(),
        DisputeStatus.DISPUTE_LOST: frozenset(),
    }
)
"""Where a dispute can go within its stage."""
assert WAYS.keys() == set(DisputeStatus)

OUTCOMES: Mapping[str, DisputeStatus] = MappingProxyType(
    {
        "won": DisputeStatus.DISPUTE_WON,
        "lost": DisputeStatus.DISPUTE_LOST,
        "cancelled": DisputeStatus.DISPUTE_CANCELLED,
    }
)
"""What a processor calls the ends that it reports."""

_STAGES = tuple(DisputeStage)
_BACK = frozenset({DisputeStatus.DISPUTE_CANCELLED, DisputeStatus.DISPUTE_WON})


def may(status: DisputeStatus, to: DisputeStatus) -> bool:
    """Whether a dispute can go from one status to another within its stage."""
    return to in WAYS[status]


def way_to(status: DisputeStatus, end: DisputeStatus) -> tuple[DisputeStatus, ...]:
    """The statuses to go through to an end that a processor reports; none when it contradicts what is final.

    A dispute that was won was challenged, also where the evidence was not submitted through us.
    """
    if may(status, end):
        return (end,)
    return (_CHALLENGED, end) if may(status, _CHALLENGED) and may(_CHALLENGED, end) else ()


def rises(stage: DisputeStage, to: DisputeStage) -> bool:
    """Whether a report of another stage is an escalation, however the stage before it has ended (PM58).

    Also an inquiry that was accepted may become a dispute: then the money is out, and must not be refunded as well.
    """
    return _STAGES.index(to) > _STAGES.index(stage)


def is_open(status: DisputeStatus) -> bool:
    """Whether there is still something to decide."""
    return status in (DisputeStatus.DISPUTE_OPENED, DisputeStatus.DISPUTE_CHALLENGED)


def money_is_out(stage: DisputeStage, status: DisputeStatus) -> bool:
    """Whether the amount has left the merchant: from stage `dispute` on, until it is won or cancelled (PM50-PM56)."""
    return stage is not DisputeStage.PRE_DISPUTE and status not in _BACK


def status_at(
    status: DisputeStatus, respond_by: datetime | None, asked: str | None, now: datetime
) -> DisputeStatus:
    """The status at an instant: the deadline is exact, whether or not a job has run since (PM53).

    Args:
        asked: what the processor was asked to do in time, and has not answered yet.
    """
    late = status is _OPENED and asked is None and respond_by is not None and now >= respond_by
    return DisputeStatus.DISPUTE_EXPIRED if late else status
