"""How often somebody may ask (A63), counted in this process alone.

A bucket holds so many tokens, gets new ones at a steady rate, and each request takes some out. It is kept as the one
instant at which it would be full again, so a bucket that nobody used for a while is the same as none and is forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from math import ceil
from typing import Any

from .host import Rejected

MOST_BUCKETS = 50_000
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests per second on average, and so many at once after a rest."""

    per_s: float
    burst: float


class TooMany(Rejected):
    """RATE_LIMITED: come back in `wait_s` seconds."""

    def __init__(self, wait_s: float, message: str) -> None:
        super().__init__(TOO_MANY, "RATE_LIMITED", message, retry_after=str(max(1, ceil(wait_s))))
        self.wait_s = wait_s

    @property
    def body(self) -> dict[str, Any]:
        """With `extensions.retryAfterS`, which is finer than the header can say."""
        body = super().body
        body["errors"][0]["extensions"]["retryAfterS"] = round(self.wait_s, 3)
        return body


class Rates:
    """Buckets by credential and by address.

    Args:
        per_credential: the rate of a credential, by its id; None where it has none.
        per_address: the rate of an address; None for none.
        clock: seconds that only grow.
        most: how many buckets of a kind are kept.
    """

    def __init__(
        self,
        per_credential: Callable[[str], Rate | None],
        per_address: Rate | None,
        clock: Callable[[], float],
        most: int = MOST_BUCKETS,
    ) -> None:
        self._rate_of: dict[str, Callable[[str], Rate | None]] = {
            "credential": per_credential,
            "address": lambda _address: per_address,
        }
        self._full_at: dict[str, dict[str, float]] = {"credential": {}, "address": {}}
        self._clock = clock
        self._most = most

    def take(self, kind: str, id: str, cost: float = 1) -> float | None:
        """Take tokens out of the bucket of a "credential" or an "address".

        Returns:
            None when they were there; otherwise nothing was taken, and this is in how many seconds they would be.
        """
        rate = self._rate_of[kind](id)
        if rate is None:
            return None
        now, buckets = self._clock(), self._full_at[kind]
        full_at = max(buckets.get(id, now), now) + cost / rate.per_s
        # Nothing ever costs more than a full bucket, or it would wait for ever.
        wait_s = full_at - now - max(rate.burst, cost) / rate.per_s
        if wait_s > _ROUNDING_S:
            return wait_s
        if id not in buckets and len(buckets) >= self._most:
            self._forget(buckets, now)
        buckets[id] = full_at
        return None

    def wait(self, kind: str, id: str) -> float | None:
        """In how many seconds there is a token; None when there is one now. Nothing is taken."""
        rate = self._rate_of[kind](id)
        full_at = self._full_at[kind].get(id)
        if rate is None or full_at is None:
            return None
        wait_s = full_at - self._clock() + (1 - rate.burst) / rate.per_s
        return wait_s if wait_s > _ROUNDING_S else None

    def _forget(self, buckets: dict[str, float], now: float) -> None:
        """Make room for a quarter of them, so that it is seldom done: full ones go first, then the oldest."""
        for id in [id for id, full_at in buckets.items() if full_at <= now]:
            del buckets[id]
        for id in list(buckets)[: max(0, len(buckets) - self._most * 3 // 4)]:
            del buckets[id]


_ROUNDING_S = 1e-9


@lru_cache(maxsize=4_096)
def address_of(host: str) -> str:
    """Whom an address counts for: one of IPv6 for its /64, since whoever has one has all of them.

    A trusted proxy may pass on what is none, such as "192.0.2.1:4711": that counts for itself.
    """
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or IPv6Network((int(address) >> 64 << 64, 64)))
