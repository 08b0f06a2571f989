"""Which of the fonts that lie beside this file can write a text, and what is done with what none can.

All are Noto Sans (SIL Open Font License, `fonts/OFL.txt`). Latin, Greek, Cyrillic and Devanagari are in the first; the
Japanese, Chinese and Korean ones are cut down to what their national character sets have: code page 932 and some
letters of names, GB 2312 and Big5, and KS X 1001 (`fonts/README.md` says how).
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from uharfbuzz import Blob, Face  # type: ignore[import-untyped]

FOLDER: Final = Path(__file__).parent / "fonts"
REGULAR: Final = "NotoSans-Regular"
BOLD: Final = "NotoSans-Bold"
# In the order in which they are asked: Han characters come from the Japanese one before the Chinese one.
OTHERS: Final = (
    "NotoSansJP-Subset",
    "NotoSansSC-Subset",
    "NotoSansKR-Subset",
    "NotoSansArabic-Regular",
    "NotoSansHebrew-Regular",
    "NotoSansThai-Regular",
    "NotoSansGeorgian-Regular",
    "NotoSansBengali-Regular",
    "NotoSansGujarati-Regular",
    "NotoSansGurmukhi-Regular",
    "NotoSansKannada-Regular",
    "NotoSansMalayalam-Regular",
    "NotoSansTamil-Regular",
    "NotoSansTelugu-Regular",
)
MISSING: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for a character that no font has, such as an emoji; the page shows it all the same."""

_JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")


def path(font: str) -> Path:
    return FOLDER / f"{font}.ttf"


@lru_cache(maxsize=1 + len(OTHERS))
def characters(font: str) -> frozenset[int]:
    """The code points that a font has."""
    return frozenset(Face(Blob.from_file_path(path(font))).unicodes)


def needed(texts: Iterable[str]) -> tuple[str, ...]:
    """The fonts besides the first that some texts need, in the order in which they are asked."""
    missing = {ord(char) for text in texts for char in writable(text)} - characters(REGULAR)
    fonts = []
    for font in OTHERS:
        if missing & characters(font):
            fonts.append(font)
            missing -= characters(font)
    return tuple(fonts)


def writable(text: str) -> str:
    """A text in composed form that the fonts can write, with `MISSING` for what they cannot.

    Marks that only direct the text are left out: the direction is found out from the letters.
    """
    return "".join(_writable(unicodedata.normalize("NFC", text)))


def _writable(text: str) -> Iterator[str]:
    for char in text:
        if unicodedata.category(char) == "Cf" and char not in _JOINERS:
            continue
        known = " " if unicodedata.category(char) in {"Cc", "Zl", "Zp", "Zs"} else char
        yield known if _is_known(ord(known)) else MISSING


@lru_cache(maxsize=4096)
def _is_known(code: int) -> bool:
    return any(code in characters(font) for font in (REGULAR, *OTHERS))
