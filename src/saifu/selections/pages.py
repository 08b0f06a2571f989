"""Pages of lists within a selection: as `paging.Listing` declares them, as JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Integer,
    Table,
    UniqueConstraint,
    bindparam,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql import ColumnElement, Select
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.visitors import replacement_traverse

from saifu.paging import Listing, Order
from saifu.tables import Instant

from .building import CUSTOMER_ID, Building, Cursors, Part, Selection, Shape, Source
from .json_sql import json_array, json_list, timestamp, truth

_NEVER: ColumnElement[bool] = literal_column("false")
_ONE: ColumnElement[int] = literal_column("1")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the arguments of a list choose of its statement, values aside: a first page in this order."""

    order: Order
    filters: frozenset[str]


def values(index: int, limit: int, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one list, named so that two lists of one selection do not meet."""
    return {f"first_{index}": limit} | {f"{name}_{index}": value for name, value in filters.items()}


class _Columns:
    """Columns by attribute, and which of them were asked for: a page reads those and no others."""

    def __init__(self, columns: Any) -> None:
        self._columns = columns
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return self._columns[name]


@dataclass(slots=True)
class _Page:
    """The rows of a page as its parts see them.

    Attributes:
        of: the statement's condition for the whole list.
        read: whether anything was made of the rows.
    """

    row: Any
    keyset: Sequence[ColumnElement[Any]]
    of: Sequence[ColumnElement[bool]]
    limit: BindParameter[int]
    read: bool = field(default=False)

    def each(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        self.read = True
        return json_list(value)


def page(name: str, shape: Shape, listing: Listing[Any]) -> Part:
    """A page of a customer's own list; in the building's choices stands a `Choice` for it."""
    connection = _connection(name, shape)

    def sql(building: Building, selection: Selection, _source: Source) -> ColumnElement[Any]:
        choice, index = building.choices[selection.index], selection.index
        made = _Made(listing, choice, index)
        asked = _Columns(listing.model.__table__.columns)
        building.object(connection, selection, made.of(asked))
        rows = made.rows(asked.used).subquery(f"rows_{index}")
        page = made.of(rows.c)
        value = select(building.object(connection, selection, page))
        return (value.select_from(rows) if page.read else value).scalar_subquery()

    return Part(sql, connection, is_list=True)


class _Made:
    """A page of one listing in the making; its rows are told of twice, first to learn which columns are wanted."""

    def __init__(self, listing: Listing[Any], choice: Choice, index: int) -> None:
        self._table = listing.model.__table__
        self._order = choice.order
        self._keyset = [column.key for column in listing.orders[choice.order.name]]
        self._conditions = _conditions(listing, choice, index)
        self._limit = bindparam(f"first_{index}", type_=Integer, required=True)

    def of(self, row: Any) -> _Page:
        return _Page(row, [_told(getattr(row, key)) for key in self._keyset], self._conditions, self._limit)

    def rows(self, names: Iterable[str]) -> Select[Any]:
        columns = self._table.columns
        keys = [columns[key] for key in _telling(self._table, self._keyset)]
        order = [key.desc() if self._order.descending else key.asc() for key in keys]
        wanted = select(*[columns[name] for name in sorted(names)])
        return wanted.where(*self._conditions).order_by(*order).limit(self._limit)


def _telling(table: Table, keyset: Sequence[str]) -> Sequence[str]:
    """The columns of a sort up to one that no two rows share: those after it would only cost a sort of their own."""
    unique = [[*one.columns.keys()] for one in table.constraints if isinstance(one, UniqueConstraint)]
    alone = [place for place, key in enumerate(keyset, 1) if [key] in unique]
    return keyset[: alone[0]] if alone else keyset


def _conditions(listing: Listing[Any], choice: Choice, index: int) -> list[ColumnElement[bool]]:
    conditions = [listing.parent == CUSTOMER_ID]
    return conditions + [_numbered(listing.filters[name], index) for name in sorted(choice.filters)]


def _numbered(condition: ColumnElement[bool], index: int) -> ColumnElement[bool]:
    """A listing's condition with parameters of its own."""

    def numbered(element: Any, **_options: Any) -> Any:
        if isinstance(element, BindParameter):
            return bindparam(f"{element.key}_{index}", type_=element.type, required=True)
        return None

    return replacement_traverse(condition, {}, numbered)


def _told(column: Any) -> ColumnElement[Any]:
    return timestamp(column) if isinstance(column.type, Instant) else column


def _connection(name: str, shape: Shape) -> Shape:
    info = Shape(
        "PageInfo",
        {
            "hasNextPage": Part(lambda building, selection, rows: truth(_beyond(rows))),
            "hasPreviousPage": Part(lambda building, selection, rows: truth(_NEVER)),
            "startCursor": Part(_keysets, finish=_cursor_at(0)),
            "endCursor": Part(_keysets, finish=_cursor_at(-1)),
        },
    )
    edge = Shape(
        f"{name}Edge",
        {
            "cursor": Part(
                lambda building, selection, rows: json_array(*rows.keyset),
                finish=lambda keyset, cursors: cursors(keyset),
            ),
            "node": Part(
                lambda building, selection, rows: building.object(shape, selection, rows.row), shape
            ),
        },
    )
    return Shape(
        f"{name}Connection",
        {
            "edges": Part(
                lambda building, selection, rows: rows.each(building.object(edge, selection, rows)), edge
            ),
            "nodes": Part(
                lambda building, selection, rows: rows.each(building.object(shape, selection, rows.row)),
                shape,
            ),
            "pageInfo": Part(lambda building, selection, rows: building.object(info, selection, rows), info),
            "totalCount": Part(lambda building, selection, rows: _count(rows), unbounded=True),
        },
    )


def _keysets(_building: Building, _selection: Selection, rows: _Page) -> ColumnElement[Any]:
    return rows.each(json_array(*rows.keyset))


def _cursor_at(place: int) -> Callable[[Any, Cursors], Any]:
    return lambda keysets, cursors: cursors(keysets[place]) if keysets else None


def _beyond(rows: _Page) -> ColumnElement[bool]:
    """Whether the list goes on after the page; in which order does not matter, so none is made."""
    return exists(select(_ONE).where(*rows.of).offset(rows.limit).limit(_ONE))


def _count(rows: _Page) -> ColumnElement[int]:
    return select(func.count(literal_column("*"))).where(*rows.of).scalar_subquery()
