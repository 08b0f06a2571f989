"""Running an operation that was found good: its values are coerced and its resolvers are called here."""

from collections.abc import AsyncGenerator, Mapping
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, create_source_event_stream, execute
from graphql.execution import Executor as CoreExecutor

from .documents import Operation


class Executor:
    """Runs the operations of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Any
    ) -> ExecutionResult:
        """Run a query or a mutation to its end."""
        return await self.event(operation, variables, context, None)

    async def event(
        self, operation: Operation, variables: Mapping[str, Any], context: Any, payload: Any
    ) -> ExecutionResult:
        """Execute one event of a subscription: `payload` is what its source yields."""
        result = execute(
            self._schema,
            operation.document,
            root_value=payload,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
        )
        return await result if isawaitable(result) else result

    async def source(
        self, operation: Operation, variables: Mapping[str, Any], context: Any
    ) -> AsyncGenerator[Any, None] | ExecutionResult:
        """The events of a subscription, each to be executed by `event`; a result says why there are none."""
        built = CoreExecutor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=dict(variables),
            operation_name=operation.name,
        )
        if isinstance(built, list):
            return ExecutionResult(None, built)
        begun = create_source_event_stream(built)
        return await begun if isawaitable(begun) else begun  # type: ignore[return-value]
