"""The printed contract, and that nothing in it goes without a word."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    build_schema,
    is_specified_scalar_type,
)

from resolvers.permissions import PERMISSIONS
from saifu.refusals import ErrorCode
from schema import schema

PRINTED = Path(__file__).resolve().parent.parent / "schema" / "schema.graphql"
TESTS = Path(__file__).parent
CORE = schema._schema
OURS = {name: kind for name, kind in CORE.type_map.items() if not name.startswith("__")}


def _members() -> Iterator[tuple[str, str | None]]:
    for name, kind in OURS.items():
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", one.description) for value, one in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", one.description) for field, one in kind.fields.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, one in kind.fields.items():
                yield f"{name}.{field}", one.description
                yield from ((f"{name}.{field}({arg}:)", given.description) for arg, given in one.args.items())


def test_the_printed_schema_is_the_schema_that_is_served() -> None:
    """A9: a change of contract is always a visible diff (`saifu schema print > schema/schema.graphql`)."""
    assert PRINTED.read_text() == schema.as_str().rstrip("\n") + "\n"


def test_the_printed_schema_can_be_read_by_others() -> None:
    assert build_schema(PRINTED.read_text()).query_type is not None


def test_every_member_is_described() -> None:
    """A8: types, fields, arguments, enum members and input fields, all of them."""
    assert [name for name, description in _members() if not (description or "").strip()] == []


def test_descriptions_are_sentences() -> None:
    assert [name for name, text in _members() if text and not text.rstrip().endswith((".", ")", "`"))] == []


def test_no_money_is_an_int_or_a_float() -> None:
    """A3: there is no Float at all, and no Int whose name is that of an amount."""
    assert "Float" not in CORE.type_map
    amounts = [
        f"{name}.{field}"
        for name, kind in OURS.items()
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType)
        for field, one in kind.fields.items()
        if "Int" in str(one.type)
        and any(word in field.lower() for word in ("amount", "balance", "threshold"))
    ]
    assert amounts == []


@pytest.mark.parametrize("name", sorted(PERMISSIONS))
def test_every_permission_is_of_a_root_field(name: str) -> None:
    """S4: the table and the schema name the same fields; the schema does not load otherwise."""
    roots = [CORE.query_type, CORE.mutation_type, CORE.subscription_type]
    assert any(root is not None and name in root.fields for root in roots)


def test_mutations_are_noun_first_with_one_input_and_one_payload() -> None:
    """A1: `customerCreate(input: CustomerCreateInput!): CustomerCreatePayload!`."""
    assert CORE.mutation_type is not None
    for name, field in CORE.mutation_type.fields.items():
        noun = name[0].upper() + name[1:]
        assert {arg: str(one.type) for arg, one in field.args.items()} == {"input": f"{noun}Input!"}
        assert str(field.type) == f"{noun}Payload!"


def test_every_payload_has_errors_beside_a_nullable_object() -> None:
    """A20."""
    payloads = [kind for name, kind in OURS.items() if name.endswith("Payload")]
    for payload in payloads:
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["errors"].type) == "[MutationError!]!"
        others = [
            str(field.type) for name, field in payload.fields.items() if name not in {"errors", "replayed"}
        ]
        assert not [kind for kind in others if kind.endswith("!")]


def test_every_mutation_takes_an_idempotency_key() -> None:
    """A30: required where money moves, optional everywhere else."""
    inputs = {
        name: kind
        for name, kind in OURS.items()
        if isinstance(kind, GraphQLInputObjectType)
        and name.endswith("Input")
        and name.removesuffix("Input") + "Payload" in OURS
    }
    kinds = {name: str(kind.fields["idempotencyKey"].type) for name, kind in inputs.items()}
    required = {name for name, kind in kinds.items() if kind == "String!"}
    assert required == {
        "LedgerEntryCreateInput",
        "PaymentCreateInput",
        "PaymentRetryInput",
        "WalletTopUpInput",
        "CheckoutSessionCreateInput",
        "RefundCreateInput",
        "RefundVoidInput",
    }
    assert {kind for name, kind in kinds.items() if name not in required} == {"String"}


def test_every_object_with_an_id_is_a_node() -> None:
    """A2. An actor's id is that of something else."""
    for name, kind in OURS.items():
        if isinstance(kind, GraphQLObjectType) and "id" in kind.fields and name != "Actor":
            assert [one.name for one in kind.interfaces] == ["Node"], name


def test_lists_that_can_grow_are_connections() -> None:
    """A7: four paging arguments each, and a page with edges, nodes, pageInfo and totalCount."""
    for name, kind in OURS.items():
        if isinstance(kind, GraphQLObjectType):
            for field in kind.fields.values():
                if str(field.type).rstrip("!").endswith("Connection"):
                    assert {"first", "after", "last", "before", "orderBy"} <= field.args.keys()
        if name.endswith("Connection"):
            assert isinstance(kind, GraphQLObjectType)
            assert kind.fields.keys() == {"edges", "nodes", "pageInfo", "totalCount"}


def test_there_is_one_enum_of_error_codes() -> None:
    """A23."""
    codes = CORE.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert set(codes.values) == {code.name for code in ErrorCode}


def test_scalars_of_our_own_say_what_they_look_like() -> None:
    ours = {
        name
        for name, kind in OURS.items()
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind)
    }
    assert ours == {"MinorUnits", "Currency", "Metadata", "Cursor", "JSON", "DateTime", "Date"}


def test_every_error_code_is_produced_by_a_test_of_the_api_or_the_engine() -> None:
    """A23."""
    folders = ("api", "integration", "faults", "scenarios")
    texts = "".join(path.read_text() for name in folders for path in (TESTS / name).rglob("test_*.py"))
    assert [code.name for code in ErrorCode if code.name not in texts] == []
