"""Making an enum of the engine part of the contract, with a description for each of its members (A1, A8)."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry

E = TypeVar("E", bound=Enum)


def described(kind: type[E], name: str, description: str, members: Mapping[E, str]) -> type[E]:
    """Make an enum part of the contract. A member without a description stops the program."""
    assert members.keys() == set(kind), f"{name}: {set(kind) ^ members.keys()}"
    strawberry.enum(kind, name=name, description=description)
    for value in kind.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = members[kind[value.name]]
    return kind
