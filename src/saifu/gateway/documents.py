"""Documents made ready to run: parsed, held to the limits and validated, once for each text.

Good documents, refused ones and the texts behind hashes are remembered apart, each within entries and bytes, the
longest unused forgotten first: a flood of nonsense cannot push out what clients really run.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    assert_valid_schema,
    specified_rules,
    validate,
)
from graphql.validation.rules.overlapping_fields_can_be_merged import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError
from graphql.validation.validation_context import ValidationContext

from . import persisted
from .cost import Costs
from .limits import Limits, Tally, failed, read, survey, too_much
from .requests import Request

LONGEST_MESSAGE = 300
MOST_NODES = 8
BYTES_PER_TOKEN = 1_200
"""A token, its node, and a share of the compiled cost and of the executor's plan; measured, and rounded up."""
BYTES_PER_DOCUMENT = 4_000
OTHER_SHARE = 8
"""Refused documents, and texts known by hash, each take an eighth of what good documents may."""

Entry = TypeVar("Entry", bound="Sized")


class Operation:
    """One operation of one document, ready to run.

    Attributes:
        introspects: whether it looks at the schema.
        moves_money: how many fields that move money it selects, skipped or not.
        cost: what it costs with the variables of a request, whatever they are; see `cost.py`.
        memo: for what is derived from the operation; it is forgotten with the document.
    """

    __slots__ = ("cost", "definition", "document", "introspects", "kind", "memo", "moves_money", "name")

    def __init__(
        self, document: DocumentNode, definition: OperationDefinitionNode, tally: Tally, costs: Costs
    ) -> None:
        self.document = document
        self.definition = definition
        self.kind: OperationType = definition.operation
        self.name: str | None = definition.name.value if definition.name else None
        self.introspects = tally.introspects
        self.cost: Callable[[Mapping[str, Any]], int]
        self.cost, self.moves_money = costs.operation(definition)
        self.memo: dict[Any, Any] = {}


class Invalid(Exception):
    """A request whose document is not run.

    Attributes:
        errors: each with `extensions.code` and `httpStatus`; shared by all requests of that document, not to be
            changed.
        document: where it could be parsed.
    """

    def __init__(self, errors: Sequence[GraphQLError], document: DocumentNode | None = None) -> None:
        super().__init__(errors[0].message)
        self.errors = list(errors)
        self.document = document


class Sized:
    """Something that is remembered: its estimated size, in bytes."""

    __slots__ = ("size",)
    size: int


class _Good(Sized):
    __slots__ = ("document", "operations")

    def __init__(self, text: str, document: DocumentNode, operations: Sequence[Operation]) -> None:
        self.document = document
        self.operations = operations
        self.size = _size(text, document)


class _Refused(Sized):
    __slots__ = ("document", "errors")

    def __init__(self, text: str, document: DocumentNode | None, errors: Sequence[GraphQLError]) -> None:
        self.document = document
        self.errors = errors
        self.size = _size(text, document)


class _Text(Sized):
    """What a hash stands for; its document may have been forgotten, and is made again then."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = _size(text, None)


class _Remembered(Generic[Entry]):
    """The entries used last, within a number of entries and of bytes."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, entry: Entry) -> None:
        replaced = self._entries.pop(key, None)
        self._bytes += entry.size - (replaced.size if replaced else 0)
        self._entries[key] = entry
        while self._entries and (len(self._entries) > self._most or self._bytes > self._most_bytes):
            self._bytes -= self._entries.popitem(last=False)[1].size


