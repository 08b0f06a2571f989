"""How much a document may ask for (A61), told before graphql-core validates it.

Everything here is linear in the document: each definition is walked once, and what a fragment adds is known once,
however often and through however many others it is spread.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

BAD_REQUEST = 400
SETS_PER_FIELD = 3
DEEPEST = 200
_ABORTED = "Parsing aborted."
_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may hold. Fragments count wherever they are spread.

    The defaults let the longest introspection query of graphql-js through, and keep the worst document known to us
    well under 100 ms on one slow core.

    Attributes:
        document_bytes: of its text, in UTF-8.
        lines: of its text; an error's place is found by counting them.
        tokens: names, punctuation, values and comments.
        depth: fields within one another.
        fields: selections of fields, each as often as its fragment is spread.
        root_fields: selections of fields of an operation itself.
        alias_letters: of an alias: each object of a list repeats it in the answer.
        comparisons: of fields that share a response name, in the units of graphql-core.
        cost: see `cost.py`.
        errors: how many errors an answer lists.
        cached_documents: how many good documents are remembered, and an eighth of it refused ones.
        cached_bytes: how much memory they may take, by estimate.
    """

    document_bytes: int = 64 * 1024
    lines: int = 4_000
    tokens: int = 2_000
    operations: int = 25
    fragments: int = 200
    depth: int = 20
    fields: int = 2_000
    root_fields: int = 50
    aliases: int = 60
    alias_letters: int = 128
    directives: int = 100
    comparisons: int = 25_000
    cost: int = 20_000
    errors: int = 5
    cached_documents: int = 1_000
    cached_bytes: int = 64 * 1024 * 1024

    @property
    def nesting(self) -> int:
        """Of selection sets within one another, those of fragments and inline fragments too.

        What walks them may call itself at each, so the bound is also one that Python's stack can take.
        """
        return min(SETS_PER_FIELD * self.depth, DEEPEST)


@dataclass(slots=True)
class Tally:
    """What one definition holds, its fragments included.

    Attributes:
        root_fields: fields of the definition's own selection set.
        alias_letters: of the longest alias.
        introspects: whether it looks at the schema, by `__schema` or `__type`.
    """

    nesting: int = 0
    depth: int = 0
    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    alias_letters: int = 0
    directives: int = 0
    introspects: bool = False


@dataclass(slots=True)
class _Part:
    """A definition by itself, and where it spreads which fragments: name, depth and nesting of each place."""

    own: Tally = field(default_factory=Tally)
    spreads: list[tuple[str, int, int]] = field(default_factory=list)


def failed(code: str, message: str, http_status: int = BAD_REQUEST, **extensions: int) -> GraphQLError:
    """An error of a request that is not executed, with the code that programs switch on."""
    return GraphQLError(message, extensions={"code": code, "httpStatus": http_status, **extensions})


def too_much(what: str, requested: int, limit: int) -> GraphQLError:
    return failed(
        "QUERY_TOO_COSTLY",
        f"The document has {what}: {requested}, at most {limit}.",
        limit=limit,
        requested=requested,
    )


def read(text: str, limits: Limits) -> DocumentNode:
    """Parse a text of bounded size.

    Raises:
        GraphQLError: QUERY_TOO_COSTLY for a text that is too long, GRAPHQL_PARSE_FAILED for one that is wrong.
    """
    _bounded("too many bytes", len(text.encode(errors="surrogatepass")), limits.document_bytes)
    _bounded("too many lines", text.count("\n") + text.count("\r"), limits.lines)
    try:
        return parse(text, max_tokens=limits.tokens)
    except GraphQLSyntaxError as wrong:
        aborted = wrong.message.endswith(_ABORTED)
        raise _aborted(wrong, limits) if aborted else wrong from None


def _aborted(wrong: GraphQLSyntaxError, limits: Limits) -> GraphQLError:
    """The parser gives up on too many tokens and on too deep brackets, and never tells how many there were."""
    if str(limits.tokens) in wrong.message:
        return failed(
            "QUERY_TOO_COSTLY", f"The document has more than {limits.tokens} tokens.", limit=limits.tokens
        )
    return failed("QUERY_TOO_COSTLY", "The document is nested too deeply.")


