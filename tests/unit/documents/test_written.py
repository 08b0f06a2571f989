"""Documents as pages and as PDFs: the same bytes for the same document, nothing from elsewhere, any script (PM67)."""

import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from fpdf.fonts import TTFFont
from pypdf import PdfReader

from saifu.documents import html, pdf, scripts
from saifu.documents.content import Business, Line, Recipient
from saifu.fields import LOCALES
from tests.unit.documents.sheets import a_refund, an_invoice

NASTY = "<script>alert('1')</script> & \"quotes\" {{ 7 * 7 }} ```"


def text_of(file: bytes) -> str:
    """What a reader reads in a PDF; layout puts blanks where it likes."""
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(file)).pages)


def squeezed(text: str) -> str:
    return "".join(text.split())


class Page(HTMLParser):
    """Tags with their attributes, and the texts between them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("content", [an_invoice(), a_refund(), an_invoice(locale="ja", customer=None)])
def test_the_same_document_is_the_same_bytes_pm67(content, monkeypatch):
    first = html.page(content), pdf.file(content)
    # Whatever asks the machine for the time or for chance now gets another answer.
    monkeypatch.setattr("time.time", lambda: 4_102_444_800.0)
    monkeypatch.setattr("random.random", lambda: 0.5)
    assert (html.page(content), pdf.file(content)) == first


def test_the_pdf_s_dates_are_the_document_s_pm67():
    known = PdfReader(io.BytesIO(pdf.file(an_invoice()))).metadata
    assert known is not None
    assert known.creation_date == datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
    assert (known.title, known.author, known.producer) == ("Invoice INV-000042", "Saifu & Söhne", "saifu")


def test_the_pdf_says_what_the_page_says():
    content = an_invoice(livemode=False)
    page, file = "".join(Page(html.page(content)).texts), text_of(pdf.file(content))
    for text in (
        "INV-000042", "Saifu & Söhne", "Aiko", "10117 Berlin", "Beans", "Roasted", "$16.19 (18%)", "$111.16",
        "From wallet", "From Visa •••• 4242", "$91.16", "no real money", "pay_01M7XW44P82DKY81PZ8W1CP28W",
    ):  # fmt: skip
        assert squeezed(text) in squeezed(page), text
        assert squeezed(text) in squeezed(file), text


def test_texts_are_shown_and_never_run_pm67():
    content = an_invoice(
        business=Business(NASTY, NASTY),
        customer=Recipient(NASTY, NASTY),
        lines=(Line(NASTY, 1, 1, 1, 0, NASTY),),
    )
    page = html.page(content)
    assert page.count(b"<script") == 0
    assert "".join(Page(page).texts).count(NASTY) == 6
    assert squeezed(NASTY) in squeezed(text_of(pdf.file(content)))


def test_the_page_loads_nothing_from_anywhere_pm67():
    page = Page(html.page(an_invoice()))
    assert {tag for tag, _ in page.tags} & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "form",
    } == set()
    assert {
        value for _, given in page.tags for name, value in given.items() if name in {"src", "href", "style"}
    } == {"?format=pdf"}
    assert re.search(r"url\(|@import|https?:", html.page(an_invoice()).decode()) is None
    assert "default-src 'none'" in html.POLICY
    assert "unsafe" not in html.POLICY


def test_the_page_can_be_read_aloud():
    page = Page(html.page(an_invoice(locale="ja")))
    assert page.tags[0] == ("html", {"lang": "ja"})
    headings = [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert all(int(deeper[1]) <= int(level[1]) + 1 for level, deeper in pairwise(headings))
    scopes = [given.get("scope") for tag, given in page.tags if tag == "th"]
    assert scopes == ["col"] * 5 + ["row"] * 2
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags


@pytest.mark.parametrize(
    "name",
    [
        "田中 愛子", "髙橋 﨑太郎 𠮷野", "王小明 优质 機器", "김민준", "प्रिया शर्मा क्षत्रिय", "Ελένη Πα", "Дмитрий Ёлкин",
        "Nguyễn Thị Ánh", "ქეთევან", "สมชาย ใจดี", "தமிழ்", "বাংলা", "తెలుగు", "ગુજરાતી", "ਪੰਜਾਬੀ", "ಕನ್ನಡ", "മലയാളം",
        "محمد عبد الله", "שלום כהן",
    ],
)  # fmt: skip
def test_a_name_in_any_of_our_scripts_has_all_its_letters(name):
    assert scripts.MISSING not in scripts.writable(name)
    assert pdf.file(an_invoice(customer=Recipient(name, "a@example.com"))).startswith(b"%PDF-")


@pytest.mark.parametrize("name", ["田中 愛子", "髙橋 𠮷野", "김민준", "Дмитрий", "Ελένη"])
def test_it_can_be_copied_out_of_the_pdf_again(name):
    file = pdf.file(an_invoice(customer=Recipient(name, "a@example.com")))
    assert squeezed(name) in squeezed(text_of(file))


def test_devanagari_is_shaped_and_not_written_letter_by_letter():
    # The vowel sign i stands before its consonant, and ksha is one glyph: fewer glyphs than letters, in another order.
    with pdf.opened("INV-1", ()) as paper:
        font = paper.fonts["noto"]
        assert isinstance(font, TTFFont)
        shaped = font.shape_text("क्षत्रि", 10, paper.text_shaping)
    assert len(shaped) < len("क्षत्रि")


def test_what_no_font_has_is_marked_and_control_characters_are_gone():
    assert (
        scripts.writable("ok \N{SNOWMAN WITHOUT SNOW}\N{HOT BEVERAGE}")
        == f"ok {scripts.MISSING}{scripts.MISSING}"
    )
    assert scripts.writable("a\tb\N{RIGHT-TO-LEFT OVERRIDE}c") == "a bc"
    assert scripts.writable("e\N{COMBINING ACUTE ACCENT}") == "é"


def test_only_fonts_that_are_needed_are_opened():
    assert scripts.needed(["Aiko", "प्रिया"]) == ()
    assert scripts.needed(["田中"]) == ("NotoSansJP-Subset",)
    assert scripts.needed(["优良"]) == ("NotoSansJP-Subset", "NotoSansSC-Subset")


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_a_document_can_be_written_in_every_language_that_a_customer_may_prefer_cu23(locale):
    content = an_invoice(locale=locale)
    assert b"INV-000042" in html.page(content)
    assert "INV-000042" in text_of(pdf.file(content))


def test_a_long_invoice_goes_on_on_the_next_page_with_its_headings_and_number():
    content = an_invoice(lines=tuple(Line(f"Thing {n}", 1, 100, 100) for n in range(100)))
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf.file(content))).pages]
    assert len(pages) > 2
    assert all("INV-000042" in page for page in pages)
    assert all("Unit price" in page for page in pages[:-1])
    assert "Thing 99" in "".join(pages)


def test_the_fonts_come_with_their_licence():
    assert "SIL OPEN FONT LICENSE" in (scripts.FOLDER / "OFL.txt").read_text()
    shipped = {file.stem for file in scripts.FOLDER.glob("*.ttf")}
    assert shipped == {scripts.REGULAR, scripts.BOLD, *scripts.OTHERS}
    assert sum(file.stat().st_size for file in scripts.FOLDER.iterdir()) < 6.2 * 2**20
