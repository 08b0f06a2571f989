"""Running an operation that was found good: its values are coerced and its resolvers are called here.

What is done for an operation is planned and compiled once; see `plans/`. What a plan does not cover is run by
graphql-core. The answers are the same: `data` always, and the errors but for two things. Errors stand in the order of
the fields they belong to, where graphql-core's depends on which came first; and of several errors that make the same
object null, the one that is read first is told with those before it, where graphql-core tells the first that came.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, assert_valid_schema, create_source_event_stream
from graphql.execution.values import VariableValues
from graphql.pyutils import is_awaitable

from .documents import Operation
from .plans.marks import known_classes
from .plans.prepared import Prepared
from .plans.run import Execution, alone
from .plans.streams import Responses
from .plans.whole import Core, run_whole


class Executor:
    """Runs the operations of one schema. A schema that is changed needs a new one.

    Where it can be said, `hide_suggestions` leaves names of the schema out of what is told of wrong variables.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        assert_valid_schema(schema)
        self._schema = schema
        self._classes = known_classes(schema)

    async def execute(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Any,
        *,
        hide_suggestions: bool = False,
    ) -> ExecutionResult:
        """Run a query or a mutation to its end."""
        return await self.event(operation, variables, context, None, hide_suggestions=hide_suggestions)

    async def event(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Any,
        payload: Any,
        *,
        hide_suggestions: bool = False,
    ) -> ExecutionResult:
        """Execute one event of a subscription, wherever it came from: `payload` is what its source would yield."""
        prepared = self._prepared(operation)
        values = prepared.variables(variables, hide_suggestions=hide_suggestions)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        return await _run(prepared, values, context, payload)

    def soon(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Any,
        told: Callable[[bytes | None], None],
    ) -> bool:
        """Run a query without a task, where all there is to call is one field that the house answers whole.

        Returns:
            Whether `told` will be called: with the data as JSON, or with None when it has to be executed after all.
        """
        prepared = self._prepared(operation)
        values = prepared.variables(variables, hide_suggestions=True)
        if isinstance(values, list):
            return False
        plan = prepared.plan(values)
        if plan is None or plan.alone is None or plan.alone.offer is None:
            return False
        before, after = plan.around

        def whole(text: bytes | None) -> None:
            told(None if text is None else before + text + after)

        return plan.alone.offer.soon(context, values, whole)

    async def subscribe(
        self, operation: Operation, variables: Mapping[str, Any], context: Any
    ) -> AsyncGenerator[ExecutionResult, None] | ExecutionResult:
        """Begin a stream; a result instead of one says why there is none."""
        source = await self.source(operation, variables, context)
        if isinstance(source, ExecutionResult):
            return source
        return Responses(source, lambda payload: self.event(operation, variables, context, payload))

    async def source(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Any,
        *,
        hide_suggestions: bool = False,
    ) -> AsyncGenerator[Any, None] | ExecutionResult:
        """The events of a subscription, each to be executed by `event`; a result says why there are none."""
        prepared = self._prepared(operation)
        values = prepared.variables(variables, hide_suggestions=hide_suggestions)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        begun: Any = create_source_event_stream(Core(prepared.sheet, values, context, None))
        source: AsyncGenerator[Any, None] | ExecutionResult = await begun if is_awaitable(begun) else begun
        return source

    def _prepared(self, operation: Operation) -> Prepared:
        prepared: Prepared | None = operation.memo.get(self)
        if prepared is None:
            prepared = Prepared(self._schema, operation.document, operation.definition, self._classes)
            operation.memo[self] = prepared
        return prepared


async def _run(prepared: Prepared, values: VariableValues, context: Any, root_value: Any) -> ExecutionResult:
    plan = prepared.plan(values)
    if plan is None:
        return await run_whole(Core(prepared.sheet, values, context, root_value))
    if plan.alone is None:
        return await Execution(plan, values, context, root_value).result()
    return await alone(plan, plan.alone, values, context)
