"""Operations and values that graphql-core completes itself."""

import asyncio
import inspect
from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, cast

from graphql import ExecutionResult, default_field_resolver, default_type_resolver
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql.execution.values import VariableValues
from graphql.pyutils import is_awaitable

from .marks import resolve_by_marks
from .plan import Sheet


class Core(ExecutorThrowingOnIncremental):
    """graphql-core's executor, which leaves nothing behind.

    Where an error makes siblings useless, graphql-core leaves some of them running, and others never begun; a coroutine
    that was never begun is a warning when it is forgotten.
    """

    def __init__(self, sheet: Sheet, variables: VariableValues, context: Any, root_value: Any) -> None:
        super().__init__(
            sheet.schema,
            dict(sheet.fragments),
            sheet.details,
            root_value,
            context,
            sheet.definition,
            variables,
            resolve_by_marks,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=self._is_awaitable,  # type: ignore[arg-type]
        )
        self._begun: list[Coroutine[Any, Any, Any]] = []

    def _is_awaitable(self, value: Any) -> bool:
        if isinstance(value, CoroutineType):  # `asyncio` takes generators for coroutines
            self._begun.append(value)
            return True
        return is_awaitable(value)

    def complete_list_item_value(self, item: Any, complete_results: list[Any], *rest: Any) -> bool:
        is_later = super().complete_list_item_value(item, complete_results, *rest)
        if is_later:
            self._begun.append(complete_results[-1])
        return is_later

    def complete_awaitable_list_item_value(self, *item: Any) -> Coroutine[Any, Any, Any]:
        completing = super().complete_awaitable_list_item_value(*item)
        self._begun.append(completing)
        return completing

    def anew(self) -> "Core":
        """A copy that collects errors of its own, and shares all else."""
        return cast("Core", self.build_per_event_executor(self.root_value))

    async def settled(self) -> None:
        """Wait for what was left running, and close what was never begun."""
        while left := [*self.background_futures, *self._tasks()]:
            await asyncio.wait(left)
        for coroutine in self._begun:
            coroutine.close()
        self._begun.clear()

    async def abandoned(self) -> None:
        """Stop what was left running."""
        for future in (*self.background_futures, *self._tasks()):
            future.cancel()
        await self.settled()

    def _tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks that were cancelled with nobody to wait for them: those that run a coroutine of this execution."""
        running = {id(one) for one in self._begun if inspect.getcoroutinestate(one) != inspect.CORO_CLOSED}
        return [task for task in asyncio.all_tasks() if id(task.get_coro()) in running] if running else []


async def run_whole(core: Core) -> ExecutionResult:
    """Run an operation by graphql-core alone."""
    try:
        result = core.execute_operation()
        answer = cast("ExecutionResult", await result if is_awaitable(result) else result)
    except BaseException:
        await core.abandoned()
        raise
    await core.settled()
    return answer
