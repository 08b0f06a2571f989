"""What is to be read on a document: PM63 and PM65, in the customer's language."""

from dataclasses import fields

import pytest

from saifu.documents import formats
from saifu.documents.content import Content, Line, Part, parts_of
from saifu.documents.labels import ENGLISH, labels
from saifu.documents.sheet import Fact, sheet
from tests.unit.documents.sheets import a_refund, an_invoice


def test_an_invoice_says_who_whom_what_when_and_how_it_was_paid_pm63():
    shown = sheet(an_invoice())
    assert (shown.title, shown.number, shown.test) == ("Invoice", "INV-000042", "")
    assert shown.sender == ("Saifu & Söhne", "1 Main Street, 10115 Berlin")
    assert shown.recipient == ("Aiko", "Unter den Linden 1", "10117 Berlin", "Germany", "aiko@example.com")
    assert Fact("Date", "January 15, 2026") in shown.facts
    assert Fact("Status", "Paid") in shown.facts
    beans, mug = shown.rows
    assert (beans.quantity, beans.unit_price, beans.tax, beans.amount) == (
        "3",
        "$29.99",
        "$16.19 (18%)",
        "$106.16",
    )
    assert (mug.tax, mug.amount) == ("$0.00", "$5.00")
    assert shown.totals == (Fact("Subtotal", "$94.97"), Fact("Tax", "$16.19"), Fact("Total", "$111.16"))
    assert shown.parts == (Fact("From wallet", "$20.00"), Fact("From Visa •••• 4242", "$91.16"))


def test_a_refund_s_receipt_says_which_where_to_and_of_which_invoice_pm65():
    shown = sheet(a_refund())
    assert shown.title == "Refund receipt"
    assert [fact.text for fact in shown.facts] == [
        "RCP-000007", "January 15, 2026", "Refunded", "INV-000042", "ref_01M7XW44P82DKY81PZ8W1CP28W", "cracked",
        "pay_01M7XW44P82DKY81PZ8W1CP28W",
    ]  # fmt: skip
    assert shown.parts == (Fact("To wallet", "$1.00"), Fact("To Visa •••• 4242", "$3.00"))
    assert shown.totals == (Fact("Total", "$4.00"),)


def test_a_document_of_nobody_s_names_nobody():
    assert sheet(an_invoice(customer=None)).recipient == ()


def test_in_test_mode_a_document_says_so():
    assert "no real money" in sheet(an_invoice(livemode=False)).test


@pytest.mark.parametrize(
    ("locale", "currency", "amount_minor", "written"),
    [
        ("en", "USD", 123_450, "$1,234.50"),
        ("de", "EUR", 123_450, "1.234,50\N{NO-BREAK SPACE}€"),
        ("ja", "JPY", 1_234, "￥1,234"),  # a yen has no smaller unit
        ("en", "KWD", 1_234, "KWD1.234"),  # a dinar has a thousand
        ("en", "INR", 9_007_199_254_740_991, "₹90,071,992,547,409.91"),  # no binary float on the way (C1)
    ],
)
def test_amounts_are_written_as_the_language_and_the_currency_want_it(
    locale, currency, amount_minor, written
):
    assert formats.money(amount_minor, currency, locale) == written


@pytest.mark.parametrize(
    ("bps", "written"), [(0, "0%"), (1800, "18%"), (1250, "12.5%"), (725, "7.25%"), (1, "0.01%")]
)
def test_rates_are_written_without_rounding(bps, written):
    assert formats.rate(bps, "en") == written


def test_a_tax_that_the_price_holds_is_called_included():
    shown = sheet(an_invoice(lines=(Line("Tea", 1, 999_00, 999_00, 152_39, None, 1800, True),)))
    assert shown.rows[0].tax == "$152.39 (18%) included"


def test_words_are_in_the_language_of_the_customer_where_we_have_it_and_days_always():
    japanese, turkish = sheet(an_invoice(locale="ja")), sheet(an_invoice(locale="tr"))
    assert (japanese.language, japanese.title) == ("ja", "請求書")
    assert Fact("発行日", "2026年1月15日") in japanese.facts
    assert (turkish.language, turkish.title) == ("en", "Invoice")
    assert Fact("Date", "15 Ocak 2026") in turkish.facts


@pytest.mark.parametrize("language", ["de", "es", "fr", "ja"])
def test_every_language_has_every_word_with_its_gaps(language):
    known = labels(language)
    assert known.language == language
    for word in fields(ENGLISH):
        here, there = getattr(ENGLISH, word.name), getattr(known, word.name)
        assert there, word.name
        assert there.count("{}") == here.count("{}"), word.name


@pytest.mark.parametrize(
    ("instrument", "expected"),
    [
        (
            '{"type": "card", "brand": "visa", "last4": "4242"}',
            Part(5, method="card", network="visa", last4="4242"),
        ),
        (
            '{"detail": {"brand": "rupay", "last4": "0001"}}',
            Part(5, method="card", network="rupay", last4="0001"),
        ),
        ('{"type": "card", "brand": 7, "last4": null}', Part(5, method="card")),
        (None, Part(5, method="card")),
    ],
)
def test_of_an_instrument_its_network_and_last_four_are_known_at_most(instrument, expected):
    assert parts_of(0, 5, "card", instrument) == [expected]


@pytest.mark.parametrize(
    ("part", "called"),
    [
        (Part(1, method="upi"), "From UPI"),
        (Part(1, method="sepa_debit", last4="3000"), "From SEPA •••• 3000"),
        (Part(1, method="bank_transfer"), "From Bank transfer"),
        (Part(1), "From —"),
    ],
)
def test_an_instrument_is_called_by_its_name(part, called):
    assert sheet(an_invoice(parts=(part,))).parts[0].label == called


@pytest.mark.parametrize("content", [an_invoice(), an_invoice(customer=None), a_refund()])
def test_content_is_the_same_after_it_was_stored(content):
    assert Content.thawed(content.frozen()) == content
