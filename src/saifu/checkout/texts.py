"""The words of the checkout page: one file for each language, all with the same keys (PM87)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import orjson
from babel import Locale
from babel.dates import format_skeleton
from babel.numbers import format_currency

from saifu.money import exponent

FALLBACK = "en"
_MOST_WISHES = 20


@dataclass(frozen=True, slots=True)
class Words:
    """The page's words in one language, and how it writes amounts."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """A text, with what belongs into it; values are text, and escaped where they are shown."""
        return self.texts[key].format(**values)

    def amount(self, amount_minor: int, currency: str) -> str:
        """An amount as this language writes it: 2000 is $20.00, 20,00 $ or $20.00."""
        value = Decimal(amount_minor).scaleb(-exponent(currency))
        return format_currency(value, currency, locale=Locale(self.language))

    def month(self, year: int, month: int) -> str:
        """The month in which a card expires, such as 06/2032."""
        return format_skeleton("yMM", date(year, month, 1), locale=Locale(self.language))


@dataclass(frozen=True, slots=True)
class Texts:
    """Every language there is."""

    by_language: Mapping[str, Words]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """From a folder of `en.json` and its like; all of them have the keys that English has."""
        found = {path.stem: orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}
        for language, texts in found.items():
            assert texts.keys() == found[FALLBACK].keys(), (language, texts.keys() ^ found[FALLBACK].keys())
        return cls({language: Words(language, texts) for language, texts in found.items()})

    def choose(self, wanted: tuple[str | None, ...], accepted: str | None) -> Words:
        """The first of the languages wanted that there is, else the browser's, else English."""
        for language in (*wanted, *_accepted(accepted or "")):
            known = self.by_language.get((language or "").lower().partition("-")[0])
            if known is not None:
                return known
        return self.by_language[FALLBACK]


def _accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language`, the most wanted first."""
    wishes = [_wish(each) for each in header.split(",")[:_MOST_WISHES]]
    return [language for quality, language in sorted(wishes, key=lambda wish: -wish[0]) if quality > 0]


def _wish(text: str) -> tuple[float, str]:
    language, _, weight = text.replace(" ", "").partition(";q=")
    try:
        return float(weight or 1), language
    except ValueError:
        return 0.0, language
