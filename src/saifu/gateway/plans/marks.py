"""How a field is resolved, with and without the marks that its schema gave it in `extensions`.

- `"attribute": name` – the value is that attribute of the source;
- `"read": function` – the value is that function of the source;
- `"batch": function` – `await function(sources, context, arguments)` gives the values for many sources at once, an
  exception standing for the error of its source;
- `"typenames": {class: name}` on an interface or a union – the object type of an instance of exactly that class;
- `"as_is": class` on a scalar – a value of exactly that class is written as it is;
- `"whole": function` on a root field of queries – all that is selected of it may be answered at once; see `offers.py`.

A mark says what is true of the resolver anyway. Reads are pure: they are made again when a value is completed again,
and so are attributes and properties of sources in fields without a resolver.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    default_field_resolver,
    get_argument_values,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_specified_scalar_type,
)

Classes = Mapping[str, frozenset[type]]
"""By object type: the Python classes whose instances are known to be of it."""


class Way(Enum):
    """Where the value of a field comes from."""

    TYPENAME = auto()
    ATTRIBUTE = auto()
    READ = auto()
    DEFAULT = auto()
    BATCH = auto()
    RESOLVE = auto()


READS = frozenset({Way.ATTRIBUTE, Way.READ, Way.DEFAULT})


def way(definition: GraphQLField) -> Way:
    """The fastest way that the marks allow."""
    marks = definition.extensions
    for mark, found in (("attribute", Way.ATTRIBUTE), ("read", Way.READ), ("batch", Way.BATCH)):
        if mark in marks:
            return found
    return Way.RESOLVE if definition.resolve else Way.DEFAULT


def resolve_by_marks(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """Resolves a field that has no resolver: by its marks, or as graphql-core does."""
    marks = info.parent_type.fields[info.field_name].extensions
    if "attribute" in marks:
        return getattr(source, marks["attribute"])
    if "read" in marks:
        return marks["read"](source)
    if "batch" in marks:
        return _alone(marks["batch"], source, info.context, arguments)
    return default_field_resolver(source, info, **arguments)


async def _alone(batch: Callable[..., Any], source: Any, context: Any, arguments: dict[str, Any]) -> Any:
    (value,) = await batch([source], context, arguments)
    return value


def known_classes(schema: GraphQLSchema) -> Classes:
    """Gather what the `typenames` of all abstract types say."""
    classes: dict[str, frozenset[type]] = {}
    for kind in schema.type_map.values():
        if is_abstract_type(kind):
            for found, name in kind.extensions.get("typenames", {}).items():
                classes[name] = classes.get(name, frozenset()) | {found}
    return classes


def is_foreign(kind: GraphQLNamedType, classes: Classes) -> bool:
    """Whether only graphql-core can tell of which object type a value is, by asking functions of the schema."""
    if isinstance(kind, GraphQLObjectType):
        return kind.is_type_of is not None and kind.name not in classes
    return is_abstract_type(kind) and "typenames" not in kind.extensions


def constant_arguments(definition: GraphQLField, node: FieldNode) -> dict[str, Any] | None:
    """The arguments of a field if they are the same in every execution, and nobody can change them."""
    if any(varies(argument.value) for argument in node.arguments or ()):
        return None
    kinds = [get_named_type(argument.type) for argument in definition.args.values()]
    if not all(is_specified_scalar_type(kind) or is_enum_type(kind) for kind in kinds):
        return None
    try:
        values = get_argument_values(definition, node)
    except Exception:  # noqa: BLE001  # it belongs to the execution, where it is raised again
        return None
    return None if any(isinstance(value, (list, dict)) for value in values.values()) else values


def varies(value: ValueNode) -> bool:
    """Whether a variable stands somewhere in a value."""
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(varies(item) for item in value.values)
    return isinstance(value, ObjectValueNode) and any(varies(field.value) for field in value.fields)
