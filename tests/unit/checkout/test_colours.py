"""What is written on the page can be read, in light and in dark (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[3] / "src" / "web" / "checkout" / "checkout.css").read_text()
PALETTES = [
    dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))
    for block in re.findall(r"\{([^{}]*--ground:[^{}]*)\}", CSS)
]
TEXT = [
    *((text, ground) for text in ("ink", "quiet", "accent") for ground in ("sheet", "ground", "soft")),
    *(("on-accent", button) for button in ("accent", "accent-deep")),
    *((("bad", "sheet"), ("bad", "bad-soft"), ("ink", "bad-soft"), ("on-test", "test"))),
]
EDGES = [("edge", "sheet"), ("accent", "sheet"), ("good", "sheet"), ("bad", "sheet")]


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: str, second: str) -> float:
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_there_is_a_light_palette_and_a_dark_one_chosen_or_by_the_system() -> None:
    assert len(PALETTES) == 3
    assert PALETTES[1] == PALETTES[2]


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "system dark", "dark"])
def test_text_stands_out_from_its_ground(palette: dict[str, str]) -> None:
    faint = [pair for pair in TEXT if _contrast(palette[pair[0]], palette[pair[1]]) < 4.5]
    assert faint == []
    assert [pair for pair in EDGES if _contrast(palette[pair[0]], palette[pair[1]]) < 3] == []
