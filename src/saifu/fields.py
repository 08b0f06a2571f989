"""What a value given by a caller may look like, whichever use case it is given to.

Each rule returns the value as it is stored, or refuses it with the place where it stood: its own name, unless the
caller names another path. No rule puts the value into its text: a value may be personal, and a text is logged.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import orjson
from babel import Locale

from .money import MAX_MINOR_UNITS
from .redaction import passes_luhn
from .refusals import ErrorCode, Refusal, invalid

LOCALES = frozenset(
    "ar ca zh nl en fr de he id it ja ka ko ms pl pt ro ru es sv th tr".split()  # noqa: SIM905
)
"""The languages of customers' messages (customers.md §2)."""

MAX_METADATA_PAIRS = 50
MAX_METADATA_VALUE = 500
MAX_EMAIL = 254
MAX_NAME = 255
MAX_REASON = 500
MAX_NOTES = 2_000
# The calendar's last instant is infinity to PostgreSQL's driver, and nothing can be counted on from the last year.
NEVER_FROM = datetime(9999, 1, 1, tzinfo=UTC)

_ADDRESS_PARTS = {"city": 255, "state": 255, "street": 255, "zipcode": 32}
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Controls, and the two Unicode characters that end a line without being controls.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_LOCAL_EMAIL = re.compile(r"[^@\s]+@localhost", re.IGNORECASE)
_PHONE_SEPARATORS = re.compile(r"[ .()-]")
_PHONE = re.compile(r"\+?[0-9]{6,15}")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CARD_LENGTH = re.compile(r"(?<!\d)\d{13,19}(?!\d)")
# CLDR also knows groupings and territories that ISO 3166-1 has only reserved or left to its users.
_NOT_COUNTRIES = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK ZZ".split())  # noqa: SIM905


class Unset(Enum):
    """The type of `UNSET`, so that a type checker can tell a field that was not sent from one sent as null."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""A field that was not sent, and so stays as it is (CU20)."""


def storable(text: str) -> bool:
    """Whether both databases can hold a text: NUL ends it on PostgreSQL, half a surrogate pair has no UTF-8."""
    return _UNSTORABLE.search(text) is None


def email(value: str, *path: str | int, test_mode: bool = False) -> str:
    """An e-mail address, trimmed, otherwise as given (CU3); in test mode the domain may be `localhost`."""
    address = _text(value, MAX_EMAIL, path or ("email",), "An e-mail address")
    well_formed = _EMAIL.fullmatch(address) or (test_mode and _LOCAL_EMAIL.fullmatch(address))
    if not well_formed or _CONTROL.search(address):
        raise invalid("An e-mail address looks like name@example.com.", *(path or ("email",)))
    return address


def name(value: str, *path: str | int) -> str:
    """A name of 1-255 characters of any script, trimmed, on one line (CU4)."""
    text = _text(value, MAX_NAME, path or ("name",), "A name")
    if not text or _CONTROL.search(text):
        raise invalid("A name is not empty and has no control characters.", *(path or ("name",)))
    return text


def phone_number(value: str | None, *path: str | int) -> str | None:
    """A phone number without its separators: an optional `+` and 6-15 digits (CU5)."""
    if value is None:
        return None
    number = _PHONE_SEPARATORS.sub("", value)
    if not _PHONE.fullmatch(number):
        raise invalid("A phone number is an optional + and 6 to 15 digits.", *(path or ("phoneNumber",)))
    return number


def preferred_locale(value: str | None, *path: str | int) -> str | None:
    """One of the languages that messages are written in."""
    if value is not None and value not in LOCALES:
        known = ", ".join(sorted(LOCALES))
        raise invalid(f"The language is not one of {known}.", *(path or ("preferredLocale",)))
    return value


def billing_address(value: Mapping[str, Any] | None, *path: str | int) -> dict[str, str | None] | None:
    """An address with all five of its parts; only the country (ISO 3166-1 alpha-2) must be there (customers.md §2)."""
    if value is None:
        return None
    here = path or ("billingAddress",)
    unknown = value.keys() - _ADDRESS_PARTS.keys() - {"country"}
    if unknown:
        raise invalid("An address has country, city, state, street and zipcode.", *here)
    parts = {part: _part(value.get(part), longest, (*here, part)) for part, longest in _ADDRESS_PARTS.items()}
    return {"country": _country(value.get("country"), (*here, "country")), **parts}


def reason(value: str | None, *path: str | int) -> str | None:
    """Free text of any script, at most 500 characters, trimmed; nothing but blanks is no reason (W26)."""
    return _free_text(value, MAX_REASON, path or ("reason",), "A reason")


def expiry(value: datetime, now: datetime) -> datetime:
    """When funds expire (W27, W78): after now, and by the end of the year 9998."""
    if value <= now:
        raise invalid("Funds expire in the future, or never.", "expiresAt")
    if value >= NEVER_FROM:
        raise invalid("Funds expire by the end of the year 9998, or never.", "expiresAt")
    return value


