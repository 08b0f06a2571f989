"""How many sockets and streams one caller, and one address, may hold open at once (SERVING trap 14)."""

from types import TracebackType
from typing import Self

from .host import Rejected


class Places:
    """Counts what is held open, by credential and by address.

    Args:
        per_credential: the most that one credential may hold; None for any number.
        per_address: the most that one address may hold; None for any number.
        what: what is held, for the text of a refusal: "sockets".
    """

    def __init__(self, per_credential: int | None, per_address: int | None, what: str) -> None:
        self._most = {"credential": per_credential, "address": per_address}
        self._what = what
        self._held: dict[tuple[str, str], int] = {}

    def hold(self, credential_id: str | None, address: str | None) -> "Place":
        """A place for whoever it is, to be left again: by `with`, or by `leave`. What is None is not counted.

        Raises:
            Rejected: RATE_LIMITED, status 429: all places are taken.
        """
        wanted = [
            (kind, whose)
            for kind, whose in (("credential", credential_id), ("address", address))
            if whose is not None
        ]
        for key in wanted:
            most = self._most[key[0]]
            if most is not None and self._held.get(key, 0) >= most:
                raise Rejected(
                    429, "RATE_LIMITED", f"This {key[0]} holds {most} {self._what}, and may not hold more."
                )
        for key in wanted:
            self._held[key] = self._held.get(key, 0) + 1
        return Place(self._held, wanted)


class Place:
    """One place that is taken; leaving it twice is leaving it once."""

    __slots__ = ("_held", "_keys")

    def __init__(self, held: dict[tuple[str, str], int], keys: list[tuple[str, str]]) -> None:
        self._held = held
        self._keys = keys

    def leave(self) -> None:
        for key in self._keys:
            left = self._held[key] - 1
            if left:
                self._held[key] = left
            else:
                del self._held[key]
        self._keys = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
