"""One execution of a plan, level by level.

For all objects of one plan, its called fields are called at once: a batch for all of them, a resolver for each. When
all values of a field have come, compiled code completes them, and gathers the objects in which something is to be
called next. Fields beside one another do not wait for each other; the values of one field do, so that what is below
them can be loaded together.

Whatever was begun is waited for, also where an error has made it useless: an answer does not depend on what was faster.
"""

from collections import deque
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLResolveInfo,
    get_argument_values,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from graphql.type import GraphQLResolveInfoHelpers

from saifu.gateway.written import Written

from .marks import Way
from .mending import Answer, Broken
from .plan import FieldPlan, Parents, Plan
from .values import awaited
from .waiting import Waiting
from .whole import Core


class _Calls:
    """A called field, for all its parents: values as they come, exceptions among them."""

    __slots__ = ("field", "infos", "left", "parents", "values")

    def __init__(self, field: FieldPlan, parents: Parents) -> None:
        self.field = field
        self.parents = parents
        self.values: list[Any] = []
        self.infos: list[GraphQLResolveInfo[Any]] | None = None
        self.left = 0


class Execution:
    """An operation on its way.

    Args:
        root_value: the event, where it is one of a subscription.
        declined: whether the house has been offered what there is to offer, and left it to the resolvers.
    """

    def __init__(
        self,
        plan: Plan,
        variables: VariableValues,
        context: Any,
        root_value: Any = None,
        *,
        declined: bool = False,
    ) -> None:
        self._declined = declined
        self._plan = plan
        self._variables = variables
        self._context = context
        self._root_value = root_value
        self._answer = Answer(plan.root, plan.root.template())
        self._waiting = Waiting()
        self._ready: deque[_Calls] = deque()
        self._is_broken = False
        self._core: Core | None = None
        sheet = plan.sheet
        helpers = GraphQLResolveInfoHelpers(self._gather, self._track)
        self._tail: tuple[Any, ...] = (
            sheet.schema,
            sheet.fragments,
            root_value,
            sheet.definition,
            variables,
            context,
            self._is_awaitable,
            None,
            helpers,
        )

    async def result(self) -> ExecutionResult:
        """Run it to its end."""
        root = self._plan.root
        # Root fields of a mutation follow one another; all others begin together.
        turns = [[field] for field in root.calls] if self._plan.is_serial else [root.calls]
        try:
            is_left = True
            for fields in turns:
                is_left = is_left and await self._turn(fields)
        except BaseException:
            await self._waiting.abandon()
            if self._core:
                await self._core.abandoned()
            raise
        finally:
            self._tail = ()  # it leads back to the execution, which would live until the garbage is collected
        if self._core:
            await self._core.settled()
        answer = self._answer
        return ExecutionResult(answer.data if is_left else None, answer.errors or None)

    async def _turn(self, fields: Sequence[FieldPlan]) -> bool:
        """Run root fields to their end; answers whether any data is left."""
        self._begin(fields, ([self._root_value], [self._answer.data], [None]))
        while True:
            while self._ready:
                self._complete(self._ready.popleft())
            if not self._waiting:
                break
            await self._waiting.some()
        if not self._is_broken:
            return True
        self._is_broken = False
        return self._answer.mend(fields)

    def _begin(self, fields: Sequence[FieldPlan], parents: Parents) -> None:
        for field in fields:
            calls = _Calls(field, parents)
            if field.offer is None or self._declined:
                self._call(calls)
            else:
                answer = field.offer.answer(self._context, self._variables)
                self._waiting.add(answer, partial(self._answered, calls))

    def _answered(self, calls: _Calls, text: bytes | Exception | None) -> None:
        """Take what the house answers to an offer, or call the resolver as if it had not been asked."""
        if isinstance(text, bytes):
            calls.parents[1][0][calls.field.key] = Written(text)
        else:
            self._call(calls)

    def _call(self, calls: _Calls) -> None:
        field = calls.field
        try:
            arguments = self._arguments(field)
        except Exception as error:  # noqa: BLE001  # a wrong argument is an error of the field
            calls.values = [error] * len(calls.parents[0])
        else:
            (self._batch if field.way is Way.BATCH else self._each)(calls, arguments)
        if not calls.left:
            self._ready.append(calls)

    def _arguments(self, field: FieldPlan) -> dict[str, Any]:
        if field.arguments is not None:
            return field.arguments
        return get_argument_values(field.definition, field.nodes[0], self._variables)

    def _each(self, calls: _Calls, arguments: dict[str, Any]) -> None:
        field, values = calls.field, calls.values
        sources, _, paths = calls.parents
        resolve, key, parent = field.resolve, field.key, field.parent.name
        made, head, tail = GraphQLResolveInfo._make, field.head, self._tail
        calls.infos = infos = []
        for source, path in zip(sources, paths, strict=True):
            info: GraphQLResolveInfo[Any] = made((*head, Path(path, key, parent), *tail))
            infos.append(info)
            try:
                value = resolve(source, info, **arguments)
            except Exception as error:  # noqa: BLE001  # it is the field's
                value = error
            values.append(value)
            if awaited(value):
                calls.left += 1
                self._waiting.add(value, partial(self._came, calls, len(values) - 1))

    def _came(self, calls: _Calls, index: int, value: Any) -> None:
        calls.values[index] = value
        calls.left -= 1
        if not calls.left:
            self._ready.append(calls)

    def _batch(self, calls: _Calls, arguments: dict[str, Any]) -> None:
        batch = calls.field.definition.extensions["batch"]
        try:
            values: Awaitable[Sequence[Any]] = batch(calls.parents[0], self._context, arguments)
        except Exception as error:  # noqa: BLE001  # it is the field's, for each parent
            calls.values = [error] * len(calls.parents[0])
            return
        calls.left = 1
        self._waiting.add(values, partial(self._batch_came, calls))

    def _batch_came(self, calls: _Calls, values: Any) -> None:
        wanted = len(calls.parents[0])
        if isinstance(values, Exception):
            values = [values] * wanted
        elif len(values) != wanted:
            values = [ValueError(f"A batch answered {len(values)} values for {wanted} sources.")] * wanted
        calls.values = list(values)
        calls.left = 0
        self._ready.append(calls)

    def _complete(self, calls: _Calls) -> None:
        """Write the values of a field into the answers of its parents, and begin what is below."""
        field = calls.field
        gathered: dict[int, Parents] = {number: ([], [], []) for number in field.reach}
        for index in self._written(calls, gathered):
            self._again(calls, index)
        for number, parents in gathered.items():
            if parents[1]:
                plan = self._plan.objects[number]
                self._answer.noted.append((plan, parents[1]))
                self._begin(plan.calls, parents)

    def _written(self, calls: _Calls, gathered: dict[int, Parents]) -> list[int]:
        """Complete by compiled code; answers with the indices of the values that surprised it."""
        field, (_, answers, _) = calls.field, calls.parents
        complete, key = field.complete, field.key
        if complete is None:
            return list(range(len(answers)))
        surprised: list[int] = []
        paths = self._paths(calls) if field.tracks else [None] * len(answers)
        for index, (value, answer, path) in enumerate(zip(calls.values, answers, paths, strict=True)):
            marks = [len(parents[0]) for parents in gathered.values()] if gathered else ()
            try:
                answer[key] = complete(value, gathered, path)
            except Exception:  # noqa: BLE001  # graphql-core will find it again, and say what it is
                surprised.append(index)
                for length, lists in zip(marks, gathered.values(), strict=True):
                    for one in lists:
                        del one[length:]
        return surprised

    def _paths(self, calls: _Calls) -> Sequence[Path]:
        if calls.infos is not None:
            return [info.path for info in calls.infos]
        field = calls.field
        return [Path(path, field.key, field.parent.name) for path in calls.parents[2]]

    def _again(self, calls: _Calls, index: int) -> None:
        """Complete a value by graphql-core, which knows what to do with anything."""
        value, answer, field = calls.values[index], calls.parents[1][index], calls.field
        if isinstance(value, Exception):
            self._break(answer, field, Broken(error=value))
            return
        info = calls.infos[index] if calls.infos is not None else self._info(calls, index)
        core = self._executor().anew()
        finish = partial(self._finish, answer, field, core)
        if awaited(value):
            self._waiting.add(_completed(core, field, info, value), finish)
            return
        try:
            completed = core.complete_value(field.type, field.details, info, info.path, value, None)
        except Exception as error:  # noqa: BLE001  # it is the field's
            completed = error
        if is_awaitable(completed):
            self._waiting.add(completed, finish)
        else:
            finish(completed)

    def _finish(self, answer: dict[str, Any], field: FieldPlan, core: Core, completed: Any) -> None:
        errors = core.collected_errors.errors
        if isinstance(completed, Exception):
            self._break(answer, field, Broken(errors=errors, error=completed))
        elif errors:
            self._break(answer, field, Broken(completed, errors))
        else:
            answer[field.key] = completed

    def _break(self, answer: dict[str, Any], field: FieldPlan, broken: Broken) -> None:
        answer[field.key] = broken
        self._is_broken = True

    def _info(self, calls: _Calls, index: int) -> GraphQLResolveInfo[Any]:
        """What a resolver would have been told, had the field not been a batch."""
        field, (_, answers, paths) = calls.field, calls.parents
        path = paths[index] if paths else self._answer.paths()[id(answers[index])]
        return GraphQLResolveInfo._make((*field.head, Path(path, field.key, field.parent.name), *self._tail))

    def _executor(self) -> Core:
        if self._core is None:
            self._core = Core(self._plan.sheet, self._variables, self._context, self._root_value)
        return self._core

    def _is_awaitable(self, value: Any) -> bool:
        return self._executor().is_awaitable(value)

    def _gather(self, values: Sequence[Awaitable[Any]]) -> Awaitable[list[Any]]:
        return self._executor().gather_async_work(values)

    def _track(self, values: Sequence[Any]) -> None:
        self._executor().track_async_work(values)


async def _completed(core: Core, field: FieldPlan, info: GraphQLResolveInfo[Any], value: Any) -> Any:
    """An element of a batch may be still to come, as the value of a resolver may."""
    completed = core.complete_value(field.type, field.details, info, info.path, await value, None)
    return await completed if is_awaitable(completed) else completed


async def alone(plan: Plan, field: FieldPlan, variables: VariableValues, context: Any) -> ExecutionResult:
    """Run a query of which only one field is called, and that one offered: mostly the house just answers it."""
    assert field.offer is not None
    try:
        text = await field.offer.answer(context, variables)
    except Exception:  # noqa: BLE001  # the resolvers meet it again, if there is anything to it
        text = None
    if text is None:
        return await Execution(plan, variables, context, declined=True).result()
    data = plan.root.template()
    data[field.key] = Written(text)
    return ExecutionResult(data, None)