def survey(document: DocumentNode, limits: Limits) -> Sequence[Tally]:
    """What each operation of a parsed document holds, in their order.

    Raises:
        GraphQLError: QUERY_TOO_COSTLY; GRAPHQL_VALIDATION_FAILED where a fragment spreads itself.
    """
    operations, fragments = [], {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append(_part(definition))
        elif isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = _part(definition)
    _bounded("too many operations", len(operations), limits.operations)
    _bounded("too many fragments", len(fragments), limits.fragments)
    known: dict[str, Tally] = {}
    for name in _ordered(fragments):
        known[name] = _total(fragments[name], known)
        _check(known[name], limits)
    totals = [_total(operation, known) for operation in operations]
    for total in totals:
        _check(total, limits)
        _bounded("too many root fields", total.root_fields, limits.root_fields)
    return totals


def _check(total: Tally, limits: Limits) -> None:
    """Called for each fragment before those that spread it, which keeps the numbers small."""
    _bounded("fragments and selections too deep within one another", total.nesting, limits.nesting)
    _bounded("fields too deep within one another", total.depth, limits.depth)
    _bounded("too many fields", total.fields, limits.fields)
    _bounded("too many aliases", total.aliases, limits.aliases)
    _bounded("an alias too long", total.alias_letters, limits.alias_letters)
    _bounded("too many directives", total.directives, limits.directives)


def _bounded(what: str, requested: int, limit: int) -> None:
    if requested > limit:
        raise too_much(what, requested, limit)


def _part(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Part:
    part = _Part()
    own = part.own
    variables = definition.variable_definitions or ()
    own.directives = len(definition.directives or ()) + sum(len(each.directives or ()) for each in variables)
    waiting = [(definition.selection_set, 0, 1)]
    while waiting:
        selections, depth, nesting = waiting.pop()
        own.nesting = max(own.nesting, nesting)
        for selection in selections.selections:
            own.directives += len(selection.directives or ())
            if isinstance(selection, FragmentSpreadNode):
                part.spreads.append((selection.name.value, depth, nesting))
                continue
            within = depth
            if isinstance(selection, FieldNode):
                _count(selection, depth, own)
                within += 1
            below: SelectionSetNode | None = getattr(selection, "selection_set", None)
            if below:
                waiting.append((below, within, nesting + 1))
    return part


def _count(selection: FieldNode, depth: int, own: Tally) -> None:
    own.fields += 1
    own.root_fields += depth == 0
    own.depth = max(own.depth, depth + 1)
    if selection.alias:
        own.aliases += 1
        own.alias_letters = max(own.alias_letters, len(selection.alias.value))
    own.introspects |= selection.name.value in _INTROSPECTION


def _total(part: _Part, known: Mapping[str, Tally]) -> Tally:
    """A definition with what it spreads; an unknown fragment adds nothing, since validation refuses it."""
    total = part.own
    for name, depth, nesting in part.spreads:
        spread = known.get(name)
        if spread is None:
            continue
        total.nesting = max(total.nesting, nesting + spread.nesting)
        total.depth = max(total.depth, depth + spread.depth)
        total.fields += spread.fields
        total.root_fields += spread.root_fields if depth == 0 else 0
        total.aliases += spread.aliases
        total.alias_letters = max(total.alias_letters, spread.alias_letters)
        total.directives += spread.directives
        total.introspects |= spread.introspects
    return total


def _ordered(fragments: Mapping[str, _Part]) -> Iterable[str]:
    """The fragments, each after all that it spreads."""
    spread_by: dict[str, list[str]] = {name: [] for name in fragments}
    open_spreads = dict.fromkeys(fragments, 0)
    for name, part in fragments.items():
        for used in {used for used, _, _ in part.spreads} & fragments.keys():
            spread_by[used].append(name)
            open_spreads[name] += 1
    order = [name for name, count in open_spreads.items() if not count]
    for name in order:
        # The list grows while it is read: a fragment follows as soon as nothing it spreads is open.
        for user in spread_by[name]:
            open_spreads[user] -= 1
            if not open_spreads[user]:
                order.append(user)
    if len(order) < len(fragments):
        raise failed(
            "GRAPHQL_VALIDATION_FAILED", "A fragment must not spread itself, not through others either."
        )
    return order
