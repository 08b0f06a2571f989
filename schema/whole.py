"""The root fields that may be answered by one statement, marked for the gateway: `whole` in a field's `extensions`.

Given the selection under such a field, the mark says what answers it, or None when nothing but the resolvers can. It
is true of the resolvers anyway: whoever ignores it gets the same answer.
"""

from functools import partial

from graphql import GraphQLSchema

from resolvers import whole

from .connections import cursor_at, first_page, order_of

WORDING = whole.Wording(order=order_of, first_page=first_page, cursor=cursor_at)


def mark_whole(core: GraphQLSchema) -> None:
    assert core.query_type is not None
    core.query_type.fields["customer"].extensions["whole"] = partial(whole.customer, wording=WORDING)
