"""Numbers without gaps (PM61).

A counter goes up in the transaction that uses its number: when that is rolled back, so is the counter, and the number
is the next one's. The price is that issuing waits for issuing, from here to the commit. So take a number late.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from saifu.store import Tx
from saifu.tables import Counter

_SHORTEST = 6


class Series(StrEnum):
    """What is counted for itself."""

    INVOICE = "invoice"
    RECEIPT = "receipt"


def _raising(insert: Any) -> Any:
    """Makes the counter at 1, or raises it: in one statement, so that two cannot both make it."""
    return (
        insert(Counter)
        .values(name=bindparam("series"), last_number=1)
        .on_conflict_do_update(
            index_elements=[col(Counter.name)], set_={"last_number": col(Counter.last_number) + 1}
        )
        .returning(col(Counter.last_number))
    )


_RAISE: Mapping[str, Any] = {
    "sqlite": _raising(sqlite.insert),
    "postgresql": _raising(postgresql.insert),
}


def next_number(tx: Tx, series: Series, prefix: str) -> str:
    """The next number of a series, such as `INV-000001`. Its counter is locked until the commit.

    One series is counted through whatever its prefix is, so a new prefix starts no new count.
    """
    ((last_number,),) = tx.all(_RAISE[tx.dialect.name], series=series.value)
    return f"{prefix}{last_number:0{_SHORTEST}d}"
