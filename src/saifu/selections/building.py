"""How a selection becomes a statement: shapes are declared, selections picked from them, values are parameters.

A `Shape` says what an object of the answer is made of, and how each part is written in SQL. A `Selection` is what a
client picked of it. The two make one statement, for each combination of what arguments choose; it is compiled once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import bindparam
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.elements import BindParameter

from .json_sql import MOST_PAIRS, json_object, only_if, word

TYPENAME = "__typename"
CUSTOMER_ID: BindParameter[str] = bindparam("customer_id", required=True)
"""Whose everything in a statement is."""

Source = Any
"""Whatever has the columns of an object as its attributes."""

Cursors = Callable[[Sequence[Any]], str]
"""Makes the cursor of a row from its keyset; each list has its own."""


class Selection(Protocol):
    """A field that was picked: `key` is its name in the answer, `index` its own number in the whole tree."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def selections(self) -> "Sequence[Selection]": ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an object.

    Attributes:
        sql: its value, given the statement in the making, its selection and the object's columns.
        shape: what its own selections are picked from; None for a plain value.
        finish: what is left to do in Python with its decoded value, given the cursors of the list it is in.
        is_list: whether it is such a list, with a page size and cursors of its own.
        unbounded: whether any number of rows may have to be read for it.
    """

    sql: "Callable[[Building, Selection, Source], ColumnElement[Any]]"
    shape: "Shape | None" = None
    finish: Callable[[Any, Cursors], Any] | None = None
    is_list: bool = False
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What an object of one type is made of, by the names that clients know."""

    typename: str
    parts: Mapping[str, Part]


def plain(sql: Callable[[Source], ColumnElement[Any]]) -> Part:
    """A value made of the columns of its object."""
    return Part(lambda building, selection, source: sql(source))


def inner(
    shape: Shape,
    of: Callable[[Source], Source],
    present: Callable[[Source], ColumnElement[bool]] | None = None,
) -> Part:
    """An object made of the columns of the one around it; null unless it is `present`."""

    def sql(building: Building, selection: Selection, source: Source) -> ColumnElement[Any]:
        value = building.object(shape, selection, of(source))
        return value if present is None else only_if(present(source), value)

    return Part(sql, shape)


@dataclass(slots=True)
class Building:
    """A statement in the making.

    Attributes:
        choices: what the arguments of a field choose of the statement, by the field's index.
        conditions: what must hold for the statement to tell anything; otherwise the value of its row is NULL.
    """

    choices: Mapping[int, Any]
    conditions: list[ColumnElement[bool]] = field(default_factory=list)

    def object(self, shape: Shape, selection: Selection, source: Source) -> json_object:
        return json_object([(one.key, self._value(shape, one, source)) for one in selection.selections])

    def _value(self, shape: Shape, selection: Selection, source: Source) -> ColumnElement[Any]:
        if selection.name == TYPENAME:
            return word(shape.typename)
        return shape.parts[selection.name].sql(self, selection, source)

    def require(self, condition: ColumnElement[bool]) -> None:
        if not any(condition is known for known in self.conditions):
            self.conditions.append(condition)


def covers(shape: Shape, selection: Selection) -> bool:
    """Whether all that was picked of a shape can be told by a statement."""
    return len(selection.selections) <= MOST_PAIRS and all(
        _covered(shape, one) for one in selection.selections
    )


def _covered(shape: Shape, selection: Selection) -> bool:
    if selection.name == TYPENAME:
        return True
    part = shape.parts.get(selection.name)
    if part is None or getattr(selection, "abstract", False):
        return False
    return part.shape is None or covers(part.shape, selection)


def is_unbounded(shape: Shape, selection: Selection) -> bool:
    """Whether any number of rows may have to be read for what was picked."""
    picked = [(shape.parts[one.name], one) for one in selection.selections if one.name != TYPENAME]
    return any(
        part.unbounded or (part.shape is not None and is_unbounded(part.shape, one)) for part, one in picked
    )


Finishing = Callable[[dict[str, Any], Mapping[int, Cursors]], None]
"""Finishes a decoded object in place, given the cursors of each list by its index."""


def finishing(shape: Shape, selection: Selection, list_index: int = -1) -> Finishing | None:
    """What Python has left to do with a decoded answer; None when there is nothing, and no need to decode it."""
    steps: list[tuple[str, Callable[[Any, Mapping[int, Cursors]], Any]]] = []
    for one in selection.selections:
        part = shape.parts.get(one.name)
        step = _step(part, one, list_index) if part else None
        if step is not None:
            steps.append((one.key, step))

    def finish(value: dict[str, Any], cursors: Mapping[int, Cursors]) -> None:
        for key, step in steps:
            value[key] = step(value[key], cursors)

    return finish if steps else None


def _step(
    part: Part, selection: Selection, list_index: int
) -> Callable[[Any, Mapping[int, Cursors]], Any] | None:
    if part.finish is not None:
        last = part.finish
        return lambda value, cursors: last(value, cursors.get(list_index, _no_list))
    inside = (
        finishing(part.shape, selection, selection.index if part.is_list else list_index)
        if part.shape
        else None
    )
    return None if inside is None else _each(inside)


def _each(finish: Finishing) -> Callable[[Any, Mapping[int, Cursors]], Any]:
    def step(value: Any, cursors: Mapping[int, Cursors]) -> Any:
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                finish(one, cursors)
        return value

    return step


def _no_list(keyset: Sequence[Any]) -> str:
    raise AssertionError(f"{keyset} is in no list")
