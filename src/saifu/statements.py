"""Statements: written once with SQLAlchemy, compiled once per engine, run by the plain driver.

A statement is built at module level with `bindparam`s and executed thousands of times, so its SQL
text, its parameter order and the shape of its rows are worked out on first use and kept. What runs
in a request is then the driver and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

import orjson
from sqlalchemy import ARRAY, BigInteger, Boolean, String, bindparam, cast, func
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import Cast, ClauseElement
from sqlalchemy.sql.visitors import InternalTraversal
from sqlmodel import SQLModel
from sqlmodel.sql.expression import SelectOfScalar

from .clock import rfc3339
from .tables import Instant

SQLITE: Dialect = sqlite.dialect()
POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement ready for one engine's driver: its text, its parameters' order and form, its rows' shape.

    Attributes:
        fit: what the driver is given for a value.
        changes: the table that it writes to, if it writes.
    """

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    shape: Callable[[Sequence[Any]], Any]
    fit: Callable[[Any], Any]
    changes: str | None = None

    def values(self, params: Mapping[str, Any]) -> list[Any]:
        """The parameters as the driver takes them. A missing or superfluous one is a fault of ours."""
        given, fit = {**self.constants, **params}, self.fit
        assert params.keys() <= set(self.names), f"no such parameter: {params.keys() - set(self.names)}"
        return [fit(given[name]) for name in self.names]


class Template:
    """A statement and most of its values: it is asked again and again, and only a few of them change.

    Args:
        given: values that stay; there may be some among them that the statement does not want.
        blanks: the names of the others.

    Attributes:
        blanks: those of them that the statement wants.
    """

    __slots__ = ("_places", "_prepared", "_values", "blanks")

    def __init__(self, prepared: Prepared, given: Mapping[str, Any], blanks: Sequence[str]) -> None:
        known = {**prepared.constants, **dict.fromkeys(blanks), **given}
        self._prepared = prepared
        self._values = [prepared.fit(known[name]) for name in prepared.names]
        places = {name: [i for i, each in enumerate(prepared.names) if each == name] for name in blanks}
        self._places = [(name, found) for name, found in places.items() if found]
        self.blanks = frozenset(name for name, _ in self._places)

    def filled(self, given: Mapping[str, Any]) -> tuple[Prepared, list[Any]]:
        """The statement with all its values, as the driver takes them."""
        fit, values = self._prepared.fit, self._values.copy()
        for name, places in self._places:
            value = given[name]
            if type(value) not in _SIMPLE:
                value = fit(value)
            for place in places:
                values[place] = value
        return self._prepared, values


@lru_cache(maxsize=4096)
def prepare(statement: ClauseElement, dialect: Dialect) -> Prepared:
    """A statement written in this program: there are so many and no more, so all are kept."""
    return prepared(statement, dialect)


def prepared(statement: ClauseElement, dialect: Dialect) -> Prepared:
    """A statement made while the program runs: whoever makes it keeps it, and decides for how long."""
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    constants = {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required}
    changes = str(statement.table) if isinstance(statement, UpdateBase) else None
    names = tuple(compiled.positiontup or ())
    fit = to_sqlite if dialect is SQLITE else _as_it_is
    return Prepared(str(compiled), names, constants, _shape_of(statement, dialect), fit, changes)


def _shape_of(statement: ClauseElement, dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    if isinstance(statement, UpdateBase):
        return _values_shape([entry["type"] for entry in statement.returning_column_descriptions], dialect)
    described = getattr(statement, "column_descriptions", [])
    kind = described[0]["type"] if described else None
    if not isinstance(statement, SelectOfScalar):
        return _values_shape([entry["type"] for entry in described], dialect)
    if isinstance(kind, type) and issubclass(kind, SQLModel):
        return hydrator(kind, dialect)
    values = _values_shape([kind], dialect)
    return lambda row: values(row)[0]


def _values_shape(types: Sequence[Any], dialect: Dialect) -> Callable[[Sequence[Any]], Row]:
    readers = _readers(types, dialect)
    if not readers:
        return tuple

    def shape(values: Sequence[Any]) -> Row:
        row = list(values)
        for index, read in readers:
            row[index] = read(row[index])
        return tuple(row)

    return shape


@lru_cache(maxsize=256)
def hydrator(model: type[SQLModel], dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    """Make instances of a table without a session: their values can be read, and not set."""
    columns = model.__table__.columns  # type: ignore[attr-defined]
    names = [column.key for column in columns]
    readers = [(names[index], read) for index, read in _readers([c.type for c in columns], dialect)]
    new = model.__new__

    def shape(values: Sequence[Any]) -> Any:
        row = new(model)
        fields = row.__dict__
        fields.update(zip(names, values, strict=True))
        for name, read in readers:
            fields[name] = read(fields[name])
        return row

    return shape


def _readers(types: Sequence[Any], dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    if dialect is POSTGRESQL:
        return []
    kinds: list[tuple[type[Any], Callable[[Any], Any]]] = [(Instant, _instant), (Boolean, _boolean)]
    return [(i, read) for i, kind in enumerate(types) for wanted, read in kinds if isinstance(kind, wanted)]


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


_SIMPLE = frozenset({str, int})
"""Of these a driver of either engine is given what there is."""


def _as_it_is(value: Any) -> Any:
    return value


def to_sqlite(value: Any) -> Any:
    """What SQLite's driver is given for a value: it has no instants and no arrays of its own."""
    if type(value) is str:
        return value
    if isinstance(value, datetime):
        return _text_of(value)
    if isinstance(value, (list, tuple)):
        return orjson.dumps(value).decode()
    return value


_last: tuple[datetime | None, str] = (None, "")


def _text_of(instant: datetime) -> str:
    """An instant as it is stored; mostly it is the one that everything of a transaction shares."""
    global _last  # noqa: PLW0603 - exchanged whole, whichever thread does it
    known, text = _last
    if instant is not known:
        text = rfc3339(instant)
        _last = (instant, text)
    return text


class any_of(ColumnElement[bool]):  # noqa: N801 - reads as the function it stands for
    """`column` is one of a list of strings given as the parameter `name`: the text does not depend on its length."""

    inherit_cache = True
    type = Boolean()
    _traverse_internals: ClassVar[list[tuple[str, InternalTraversal]]] = [  # type: ignore[misc]
        ("column", InternalTraversal.dp_clauseelement),
        ("bind", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: Any, name: str) -> None:
        self.column = column
        self.bind = bindparam(name, type_=ARRAY(String))

    def self_group(self, against: Any = None) -> "any_of":
        """As it is: where booleans are numbers SQLAlchemy would write `… IN (…) = 1`, which no index can answer."""
        return self


@compiles(any_of)
def _any_of_postgresql(element: any_of, compiler: Any, **options: Any) -> str:
    return (
        f"{compiler.process(element.column, **options)} = ANY ({compiler.process(element.bind, **options)})"
    )


@compiles(any_of, "sqlite")
def _any_of_sqlite(element: any_of, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    values = compiler.process(element.bind, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled, not composed


def total(column: Any) -> Cast[int]:
    """The sum of a column of minor units as an integer, 0 of nothing (PostgreSQL would say numeric)."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
