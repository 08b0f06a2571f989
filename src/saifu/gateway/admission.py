"""Who may come in, how often, and how many at once (A63, S13): before anything is read of what they want."""

from dataclasses import dataclass
from typing import Any

from .host import Host, Rejected
from .places import Place, Places
from .rates import Rates, TooMany, address_of

MOST_KNOWN = 4_096
_UNAUTHENTICATED = 401
_SOON_S = 1.0

Client = tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many operations may be under way at once.

    Attributes:
        in_all: in this process; queries find a fifth of it closed, so that money still moves in a flood of reads.
        per_credential: of one credential.
    """

    in_all: int = 1_000
    per_credential: int = 500

    @property
    def queries(self) -> int:
        return self.in_all * 4 // 5


class Admission:
    """The door of the HTTP endpoint.

    Args:
        rates: how often one may ask. A request with a good credential counts for the credential, any other for the
            address it came from: who shares an address with somebody who guesses keys is not made to suffer for it.
        places: how many streams may be open at once.
        crowd: how many operations may be under way at once.
    """

    def __init__(self, host: Host, rates: Rates, places: Places, crowd: Crowd = Crowd()) -> None:
        self._host = host
        self._rates = rates
        self._places = places
        self._crowd = crowd
        self._most_queries = crowd.queries
        self._under_way: dict[str, int] = {}
        self._in_all = 0
        # Hashes, by Python's own function with the key of this process: no secret is kept, nor could one be made
        # to fit. In the order in which they came in.
        self._known: dict[int, None] = {}

    async def admit(self, authorization: str | None, client: Client, request_id: str) -> Any:
        """The context of a request.

        Raises:
            Rejected: UNAUTHENTICATED, or RATE_LIMITED.
        """
        known = hash(authorization)
        if known not in self._known:
            self._refuse_guessing(client)
        try:
            context = await self._host.admit(authorization, request_id)
        except Rejected as no:
            if no.status == _UNAUTHENTICATED:
                self._known.pop(known, None)
                self._rates.take("address", _whose(client))
            raise
        self._remember(known)
        self.ask(context)
        return context

    def known(self, authorization: str | None, request_id: str) -> Any | None:
        """The context of a request, if nobody has to be waited for; otherwise None, and nothing is counted.

        Raises:
            Rejected: RATE_LIMITED.
        """
        context = self._host.known(authorization, request_id) if hash(authorization) in self._known else None
        if context is not None:
            self.ask(context)
        return context

    def ask(self, context: Any) -> None:
        """Count a request of somebody who is in.

        Raises:
            Rejected: RATE_LIMITED.
        """
        wait_s = self._rates.take("credential", self._host.caller_id(context))
        if wait_s is not None:
            raise TooMany(wait_s, "This credential sends more requests than it may.")

    def place(self, context: Any, client: Client) -> Place:
        """A place for a stream.

        Raises:
            Rejected: RATE_LIMITED.
        """
        return self._places.hold(self._host.caller_id(context), _whose(client) or None)

    def enter(self, context: Any, query: bool) -> str:
        """An operation begins; `leave` is to be told when it is over, with what is returned here.

        Raises:
            Rejected: RATE_LIMITED.
        """
        caller = self._host.caller_id(context)
        own = self._under_way.get(caller, 0)
        if own >= self._crowd.per_credential:
            raise TooMany(_SOON_S, f"This credential has {own} operations under way, and may not have more.")
        if self._in_all >= (self._most_queries if query else self._crowd.in_all):
            raise TooMany(_SOON_S, "Too many operations are under way.")
        self._under_way[caller] = own + 1
        self._in_all += 1
        return caller

    def leave(self, caller: str) -> None:
        self._in_all -= 1
        left = self._under_way[caller] - 1
        if left:
            self._under_way[caller] = left
        else:
            del self._under_way[caller]

    def _refuse_guessing(self, client: Client) -> None:
        wait_s = self._rates.wait("address", _whose(client))
        if wait_s is not None:
            raise TooMany(wait_s, "Too many requests without a good credential came from this address.")

    def _remember(self, known: int) -> None:
        if known not in self._known:
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[known] = None


def _whose(client: Client) -> str:
    return address_of(client[0]) if client else ""
