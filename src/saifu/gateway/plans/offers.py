"""Selections that the house is offered whole, since it may know a shorter way than field by field.

The mark is `"whole": function` in the `extensions` of a root field of queries. When a plan is made,
`function(selection)` answers None, or somebody who is asked in every execution: `await whole(context, values)` gives
the JSON of the field's completed value, or None, and then the resolvers are called as if nobody had been asked.
`values[selection.index]` are the coerced arguments of each field. Who can do without a task has `soon` too: then
`whole.soon(context, values, told)` is True, and `told` gets the same in a moment, or it is False and nothing follows.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, VariableNode, get_argument_values, get_named_type, is_abstract_type
from graphql.execution.values import VariableValues

from .marks import varies

if TYPE_CHECKING:
    from .plan import FieldPlan

MOST_FIELDS = 500
"""A fragment counts as often as it is spread here."""

Arguments = Mapping[str, Any]
Told = Callable[[bytes | None], None]
Whole = Callable[[Any, Sequence[Arguments]], Awaitable[bytes | None]]
Soon = Callable[[Any, Sequence[Arguments], Told], bool]


class _NotOffered(Exception):
    """There is something in the selection that the house is not asked about."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A field that was selected.

    Attributes:
        index: its number in the whole tree, from 0 for the root field.
        selections: what is selected of its object, merged, in the order of the answer.
    """

    key: str
    name: str
    index: int
    selections: tuple["Offered", ...]


class Offer:
    """A root field that the house may answer whole."""

    __slots__ = ("_constant", "_soon", "_varying", "_whole")

    def __init__(self, whole: Whole, fields: Sequence["FieldPlan"]) -> None:
        self._whole = whole
        self._soon: Soon | None = getattr(whole, "soon", None)
        self._varying = [(index, _Varying(field)) for index, field in enumerate(fields) if _is_varying(field)]
        self._constant = [{} if _is_varying(field) else _arguments(field, None) for field in fields]

    async def answer(self, context: Any, variables: VariableValues) -> bytes | None:
        """The JSON of the field's value; None where the resolvers are to be called."""
        values = self._values(variables)
        return None if values is None else await self._whole(context, values)

    def soon(self, context: Any, variables: VariableValues, told: Told) -> bool:
        """The same without a task: `told` gets it in a moment; False where it has to be awaited."""
        values = None if self._soon is None else self._values(variables)
        return values is not None and self._soon is not None and self._soon(context, values, told)

    def _values(self, variables: VariableValues) -> Sequence[Arguments] | None:
        values = self._constant.copy()
        try:
            for index, varying in self._varying:
                values[index] = varying.arguments(variables)
        except GraphQLError:
            return None  # it is the field's error, which is told where fields are called
        return values


class _Varying:
    """The arguments of a field that depend on variables.

    Mostly a variable is the whole of an argument; what is left is the same whenever those are given and not null.
    """

    __slots__ = ("_field", "_given", "_rest")

    def __init__(self, field: "FieldPlan") -> None:
        self._field = field
        self._given: list[tuple[str, str]] | None = []
        self._rest: Arguments | None = None
        for argument in field.nodes[0].arguments or ():
            if isinstance(argument.value, VariableNode):
                name = argument.name.value
                self._given.append((field.definition.args[name].out_name or name, argument.value.name.value))
            elif varies(argument.value):
                self._given = None
                break

    def arguments(self, variables: VariableValues) -> Arguments:
        if self._given is None:
            return _arguments(self._field, variables)
        coerced = variables.coerced
        given = {name: coerced.get(variable) for name, variable in self._given}
        for value in given.values():
            if value is None:
                return _arguments(self._field, variables)
        if self._rest is None:
            everything = _arguments(self._field, variables)
            self._rest = {name: value for name, value in everything.items() if name not in given}
        return {**self._rest, **given}


def offer(root: "FieldPlan") -> Offer | None:
    """Offer a root field; None where it bears no mark, or nobody takes it."""
    mark = root.definition.extensions.get("whole")
    if mark is None:
        return None
    fields: list[FieldPlan] = []
    try:
        selection = _offered(root, fields, count())
        whole = mark(selection)
        return None if whole is None else Offer(whole, fields)
    except (_NotOffered, GraphQLError):
        return None


def _offered(field: "FieldPlan", fields: list["FieldPlan"], numbers: "count[int]") -> Offered:
    index = next(numbers)
    if index >= MOST_FIELDS or field.foreign or is_abstract_type(get_named_type(field.type)):
        raise _NotOffered
    fields.append(field)
    below = [one for plan in field.objects.values() for one in plan.fields]
    selections = tuple(_offered(one, fields, numbers) for one in below)
    return Offered(field.key, field.nodes[0].name.value, index, selections)


def _is_varying(field: "FieldPlan") -> bool:
    return any(varies(argument.value) for argument in field.nodes[0].arguments or ())


def _arguments(field: "FieldPlan", variables: VariableValues | None) -> Arguments:
    return get_argument_values(field.definition, field.nodes[0], variables)
