"""Lists that a caller may page through: what is in them is decided here, which page is the client's choice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlmodel import SQLModel

from saifu.paging import Listing, Order, Page, Window

from .context import BadUserInput, Context
from .loaders import Part

M = TypeVar("M", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class Listed(Generic[M]):
    """A list, not yet read.

    Attributes:
        parent: whose list it is when many may be asked for at once; those are read in one statement.
        owner: to whom its cursors belong; a cursor of another owner's list is refused.
        nothing: there is nothing in it that the caller may see.
    """

    listing: Listing[M]
    order: Order
    filters: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    owner: str = ""
    nothing: bool = False

    @property
    def scope(self) -> str:
        """What a cursor is good for: this list, in this order, of this owner."""
        return f"{self.listing.model.__tablename__}/{self.order}/{self.owner}"

    async def page(self, ctx: Context, window: Window) -> Page[M]:
        if self.nothing:
            return Page([], has_next=False, has_previous=False)
        if self.parent is not None:
            page: Page[M] = await ctx.loaders.pages.load((self._part(self.parent), window, self.order))
            return page
        return await ctx.store.read(lambda tx: self.listing.page(tx, window, self.order, self.filters))

    async def count(self, ctx: Context) -> int:
        if self.nothing:
            return 0
        if self.parent is not None:
            counted: int = await ctx.loaders.counts.load(self._part(self.parent))
            return counted
        return await ctx.store.read(lambda tx: self.listing.count(tx, self.filters))

    def _part(self, parent: str) -> Part:
        return Part(self.listing, parent, tuple(sorted(self.filters.items())))


def period(filters: Mapping[str, Any]) -> None:
    """Refuse a period that ends before it begins (CU33).

    Raises:
        BadUserInput: `created_at_gte` is later than `created_at_lte`.
    """
    since, until = filters.get("created_at_gte"), filters.get("created_at_lte")
    if since is not None and until is not None and since > until:
        raise BadUserInput("createdAtGte must not be later than createdAtLte.", ("filter", "createdAtGte"))


def given(**filters: Any) -> dict[str, Any]:
    """The filters that were asked for: None asks for nothing."""
    return {name: value for name, value in filters.items() if value is not None}
