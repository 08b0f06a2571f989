"""What the gateway may know of fields to answer them faster: marks in graphql-core's own `extensions`.

Every mark says something that is true of the resolver anyway, so that whoever ignores them gets the same answer:

- `attribute`: the value is that attribute of the source, and nothing else is looked at;
- `read`: the value is this function of the source alone;
- `as_is` on a scalar: a value of exactly this Python type is written as it is;
- `typenames` on a union or an interface: which object type an instance of a Python class is;
- `shared` on a subscription: two callers who see the same get the same answer to the same event.

And what limits need to know of a field before it runs (A61): `moves_money`, and `size_argument`, the list argument
that has as many elements as the answer.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_nullable_type,
)

from .scalars import AS_IS

_DEFINITION = "strawberry-definition"


def mark(core: GraphQLSchema) -> None:
    """Mark all that Strawberry's own definitions tell of a schema, in place."""
    for kind in core.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for field in kind.fields.values():
                field.extensions.update(_of_field(field))
        elif isinstance(kind, (GraphQLInterfaceType, GraphQLUnionType)):
            kind.extensions["typenames"] = _classes(core, kind)
        elif isinstance(kind, GraphQLScalarType) and kind.name in AS_IS:
            kind.extensions["as_is"] = AS_IS[kind.name]
    _mark_roots(core)


def _mark_roots(core: GraphQLSchema) -> None:
    assert core.query_type
    assert core.mutation_type
    assert core.subscription_type
    for field in core.subscription_type.fields.values():
        field.extensions["shared"] = True
    core.query_type.fields["nodes"].extensions["size_argument"] = "ids"
    for field in core.mutation_type.fields.values():
        if _moves_money(field):
            field.extensions["moves_money"] = True


def _moves_money(field: GraphQLField) -> bool:
    """A mutation that moves money is one that demands an idempotency key (A30)."""
    given = get_nullable_type(field.args["input"].type)
    assert isinstance(given, GraphQLInputObjectType)
    key = given.fields.get("idempotencyKey")
    return key is not None and isinstance(key.type, GraphQLNonNull)


def _of_field(field: GraphQLField) -> Mapping[str, Any]:
    definition = field.extensions.get(_DEFINITION)
    if definition is None:
        return {}
    if definition.is_basic_field:
        return {"attribute": definition.python_name}
    resolver = definition.base_resolver
    alone = not (resolver.arguments or resolver.info_parameter or resolver.is_async)
    return {"read": resolver.wrapped_func} if alone and resolver.self_parameter else {}


def _classes(core: GraphQLSchema, abstract: GraphQLInterfaceType | GraphQLUnionType) -> dict[type, str]:
    classes = {kind.extensions[_DEFINITION].origin: kind.name for kind in core.get_possible_types(abstract)}
    # A generic class would stand for many object types, and tell nothing.
    assert len(classes) == len(core.get_possible_types(abstract)), f"{abstract} has two types of one class"
    return classes
