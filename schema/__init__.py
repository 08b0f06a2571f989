"""What clients can ask: shapes only, no rules and no SQL. Here it is assembled."""

from collections.abc import Callable, Iterable
from typing import Any

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    Undefined,
)
from strawberry.schema.config import StrawberryConfig

from resolvers.context import Context
from resolvers.permissions import PERMISSIONS, admit

from .marks import mark
from .mutation import Mutation
from .outcome import ERROR_TYPES
from .query import Query
from .scalars import OVERRIDES, SCALARS
from .subscription import Subscription
from .types import NODE_TYPES
from .whole import mark_whole

__all__ = ["Schema", "schema"]


class Schema(strawberry.Schema):
    """Strawberry's schema, with permissions in front of every root field and marks for the gateway that serves it."""

    def __init__(self) -> None:
        super().__init__(
            query=Query,
            mutation=Mutation,
            subscription=Subscription,
            types=[*NODE_TYPES, *ERROR_TYPES],
            config=StrawberryConfig(scalar_map=dict(SCALARS)),
            scalar_overrides=OVERRIDES,
        )
        _without_null_defaults(self._schema)
        mark(self._schema)
        mark_whole(self._schema)
        guarded = [name for root in self._roots() for name in _guard(root)]
        assert set(guarded) == PERMISSIONS.keys(), f"no permission for: {set(guarded) ^ PERMISSIONS.keys()}"

    @property
    def core(self) -> GraphQLSchema:
        """The same schema as graphql-core knows it, which is what is served."""
        return self._schema

    def _roots(self) -> list[GraphQLObjectType]:
        core = self._schema
        roots = [core.query_type, core.mutation_type, core.subscription_type]
        return [root for root in roots if root is not None]


def _without_null_defaults(core: GraphQLSchema) -> None:
    """Leave out `= null`, which says nothing: an argument that may be left out says so by its type."""
    for kind in core.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            _drop(kind.fields.values())
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for field in kind.fields.values():
                _drop(field.args.values())


def _drop(inputs: Iterable[GraphQLArgument | GraphQLInputField]) -> None:
    for one in inputs:
        if one.default_value is None:
            one.default_value = Undefined


def _guard(root: GraphQLObjectType) -> list[str]:
    """Put the table of permissions before every field of a root type; answers with their names."""
    for name, field in root.fields.items():
        assert name in PERMISSIONS, f"{root.name}.{name} has no row in resolvers/permissions.py"
        _guard_field(name, field)
    return list(root.fields)


def _guard_field(name: str, field: GraphQLField) -> None:
    if field.subscribe is not None:
        field.subscribe = _admitting(name, field.subscribe)
    elif field.resolve is not None:
        field.resolve = _admitting(name, field.resolve)


def _admitting(name: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    def admitted(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        admit(info.context, name)
        return resolve(source, info, **arguments)

    return admitted


schema = Schema()
