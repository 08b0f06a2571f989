"""What is to be done for an operation: its fields merged and looked up, for each object type that can turn up.

A field is *called* when its value comes from a resolver or a batch; all others are read where their object is written.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from saifu.gateway.written import Written, encoded

from .marks import READS, Classes, Way, constant_arguments, is_foreign, resolve_by_marks, way
from .offers import Offer, offer

MOST_FIELDS = 2_000
"""A bigger plan would take longer to compile than graphql-core takes to do without."""

Parents = tuple[list[Any], list[dict[str, Any]], list[Path | None]]
"""Objects of one plan: their sources, their answers, and where they stand (empty where nobody asks)."""


class NotCovered(Exception):
    """The operation has something that only graphql-core does."""


@dataclass(eq=False, slots=True)
class FieldPlan:
    """One field of one object type, under one key.

    Attributes:
        objects: the plans of its object types, by name; none for leaves and foreign values.
        foreign: its values are completed by graphql-core.
        arguments: if they are the same in every execution.
        reach: the numbers of the objects with calls that are written together with its value.
        tracks: whether something below needs to know where it stands.
        complete: made by the compiler for a called field: value, gathered parents by number, path → answer.
        offer: of a root field that the house may answer whole.
    """

    key: str
    parent: GraphQLObjectType
    definition: GraphQLField
    details: list[FieldDetails]
    way: Way
    foreign: bool
    arguments: dict[str, Any] | None
    objects: dict[str, "ObjectPlan"] = field(default_factory=dict)
    reach: frozenset[int] = frozenset()
    tracks: bool = False
    complete: Callable[..., Any] | None = None
    offer: Offer | None = None
    nodes: list[FieldNode] = field(init=False)
    type: GraphQLOutputType = field(init=False)
    head: tuple[Any, ...] = field(init=False)
    resolve: Callable[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = [one.node for one in self.details]
        self.type = self.definition.type
        self.head = (self.nodes[0].name.value, self.nodes, self.type, self.parent)
        self.resolve = self.definition.resolve or resolve_by_marks

    @property
    def called(self) -> bool:
        return self.way in (Way.BATCH, Way.RESOLVE)

    @property
    def has_info(self) -> bool:
        return self.way is Way.RESOLVE or self.foreign


@dataclass(eq=False, slots=True)
class ObjectPlan:
    """One object type with all its fields, in the order of the answer.

    Attributes:
        chosen: it is one of several that an abstract type allows.
        calls: its called fields.
        deep: the fields under which something is called, themselves included.
        noted: its objects are gathered for what is called in them, or to find such objects again.
    """

    number: int
    type: GraphQLObjectType
    chosen: bool
    fields: list[FieldPlan] = field(default_factory=list)
    calls: list[FieldPlan] = field(default_factory=list)
    deep: list[FieldPlan] = field(default_factory=list)
    reach: frozenset[int] = frozenset()
    noted: bool = False
    tracks: bool = False

    def close(self) -> None:
        """Derive what follows from the fields; they are complete now."""
        self.calls = [one for one in self.fields if one.called]
        self.deep = [one for one in self.fields if one.called or one.reach]
        self.tracks = any(one.tracks or (one.called and one.has_info) for one in self.fields)
        below = frozenset[int]().union(*(one.reach for one in self.fields if not one.called))
        self.noted = bool(self.calls) or (self.chosen and bool(below))
        self.reach = below | {self.number} if self.noted else below

    def template(self) -> dict[str, Any]:
        return {one.key: self.type.name if one.way is Way.TYPENAME else None for one in self.fields}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document's operation, as the planner needs it."""

    schema: GraphQLSchema
    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    details: dict[str, FragmentDetails]

    @classmethod
    def of(
        cls, schema: GraphQLSchema, document: DocumentNode, definition: OperationDefinitionNode
    ) -> "Sheet":
        fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        details = {name: FragmentDetails(one, _signatures(schema, one)) for name, one in fragments.items()}
        return cls(schema, definition, fragments, details)


