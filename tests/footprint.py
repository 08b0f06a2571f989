"""What a database holds: a refused request leaves the same as it found."""

from typing import Any

from sqlalchemy import func, literal_column, select
from sqlmodel import SQLModel

from saifu import tables  # noqa: F401 - fills the metadata
from saifu.store import Store

_COUNTS: dict[str, Any] = {
    table.name: select(func.count(literal_column("*"))).select_from(table)
    for table in SQLModel.metadata.sorted_tables
}


async def footprint(store: Store) -> dict[str, int]:
    """How many rows each table holds."""
    return await store.read(lambda tx: {name: tx.all(count)[0][0] for name, count in _COUNTS.items()})


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """By how many rows which tables have grown."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}
