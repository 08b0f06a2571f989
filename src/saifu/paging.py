"""Keyset paging: page 1 000 costs what page 1 costs, and ties never repeat or skip a row (A7).

A `Listing` is declared once per list: its table, its orders and its filters. Statements are built
per combination of what is used and kept; values are always parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Integer, bindparam, func, literal_column, tuple_
from sqlalchemy import select as columns_of
from sqlalchemy.sql import ColumnElement, Select
from sqlmodel import SQLModel, select

from .statements import SQLITE, any_of, prepare
from .store import Tx

M = TypeVar("M", bound=SQLModel)

Keyset = tuple[Any, ...]
"""The sort values of one row, its id last."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of a list: the first (or, `from_end`, the last) `limit` of those between two keysets, exclusive."""

    limit: int
    after: Keyset | None = None
    before: Keyset | None = None
    from_end: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One of a listing's orders, by name."""

    name: str
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    rows: list[M]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a statement depends on, values aside."""

    order: Order
    filters: frozenset[str]
    after: bool
    before: bool
    from_end: bool
    per_parent: bool

    @property
    def descending(self) -> bool:
        return self.order.descending is not self.from_end


class Listing(Generic[M]):
    """A list of rows of one table.

    Args:
        model: the table.
        orders: name → columns of the sort, unique together (end with the id).
        filters: name → condition with a `bindparam` of that same name (or none, for a bare flag).
        parent: the column by which `pages` groups, such as `customer_id`.
    """

    def __init__(
        self,
        model: type[M],
        orders: Mapping[str, Sequence[Any]],
        filters: Mapping[str, ColumnElement[bool]],
        parent: Any = None,
    ) -> None:
        self.model = model
        self.orders = orders
        self.filters = filters
        self.parent = parent
        self._statement = lru_cache(maxsize=512)(self._build)
        self._counting = lru_cache(maxsize=128)(self._build_count)

    def keyset(self, row: M, order: Order) -> Keyset:
        """Where a row stands in an order: what its cursor holds."""
        return tuple(getattr(row, column.key) for column in self.orders[order.name])

    def page(self, tx: Tx, window: Window, order: Order, filters: Mapping[str, Any]) -> Page[M]:
        """One page, in the order asked for also when it is taken from the end."""
        rows = tx.all(self._statement(_shape(window, order, filters)), **self._params(window, order, filters))
        return _page(rows, window)

    def pages(
        self, tx: Tx, parents: Sequence[str], window: Window, order: Order, filters: Mapping[str, Any]
    ) -> dict[str, Page[M]]:
        """The same page for each of many parents, in one statement whatever their number."""
        statement = self._statement(_shape(window, order, filters, per_parent=True))
        rows = tx.all(statement, parents=list(parents), **self._params(window, order, filters))
        groups: dict[str, list[M]] = {parent: [] for parent in parents}
        for row in rows:
            groups[getattr(row, self.parent.key)].append(row)
        return {parent: _page(group, window) for parent, group in groups.items()}

    def count(self, tx: Tx, filters: Mapping[str, Any]) -> int:
        """How many rows match; run only when a client selects `totalCount`."""
        counted = tx.first(self._counting(frozenset(filters), per_parent=False), **self._values(filters))
        assert counted is not None
        return int(counted[0])

    def counts(self, tx: Tx, parents: Sequence[str], filters: Mapping[str, Any]) -> dict[str, int]:
        statement: Any = self._counting(frozenset(filters), per_parent=True)
        found = tx.all(statement, parents=list(parents), **self._values(filters))
        return dict.fromkeys(parents, 0) | {parent: int(count) for parent, count in found}

    def _params(self, window: Window, order: Order, filters: Mapping[str, Any]) -> dict[str, Any]:
        names = [column.key for column in self.orders[order.name]]
        after = zip((f"after_{name}" for name in names), window.after or (), strict=False)
        before = zip((f"before_{name}" for name in names), window.before or (), strict=False)
        return {**self._values(filters), **dict(after), **dict(before), "page_limit": window.limit + 1}

    def _values(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in filters.items() if name in _binds(self.filters[name])}

    def _conditions(self, shape: _Shape) -> list[ColumnElement[bool]]:
        columns = self.orders[shape.order.name]
        conditions = [self.filters[name] for name in sorted(shape.filters)]
        if shape.after:
            conditions.append(_beyond(columns, "after", below=shape.order.descending))
        if shape.before:
            conditions.append(_beyond(columns, "before", below=not shape.order.descending))
        return conditions

    def _build(self, shape: _Shape) -> Any:
        columns = [
            column.desc() if shape.descending else column.asc() for column in self.orders[shape.order.name]
        ]
        conditions = self._conditions(shape)
        limit = bindparam("page_limit", type_=Integer)
        if not shape.per_parent:
            return select(self.model).where(*conditions).order_by(*columns).limit(limit)
        keys = list(self.model.__table__.primary_key.columns)  # type: ignore[attr-defined]
        rank = func.row_number().over(partition_by=self.parent, order_by=columns).label("rank")
        ranked = columns_of(*keys, rank).where(any_of(self.parent, "parents"), *conditions).subquery()
        chosen = columns_of(*[ranked.c[key.key] for key in keys]).where(ranked.c.rank <= limit)
        return select(self.model).where(tuple_(*keys).in_(chosen)).order_by(self.parent, *columns)

    def _build_count(self, filters: frozenset[str], per_parent: bool) -> Select[Any]:
        conditions = [self.filters[name] for name in sorted(filters)]
        counting = func.count(literal_column("*"))
        if not per_parent:
            return columns_of(counting).select_from(self.model).where(*conditions)
        within = any_of(self.parent, "parents")
        return columns_of(self.parent, counting).where(within, *conditions).group_by(self.parent)


def _shape(window: Window, order: Order, filters: Mapping[str, Any], per_parent: bool = False) -> _Shape:
    after, before = window.after is not None, window.before is not None
    return _Shape(order, frozenset(filters), after, before, window.from_end, per_parent)


def _page(rows: list[M], window: Window) -> Page[M]:
    more, rows = len(rows) > window.limit, rows[: window.limit]
    if window.from_end:
        return Page(rows[::-1], has_next=window.before is not None, has_previous=more)
    return Page(rows, has_next=more, has_previous=window.after is not None)


def _beyond(columns: Sequence[Any], name: str, below: bool) -> ColumnElement[bool]:
    values = tuple_(*[bindparam(f"{name}_{column.key}", type_=column.type) for column in columns])
    here = tuple_(*columns)
    return here < values if below else here > values


@lru_cache(maxsize=512)
def _binds(condition: ColumnElement[bool]) -> frozenset[str]:
    """The names of the parameters that a condition wants."""
    prepared = prepare(condition, SQLITE)
    return frozenset(prepared.names) - prepared.constants.keys()
