"""Hooks for schemathesis: what the schema says in words and GraphQL cannot express.

Its command line loads them through `SCHEMATHESIS_HOOKS`; importing this module is what registers them. What is left
of a generated document keeps every rule there is, so that the gateway has no reason to refuse it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import graphql
import schemathesis
from hypothesis import strategies as st

from tests.clients.literals import field, literal

_LARGEST_PAGE = 100
_PERIOD = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00+05:30", "timezone": "Asia/Kolkata"}
# Nobody can guess a cursor that a list has given.
_GIVEN_BY_US = {"after", "before"}
_ONE_OF: Mapping[frozenset[str], Mapping[str, graphql.ValueNode]] = {
    frozenset({"id", "email"}): dict.fromkeys(("id", "email"), literal("nobody")),
    frozenset({"outcome", "decline"}): {
        "outcome": graphql.EnumValueNode(value="SUCCEED"),
        "decline": graphql.EnumValueNode(value="LOST_CARD"),
    },
}
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
        kept = [_sound(node.name.value, argument) for argument in _one_page(node.arguments or ())]
        return graphql.FieldNode(
            alias=node.alias, name=node.name, arguments=tuple(kept), selection_set=node.selection_set
        )

    def enter_object_value(self, node: graphql.ObjectValueNode, *_: Any) -> graphql.ObjectValueNode | None:
        """Where one of several names something it is one of them, and nothing is named by null."""
        names = {each.name.value for each in node.fields}
        instead = next((value for keys, value in _ONE_OF.items() if names and names <= keys), None)
        if instead is None:
            return None
        one = node.fields[0]
        if isinstance(one.value, graphql.NullValueNode):
            one = graphql.ObjectFieldNode(name=one.name, value=instead[one.name.value])
        return graphql.ObjectValueNode(fields=(one,))


def _one_page(arguments: Iterable[graphql.ArgumentNode]) -> list[graphql.ArgumentNode]:
    """The arguments without cursors, and with `first` or `last` but not both."""
    kept = [argument for argument in arguments if argument.name.value not in _GIVEN_BY_US]
    names = {argument.name.value for argument in kept}
    return [argument for argument in kept if not (argument.name.value == "last" and "first" in names)]


def _sound(of_field: str, argument: graphql.ArgumentNode) -> graphql.ArgumentNode:
    name, value = argument.name.value, argument.value
    if name in {"first", "last"} and isinstance(value, graphql.IntValueNode):
        value = literal(1 + abs(int(value.value)) % _LARGEST_PAGE)
    elif name in _PERIOD:
        value = literal(_PERIOD[name])
    elif name == "filter" and isinstance(value, graphql.ObjectValueNode):
        value = _consistent(value, of_customers=of_field == "customers")
    return graphql.ArgumentNode(name=argument.name, value=value)


def _consistent(conditions: graphql.ObjectValueNode, *, of_customers: bool) -> graphql.ObjectValueNode:
    """A filter open to one side in time; of customers with both a balance and its currency, or with neither."""
    names = {each.name.value for each in conditions.fields}
    dropped = {"createdAtGte"} if "createdAtLte" in names else set()
    dropped |= _POORER.keys() if of_customers else set()
    kept = tuple(each for each in conditions.fields if each.name.value not in dropped)
    if of_customers and names & _POORER.keys():
        kept += tuple(field(*pair) for pair in _POORER.items())
    return graphql.ObjectValueNode(fields=kept)


@schemathesis.hook
def map_body(context: Any, body: graphql.DocumentNode) -> graphql.DocumentNode:
    changed: graphql.DocumentNode = graphql.visit(body, _Rules())
    return changed
