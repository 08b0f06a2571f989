"""Running an operation that was found good: its values are coerced and its resolvers are called here."""

from collections.abc import AsyncGenerator, Mapping
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, execute, subscribe

from .documents import Operation


class Executor:
    """Runs the operations of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Any
    ) -> ExecutionResult:
        """Run a query or a mutation to its end."""
        result = execute(
            self._schema,
            operation.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
        )
        return await result if isawaitable(result) else result

    async def subscribe(
        self, operation: Operation, variables: Mapping[str, Any], context: Any
    ) -> AsyncGenerator[ExecutionResult, None] | ExecutionResult:
        """Begin a stream; a result instead of one says why there is none."""
        begun = subscribe(
            self._schema,
            operation.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
        )
        return await begun if isawaitable(begun) else begun  # type: ignore[return-value]
