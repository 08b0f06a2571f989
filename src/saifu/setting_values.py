"""What a setting's text may look like: one reader per kind of value, each refusing with a whole sentence.

A reader takes what the environment holds (or, from code, the finished value) and returns the value. It raises
`ValueError` with a text that begins "must be" and never repeats the value, which may be a secret.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from saifu.money import MAX_MINOR_UNITS, iso_4217

Reader = Callable[[Any], Any]

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_LONGEST_HOST_NAME = 253
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_ADMIN_KEY = re.compile(r"sk_(test|live)_([A-Za-z0-9_-]{32,200})")
_LEAST_CHARACTERS = 8
_LEAST_STEPS = 4
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class UsdRate:
    """How many units of a currency one US dollar buys, exactly as configured, and the day it was so (W5)."""

    per_usd: Fraction
    as_of_on: date


def whole(low: int, high: int) -> Reader:
    """A reader of whole numbers in [low, high], written with ASCII digits alone."""

    def read(raw: Any) -> int:
        text = str(raw).strip()
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*choices: str) -> Reader:
    """A reader of one word out of a few, in any case."""

    def read(raw: Any) -> str:
        if (word := str(raw).strip().lower()) not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return word

    return read


def yes_or_no(raw: Any) -> bool:
    word = str(raw).strip().lower()
    if word not in {"true", "false"}:
        raise ValueError("must be true or false")
    return word == "true"


def path(raw: Any) -> Path:
    """The path of a file; whether it is there is found out when it is read."""
    if not str(raw).strip() or "\0" in str(raw):
        raise ValueError("must be the path of a file")
    return Path(raw)


def or_none(read: Reader) -> Reader:
    return lambda raw: None if raw is None else read(raw)


def host(raw: Any) -> str:
    """An address or a host name to listen on, without scheme or port."""
    name = str(raw).strip()
    try:
        return str(ip_address(name))
    except ValueError:
        # All digits and dots is an address gone wrong, not a name.
        if (
            len(name) <= _LONGEST_HOST_NAME
            and _HOST_NAME.fullmatch(name)
            and not name.replace(".", "").isdigit()
        ):
            return name
    raise ValueError("must be an IP address or a host name, without a scheme or port")


def database_url(raw: Any) -> str:
    """The URL of a SQLite file or of a PostgreSQL database, by the drivers we speak."""
    refusal = ValueError(
        "must be sqlite+aiosqlite:///path/to/file.db or postgresql+asyncpg://user:password@host:port/database"
    )
    try:
        url = make_url(str(raw).strip())
    except (ArgumentError, ValueError):
        raise refusal from None
    if url.drivername not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        raise refusal
    if url.drivername == "postgresql+asyncpg" and not url.database:
        raise ValueError("must be a PostgreSQL URL that ends in the name of a database")
    if url.drivername == "sqlite+aiosqlite" and (url.host or not url.database or ":memory:" in url.database):
        raise ValueError(
            "must be a SQLite URL with three slashes and the path of a file: memory is lost at exit"
        )
    return str(raw).strip()


def admin_key(raw: str) -> str:
    """A secret key given from outside (A40): its shape, and that nobody typed it by holding down a key."""
    matched = _ADMIN_KEY.fullmatch(raw)
    if not matched:
        raise ValueError(
            "must be sk_test_ or sk_live_ and then 32 to 200 random characters of A-Z a-z 0-9 _ -"
        )
    body = matched[2]
    steps = {ord(after) - ord(before) for before, after in pairwise(body)}
    # One key held down, a word repeated, a run through the alphabet: few characters, or few distances between
    # neighbours. Of random keys, even of 32 hexadecimal digits, fewer than one in ten million looks like that.
    if len(set(body)) < _LEAST_CHARACTERS or len(steps) < _LEAST_STEPS:
        raise ValueError("must be random: too few different characters, or too regular an order")
    return raw


def currency(raw: str) -> str:
    code = raw.strip()
    if code not in iso_4217():
        raise ValueError("must be made of ISO 4217 codes in use, in capitals: USD, INR, EUR")
    return code


def currencies(raw: Any) -> tuple[str, ...]:
    """An ordered list of currencies, each once."""
    codes = tuple(currency(code) for code in (raw.split(",") if isinstance(raw, str) else raw))
    if not codes or len(set(codes)) < len(codes):
        raise ValueError("must be a list of currencies that names each once")
    return codes


def usd_rates(raw: Any) -> Mapping[str, UsdRate]:
    """Display rates by currency (W5): `INR=83.00@2026-01-31` says that a dollar bought 83 rupees that day."""
    rates = _by_currency(raw, _usd_rate)
    if "USD" in rates:
        raise ValueError("must not name USD, which is always one for one")
    return rates


def low_balance_thresholds(raw: Any) -> Mapping[str, int]:
    """Default alert thresholds by currency (W80), in minor units."""
    return _by_currency(raw, whole(1, MAX_MINOR_UNITS))


def nats_url(raw: Any) -> str:
    text = str(raw).strip()
    try:
        url = urlsplit(text)
        well_formed = url.scheme == "nats" and url.hostname and url.port != 0 and url.path in {"", "/"}
    except ValueError:
        well_formed = False
    if not well_formed:
        raise ValueError("must be nats://host:port, with user:password@ before the host where it is needed")
    return text


def stripe(*kinds: str) -> Reader:
    """A key that Stripe gave out; secret ones are kept from being shown."""
    shape = re.compile(rf"(?:{'|'.join(kinds)})_[A-Za-z0-9_]{{8,255}}", re.ASCII)
    secret = kinds != ("pk",)

    def read(raw: Any) -> Any:
        text = raw.get_secret_value() if isinstance(raw, SecretStr) else str(raw)
        if not shape.fullmatch(text):
            raise ValueError(
                f"must be a key from Stripe that begins with {' or '.join(f'{k}_' for k in kinds)}"
            )
        return SecretStr(text) if secret else text

    return read


def base_url(raw: Any) -> str:
    """Where something on the web begins: scheme, host, and perhaps a port and a path, without a slash at its end."""
    text = str(raw).rstrip("/")
    parts = urlsplit(text)
    odd = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd or not _port_is_good(text):
        raise ValueError("must be https://host, perhaps with a port and a path")
    return text


def _port_is_good(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def line(longest: int) -> Reader:
    """A text on one line."""

    def read(raw: Any) -> str:
        text = str(raw).strip()
        if len(text) > longest or not text.isprintable():
            raise ValueError(f"must be one line of at most {longest} characters")
        return text

    return read


def business_id(raw: Any) -> str:
    if not re.fullmatch(r"bus_[A-Za-z0-9_]{1,60}", str(raw)):
        raise ValueError("must be bus_ and then up to 60 letters, digits or underscores")
    return str(raw)


def origins(raw: Any) -> tuple[str, ...]:
    """Browser origins, written as browsers send them: lower case, and no port where it is the scheme's own."""
    return tuple(_origin(each) for each in (raw.split(",") if isinstance(raw, str) else raw))


