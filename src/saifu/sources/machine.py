"""The status machine of sources: every way there is, as a table (SR1-SR17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from saifu.events import EventType
from saifu.refusals import ErrorCode, Refusal

from .kinds import SourceStatus

_PENDING, _CHARGEABLE = SourceStatus.PENDING, SourceStatus.CHARGEABLE
_CONSUMED, _FAILED, _CANCELED = SourceStatus.CONSUMED, SourceStatus.FAILED, SourceStatus.CANCELED


class Trigger(StrEnum):
    """What happens to a source."""

    COMPLETED = "completed"
    REFUSED = "refused"
    LAPSED = "lapsed"
    CHARGED = "charged"
    DETACHED = "detached"
    HOPELESS = "hopeless"


@dataclass(frozen=True, slots=True)
class Move:
    """Where a trigger leads, and the event that says so, if one does."""

    to: SourceStatus
    event: EventType | None = None


MOVES: Mapping[tuple[SourceStatus, Trigger], Move] = MappingProxyType(
    {
        (_PENDING, Trigger.COMPLETED): Move(_CHARGEABLE, EventType.SOURCE_CHARGEABLE),  # SR3
        (_PENDING, Trigger.REFUSED): Move(_FAILED, EventType.SOURCE_FAILED),  # SR4
        (_PENDING, Trigger.LAPSED): Move(_CANCELED, EventType.SOURCE_CANCELED),  # SR5
        (_CHARGEABLE, Trigger.CHARGED): Move(_CONSUMED),  # SR6, SR7; one that is attached stays (SR8)
        (_CHARGEABLE, Trigger.DETACHED): Move(_CONSUMED, EventType.CUSTOMER_SOURCE_DELETED),  # SR9, SR10
        (_CHARGEABLE, Trigger.LAPSED): Move(_CANCELED, EventType.SOURCE_CANCELED),  # SR11
        (_CHARGEABLE, Trigger.HOPELESS): Move(_FAILED, EventType.SOURCE_FAILED),  # SR12
    }
)
"""All others are refused (SR13); from `consumed`, `failed` and `canceled` there is no way out."""


def move(status: str, trigger: Trigger) -> Move:
    """Where a trigger leads from a status.

    Raises:
        Refusal: SOURCE_STATE_CONFLICT (SR13).
    """
    found = MOVES.get((SourceStatus(status), trigger))
    if found is None:
        raise Refusal(
            ErrorCode.SOURCE_STATE_CONFLICT,
            f"The source is {status} and cannot be {trigger}.",
            ("input", "sourceId"),
        )
    return found