class Documents:
    """The documents of one schema.

    Args:
        trusted: documents that were given beforehand, by id; kept as long as this.
        only_trusted: whether every other document is refused.

    Raises:
        ValueError: naming each trusted document that is not good.
        TypeError: the schema is not valid.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits = Limits(),  # noqa: B008
        *,
        trusted: Mapping[str, str] | None = None,
        only_trusted: bool = False,
    ) -> None:
        assert_valid_schema(schema)
        self.limits = limits
        self._schema = schema
        self._rules = _rules(limits.comparisons)
        self._only_trusted = only_trusted
        self._good: _Remembered[_Good] = _Remembered(limits.cached_documents, limits.cached_bytes)
        self._refused: _Remembered[_Refused] = _Remembered(
            limits.cached_documents // OTHER_SHARE, limits.cached_bytes // OTHER_SHARE
        )
        self._hashed: _Remembered[_Text] = _Remembered(
            limits.cached_documents, limits.cached_bytes // OTHER_SHARE
        )
        self._trusted: dict[str, _Good] = {}
        self._trusted_texts: dict[str, _Good] = {}
        self._trust(trusted or {})

    def operation(self, request: Request, *, verbose: bool) -> Operation:
        """The operation that a request asks for.

        Args:
            verbose: whether the caller may look at the schema (A64), and is told what it may have meant.

        Raises:
            Invalid: the document, or the choice of its operation, is not good.
            Rejected: the request names its document in a way that is none, or may not send one.
        """
        good = self._document(request, verbose)
        operation = _chosen(good, request.name)
        if operation.introspects and not verbose:
            raise Invalid([_introspection()], good.document)
        if operation.moves_money > 1:
            raise Invalid([_money(operation.moves_money)], good.document)
        return operation

    def check_cost(self, operation: Operation, variables: Mapping[str, Any]) -> int:
        """What the operation costs with these variables.

        Raises:
            Invalid: QUERY_TOO_COSTLY (A61).
        """
        cost = operation.cost(variables)
        if cost > self.limits.cost:
            raise Invalid([too_much("too high a cost", cost, self.limits.cost)], operation.document)
        return cost

    def _document(self, request: Request, verbose: bool) -> _Good:
        text = request.query
        if text is not None and request.extensions is None:
            return self._by_text(text, verbose)
        name = persisted.named(request)
        if text is None:
            return self._by_name(name or "", verbose)
        good = self._by_text(text, verbose)
        if name is not None and self._trusted.get(name) is not good:
            if name != persisted.digest(text):
                raise persisted.mismatched()
            self._hashed.put(name, _Text(text))
        return good

    def _by_name(self, name: str, verbose: bool) -> _Good:
        known = self._trusted.get(name)
        if known is not None:
            return known
        hashed = self._hashed.get(name)
        if hashed is None:
            raise Invalid([persisted.unknown()])
        return self._by_text(hashed.text, verbose)

    def _by_text(self, text: str, verbose: bool) -> _Good:
        if self._trusted_texts:
            trusted = self._trusted_texts.get(text)
            if trusted is not None:
                return trusted
        if self._only_trusted:
            raise persisted.untrusted()
        return self._good.get(text) or self._new(text, verbose)

    def _new(self, text: str, verbose: bool) -> _Good:
        refused = self._refused.get((text, verbose))
        if refused is None:
            made = self._made(text, verbose)
            if isinstance(made, _Good):
                self._good.put(text, made)
                return made
            refused = made
            if len(text) <= self.limits.document_bytes:
                self._refused.put((text, verbose), refused)
        raise Invalid(refused.errors, refused.document)

    def _made(self, text: str, verbose: bool) -> _Good | _Refused:
        document: DocumentNode | None = None
        try:
            document = read(text, self.limits)
            tallies = survey(document, self.limits)
        except GraphQLError as error:
            return _Refused(text, document, [_tidy(error)])
        errors = self._validated(document, verbose)
        if errors:
            return _Refused(text, document, errors)
        definitions = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        fragments = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
        costs = Costs(self._schema, {each.name.value: each for each in fragments})
        operations = [
            Operation(document, definition, tally, costs)
            for definition, tally in zip(definitions, tallies, strict=True)
        ]
        return _Good(text, document, operations)

    def _validated(self, document: DocumentNode, verbose: bool) -> list[GraphQLError]:
        errors = validate(
            self._schema, document, self._rules, max_errors=self.limits.errors, hide_suggestions=not verbose
        )
        if not errors or not isinstance(errors[-1], ValidationAbortedError):
            return [_tidy(error) for error in errors]
        # Given up: because there are more errors than anybody reads, or because it is too much work.
        told = [_tidy(error) for error in errors[:-1]]
        return told or [failed("QUERY_TOO_COSTLY", "The document repeats too many fields or fragments.")]

    def _trust(self, texts: Mapping[str, str]) -> None:
        wrong: list[str] = []
        for name, text in texts.items():
            made = self._trusted_texts.get(text) or self._made(text, verbose=True)
            if isinstance(made, _Refused):
                wrong.append(f"{name}: {made.errors[0].message}")
            else:
                self._trusted_texts[text] = made
                self._trusted[persisted.digest(text)] = self._trusted[name] = made
        if wrong:
            raise ValueError("Trusted documents that are not good:\n" + "\n".join(wrong))


def _chosen(good: _Good, name: str | None) -> Operation:
    operations = good.operations
    if name is not None:
        for operation in operations:
            if operation.name == name:
                return operation
        raise Invalid(
            [failed("BAD_USER_INPUT", "The document has no operation of that name.")], good.document
        )
    if len(operations) > 1:
        message = "The document has several operations: say which one by `operationName`."
        raise Invalid([failed("BAD_USER_INPUT", message)], good.document)
    if not operations:
        raise Invalid([failed("GRAPHQL_VALIDATION_FAILED", "The document has no operation.")], good.document)
    return operations[0]


def _introspection() -> GraphQLError:
    return failed(
        "GRAPHQL_VALIDATION_FAILED", "Introspection is for admin keys only: `__schema` and `__type`."
    )


def _money(count: int) -> GraphQLError:
    message = f"An operation moves money at most once, and this one has {count} such fields: send one operation each."
    return failed("BAD_USER_INPUT", message)


def _tidy(error: GraphQLError) -> GraphQLError:
    """An error of graphql-core's with its code, of bounded size, and without the frames it was raised in."""
    code = "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else "GRAPHQL_VALIDATION_FAILED"
    return GraphQLError(
        bounded(error.message),
        error.nodes[:MOST_NODES] if error.nodes else None,
        error.source,
        None if error.nodes else error.positions,
        extensions={"code": code, "httpStatus": 400, **(error.extensions or {})},
    )


def bounded(message: str) -> str:
    """A text for people as it may be sent: graphql-core repeats what it was given, at whatever length."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"


def _size(text: str, document: DocumentNode | None) -> int:
    tokens = document.token_count or 0 if document else 0
    return BYTES_PER_DOCUMENT + 4 * len(text) + BYTES_PER_TOKEN * tokens


def _rules(comparisons: int) -> tuple[Any, ...]:
    """The specification's rules; the one that compares fields with each other gives up early.

    With graphql-core's own bound a document of 4 kB keeps it busy for half a second.
    """

    class Overlapping(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = comparisons

    return tuple(
        Overlapping if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules
    )
