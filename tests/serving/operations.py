"""Operations without the limits that documents are held to."""

from typing import Any

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode, parse

from saifu.gateway.cost import Costs
from saifu.gateway.documents import Operation
from saifu.gateway.limits import Tally


def operation(schema: GraphQLSchema, text: str | DocumentNode, name: str | None = None) -> Operation:
    """The only operation of a document, or the one of that name."""
    document = parse(text) if isinstance(text, str) else text
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    (chosen,) = [one for one in operations if name is None or (one.name and one.name.value == name)]
    return Operation(document, chosen, Tally(), Costs(schema, fragments))


def fields_of(schema: GraphQLSchema, name: str) -> dict[str, Any]:
    """The fields of a type, to give them resolvers."""
    kind: Any = schema.type_map[name]
    fields: dict[str, Any] = kind.fields
    return fields
