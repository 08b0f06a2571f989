"""Selections as the gateway's plans offer them, made of a document without fragments; and both ways to answer one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from itertools import count
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    execute,
    get_named_type,
    parse,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from resolvers import whole
from resolvers.context import Context
from schema import schema
from schema.whole import WORDING


@dataclass(frozen=True)
class Picked:
    key: str
    name: str
    index: int
    selections: "tuple[Picked, ...]"


class Answers:
    """One document `{ customer(id: $id) { … } }`, answered by the ordinary resolvers and by one statement."""

    def __init__(self, document: str, variables: Mapping[str, Any]) -> None:
        self.document = parse(document)
        self.variables = dict(variables)
        self.values: list[dict[str, Any]] = []
        (operation,) = self.document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        (root,) = operation.selection_set.selections
        assert isinstance(root, FieldNode)
        assert schema.core.query_type is not None
        self._numbers = count()
        coerced = get_variable_values(schema.core, operation.variable_definitions or (), self.variables)
        assert isinstance(coerced, VariableValues), coerced
        self._coerced = coerced
        self.selection = self._picked(root, schema.core.query_type)
        self.whole = whole.customer(self.selection, WORDING)

    def _picked(self, node: FieldNode, parent: GraphQLObjectType) -> Picked:
        name, index = node.name.value, next(self._numbers)
        field = parent.fields.get(name)
        self.values.append(get_argument_values(field, node, self._coerced) if field else {})
        kind = get_named_type(field.type) if field else None
        below = node.selection_set.selections if node.selection_set else ()
        assert isinstance(kind, GraphQLObjectType) or not below
        picked = (self._picked(one, kind) for one in below)  # type: ignore[arg-type]
        return Picked((node.alias or node.name).value, name, index, tuple(picked))

    async def ordinary(self, ctx: Context) -> ExecutionResult:
        answer: Any = execute(schema.core, self.document, context_value=ctx, variable_values=self.variables)
        result: ExecutionResult = await answer if isawaitable(answer) else answer
        return result

    async def at_once(self, ctx: Context) -> str | None:
        """What one statement answers, as canonical as `told`; None when it declines."""
        if self.whole is None:
            return None
        await self.whole(ctx, self.values)  # the first time only tells that it is worth while
        answer = await self.whole(ctx, self.values)
        return None if answer is None else told(json.loads(answer))


def told(value: Any) -> str:
    """A value as text, which also tells 1 from 1.0 and from true, and the order of keys."""
    return json.dumps(value, ensure_ascii=False)