def _signatures(
    schema: GraphQLSchema, fragment: FragmentDefinitionNode
) -> dict[str, GraphQLVariableSignature] | None:
    found = [get_variable_signature(schema, one) for one in fragment.variable_definitions or ()]
    return {one.name: one for one in found if not isinstance(one, GraphQLError)} or None


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation with its switches set.

    Attributes:
        alone: the only field that is called, where it is offered whole.
        around: what stands before and behind its value in the JSON of the data.
    """

    sheet: Sheet
    root: ObjectPlan
    objects: Mapping[int, ObjectPlan]
    alone: FieldPlan | None
    around: tuple[bytes, bytes]

    @property
    def is_serial(self) -> bool:
        return self.sheet.definition.operation is OperationType.MUTATION


class Planner:
    """Plans one operation for one setting of the variables in its `@skip` and `@include`."""

    def __init__(self, sheet: Sheet, variables: VariableValues, classes: Classes) -> None:
        self._sheet = sheet
        self._variables = variables
        self._classes = classes
        self._objects: dict[tuple[Any, ...], ObjectPlan] = {}
        self._fields = 0

    def plan(self) -> Plan:
        """Plan it all.

        Raises:
            NotCovered: graphql-core has to run the operation.
        """
        sheet = self._sheet
        kind = sheet.schema.get_root_type(sheet.definition.operation)
        if kind is None:
            raise NotCovered
        root = ObjectPlan(0, kind, chosen=False)
        self._objects[()] = root
        self._fill(root, collect_fields(sheet.schema, sheet.details, self._variables, kind, sheet.definition))
        if sheet.definition.operation is OperationType.QUERY:
            for one in root.calls:
                one.offer = offer(one)
        alone = root.calls[0] if len(root.calls) == 1 and root.calls[0].offer is not None else None
        around = _around(root, alone.key) if alone else (b"", b"")
        return Plan(sheet, root, {one.number: one for one in self._objects.values()}, alone, around)

    def _object(self, kind: GraphQLObjectType, details: list[FieldDetails], chosen: bool) -> ObjectPlan:
        # The same nodes have the same fields below, wherever they stand: a fragment used twice is planned once.
        key = (chosen, kind.name, *(id(one.node) for one in details))
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = ObjectPlan(len(self._objects), kind, chosen)
            sheet = self._sheet
            self._fill(
                found,
                collect_subfields(
                    sheet.schema, sheet.details, self._variables, sheet.definition, kind, details
                ),
            )
        return found

    def _fill(self, plan: ObjectPlan, collected: CollectedFields) -> None:
        for key, details in collected.grouped_field_set.items():
            definition = self._sheet.schema.get_field(plan.type, details[0].node.name.value)
            if definition is not None:
                plan.fields.append(self._field(plan, key, details, definition))
        self._fields += len(plan.fields)
        if self._fields > MOST_FIELDS:
            raise NotCovered
        plan.close()

    def _field(
        self, plan: ObjectPlan, key: str, details: list[FieldDetails], definition: GraphQLField
    ) -> FieldPlan:
        if definition is SchemaMetaFieldDef or definition is TypeMetaFieldDef:
            raise NotCovered
        named = get_named_type(definition.type)
        foreign = is_foreign(named, self._classes)
        arguments = constant_arguments(definition, details[0].node)
        found = way(definition)
        if definition is TypeNameMetaFieldDef:
            found = Way.TYPENAME
        elif found in READS and (foreign or arguments is None or plan.number == 0):
            found = Way.RESOLVE
        made = FieldPlan(key, plan.type, definition, details, found, foreign, arguments)
        if not foreign:
            chosen = is_abstract_type(named)
            made.objects = {kind.name: self._object(kind, details, chosen) for kind in self._kinds(named)}
            made.reach = frozenset[int]().union(*(one.reach for one in made.objects.values()))
            made.tracks = any(one.tracks for one in made.objects.values())
        return made

    def _kinds(self, named: Any) -> Iterable[GraphQLObjectType]:
        """The object types that the values of a composite type can have; none for a leaf."""
        if isinstance(named, GraphQLObjectType):
            return [named]
        if not is_abstract_type(named):
            return []
        names = set(named.extensions["typenames"].values())
        return [kind for kind in self._sheet.schema.get_possible_types(named) if kind.name in names]


_HOLE = b'"-"'
"""No key and no name of a type is written like that."""


def _around(root: ObjectPlan, key: str) -> tuple[bytes, bytes]:
    before, _, after = encoded(root.template() | {key: Written(_HOLE)}).partition(_HOLE)
    return before, after
