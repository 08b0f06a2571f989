"""The marks by which the gateway answers faster: each must be true of the resolver it stands beside."""

import dataclasses
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLScalarType, GraphQLUnionType

from schema import schema
from schema.values import Money

CORE = schema.core


def fields() -> list[tuple[str, Any]]:
    return [
        (f"{kind.name}.{name}", field)
        for kind in CORE.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for name, field in kind.fields.items()
    ]


def test_a_field_without_a_resolver_is_marked_with_its_attribute() -> None:
    money = CORE.type_map["Money"]
    assert isinstance(money, GraphQLObjectType)
    shown = Money.of(5_00, "USD")
    for name in ("amount", "currency"):
        resolve = money.fields[name].resolve
        assert resolve is not None
        assert resolve(shown, None) == getattr(shown, money.fields[name].extensions["attribute"])


def test_every_attribute_that_is_marked_exists_on_the_class() -> None:
    for kind in CORE.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or "strawberry-definition" not in kind.extensions:
            continue
        known = {each.name for each in dataclasses.fields(kind.extensions["strawberry-definition"].origin)}
        marked = {f.extensions["attribute"] for f in kind.fields.values() if "attribute" in f.extensions}
        assert marked <= known, kind.name


def test_what_needs_the_caller_or_arguments_is_not_marked_as_read() -> None:
    marked = {name for name, field in fields() if "read" in field.extensions}
    assert {"Event.apiVersion", "WalletChange.entry", "WalletChange.balance"} <= marked
    assert not marked & {"Customer.businessId", "Customer.wallets", "Wallet.balanceAt", "Viewer.mode"}


def test_no_field_with_arguments_is_marked() -> None:
    assert not [
        name for name, field in fields() if field.args and field.extensions.keys() & {"attribute", "read"}
    ]


def test_every_abstract_type_knows_the_class_of_each_of_its_objects() -> None:
    for kind in CORE.type_map.values():
        if isinstance(kind, (GraphQLInterfaceType, GraphQLUnionType)):
            names = kind.extensions["typenames"].values()
            assert sorted(names) == sorted(one.name for one in CORE.get_possible_types(kind))


def test_a_scalar_that_writes_values_as_they_are_says_so_truly() -> None:
    samples: dict[type, Any] = {str: "USD", dict: {"a": "1"}}
    marked = [kind for kind in CORE.type_map.values() if "as_is" in kind.extensions]
    assert {kind.name for kind in marked} == {"Currency", "Cursor", "Metadata"}
    for kind in marked:
        assert isinstance(kind, GraphQLScalarType)
        sample = samples[kind.extensions["as_is"]]
        assert kind.coerce_output_value(sample) is sample


def test_what_demands_an_idempotency_key_is_known_to_move_money() -> None:
    """A30, A61: at most one such field per operation."""
    assert CORE.mutation_type
    moving = {name for name, field in CORE.mutation_type.fields.items() if "moves_money" in field.extensions}
    assert moving == {
        "checkoutSessionCreate",
        "ledgerEntryCreate",
        "paymentCreate",
        "paymentRetry",
        "refundCreate",
        "refundVoid",
        "walletTopUp",
    }
