"""What an operation costs before it runs (A61): roughly, how many objects it may make the house look up.

A leaf is free, unless it has an alias: a type has only so many leaves, but any of them can be asked for again under
another name, and each object of the answer repeats it. Any other field costs its weight, 1 unless the house says
otherwise, plus what is selected below it; of a list, all of that as often as it may have elements:

- `first` or `last`, an `Int` argument, gives the number, literal or variable, the argument's default or else 20. On a
  field that returns a list they count its elements. On one that returns an object they count what the lists directly
  in that object hold (a connection's `edges` and `nodes`), or all that is below it where it has no list.
- `extensions["size_argument"]` names a list argument with as many elements as the result.
- `extensions["assumed_size"]` is the house's estimate; without one a list is taken to have 10 elements, and a list
  of the schema's own description 4.

A value that can never be taken, such as a negative `first`, counts as if it were absent: it is refused later.

Fragments on different object types exclude each other, so that of an interface or a union the dearest object counts.
What does not depend on variables is summed up once; the rest is one pass over the compiled document per request,
however often a fragment is spread.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInt,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    type_from_ast,
)

PAGE_SIZE = 20
LIST_SIZE = 10
DESCRIPTION_SIZE = 4
LARGEST_SIZE = 10**9
LARGEST_COST = 2**53 - 1
_DIGITS = 9


class Cost(NamedTuple):
    """What selections cost.

    Attributes:
        once: whatever surrounds them.
        each: for each element that the field around them gives to the lists among them.
    """

    once: int
    each: int


class Run:
    """One request: its variables, and what each fragment came to."""

    __slots__ = ("defaults", "fragments", "variables")

    def __init__(self, variables: Mapping[str, Any], defaults: Mapping[str, ValueNode]) -> None:
        self.variables = variables
        self.defaults = defaults
        self.fragments: dict[str, Cost] = {}

    def value(self, name: str) -> Any:
        """What was sent, else the node of the default, else Undefined."""
        return self.variables[name] if name in self.variables else self.defaults.get(name, Undefined)


Term: TypeAlias = Cost | Callable[[Run], Cost]
Size: TypeAlias = int | Callable[[Run], int]
Number: TypeAlias = int | Callable[[Run], int | None] | None
FREE = Cost(0, 0)


class Costs:
    """Compiles the operations of one valid document."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._terms: dict[str, tuple[Term, int]] = {}
        self._money = 0

    def operation(
        self, definition: OperationDefinitionNode
    ) -> tuple[Callable[[Mapping[str, Any]], int], int]:
        """What an operation costs with its variables, and how many of its fields move money, skipped or not."""
        root = self._schema.get_root_type(definition.operation)
        assert root is not None, "validation knows the roots"
        self._money = 0
        term = self._selections(definition.selection_set, root)
        defaults = {
            each.variable.name.value: each.default_value
            for each in definition.variable_definitions or ()
            if each.default_value is not None
        }
        return _costing(term, defaults), self._money

    def _selections(self, node: SelectionSetNode, parent: GraphQLCompositeType) -> Term:
        always: list[Term] = []
        exclusive: dict[str, list[Term]] = {}
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                always.append(self._field(selection, parent))
                continue
            assert isinstance(selection, FragmentSpreadNode | InlineFragmentNode)
            term, condition = self._fragment(selection, parent)
            excludes = is_object_type(condition) and condition is not parent
            (exclusive.setdefault(condition.name, []) if excludes else always).append(term)
        if exclusive:
            always.append(_highest([_sum(terms) for terms in exclusive.values()]))
        return _sum(always)

    def _fragment(
        self, node: FragmentSpreadNode | InlineFragmentNode, parent: GraphQLCompositeType
    ) -> tuple[Term, GraphQLCompositeType]:
        if isinstance(node, InlineFragmentNode):
            condition = self._type(node.type_condition) if node.type_condition else parent
            return self._selections(node.selection_set, condition), condition
        name = node.name.value
        definition = self._fragments[name]
        condition = self._type(definition.type_condition)
        if name in self._terms:
            term, money = self._terms[name]
            self._money += money
            return term, condition
        before = self._money
        term = self._selections(definition.selection_set, condition)
        if not isinstance(term, Cost):
            term = _remembered(name, term)
        self._terms[name] = term, self._money - before
        return term, condition

    def _type(self, node: Any) -> GraphQLCompositeType:
        return cast("GraphQLCompositeType", type_from_ast(self._schema, node))

    def _field(self, node: FieldNode, parent: GraphQLCompositeType) -> Term:
        definition = self._schema.get_field(parent, node.name.value)
        assert definition is not None, "validation knows the fields"
        self._money += bool(definition.extensions.get("moves_money"))
        named = get_named_type(definition.type)
        below: Term = FREE
        if node.selection_set is not None:
            below = self._selections(node.selection_set, cast("GraphQLCompositeType", named))
        size, pages = _size(node, definition, named)
        free = is_leaf_type(named) and not _paging(definition) and node.alias is None
        weight = definition.extensions.get("weight", 0 if free else 1)
        return _times(size, weight, below, whole=not pages or not _has_lists(named))


def _costing(term: Term, defaults: Mapping[str, ValueNode]) -> Callable[[Mapping[str, Any]], int]:
    if isinstance(term, Cost):
        fixed = _flat(term)
        return lambda variables: fixed
    return lambda variables: _flat(term(Run(variables, defaults)))


def _flat(cost: Cost) -> int:
    return min(cost.once + LIST_SIZE * cost.each, LARGEST_COST)


