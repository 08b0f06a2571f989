"""Hooks for schemathesis: what the schema says in words and GraphQL cannot express.

Its command line loads them through `SCHEMATHESIS_HOOKS`; importing this module is what registers them. What is left
of a generated document keeps every rule there is, so that the gateway has no reason to refuse it.
"""

from collections.abc import Iterable
from typing import Any

import graphql
import schemathesis
from hypothesis import strategies as st

from tests.clients.literals import field, literal

_LARGEST_PAGE = 100
_PERIOD = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00+05:30", "timezone": "Asia/Kolkata"}
# Nobody can guess a cursor that a list has given.
_GIVEN_BY_US = {"after", "before"}
_IDENTIFIER = {"id", "email"}
_POORER = {"walletBalanceLt": 100, "currency": "USD"}

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=100)

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Currency": st.sampled_from(["USD", "INR"]),
    "Cursor": st.just("0"),
    "DateTime": st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
    "JSON": st.none() | st.integers() | _TEXTS,
    "Metadata": st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,39}", fullmatch=True), _TEXTS, max_size=5
    ),
    "MinorUnits": st.integers(-(2**53) + 1, 2**53 - 1),
}

for name, values in _VALUES.items():
    schemathesis.graphql.scalar(name, values.map(literal))


class _Rules(graphql.Visitor):
    """Keeps the rules of pages, periods and identifiers."""

    def enter_field(self, node: graphql.FieldNode, *_: Any) -> graphql.FieldNode:
        kept = [_sound(argument) for argument in _one_page(node.arguments or ())]
        return graphql.FieldNode(
            alias=node.alias, name=node.name, arguments=tuple(kept), selection_set=node.selection_set
        )

    def enter_object_value(self, node: graphql.ObjectValueNode, *_: Any) -> graphql.ObjectValueNode | None:
        """A customer is named by its id or by its address; nobody is named by null."""
        names = {each.name.value for each in node.fields}
        if not names or not names <= _IDENTIFIER:
            return None
        one = node.fields[0]
        if isinstance(one.value, graphql.NullValueNode):
            one = field(one.name.value, "nobody")
        return graphql.ObjectValueNode(fields=(one,))


def _one_page(arguments: Iterable[graphql.ArgumentNode]) -> list[graphql.ArgumentNode]:
    """The arguments without cursors, and with `first` or `last` but not both."""
    kept = [argument for argument in arguments if argument.name.value not in _GIVEN_BY_US]
    names = {argument.name.value for argument in kept}
    return [argument for argument in kept if not (argument.name.value == "last" and "first" in names)]


def _sound(argument: graphql.ArgumentNode) -> graphql.ArgumentNode:
    name, value = argument.name.value, argument.value
    if name in {"first", "last"} and isinstance(value, graphql.IntValueNode):
        value = literal(1 + abs(int(value.value)) % _LARGEST_PAGE)
    elif name in _PERIOD:
        value = literal(_PERIOD[name])
    elif name == "filter" and isinstance(value, graphql.ObjectValueNode):
        value = _consistent(value)
    return graphql.ArgumentNode(name=argument.name, value=value)


def _consistent(conditions: graphql.ObjectValueNode) -> graphql.ObjectValueNode:
    """A filter with both a balance and its currency or with neither, and open to one side in time."""
    names = {each.name.value for each in conditions.fields}
    dropped = {*_POORER, "createdAtGte"} if "createdAtLte" in names else {*_POORER}
    kept = tuple(each for each in conditions.fields if each.name.value not in dropped)
    if names & _POORER.keys():
        kept += tuple(field(*pair) for pair in _POORER.items())
    return graphql.ObjectValueNode(fields=kept)


@schemathesis.hook
def map_body(context: Any, body: graphql.DocumentNode) -> graphql.DocumentNode:
    changed: graphql.DocumentNode = graphql.visit(body, _Rules())
    return changed
