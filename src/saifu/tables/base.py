"""What every stored row is made of: read-only values, instants that compare, amounts that fit."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import Field, SQLModel

from saifu.clock import rfc3339


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: `TIMESTAMPTZ` on PostgreSQL, fixed-width RFC 3339 text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return rfc3339(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def minor(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def instant(**options: Any) -> Any:
    return Field(sa_type=Instant, **options)


def text(**options: Any) -> Any:
    return Field(sa_type=Text, **options)


class Row(SQLModel):
    """A row that is made to be stored: a plain value, with the columns that were given.

    SQLModel's own constructor sets each column through an object mapper that nothing here uses; of a ledger
    post that was a third of the time.
    """

    def __init__(self, **columns: Any) -> None:
        self.__dict__.update(columns)