def _remembered(name: str, term: Callable[[Run], Cost]) -> Term:
    def evaluate(run: Run) -> Cost:
        known = run.fragments.get(name)
        if known is None:
            known = run.fragments[name] = term(run)
        return known

    return evaluate


def _sum(terms: Iterable[Term]) -> Term:
    """The sum, with what is fixed already added up."""
    once = each = 0
    open_terms: list[Callable[[Run], Cost]] = []
    for term in terms:
        if isinstance(term, Cost):
            once, each = once + term.once, each + term.each
        else:
            open_terms.append(term)
    if not open_terms:
        return Cost(once, each)

    def evaluate(run: Run) -> Cost:
        costs = [term(run) for term in open_terms]
        return Cost(once + sum(cost.once for cost in costs), each + sum(cost.each for cost in costs))

    return evaluate


def _highest(terms: Sequence[Term]) -> Term:
    fixed = [term for term in terms if isinstance(term, Cost)]
    open_terms = [term for term in terms if not isinstance(term, Cost)]

    def highest(costs: Sequence[Cost]) -> Cost:
        return Cost(max(cost.once for cost in costs), max(cost.each for cost in costs))

    if not open_terms:
        return highest(fixed)
    return lambda run: highest([*fixed, *(term(run) for term in open_terms)])


def _times(size: Size | None, weight: int, below: Term, *, whole: bool) -> Term:
    """A field of that size with what is below it.

    Args:
        size: None for a list that has as many elements as the field around it says.
        whole: whether all below it is there as often, not only its lists.
    """

    def field(cost: Cost, count: int) -> Cost:
        if whole:
            return Cost(count * (weight + _flat(cost)), 0)
        return Cost(weight + cost.once + count * cost.each, 0)

    if size is None:
        return _each(weight, below)
    if isinstance(below, Cost) and isinstance(size, int):
        return field(below, size)
    return lambda run: field(
        below if isinstance(below, Cost) else below(run), size if isinstance(size, int) else size(run)
    )


def _each(weight: int, below: Term) -> Term:
    if isinstance(below, Cost):
        return Cost(0, weight + _flat(below))
    return lambda run: Cost(0, weight + _flat(below(run)))


def _size(node: FieldNode, definition: GraphQLField, named: GraphQLNamedType) -> tuple[Size | None, bool]:
    """How many elements a field has, and whether its object, not the field itself, holds them."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    listed = is_list_type(get_nullable_type(definition.type))
    pages = _paging(definition)
    if pages:
        return _page([_number(given.get(name), definition.args[name]) for name in pages]), not listed
    counted = definition.extensions.get("size_argument")
    if counted is not None:
        return _length(given.get(counted), definition.args[counted]), not listed
    if not listed:
        return 1, False
    described = DESCRIPTION_SIZE if named.name.startswith("__") else None
    return definition.extensions.get("assumed_size", described), False


def _paging(definition: GraphQLField) -> list[str]:
    """The arguments that say how many elements are wanted."""
    arguments = ((name, definition.args.get(name)) for name in ("first", "last"))
    return [name for name, found in arguments if found and get_nullable_type(found.type) is GraphQLInt]


def _has_lists(named: GraphQLNamedType) -> bool:
    fields: Mapping[str, GraphQLField] = getattr(named, "fields", {})
    return any(
        is_list_type(get_nullable_type(field.type)) and is_composite_type(get_named_type(field.type))
        for field in fields.values()
    )


def _page(numbers: Sequence[Number]) -> Size:
    """The larger of `first` and `last`, if any is given."""

    def largest(known: Iterable[int | None]) -> int:
        return max((number for number in known if number is not None), default=PAGE_SIZE)

    if any(callable(number) for number in numbers):
        return lambda run: largest([number(run) if callable(number) else number for number in numbers])
    return largest(cast("Sequence[int | None]", numbers))


def _number(node: ValueNode | None, argument: GraphQLArgument) -> Number:
    default = _counted(_default(argument))
    if node is None:
        return default
    if not isinstance(node, VariableNode):
        return _counted(node)
    name = node.name.value

    def evaluate(run: Run) -> int | None:
        value = run.value(name)
        return default if value is Undefined else _counted(value)

    return evaluate


def _default(argument: GraphQLArgument) -> Any:
    default = argument.default
    if default is None:
        return argument.default_value
    return default.value if default.literal is None else default.literal


def _counted(value: Any) -> int | None:
    """A number of elements, from JSON or from the document; None for what can never be one."""
    if isinstance(value, IntValueNode):
        value = int(value.value) if len(value.value) <= _DIGITS else _beyond(value.value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return min(value, LARGEST_SIZE)


def _beyond(digits: str) -> int:
    """Not converted: Python refuses numbers of thousands of digits."""
    return -1 if digits.startswith("-") else LARGEST_SIZE


def _length(node: ValueNode | None, argument: GraphQLArgument) -> Size:
    default = _elements(_default(argument))
    if node is None:
        return default
    if not isinstance(node, VariableNode):
        return _elements(node)
    name = node.name.value

    def evaluate(run: Run) -> int:
        value = run.value(name)
        return default if value is Undefined else _elements(value)

    return evaluate


def _elements(value: Any) -> int:
    """Anything else than a list stands for a list of one."""
    if value is Undefined:
        return LIST_SIZE
    if value is None or isinstance(value, NullValueNode):
        return 0
    if isinstance(value, ListValueNode):
        return len(value.values)
    return len(value) if isinstance(value, list | tuple) else 1
