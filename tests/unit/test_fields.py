"""What a value may look like (CU3-CU5, CU21, CU40-CU44, W26)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu import fields
from saifu.refusals import ErrorCode, Refusal

CARD = "4111111111111111"
NOT_A_CARD = "4111111111111112"


def refused(work, *path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.path == ("input", *path)
    assert caught.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS
    return caught.value


@pytest.mark.parametrize(
    "address",
    ["aiko@example.com", "a@b.c", "o'neil+tag@mail.example.co.uk", "用户@例え.jp", "a" * 248 + "@b.com"],
)
def test_an_address_is_kept_as_it_was_given(address):
    assert fields.email(f" \t{address}\n") == address


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "  ",
            "@",
            "a@",
            "@b.com",
            "aiko",
            "a@b",
            "a@@b.com",
            "a@b@c.com",
            "a@.com",
            "a@b..com",
            "a@b.",
        ),
        *(
            "a b@c.com",
            "a@b .com",
            "a\0@b.com",
            "a\x07@b.com",
            "a\ud800@b.com",
            "a\nb@c.com",
            "a\u2028@b.com",
        ),
        "a" * 249 + "@b.com",
    ],
)
def test_what_is_no_address_is_refused(address):
    """CU3: one @, a local part, a domain with a dot, 3-254 characters."""
    refused(lambda: fields.email(address), "email")


def test_a_refused_address_is_not_repeated_for_the_log_to_keep():
    assert "aiko" not in refused(lambda: fields.email("aiko@home"), "email").message


def test_localhost_is_an_address_in_test_mode_only():
    assert fields.email("dev@localhost", test_mode=True) == "dev@localhost"
    refused(lambda: fields.email("dev@localhost"), "email")
    refused(lambda: fields.email("dev@localhosts", test_mode=True), "email")


@pytest.mark.parametrize("name", ["Aiko", "愛子 🎌", "👩‍👩‍👧‍👦", "O'Neil, Jr.", "x" * 255, "मीरा"])
def test_a_name_is_any_text_on_one_line(name):
    assert fields.name(f"  {name} ") == name


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "a\nb", "a\0b", "a\x85b", "a\u2029b", "\ud83d"])
def test_an_empty_long_or_broken_name_is_refused(name):
    """CU4."""
    refused(lambda: fields.name(name), "name")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (None, None),
        ("+81 90-1234-5678", "+819012345678"),
        ("(030) 123.456", "030123456"),
        ("123456", "123456"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_a_phone_number_loses_its_separators(written, stored):
    assert fields.phone_number(written) == stored


@pytest.mark.parametrize(
    "number",
    ["", "12345", "1234567890123456", "++123456", "12+3456", "12345a", "０９０１２３４５６", "12/3456"],
)
def test_what_is_no_phone_number_is_refused(number):
    """CU5."""
    refused(lambda: fields.phone_number(number), "phoneNumber")


def test_the_languages_are_the_22_of_the_sdk():
    assert len(fields.LOCALES) == 22
    assert fields.preferred_locale("ka") == "ka"
    assert fields.preferred_locale(None) is None
    for unknown in ("", "EN", "xx", "en-GB"):
        refused(lambda text=unknown: fields.preferred_locale(text), "preferredLocale")


def test_an_address_has_a_country_and_four_other_parts():
    full = {"country": "in", "city": " Pune ", "state": "", "street": "1 Main Road"}
    stored = {"country": "IN", "city": "Pune", "state": None, "street": "1 Main Road", "zipcode": None}
    assert fields.billing_address(full) == stored
    assert fields.billing_address(None) is None
    assert fields.billing_address(stored) == stored


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ({}, ("country",)),
        ({"country": None}, ("country",)),
        ({"country": "XX"}, ("country",)),
        ({"country": "EU"}, ("country",)),  # a union of countries, and no country
        ({"country": "IND"}, ("country",)),
        ({"country": "ıN"}, ("country",)),
        ({"country": "IN", "planet": "Earth"}, ()),
        ({"country": "IN", "city": 7}, ("city",)),
        ({"country": "IN", "city": "x" * 256}, ("city",)),
        ({"country": "IN", "zipcode": "1" * 33}, ("zipcode",)),
        ({"country": "IN", "street": "a\0b"}, ("street",)),
        ({"country": "IN", "street": "a\ud800b"}, ("street",)),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_where_it_does(address, path):
    refused(lambda: fields.billing_address(address), "billingAddress", *path)


def test_countries_are_the_249_of_iso_3166():
    assert len(fields._countries()) == 249


@pytest.mark.parametrize(
    ("written", "stored"),
    [(None, None), ("  ", None), (" 返金 🎁\n二行目 ", "返金 🎁\n二行目"), ("x" * 500, "x" * 500)],
)
def test_a_reason_is_free_text(written, stored):
    """W26."""
    assert fields.reason(written) == stored


@pytest.mark.parametrize("text", ["x" * 501, "a\0b", "a\udfffb"])
def test_a_reason_too_long_or_broken_is_refused(text):
    refused(lambda: fields.reason(text), "reason")
    refused(lambda: fields.reason(text, "entries", 0, "reason"), "entries", 0, "reason")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"plan": "gold", "seats": 3, "ratio": 1.5, "vip": True, "note": ""},
        {f"key_{number}": number for number in range(50)},
        {"k" * 40: "v" * 500, "emoji": "🎌" * 500},
        {"order": NOT_A_CARD, "digits": "4" * 20, "most": 2**53 - 1},
    ],
)
def test_metadata_of_plain_values_comes_back_as_it_is(metadata):
    """CU40, CU41."""
    assert fields.metadata(metadata) == metadata
    assert fields.metadata(None) == {}


def test_more_than_50_pairs_have_their_own_code():
    """CU42."""
    with pytest.raises(Refusal) as caught:
        fields.metadata({f"key_{number}": "" for number in range(51)})
    assert caught.value.code is ErrorCode.MAXIMUM_KEYS_REACHED
    assert caught.value.path == ("input", "metadata")


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], {}, ["a"], {"a": 1}, b"x", 1 + 2j),
        *("v" * 501, "a\0b", "\ud800", float("nan"), float("inf"), 2**53, -(2**53), 10**400),
        *(CARD, f"card {CARD}.", int(CARD), "378282246310005", "0" * 13),
    ],
)
def test_a_metadata_value_that_may_not_be_is_refused_by_its_key(value):
    """CU41-CU43; the value itself is not repeated, since it may be a card number."""
    message = refused(lambda: fields.metadata({"ok": "yes", "bad": value}), "metadata", "bad").message
    assert CARD not in message


@pytest.mark.parametrize("key", ["", "k" * 41, "a b", "a.b", "é", "鍵", "a\0", "\ud800", CARD, CARD + "!", 7])
def test_a_metadata_key_is_40_plain_characters(key):
    """CU40; also a key cannot be a card number."""
    message = refused(lambda: fields.metadata({key: "x"}), "metadata").message
    assert CARD not in message
    assert message.isascii() or "…" in message


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=60))
def test_whatever_is_stored_is_text_that_both_databases_hold(text):
    for rule in (fields.name, fields.reason, fields.email, fields.phone_number):
        try:
            stored = rule(text)
        except Refusal:
            continue
        assert stored is None or ("\0" not in stored and stored.encode())


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(text):
    assert fields.folded_name(fields.folded_name(text)) == fields.folded_name(text)
    assert fields.folded_email(fields.folded_email(text)) == fields.folded_email(text)


def test_folding_knows_more_than_ascii():
    assert fields.folded_name("STRAẞE") == fields.folded_name("straße") == "strasse"
    assert fields.folded_name("Σίσυφος") == fields.folded_name("ΣΊΣΥΦΟΣ")
    assert fields.folded_name("e\u0301") == fields.folded_name("É")
    assert fields.folded_email("Aiko@EXAMPLE.com") == "aiko@example.com"
    assert fields.folded_email("straße@example.com") != fields.folded_email("strasse@example.com")


def test_the_wildcards_of_like_mean_themselves():
    """CU32."""
    assert fields.containing("50%_\\A") == "%50\\%\\_\\\\a%"
