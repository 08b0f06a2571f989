"""Values as they are written in a GraphQL document."""

from collections.abc import Callable, Mapping
from typing import Any

import graphql

_LITERALS: Mapping[type, Callable[[Any], graphql.ValueNode]] = {
    type(None): lambda _: graphql.NullValueNode(),
    bool: lambda value: graphql.BooleanValueNode(value=value),
    int: lambda value: graphql.IntValueNode(value=str(value)),
    float: lambda value: graphql.FloatValueNode(value=str(value)),
    str: lambda value: graphql.StringValueNode(value=value),
    list: lambda value: graphql.ListValueNode(values=tuple(map(literal, value))),
    dict: lambda value: graphql.ObjectValueNode(fields=tuple(field(*pair) for pair in value.items())),
}


def literal(value: Any) -> graphql.ValueNode:
    """A JSON value as the literal that means it."""
    return _LITERALS[type(value)](value)


def field(name: str, value: Any) -> graphql.ObjectFieldNode:
    return graphql.ObjectFieldNode(name=graphql.NameNode(value=name), value=literal(value))
