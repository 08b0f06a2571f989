"""The words of the page: the same in every language, and amounts as each writes them (PM87)."""

import re
import string
from pathlib import Path

import pytest

from saifu.checkout import view, wording
from saifu.checkout.texts import Texts
from saifu.processors.declines import DECLINES, DeclineCode
from schema.enums_checkout import CheckoutLanguage

FOLDER = Path(__file__).resolve().parents[3] / "src" / "web" / "checkout"
TEXTS = Texts.of(FOLDER / "texts")
LANGUAGES = sorted(TEXTS.by_language)


def test_the_contract_names_the_languages_there_are() -> None:
    assert sorted(language.value for language in CheckoutLanguage) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_things_with_the_same_values(language: str) -> None:
    english, words = TEXTS.by_language["en"].texts, TEXTS.by_language[language].texts
    assert words.keys() == english.keys()
    for key, text in words.items():
        assert text.strip() == text
        assert text
        assert _values(text) == _values(english[key]), key


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    code = "".join(path.read_text() for path in (FOLDER.parents[1] / "saifu" / "checkout").glob("*.py"))
    pages = "".join(path.read_text() for path in FOLDER.glob("*.html"))
    known = set(TEXTS.by_language["en"].texts)
    asked = set(re.findall(r"\bt\.(\w+)", pages))
    assert asked <= known
    unused = [key for key in known - asked if f'"{key}"' not in code and not _is_made(key)]
    assert unused == []


def _is_made(key: str) -> bool:
    """Whether a key is put together of parts."""
    results = {f"test_result_{result}" for _, result in view.TEST_CARDS}
    return key in results or key.removesuffix("_heading").removesuffix("_text") in {"gone", "back"}


@pytest.mark.parametrize("code", list(DeclineCode))
def test_every_decline_has_words_and_a_masked_one_has_none_of_its_own(code: DeclineCode) -> None:
    """PM32."""
    words = TEXTS.by_language["en"]
    said = wording.decline(words, code)
    assert said
    if DECLINES[code].masked:
        assert said == words("decline_generic")


@pytest.mark.parametrize(
    ("language", "currency", "amount", "wanted"),
    [
        ("en", "USD", 123_456, "$1,234.56"),
        ("de", "EUR", 123_456, "1.234,56\xa0€"),
        ("ja", "JPY", 1_234, "￥1,234"),
        ("en", "INR", 5, "₹0.05"),
        ("fr", "KWD", 1_234, "1,234\xa0KWD"),
        ("en", "USD", 2**53 - 1, "$90,071,992,547,409.91"),
    ],
)
def test_amounts_are_written_as_each_language_does(
    language: str, currency: str, amount: int, wanted: str
) -> None:
    """S26: no float in between."""
    assert TEXTS.by_language[language].amount(amount, currency) == wanted


@pytest.mark.parametrize(
    ("wanted", "accepted", "chosen"),
    [
        ((None, None), None, "en"),
        ((None, None), "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ((None, None), "en;q=0.1, es-419;q=0.2", "es"),
        ((None, None), "de;q=0, ja;q=0.1", "ja"),
        ((None, "ja"), "de", "ja"),
        (("es", "ja"), "de", "es"),
        ((None, "ko"), "de", "de"),  # a language the page does not speak
        ((None, None), ";;;,=,q=,\x00" * 500, "en"),
    ],
)
def test_a_language_is_chosen_by_who_knows_best(
    wanted: tuple[str | None, ...], accepted: str | None, chosen: str
) -> None:
    assert TEXTS.choose(wanted, accepted).language == chosen


def _values(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
