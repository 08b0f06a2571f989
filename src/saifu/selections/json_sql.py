"""JSON made by the database, in the words of each engine: what these write is the text of an answer.

Text, whole numbers and NULL are what they are. Everything else has a word here, because it is stored otherwise
than it is told: instants, booleans, members of enums, and texts that are JSON already.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Text, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

MOST_PAIRS = 50
"""How many pairs an object may have: both engines take at most 100 arguments for a function."""

_WORD = re.compile(r"[\w.-]+", re.ASCII)


def word(text: str) -> ColumnElement[str]:
    """A text of the program's own, such as a name, as it stands in a statement."""
    return literal_column(_quoted(text), Text)


def _quoted(text: str) -> str:
    assert _WORD.fullmatch(text), text
    return f"'{text}'"


class _Json(FunctionElement[str]):
    """An expression whose value is JSON, and stays JSON inside another one."""

    type = Text()
    inherit_cache = True


class json_object(_Json):  # noqa: N801 - reads as the function it stands for
    """An object of these pairs in this order; at most `MOST_PAIRS`."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        assert len(pairs) <= MOST_PAIRS, "declined by whoever asks"
        self.keys = [_quoted(key) for key, _ in pairs]
        super().__init__(*(value for _, value in pairs))


class json_array(_Json):  # noqa: N801
    """An array of these values."""


class json_list(_Json):  # noqa: N801
    """An aggregate: the array of this value for every row, empty where there is no row.

    `place` is the column that orders them. Without it they are in the order in which a subquery with a LIMIT gave
    them; SQLite takes them so in any case.
    """

    def __init__(self, value: Any, place: Any = None) -> None:
        self.ordered = place is not None
        super().__init__(value, *(() if place is None else (place,)))


class embedded(_Json):  # noqa: N801
    """A text that is JSON already, put in as it is. What is not JSON makes the statement fail."""


class truth(_Json):  # noqa: N801
    """A condition or a boolean column as `true` or `false`."""


class only_if(_Json):  # noqa: N801
    """The second of two where the first, a condition, holds; NULL where it does not."""


class instant(FunctionElement[str]):  # noqa: N801
    """An instant as clients see it: RFC 3339 in UTC with `Z`, and microseconds only where there are some."""

    type = Text()
    inherit_cache = True


class timestamp(FunctionElement[str]):  # noqa: N801
    """An instant as `clock.rfc3339` writes it, of fixed width: what cursors are made of."""

    type = Text()
    inherit_cache = True


class part_of(FunctionElement[str]):  # noqa: N801
    """The text under a key of a text that is a JSON object; NULL where there is none."""

    type = Text()
    inherit_cache = True

    def __init__(self, column: Any, key: str) -> None:
        self.part = key
        super().__init__(column)


class named(FunctionElement[str]):  # noqa: N801
    """The public name of a stored value, by a table of both; a value that is in no table makes the statement fail."""

    type = Text()
    inherit_cache = True

    def __init__(self, column: Any, names: Mapping[str, str]) -> None:
        pairs = ((_quoted(stored), _quoted(shown)) for stored, shown in names.items())
        self.cases = " ".join(f"WHEN {stored} THEN {shown}" for stored, shown in pairs)
        super().__init__(column)


_NO_MICROSECONDS = "'.000000Z', 'Z'"


def _inside(element: FunctionElement[Any], compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


def _each(element: FunctionElement[Any], compiler: Any, **options: Any) -> list[str]:
    return [compiler.process(clause, **options) for clause in element.clauses]


@compiles(json_object, "sqlite")
def _object_sqlite(element: json_object, compiler: Any, **options: Any) -> str:
    return f"json_object({_pairs(element, compiler, **options)})"


@compiles(json_object, "postgresql")
def _object_postgresql(element: json_object, compiler: Any, **options: Any) -> str:
    return f"json_build_object({_pairs(element, compiler, **options)})"


def _pairs(element: json_object, compiler: Any, **options: Any) -> str:
    values = _each(element, compiler, **options)
    return ", ".join(f"{key}, {value}" for key, value in zip(element.keys, values, strict=True))


@compiles(json_array, "sqlite")
def _array_sqlite(element: json_array, compiler: Any, **options: Any) -> str:
    return f"json_array({_inside(element, compiler, **options)})"


@compiles(json_array, "postgresql")
def _array_postgresql(element: json_array, compiler: Any, **options: Any) -> str:
    return f"json_build_array({_inside(element, compiler, **options)})"


@compiles(json_list, "sqlite")
def _list_sqlite(element: json_list, compiler: Any, **options: Any) -> str:
    return f"json_group_array({_each(element, compiler, **options)[0]})"


@compiles(json_list, "postgresql")
def _list_postgresql(element: json_list, compiler: Any, **options: Any) -> str:
    return f"coalesce(json_agg({' ORDER BY '.join(_each(element, compiler, **options))}), '[]')"


@compiles(embedded, "sqlite")
def _embedded_sqlite(element: embedded, compiler: Any, **options: Any) -> str:
    return f"json({_inside(element, compiler, **options)})"


@compiles(embedded, "postgresql")
def _embedded_postgresql(element: embedded, compiler: Any, **options: Any) -> str:
    return f"CAST({_inside(element, compiler, **options)} AS json)"


@compiles(truth, "sqlite")
def _truth_sqlite(element: truth, compiler: Any, **options: Any) -> str:
    return f"iif({_inside(element, compiler, **options)}, json('true'), json('false'))"


@compiles(truth, "postgresql")
def _truth_postgresql(element: truth, compiler: Any, **options: Any) -> str:
    return f"CAST({_inside(element, compiler, **options)} AS boolean)"


@compiles(only_if)
def _only_if(element: only_if, compiler: Any, **options: Any) -> str:
    condition, value = _each(element, compiler, **options)
    return f"CASE WHEN {condition} THEN {value} END"


@compiles(instant, "sqlite")
def _instant_sqlite(element: instant, compiler: Any, **options: Any) -> str:
    return f"replace({_inside(element, compiler, **options)}, {_NO_MICROSECONDS})"


@compiles(instant, "postgresql")
def _instant_postgresql(element: instant, compiler: Any, **options: Any) -> str:
    return f"replace({_timestamp_postgresql(element, compiler, **options)}, {_NO_MICROSECONDS})"


@compiles(timestamp, "sqlite")
def _timestamp_sqlite(element: timestamp, compiler: Any, **options: Any) -> str:
    return _inside(element, compiler, **options)


@compiles(timestamp, "postgresql")
def _timestamp_postgresql(element: FunctionElement[str], compiler: Any, **options: Any) -> str:
    utc = f"timezone('UTC', {_inside(element, compiler, **options)})"
    return f"""to_char({utc}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


@compiles(part_of, "sqlite")
def _part_sqlite(element: part_of, compiler: Any, **options: Any) -> str:
    return f"json_extract({_inside(element, compiler, **options)}, '$.{element.part}')"


@compiles(part_of, "postgresql")
def _part_postgresql(element: part_of, compiler: Any, **options: Any) -> str:
    return f"(CAST({_inside(element, compiler, **options)} AS json) ->> {_quoted(element.part)})"


@compiles(named, "sqlite")
def _named_sqlite(element: named, compiler: Any, **options: Any) -> str:
    return _cases(element, "json('?' || {column})", compiler, **options)


@compiles(named, "postgresql")
def _named_postgresql(element: named, compiler: Any, **options: Any) -> str:
    # Of a column, so that no planner works it out before it is known whether it is needed.
    return _cases(element, "CAST(CAST('?' || {column} AS json) AS text)", compiler, **options)


def _cases(element: named, otherwise: str, compiler: Any, **options: Any) -> str:
    column = _inside(element, compiler, **options)
    return f"CASE {column} {element.cases} ELSE {otherwise.format(column=column)} END"