def networks(raw: Any) -> tuple[str, ...]:
    """Addresses and networks, each in its shortest form."""
    try:
        return tuple(_network(each) for each in (raw.split(",") if isinstance(raw, str) else raw))
    except ValueError:
        raise ValueError("must be IP addresses or networks, 192.0.2.7 or 10.0.0.0/8") from None


def _network(raw: str) -> str:
    network = ip_network(raw.strip())
    return str(network.network_address if network.num_addresses == 1 else network)


def _by_currency(raw: Any, read: Reader) -> Mapping[str, Any]:
    if not isinstance(raw, str):
        return MappingProxyType(dict(raw))
    pairs = [pair.partition("=") for pair in raw.split(",")]
    if not all(equals for _code, equals, _value in pairs):
        raise ValueError("must be pairs of a currency and a value, CODE=value, with commas between them")
    values = {currency(code): read(value.strip()) for code, _equals, value in pairs}
    if len(values) < len(pairs):
        raise ValueError("must be pairs that name each currency once")
    return MappingProxyType(values)


def _usd_rate(text: str) -> UsdRate:
    amount, _at, day = text.partition("@")
    try:
        rate = UsdRate(Fraction(amount if _DECIMAL.fullmatch(amount) else "0"), date.fromisoformat(day))
    except ValueError:
        raise ValueError("must give each rate the day it is from, CODE=rate@YYYY-MM-DD") from None
    if rate.per_usd <= 0:
        raise ValueError("must give rates as plain decimals above zero, how many units one US dollar buys")
    return rate


def _origin(raw: str) -> str:
    refusal = ValueError("must be browser origins, https://host or http://host:port, without a path")
    try:
        url = urlsplit(raw.strip().lower())
        port = url.port
    except ValueError:
        raise refusal from None
    if (
        url.scheme not in _DEFAULT_PORTS
        or not url.hostname
        or "@" in url.netloc
        or url.path
        or url.query
        or url.fragment
    ):
        raise refusal
    shown_port = "" if port in {None, _DEFAULT_PORTS[url.scheme]} else f":{port}"
    name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{name}{shown_port}"
