"""Connections: a page of a list in the manner of Relay, with cursors that stay good while rows come and go (A7).

A cursor holds the sort values and the id of its row, and a check made with the list it belongs to. It
carries no authority: whoever sends one sees what it may see anyway.
"""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import orjson
import strawberry
from sqlalchemy import Integer
from sqlmodel import SQLModel
from strawberry import Private

from resolvers.context import BadUserInput, Context
from resolvers.lists import Listed
from saifu.clock import rfc3339
from saifu.fields import storable
from saifu.paging import Keyset, Order, Window
from saifu.tables import Instant

T = TypeVar("T")
M = TypeVar("M", bound=SQLModel)

DEFAULT_PAGE = 20
LARGEST_PAGE = 100

_VERSION = b"\x01"
_CHECK_BYTES = 8
_LARGEST_INT = 2**63 - 1


@strawberry.type(description="Where a page stands in its list (Relay).")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first edge, to pass as `before`; null for an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last edge, to pass as `after`; null for an empty page."
    )


@strawberry.type(description="One element of a page, and where it stands.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Opaque; pass it as `after` or `before` of the same list.")
    node: T = strawberry.field(description="The element.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The elements of this page with their cursors.")
    nodes: list[T] = strawberry.field(description="The elements of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    count: Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="How many elements the whole list has. Counted only when it is asked for.")
    async def total_count(self) -> int:
        return await self.count()


First = Annotated[
    int | None,
    strawberry.argument(
        description="How many from the start (after `after`): 1 to 100, 20 unless said. Not together with `last`."
    ),
]
After = Annotated[
    str | None, strawberry.argument(description="Begin after this edge: a cursor of the same list.")
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="How many from the end (before `before`): 1 to 100. Not together with `first`."
    ),
]
Before = Annotated[
    str | None, strawberry.argument(description="End before this edge: a cursor of the same list.")
]


@dataclass(frozen=True, slots=True)
class Paging:
    """The four arguments of every connection, as they were given."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


def order_of(choice: Enum) -> Order:
    """The engine's order for a member such as `CREATED_AT_DESC`."""
    name, _, direction = choice.name.rpartition("_")
    return Order(name, descending=direction == "DESC")


async def connect(ctx: Context, listed: Listed[M], paging: Paging, of: Callable[[M], T]) -> Connection[T]:
    """Read one page of a list.

    Args:
        of: makes the GraphQL object of a row.

    Raises:
        BadUserInput: a size outside 1 … 100, `first` and `last` together, or a cursor of something else.
    """
    page = await listed.page(ctx, window(listed, paging))
    edges = [Edge(cursor=_cursor(listed, row), node=of(row)) for row in page.rows]
    return Connection(
        edges=edges,
        nodes=[edge.node for edge in edges],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        count=lambda: listed.count(ctx),
    )


def window(listed: Listed[Any], paging: Paging) -> Window:
    """Which rows the arguments ask for."""
    if paging.first is not None and paging.last is not None:
        raise BadUserInput("Ask for `first` or for `last`, not for both.", ("last",))
    name, size = ("last", paging.last) if paging.last is not None else ("first", paging.first)
    limit = DEFAULT_PAGE if size is None else size
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadUserInput(f"`{name}` must lie between 1 and {LARGEST_PAGE}.", (name,))
    return Window(
        limit,
        after=_keyset(listed, "after", paging.after),
        before=_keyset(listed, "before", paging.before),
        from_end=paging.last is not None,
    )


def first_page(arguments: Mapping[str, Any]) -> int | None:
    """The size of a list's first page, when that is what coerced arguments ask for; else None."""
    if any(arguments.get(name) is not None for name in ("after", "last", "before")):
        return None
    size = arguments.get("first")
    limit = DEFAULT_PAGE if size is None else size
    return limit if 1 <= limit <= LARGEST_PAGE else None


def _cursor(listed: Listed[M], row: M) -> str:
    keyset = listed.listing.keyset(row, listed.order)
    return cursor_at(listed, [rfc3339(value) if isinstance(value, datetime) else value for value in keyset])


def cursor_at(listed: Listed[Any], values: Sequence[Any]) -> str:
    """The cursor of the row with these sort values, instants written as text."""
    body = _VERSION + orjson.dumps(values)
    return _text(_check(listed, body) + body)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _keyset(listed: Listed[Any], argument: str, cursor: str | None) -> Keyset | None:
    if cursor is None:
        return None
    try:
        return _values(listed, orjson.loads(_content(listed, cursor)))
    except (ValueError, binascii.Error):
        raise BadUserInput(
            "This cursor is not one of this list. Pass one that an earlier page of the same list gave.",
            (argument,),
        ) from None


def _content(listed: Listed[Any], cursor: str) -> bytes:
    raw = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}".encode("ascii"), b"-_", validate=True)
    check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    if cursor != _text(raw) or check != _check(listed, body) or not body.startswith(_VERSION):
        raise ValueError(cursor)
    return body[len(_VERSION) :]


def _values(listed: Listed[Any], values: Any) -> Keyset:
    """The sort values in their columns' types; anything else is a cursor that we did not make."""
    columns: Sequence[Any] = listed.listing.orders[listed.order.name]
    if not isinstance(values, list) or len(values) != len(columns):
        raise ValueError
    return tuple(_value(column, value) for column, value in zip(columns, values, strict=True))


def _value(column: Any, value: Any) -> Any:
    """A sort value as its column holds it: cursors can be made by anybody who knows how, so none is trusted."""
    if isinstance(column.type, Instant):
        return _instant(value)
    if isinstance(column.type, Integer):
        if type(value) is not int or abs(value) > _LARGEST_INT:
            raise ValueError
    elif not isinstance(value, str) or not storable(value):
        raise ValueError
    return value


def _instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(value if isinstance(value, str) else "")
    # What is not written as we write it is not ours: without an offset, or out of the calendar in UTC.
    if instant.utcoffset() != timedelta(0) or rfc3339(instant) != value:
        raise ValueError
    return instant


def _check(listed: Listed[Any], body: bytes) -> bytes:
    made_for = hashlib.blake2b(listed.scope.encode(), digest_size=16, person=b"saifu-connection").digest()
    return hashlib.blake2b(body, key=made_for, digest_size=_CHECK_BYTES).digest()
