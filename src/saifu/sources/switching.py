"""What a customer's creation and change do with sources (CU9, CU25): how `customers` is told of it."""

from dataclasses import dataclass
from typing import Any, Protocol

from saifu.store import Tx
from saifu.tables import Customer

from . import attaching, defaults
from .given import Given
from .proving import Proven

Switched = tuple[str | None, str | None]
"""The ids of the default before and after."""


class Switch(Protocol):
    """A change of a customer's default source, as a part of the change of the customer."""

    @property
    def identity(self) -> dict[str, Any]:
        """What of it makes two requests the same (W33)."""
        ...

    def apply(self, tx: Tx, customer: Customer) -> Switched:
        """Do it for a customer whose lock the caller holds; the caller tells of it (SR47)."""
        ...


@dataclass(frozen=True, slots=True)
class Adoption:
    """The first source of a customer that is being made (CU9); its processor knows the customer by this id already."""

    customer_id: str
    given: Given
    proven: Proven

    @property
    def identity(self) -> dict[str, Any]:
        return source_identity(self.given)


@dataclass(frozen=True, slots=True)
class Replacement:
    """`customerUpdate(source:)`: a new default, and the old one is detached (SR40)."""

    given: Given
    proven: Proven

    @property
    def identity(self) -> dict[str, Any]:
        return source_identity(self.given)

    def apply(self, tx: Tx, customer: Customer) -> Switched:
        switched = attaching.replace_in(tx, customer, self.proven.row(tx))
        self.proven.remember(tx, customer.id)
        return switched


@dataclass(frozen=True, slots=True)
class Choice:
    """`customerUpdate(defaultSource:)`: another one of those that are attached (SR51)."""

    source_id: str | None

    @property
    def identity(self) -> dict[str, Any]:
        return {"default_source": [self.source_id]}

    def apply(self, tx: Tx, customer: Customer) -> Switched:
        return defaults.choose(tx, customer, self.source_id)


def source_identity(given: Given) -> dict[str, Any]:
    """What makes two requests that name a source the same (W33)."""
    return {"source": given.text}
