"""Values as resolvers hand them out: which can be taken at their word, and which need a closer look.

Compiled code looks at the class of a value only. Whatever it does not know raises a `Surprise`, and the value is
completed again in graphql-core's own way.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import is_awaitable

MOST_CLASSES = 4_096
MOST_MEMBERS = 4_096

PLAIN: set[type] = {str, int, float, bool, list, tuple, dict}
"""Classes whose instances are what they seem: neither null, errors, awaitables nor functions. Filled by `vet`."""

MAPPINGS: set[type] = {dict}
"""Those of them whose fields are items, where a field has no resolver."""


class Surprise(Exception):
    """A value that compiled code leaves to graphql-core."""


def vet(value: Any) -> None:
    """Remember the class of a value as plain.

    Raises:
        Surprise: it is not.
    """
    if (
        value is None
        or value is Undefined
        or isinstance(value, Exception)
        or callable(value)
        or is_awaitable(value)
    ):
        raise Surprise
    if len(PLAIN) >= MOST_CLASSES:
        PLAIN.clear()
        MAPPINGS.clear()
    if isinstance(value, Mapping):
        MAPPINGS.add(type(value))
    PLAIN.add(type(value))


def awaited(value: Any) -> bool:
    """Whether a resolver's value is still to come."""
    return type(value) not in PLAIN and is_awaitable(value)


_BUILTINS: Mapping[Any, str] = {
    GraphQLString.coerce_output_value: "type({first}) is str",
    GraphQLID.coerce_output_value: "type({first}) is str",
    GraphQLBoolean.coerce_output_value: "type({first}) is bool",
    GraphQLInt.coerce_output_value: "type({first}) is int and -2147483648 <= {again} <= 2147483647",
    # What is infinite, or not a number, differs from itself.
    GraphQLFloat.coerce_output_value: "type({first}) is float and {again} - {again} == 0.0",
}


def own_form(kind: GraphQLLeafType, bind: Callable[[str, Any], str]) -> str | None:
    """The test, as source code, of a value that is written as it is; None where no value is.

    Args:
        bind: gives an object a name that the source can use.

    Returns:
        A format with two places: `first`, where the value is evaluated, and `again`, where it is used after that.
    """
    same = kind.extensions.get("as_is")
    if same is not None:
        return f"type({{first}}) is {bind('K', same)}"
    return _BUILTINS.get(kind.coerce_output_value) if isinstance(kind, GraphQLScalarType) else None


def leaf(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    """Writes any value of a scalar or an enum that is not null.

    Raises:
        Surprise: the value is null or written as null, an error, or still to come.
    """
    coerce = kind.coerce_output_value

    def written(value: Any) -> Any:
        if type(value) not in PLAIN:
            vet(value)
        form = coerce(value)
        if form is None or form is Undefined:
            raise Surprise
        return form

    return written


def member(kind: GraphQLEnumType, names: dict[int, str]) -> Callable[[Any], str]:
    """Writes a value of an enum, and remembers the name of a member in `names`, by its identity."""
    written = leaf(kind)
    kept: list[Any] = []  # an identity says nothing once its object is gone

    def named(value: Any) -> str:
        name: str = written(value)
        if isinstance(value, Enum) and len(names) < MOST_MEMBERS:
            kept.append(value)
            names[id(value)] = name
        return name

    return named
