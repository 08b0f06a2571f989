"""What is derived from an operation once, and kept with it: what it switches on, its variables, its plans."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_variable_values,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.type.directives import (
    GraphQLDeferDirective,
    GraphQLDisableErrorPropagationDirective,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    GraphQLStreamDirective,
)

from .compiler import compile_plan
from .marks import Classes
from .plan import NotCovered, Plan, Planner, Sheet

MOST_PLANS = 16
"""Settings of its switches for which an operation keeps plans; the one used longest ago makes way."""

MOST_ERRORS = 50
"""Errors in variables that are reported; graphql-core's own number."""

_SWITCHES = frozenset({GraphQLSkipDirective.name, GraphQLIncludeDirective.name})
_INCREMENTAL = frozenset({GraphQLDeferDirective.name, GraphQLStreamDirective.name})


class Prepared:
    """An operation with its plans."""

    __slots__ = ("_classes", "_covered", "_plans", "_quick", "_switches", "sheet")

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        definition: OperationDefinitionNode,
        classes: Classes,
    ) -> None:
        self.sheet = Sheet.of(schema, document, definition)
        self._classes = classes
        self._plans: OrderedDict[tuple[Any, ...], Plan | None] = OrderedDict()
        self._quick = _quick_variables(schema, definition)
        directives = list(_directives(self.sheet))
        self._switches = tuple(dict.fromkeys(_switches(directives)))
        self._covered = not (
            any(one.name.value in _INCREMENTAL for one in directives)
            or any(one.variable_definitions for one in self.sheet.fragments.values())
            or any(_keeps_nulls(one) for one in definition.directives or ())
        )

    @property
    def plans(self) -> int:
        """How many plans are kept."""
        return len(self._plans)

    def variables(
        self, given: Mapping[str, Any], *, hide_suggestions: bool
    ) -> VariableValues | list[GraphQLError]:
        """The variables of a request as the operation declares them, or what is wrong with them."""
        quick = None if self._quick is None else _taken_at_their_word(self._quick, given)
        if quick is not None:
            return quick
        return get_variable_values(
            self.sheet.schema,
            self.sheet.definition.variable_definitions or (),
            dict(given),
            max_errors=MOST_ERRORS,
            hide_suggestions=hide_suggestions,
        )

    def plan(self, variables: VariableValues) -> Plan | None:
        """The plan for these variables; None where graphql-core has to run the operation."""
        if not self._switches and self._plans:
            return self._plans[()]
        setting = tuple(variables.coerced.get(name) for name in self._switches)
        if not self._covered or any(type(value) is not bool for value in setting):
            return None  # a switch that is null is an error, at a place that depends on the data
        if setting in self._plans:
            self._plans.move_to_end(setting)
            return self._plans[setting]
        if len(self._plans) >= MOST_PLANS:
            self._plans.popitem(last=False)
        made = self._plans[setting] = self._make(variables)
        return made

    def _make(self, variables: VariableValues) -> Plan | None:
        try:
            plan = Planner(self.sheet, variables, self._classes).plan()
            compile_plan(plan, self._classes)
        except (NotCovered, GraphQLError, RecursionError):
            return None  # graphql-core says what is wrong, if anything is
        return plan


def _directives(sheet: Sheet) -> Iterator[DirectiveNode]:
    """All directives on what an operation selects, each fragment visited once."""
    waiting: list[SelectionSetNode] = [sheet.definition.selection_set]
    visited: set[str] = set()
    while waiting:
        for selection in waiting.pop().selections:
            yield from selection.directives or ()
            below = _below(selection, sheet, visited)
            if below:
                waiting.append(below)


def _below(selection: SelectionNode, sheet: Sheet, visited: set[str]) -> SelectionSetNode | None:
    if not isinstance(selection, FragmentSpreadNode):
        found: SelectionSetNode | None = getattr(selection, "selection_set", None)
        return found
    name = selection.name.value
    fragment = None if name in visited else sheet.fragments.get(name)
    visited.add(name)
    return fragment.selection_set if fragment else None


def _switches(directives: Sequence[DirectiveNode]) -> Iterator[str]:
    for directive in directives:
        if directive.name.value in _SWITCHES:
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value


def _keeps_nulls(directive: DirectiveNode) -> bool:
    return directive.name.value == GraphQLDisableErrorPropagationDirective.name


Quick = Mapping[str, tuple[GraphQLVariableSignature, Callable[[Any], bool]]]

_OWN_FORM: Mapping[Any, Callable[[Any], bool]] = {
    GraphQLString: lambda value: type(value) is str,
    GraphQLID: lambda value: type(value) is str,
    GraphQLInt: lambda value: type(value) is int and -(2**31) <= value < 2**31,
}


def _quick_variables(schema: GraphQLSchema, definition: OperationDefinitionNode) -> Quick | None:
    """Declarations whose usual values are what they are coerced to; None if there are others."""
    found: dict[str, tuple[GraphQLVariableSignature, Callable[[Any], bool]]] = {}
    for node in definition.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            return None
        kind = signature.type.of_type if is_non_null_type(signature.type) else signature.type
        test = _OWN_FORM.get(kind)
        if test is None:
            return None
        found[signature.name] = (signature, test)
    return found


def _taken_at_their_word(quick: Quick, given: Mapping[str, Any]) -> VariableValues | None:
    """The variables, if all are given and none needs coercion."""
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for name, (signature, test) in quick.items():
        value = given.get(name)
        if not test(value):
            return None
        sources[name] = VariableValueSource(signature, value)
        coerced[name] = value
    return VariableValues(sources, coerced)
