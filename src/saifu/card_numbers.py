"""Card numbers where none may be (S23): found in whatever a client sends, so that nothing stores or logs it."""

import re
from collections.abc import Iterator

from .redaction import passes_luhn

_CARD_DIGITS = range(13, 20)
_FIRST = "23456"
"""What the numbers of cards begin with; milliseconds since 1970 begin with 1."""

RUN = re.compile(r"\d(?:[ -]?\d){12,}")
"""Thirteen digits or more with nothing between but single blanks or hyphens: without one, nothing else is looked at."""

_PARTS = (
    re.compile(r"(?<!\d)\d{13,19}(?!\d)"),
    re.compile(r"(?<!\d)\d{4}(?:[ -]\d{4}){3}(?!\d)"),
    re.compile(r"(?<!\d)\d{4}(?:[ -]\d{4}){3}[ -]\d{1,3}(?!\d)"),
    re.compile(r"(?<!\d)\d{4}[ -]\d{6}[ -]\d{4,5}(?!\d)"),
)
"""How numbers are written, for those that stand beside other digits."""


def found_in(text: str) -> bool:
    """Whether a text holds what looks like a card: 13 to 19 digits that pass the check of ISO/IEC 7812."""
    return any(_is_card(digits) for run in RUN.finditer(text) for digits in _candidates(run[0]))


def _candidates(run: str) -> Iterator[str]:
    yield run
    for part in _PARTS:
        yield from part.findall(run)


def _is_card(written: str) -> bool:
    digits = [int(letter) for letter in written if letter.isdigit()]
    return len(digits) in _CARD_DIGITS and str(digits[0]) in _FIRST and passes_luhn(digits)
