"""Scalars: what a client may write where, and how values are written back (A3-A5)."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from graphql import EnumValueNode, GraphQLError, IntValueNode, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from saifu.money import MAX_MINOR_UNITS

MinorUnits = NewType("MinorUnits", int)
Currency = NewType("Currency", str)
Metadata = NewType("Metadata", dict[str, Any])
Cursor = NewType("Cursor", str)
JSON = NewType("JSON", object)

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_CURRENCY = re.compile(r"[A-Z]{3}")
_CURSOR = re.compile(r"[0-9A-Za-z_-]{1,2000}")
_MOST_DIGITS = len(str(MAX_MINOR_UNITS))


def refused(message: str, node: ValueNode | None = None) -> GraphQLError:
    """A value that no argument of its type can have, wherever it stands (A3)."""
    return GraphQLError(message, node, extensions={"code": "BAD_USER_INPUT", "httpStatus": 422})


def _minor_units(value: Any) -> int:
    # `True` passes isinstance(x, int) in Python (G2).
    if not isinstance(value, int) or isinstance(value, bool):
        # A JSON number beyond 64 bits comes as a float: what it lacks is not a fraction but a bound.
        raise refused(
            "MinorUnits must be a whole number, written as a JSON number without a fraction or an exponent, "
            f"from -{MAX_MINOR_UNITS} to {MAX_MINOR_UNITS}."
        )
    if not -MAX_MINOR_UNITS <= value <= MAX_MINOR_UNITS:
        raise refused(f"MinorUnits must lie between -{MAX_MINOR_UNITS} and {MAX_MINOR_UNITS}.")
    return value


def _minor_units_literal(node: ValueNode, _variables: dict[str, Any] | None = None) -> int:
    if not isinstance(node, IntValueNode):
        raise refused("MinorUnits must be a whole number, written without quotes or a fraction.", node)
    if len(node.value.lstrip("-")) > _MOST_DIGITS:
        raise refused(f"MinorUnits must lie between -{MAX_MINOR_UNITS} and {MAX_MINOR_UNITS}.", node)
    try:
        return _minor_units(int(node.value))
    except GraphQLError as error:
        raise refused(error.message, node) from None


def _currency(value: Any) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise refused("Currency must be an ISO 4217 code of three capital letters, such as USD.")
    return value


def _instant(value: Any) -> datetime:
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(
            "DateTime must be RFC 3339 with an offset, such as 2026-01-31T09:30:00Z or 2026-01-31T15:00:00+05:30."
        )
    on, at, fraction, offset = match.groups()
    micro = f"{fraction or '0':0<6}"[:6]
    try:
        return datetime.fromisoformat(f"{on}T{at}.{micro}{offset.upper().replace('Z', '+00:00')}").astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        raise refused("DateTime names a day or a time that does not exist.") from None


def _write_instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(value: Any) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise refused("Date names a day that does not exist.") from None
    raise refused("Date must be a calendar day such as 2026-01-31.")


def _metadata(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise refused('Metadata must be an object of keys and values, such as {"plan": "gold"}.')
    return dict(value)


def _cursor(value: Any) -> str:
    if not isinstance(value, str) or not _CURSOR.fullmatch(value):
        raise refused("Cursor must be a text that an earlier answer gave.")
    return value


def _output_only(_value: Any) -> Any:
    raise refused("JSON is only for answers.")


def _at(node: ValueNode, parse: Any, value: Any) -> Any:
    """Parse, and let a refusal say where in the document it was."""
    try:
        return parse(value)
    except GraphQLError as error:
        raise refused(error.message, node) from None


def _scalar(name: str, description: str, parse: Any, **options: Any) -> ScalarDefinition:
    def literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        # Written without quotes, USD is the name of an enum's member and no text.
        value = None if isinstance(node, EnumValueNode) else value_from_ast_untyped(node, variables)
        return _at(node, parse, value)

    options.setdefault("parse_literal", literal)
    definition: ScalarDefinition = strawberry.scalar(
        name=name, description=description, parse_value=parse, **options
    )
    return definition


SCALARS: Mapping[object, ScalarDefinition] = {
    MinorUnits: _scalar(
        "MinorUnits",
        "An amount of money in the smallest unit of its currency (cents, paise; yen as they are): a whole number "
        "from -9007199254740991 to 9007199254740991, written as a JSON number. A fraction, a text or a boolean "
        "is refused with `BAD_USER_INPUT`. Example: 5000 is 50.00 USD.",
        _minor_units,
        parse_literal=_minor_units_literal,
    ),
    Currency: _scalar(
        "Currency",
        "A currency as its ISO 4217 code in capitals. Which ones are enabled is configuration: see "
        "`viewer { currencies }`. Example: USD.",
        _currency,
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
    ),
    Metadata: _scalar(
        "Metadata",
        "Your own notes on an object: at most 50 pairs; keys of 1 to 40 letters, digits, `-` and `_`; values are "
        'texts, numbers or booleans of at most 500 characters. Example: {"crm_id": "A-17"}.',
        _metadata,
    ),
    Cursor: _scalar(
        "Cursor",
        "A place in the whole event log, to resume a stream from. `0` is before the first event kept. Opaque: "
        "take it from an answer, keep it, send it back.",
        _cursor,
    ),
    JSON: _scalar("JSON", "Any JSON value; its shape is told where it is used.", _output_only),
}
"""The scalars of our own."""

OVERRIDES: Mapping[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "An instant, RFC 3339. Answers are in UTC with `Z`; input needs an offset. Example: 2026-01-31T09:30:00Z.",
        _instant,
        serialize=_write_instant,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    ),
    date: _scalar("Date", "A calendar day. Example: 2026-01-31.", _day, serialize=date.isoformat),
}
"""Python types whose scalar is stricter than Strawberry's own."""

AS_IS: Mapping[str, type] = {"Currency": str, "Cursor": str, "Metadata": dict}
"""Scalars of which a value of this very type is written as it is."""
