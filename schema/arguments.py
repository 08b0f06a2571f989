"""Arguments: where in them a value stands, and which values no engine below could store."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    Node,
    ObjectValueNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    type_from_ast,
    validate_input_value,
)

from saifu import card_numbers
from saifu.fields import storable
from saifu.sources import iban

from .scalars import refused

Path = list[str | int]

_SHORTEST_CARD = 13


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client sent, once it could be read: its document, None if it could not be parsed, and raw variables."""

    schema: GraphQLSchema
    document: DocumentNode | None
    variables: Mapping[str, Any] = field(default_factory=dict)


def path_to(document: DocumentNode, node: Node) -> Path:
    """The path of a literal from its argument on, such as `["input", "amount"]`; empty when it is in none."""
    return _first(document, lambda value: value is node)


def variable_path(asked: Asked, variable: VariableDefinitionNode, error: GraphQLError) -> Path:
    """The path to the refused part of a variable's value, from the argument it is used in."""
    assert asked.document is not None
    name = variable.variable.name.value
    return [*_usage(asked.document, name), *_within(asked, variable, error)]


def _usage(document: DocumentNode, variable: str) -> Path:
    return _first(
        document, lambda value: isinstance(value, VariableNode) and value.name.value == variable
    ) or [variable]


def _within(asked: Asked, variable: VariableDefinitionNode, error: GraphQLError) -> Path:
    # graphql-core keeps this path in its message only, so the value is validated once more.
    kind = type_from_ast(asked.schema, variable.type)
    value = asked.variables.get(variable.variable.name.value)
    found: list[tuple[GraphQLError, Path]] = []
    if kind is not None:
        validate_input_value(value, kind, lambda one, path: found.append((one, path)), True)  # type: ignore[arg-type]
    return next((path for one, path in found if error.message.endswith(one.message)), [])


def _first(document: DocumentNode, wanted: Callable[[ValueNode], bool]) -> Path:
    for argument, value in _arguments(document):
        for path, part in _parts(value, [argument]):
            if wanted(part):
                return path
    return []


def _arguments(document: DocumentNode) -> Iterator[tuple[str, ValueNode]]:
    waiting: list[SelectionSetNode] = [
        found for definition in document.definitions if (found := getattr(definition, "selection_set", None))
    ]
    while waiting:
        for selection in waiting.pop(0).selections:
            if isinstance(selection, FieldNode):
                yield from ((argument.name.value, argument.value) for argument in selection.arguments or ())
            if inner := getattr(selection, "selection_set", None):
                waiting.append(inner)


def _parts(value: ValueNode, path: Path) -> Iterator[tuple[Path, ValueNode]]:
    yield path, value
    if isinstance(value, ObjectValueNode):
        for field in value.fields:
            yield from _parts(field.value, [*path, field.name.value])
    elif isinstance(value, ListValueNode):
        for index, item in enumerate(value.values):
            yield from _parts(item, [*path, index])


def check_texts(document: DocumentNode, variables: Mapping[str, Any]) -> None:
    """Refuse texts that may not be here before anything runs.

    No database could hold NUL or half a surrogate pair, and nothing here may hold the number of a card (S23).

    Raises:
        GraphQLError: BAD_USER_INPUT, with the path of the first such text, and without the text.
    """
    for name, value in variables.items():
        if type(value) is str and _problem(value) is None:
            continue
        for path, text in _texts(value, []):
            if (problem := _problem(text)) is not None:
                raise _refused(problem, [*_usage(document, name), *path])
    if document.loc is None or not _is_plain(document.loc.source.body):
        _check_literals(document)


def _check_literals(document: DocumentNode) -> None:
    for argument, value in _arguments(document):
        for path, part in _parts(value, [argument]):
            if isinstance(part, StringValueNode) and (problem := _problem(part.value)) is not None:
                raise _refused(problem, path)


def _problem(text: str) -> str | None:
    if not storable(text):
        return "A text cannot hold the NUL character or half of a surrogate pair."
    if len(text) >= _SHORTEST_CARD and card_numbers.found_in(text) and not iban.is_one(text):
        return (
            "This text holds what looks like the number of a card. Card numbers are only taken where cards are turned "
            "into tokens; nothing was stored or logged."
        )
    return None


@lru_cache(maxsize=256)
def _is_plain(source: str) -> bool:
    """Only an escape can bring such a character into a document, and few documents have escapes or long numbers."""
    return "\\" not in source and storable(source) and card_numbers.RUN.search(source) is None


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    waiting: list[tuple[Path, Any]] = [(path, value)]
    while waiting:
        here, one = waiting.pop()
        if isinstance(one, str):
            yield here, one
        elif isinstance(one, dict):
            waiting.extend(([*here, name], inner) for name, inner in one.items())
            yield from ((here, name) for name in one if isinstance(name, str))
        elif isinstance(one, list):
            waiting.extend(([*here, index], inner) for index, inner in enumerate(one))


def _refused(problem: str, path: Path) -> GraphQLError:
    error = refused(problem)
    return GraphQLError(error.message, extensions={**(error.extensions or {}), "path": path})
