"""Whose money a refund returns: first what the source has paid, then what the wallet has (W58, W60)."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shares:
    """An amount by who had paid it, in minor units, each >= 0."""

    of_source_minor: int
    of_wallet_minor: int

    @property
    def total_minor(self) -> int:
        return self.of_source_minor + self.of_wallet_minor


def left(paid: Shares, returned: Iterable[Shares]) -> Shares:
    """What of a payment has neither been returned nor is on its way back (PM43)."""
    given = list(returned)
    return Shares(
        paid.of_source_minor - sum(each.of_source_minor for each in given),
        paid.of_wallet_minor - sum(each.of_wallet_minor for each in given),
    )


def split(amount_minor: int, of: Shares) -> Shares:
    """Take an amount from what is left, in reverse order of use: the source's part first (W58).

    Where it goes is another question: with destination `WALLET` the source's share becomes a new lot (W60).

    Raises:
        ValueError: the amount is not positive, or more than is left.
    """
    if not 1 <= amount_minor <= of.total_minor:
        raise ValueError(f"{amount_minor} of {of.total_minor} minor units")
    of_source_minor = min(amount_minor, of.of_source_minor)
    return Shares(of_source_minor, amount_minor - of_source_minor)
