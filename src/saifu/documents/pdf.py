"""A document as a PDF of A4 pages, in any script that our fonts have.

fpdf2 lays out, HarfBuzz shapes (Devanagari and Arabic need it), and only the glyphs that are used are embedded. Nothing
in the file says when it was written: its dates are those of the document (PM67).
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, TextEmphasis, XPos, YPos
from fpdf.fonts import TTFFont

from . import scripts
from .content import Content
from .sheet import Fact, Sheet, sheet

_MARGIN_MM = 18.0
_HALF_MM = 87.0
_COLUMNS = (62, 18, 30, 34, 30)
_GREY: Final = (74, 80, 96)
_BLACK: Final = (22, 24, 29)
_FAMILY = "noto"

# They tell at length of every font that they cut down.
for _talkative in ("fontTools", "fpdf"):
    logging.getLogger(_talkative).setLevel(logging.ERROR)


class _Paper(FPDF):
    """A4 pages with the number of the document at the foot of each."""

    def __init__(self, number: str, fonts: Sequence[str]) -> None:
        super().__init__(format="A4", unit="mm")
        self._number = number
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=_MARGIN_MM + 6)
        self.add_font(_FAMILY, "", scripts.path(scripts.REGULAR))
        self.add_font(_FAMILY, "B", scripts.path(scripts.BOLD))
        for font in fonts:
            self.add_font(font, "", scripts.path(font))
        # Not exact: where a script has no bold font, its regular one stands in.
        self.set_fallback_fonts([_FAMILY, *fonts], exact_match=False)
        self.set_text_shaping(use_shaping_engine=True)
        self.plain()

    def footer(self) -> None:
        self.set_y(-_MARGIN_MM)
        self.plain(8, grey=True)
        self.cell(0, 5, f"{scripts.writable(self._number)} · {self.page_no()}", align="C")

    def plain(self, size: float = 10, bold: bool = False, grey: bool = False) -> None:
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(*(_GREY if grey else _BLACK))

    def get_fallback_font(self, char: str, style: str = "") -> str | None:
        """The bold font has fewer characters than the regular one, which stands in for it before all others."""
        return super().get_fallback_font(char, "" if style else style)

    def lines(self, texts: Sequence[str], left: float, width: float, align: str = "L") -> None:
        """Texts below each other, each wrapped."""
        for text in texts:
            self.set_x(left)
            self.multi_cell(
                width, 5, scripts.writable(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )

    def facts(
        self, facts: Sequence[Fact], label_share: float, size: float = 10, sum_last: bool = False
    ) -> None:
        """On the right half, labels with what they say; `label_share` is how much of the width is theirs."""
        left, label_mm = _MARGIN_MM + _HALF_MM, _HALF_MM * label_share
        for fact in facts:
            bold = sum_last and fact is facts[-1]
            top = self.get_y()
            self.set_xy(left, top)
            self.plain(size, bold=bold, grey=not bold)
            self.multi_cell(label_mm, 5.5, scripts.writable(fact.label), align="L", new_y=YPos.NEXT)
            under = self.get_y()
            self.set_xy(left + label_mm, top)
            self.plain(size, bold=bold)
            self.multi_cell(_HALF_MM - label_mm, 5.5, scripts.writable(fact.text), align="R", new_y=YPos.NEXT)
            self.set_y(max(under, self.get_y()))


def file(content: Content) -> bytes:
    """The document as a PDF; the same document is the same bytes (PM67). Takes tenths of a second: use a thread."""
    shown = sheet(content)
    with opened(shown.number, scripts.needed(shown.texts())) as paper:
        paper.set_title(f"{shown.title} {shown.number}")
        paper.set_author(content.business.name)
        paper.set_producer("saifu")
        paper.set_creation_date(content.issued)
        paper.set_lang(shown.language)
        paper.add_page()
        _head(paper, shown)
        _table(paper, shown)
        _foot(paper, shown)
        return bytes(paper.output())


@contextmanager
def opened(number: str, fonts: Sequence[str]) -> Iterator[_Paper]:
    """Empty paper; the files of its fonts, which fpdf2 would leave open, are closed afterwards."""
    paper = _Paper(number, fonts)
    try:
        yield paper
    finally:
        for font in paper.fonts.values():
            if isinstance(font, TTFFont):
                font.close()


def _head(paper: _Paper, shown: Sheet) -> None:
    right = _MARGIN_MM + _HALF_MM
    top = paper.get_y()
    paper.plain(20, bold=True)
    paper.multi_cell(
        _HALF_MM, 9, scripts.writable(shown.title), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    under = paper.get_y()
    paper.set_y(top)
    paper.plain(bold=True)
    paper.lines(shown.sender[:1], right, _HALF_MM, "R")
    paper.plain(grey=True)
    paper.lines(shown.sender[1:], right, _HALF_MM, "R")
    paper.set_y(max(under, paper.get_y()) + 6)
    if shown.test:
        paper.plain(9)
        paper.set_fill_color(255, 244, 214)
        paper.multi_cell(
            0, 7, scripts.writable(shown.test), fill=True, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        paper.ln(6)
    top = paper.get_y()
    if shown.recipient:
        paper.plain(8, bold=True, grey=True)
        paper.lines([shown.labels.billed_to], _MARGIN_MM, _HALF_MM - 6)
        paper.plain()
        paper.lines(shown.recipient, _MARGIN_MM, _HALF_MM - 6)
    under = paper.get_y()
    paper.set_y(top)
    paper.facts(shown.facts, 0.27, size=9)
    paper.set_y(max(under, paper.get_y()) + 8)


def _table(paper: _Paper, shown: Sheet) -> None:
    if not shown.rows:
        return
    words = shown.labels
    headings = (words.item, words.quantity, words.unit_price, words.tax, words.amount)
    paper.plain(9)
    paper.set_fill_color(255, 255, 255)
    with paper.table(
        col_widths=_COLUMNS,
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT"),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis=TextEmphasis.B, color=_GREY),
        line_height=5,
        padding=(1.5, 1),
    ) as table:
        table.row([scripts.writable(heading) for heading in headings])
        for row in shown.rows:
            name = "\n".join(scripts.writable(text) for text in (row.name, row.description) if text)
            rest = (row.quantity, row.unit_price, row.tax, row.amount)
            table.row([name, *(scripts.writable(text) for text in rest)])
    paper.ln(4)


def _foot(paper: _Paper, shown: Sheet) -> None:
    paper.facts(shown.totals, 0.55, sum_last=True)
    if shown.parts:
        paper.ln(6)
        paper.plain(8, bold=True, grey=True)
        paper.lines([shown.labels.payment], _MARGIN_MM + _HALF_MM, _HALF_MM)
        paper.facts(shown.parts, 0.55)
