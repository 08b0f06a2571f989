"""What a cart costs: integers of minor units, rounded once for each line (C3, PM78)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from saifu.ids import new_id
from saifu.money import tax_of


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart, priced by whoever made the session.

    Attributes:
        unit_minor: the price of one, in minor units; with `tax_inclusive` the tax is in it.
        tax_rate_bps: the rate of tax in hundredths of a percent: 1900 is 19 %.
    """

    name: str
    quantity: int
    unit_minor: int
    description: str | None = None
    tax_rate_bps: int = 0
    tax_inclusive: bool = False

    @property
    def tax_minor(self) -> int:
        """The tax of the whole line; rounded once, so that three at 0.33 are not three rounded taxes."""
        return tax_of(self.quantity * self.unit_minor, self.tax_rate_bps, self.tax_inclusive)

    @property
    def amount_minor(self) -> int:
        """What the line costs with its tax."""
        return self.quantity * self.unit_minor + (0 if self.tax_inclusive else self.tax_minor)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a cart costs in all, and how much of that is tax."""

    total_minor: int
    tax_minor: int

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Totals":
        return cls(sum(line.amount_minor for line in lines), sum(line.tax_minor for line in lines))


def stored(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The lines as sessions and payments keep them; `amount` is with tax (PM3)."""
    return [
        {
            "id": new_id("itm"),
            "name": line.name,
            "description": line.description,
            "quantity": line.quantity,
            "unit_amount": line.unit_minor,
            "amount": line.amount_minor,
            "tax": line.tax_minor,
            "tax_rate_bps": line.tax_rate_bps or None,
            "tax_inclusive": line.tax_inclusive,
        }
        for line in lines
    ]
