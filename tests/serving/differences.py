"""Whether two answers to the same operation are the same, as far as the specification says that they must be."""

from collections import Counter
from typing import Any

from graphql import ExecutionResult, GraphQLError

Told = tuple[str, tuple[Any, ...], tuple[Any, ...]]


def told(error: GraphQLError) -> Told:
    places = tuple((place.line, place.column) for place in error.locations or ())
    return error.message, tuple(error.path or ()), places


def same_data(ours: ExecutionResult, theirs: ExecutionResult) -> None:
    """Equal, with their keys in the same order; `repr` shows both."""
    assert repr(ours.data) == repr(theirs.data), (ours, theirs)


def same(ours: ExecutionResult, theirs: ExecutionResult) -> None:
    """The same data, and the same errors in the same order."""
    same_data(ours, theirs)
    mine, other = [told(error) for error in ours.errors or ()], [told(error) for error in theirs.errors or ()]
    assert mine == other, [one for one in (*mine, *other) if one not in mine or one not in other]


def equivalent(ours: ExecutionResult, theirs: ExecutionResult) -> None:
    """The same data, and the same errors but for those below a null: of these, each answer tells one at least."""
    same_data(ours, theirs)
    mine, other = _sorted(ours), _sorted(theirs)
    assert mine[None] == other[None]
    assert mine.keys() == other.keys()


def _sorted(result: ExecutionResult) -> dict[Any, Counter[Told]]:
    """Errors by the place that they made null, where it is not their own; all others under None."""
    all_told = [told(error) for error in result.errors or ()]
    found: dict[Any, Counter[Told]] = {None: Counter()}
    nulls = {_null(result.data, path) for _, path, _ in all_told}
    above = {
        null
        for null in nulls
        if any(len(path) > len(null) and path[: len(null)] == null for _, path, _ in all_told)
    }
    for one in all_told:
        null = _null(result.data, one[1])
        found.setdefault(null if null in above else None, Counter())[one] += 1
    return found


def _null(data: Any, path: tuple[Any, ...]) -> tuple[Any, ...]:
    """The part of a path that ends in null."""
    for depth, key in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[key]
    assert data is None, f"an error at {path}, and a value"
    return path
