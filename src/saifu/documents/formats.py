"""Amounts, days and names of countries, as a customer's language writes them (CU23)."""

from datetime import UTC, datetime
from decimal import Decimal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from saifu.money import exponent


def money(amount_minor: int, currency: str, locale: str) -> str:
    """An amount of minor units, such as `$1,234.50`, `1.234,50 €` or `￥1,234`."""
    decimals = exponent(currency)
    return format_currency(Decimal(amount_minor).scaleb(-decimals), currency, locale=locale)


def rate(bps: int, locale: str) -> str:
    """A rate of basis points, such as `18%` or `12,5 %`."""
    text = "#,##0.##%"
    return format_percent(Decimal(bps).scaleb(-4), format=None if bps % 100 == 0 else text, locale=locale)


def number(value: int, locale: str) -> str:
    return format_decimal(value, locale=locale)


def day(instant: datetime, locale: str) -> str:
    """The calendar day of an instant in UTC, written out."""
    return format_date(instant.astimezone(UTC).date(), "long", locale=locale)


def country(code: str, locale: str) -> str:
    """A country's name by its ISO 3166-1 code; the code itself where the language knows no name."""
    return str(Locale.parse(locale).territories.get(code, code))
