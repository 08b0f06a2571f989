"""The newest part of the log, in memory, so that listeners who are up to date cost the database nothing."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter

from .tables import Event

_POSITION = attrgetter("position")


class Tail:
    """The last events of the log, in order, and by customer.

    Holds between `size` and twice as many: letting go of the oldest in one sweep is cheaper than one by one.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.head = 0
        self._covered_from = 0
        self._all: list[Event] = []
        self._of_customer: dict[str, list[Event]] = {}

    def begin(self, head: int) -> None:
        """Remember nothing, and know that the log has reached `head`."""
        self.head = self._covered_from = head
        self._all, self._of_customer = [], {}

    def covers(self, position: int) -> bool:
        """Whether everything after a position is here."""
        return position >= self._covered_from

    def add(self, events: Sequence[Event]) -> None:
        """Append what follows the head."""
        self._index(events)
        self._all.extend(events)
        self.head = events[-1].position or self.head
        if len(self._all) > 2 * self._size:
            self._let_go()

    def after(self, position: int, customer_id: str | None) -> Iterator[Event]:
        """The events after a position, of one customer or (None) of all."""
        events = self._all if customer_id is None else self._of_customer.get(customer_id, [])
        return islice(events, bisect_right(events, position, key=_POSITION), None)

    def _let_go(self) -> None:
        self._covered_from = self._all[-self._size - 1].position or 0
        self._all = self._all[-self._size :]
        self._of_customer = {}
        self._index(self._all)

    def _index(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.customer_id is not None:
                self._of_customer.setdefault(event.customer_id, []).append(event)