def notes(value: str | None, *path: str | int) -> str | None:
    """Free text, at most 2 000 characters, trimmed."""
    return _free_text(value, MAX_NOTES, path or ("notes",), "A note")


def free_text(value: str | None, longest: int, *path: str | int) -> str | None:
    """Free text of any script, trimmed; nothing but blanks is none."""
    return _free_text(value, longest, path, "This text")


def metadata(value: Mapping[str, Any] | None, *path: str | int) -> dict[str, str | int | float | bool]:
    """A flat map of up to 50 pairs (CU40-CU44); none is an empty one.

    Raises:
        Refusal: MAXIMUM_KEYS_REACHED; otherwise INVALID_REQUEST_PARAMETERS with the key at the end of its path.
    """
    here = path or ("metadata",)
    if value is None:
        return {}
    if len(value) > MAX_METADATA_PAIRS:
        raise Refusal(
            ErrorCode.MAXIMUM_KEYS_REACHED,
            f"Metadata has at most {MAX_METADATA_PAIRS} keys, and here are {len(value)}.",
            ("input", *here),
        )
    for key, each in value.items():
        _check_pair(key, each, here)
    return dict(value)


def folded_email(address: str) -> str:
    """What two spellings of an address have in common (CU3). Lower case alone: `ß` and `ss` are two mailboxes."""
    return unicodedata.normalize("NFC", address).lower()


def folded_name(text: str) -> str:
    """What two spellings of a name have in common, in any script (CU30)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def containing(text: str) -> str:
    """The LIKE pattern, with `\\` as its escape, of folded names that contain a text (CU32)."""
    literal = re.sub(r"([%_\\])", r"\\\1", folded_name(text))
    return f"%{literal}%"


def _text(value: str, longest: int, path: tuple[str | int, ...], what: str) -> str:
    text = value.strip()
    if len(text) > longest:
        raise invalid(f"{what} has at most {longest} characters.", *path)
    if not storable(text):
        raise invalid(f"{what} cannot hold NUL or half a surrogate pair.", *path)
    return text


def _free_text(value: str | None, longest: int, path: tuple[str | int, ...], what: str) -> str | None:
    return None if value is None else _text(value, longest, path, what) or None


def _part(value: Any, longest: int, path: tuple[str | int, ...]) -> str | None:
    if value is not None and (not isinstance(value, str) or _CONTROL.search(value)):
        raise invalid("A part of an address is a text on one line.", *path)
    return _free_text(value, longest, path, "This part of an address")


def _country(value: Any, path: tuple[str | int, ...]) -> str:
    # ASCII alone: `ı` also becomes an I.
    if not isinstance(value, str) or not value.isascii() or value.upper() not in _countries():
        raise invalid("An address needs its country as two letters of ISO 3166-1, such as IN.", *path)
    return value.upper()


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    territories = [str(code) for code in Locale("en").territories]
    return frozenset(code for code in territories if len(code) == 2 and code.isalpha()) - _NOT_COUNTRIES  # noqa: PLR2004


def _check_pair(key: Any, value: Any, path: tuple[str | int, ...]) -> None:
    if not isinstance(key, str) or not _METADATA_KEY.fullmatch(key):
        shown = ascii(key)[:60] if not holds_card_number(str(key)) else "…"
        raise invalid(f"The metadata key {shown} is not 1 to 40 letters, digits, - and _.", *path)
    if holds_card_number(key):
        raise invalid("A metadata key looks like a card number.", *path)
    text = _metadata_text(value)
    if text is None:
        raise invalid(
            f"A metadata value is a text, a boolean or a number, if whole from -{MAX_MINOR_UNITS} to "
            f"{MAX_MINOR_UNITS}.",
            *path,
            key,
        )
    if len(text) > MAX_METADATA_VALUE or not storable(text):
        raise invalid(
            f"A metadata value has at most {MAX_METADATA_VALUE} characters, and neither NUL nor half a surrogate pair.",
            *path,
            key,
        )
    if holds_card_number(text):
        raise invalid("A metadata value looks like a card number.", *path, key)


def _metadata_text(value: Any) -> str | None:
    """The text whose length counts (CU41), or None for a value that metadata cannot hold."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        # JSON has no infinity, and beyond 2^53 its readers no longer agree on the number.
        readable = math.isfinite(value) if isinstance(value, float) else abs(value) <= MAX_MINOR_UNITS
        return orjson.dumps(value).decode() if readable else None
    return None


def holds_card_number(text: str) -> bool:
    """Whether a run of 13-19 digits passes the check of card numbers (CU43)."""
    return any(passes_luhn([int(digit) for digit in run]) for run in _CARD_LENGTH.findall(text))
