"""The one source of time (G3): everything that asks what time it is asks a clock it was given."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, as an aware instant in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved: tests and demos read the same story every time."""

    def __init__(self, starts_at: datetime) -> None:
        self._now = starts_at.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move by a duration, which may be negative: machines' clocks do jump back."""
        self._now += by
        return self._now

    def move_to(self, instant: datetime) -> datetime:
        self._now = instant.astimezone(UTC)
        return self._now


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z` and microseconds, fixed width, so that text order is time order (G3)."""
    # Not strftime, which writes the year 999 with three digits, and text order would put it after 2026.
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
