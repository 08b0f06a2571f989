"""Rows by id, for whoever already holds ids: one statement for any number of them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

from sqlmodel import SQLModel, select

from .statements import any_of
from .store import Tx

M = TypeVar("M", bound=SQLModel)


@lru_cache(maxsize=32)
def _by_id(model: Any) -> Any:
    return select(model).where(any_of(model.id, "ids"))


def by_ids(tx: Tx, model: type[M], ids: Iterable[str]) -> dict[str, M]:
    """The rows of a table that has an `id`; an id without a row is not in the answer."""
    rows: list[Any] = tx.all(_by_id(model), ids=list(ids))
    return {row.id: row for row in rows}
