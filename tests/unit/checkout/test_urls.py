"""Addresses that customers are sent to (PM80, PM82, SR25)."""

import pytest

from saifu.checkout import urls
from saifu.refusals import ErrorCode, Refusal

GOOD = "https://shop.example/thanks?a=1#top"


@pytest.mark.parametrize(
    "url",
    [
        "/thanks", "shop.example/thanks", "ftp://shop.example/", "javascript:alert(1)", "data:text/html,x",
        "https://", "https:///x", "https://me@shop.example/", "https://me:secret@shop.example/", "https://@shop.example/",
        "https://shop.example/a b", "https://shop.example/\n", "https://shöp.example/", "https://shop.example\\@evil.example/",
        "https://shop.example:port/", "https://[::1/", "https://shop.example/" + "x" * 2_048, "", "https://a\0b.example/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_page_is_refused(url: str) -> None:
    with pytest.raises(Refusal) as no:
        urls.checked(url, live=False, field="returnUrl")
    assert (no.value.code, no.value.path) == (ErrorCode.INVALID_REQUEST_PARAMETERS, ("input", "returnUrl"))


def test_plain_http_is_for_test_mode() -> None:
    assert urls.checked("http://localhost:3000/x", live=False, field="returnUrl") == "http://localhost:3000/x"
    with pytest.raises(Refusal):
        urls.checked("http://shop.example/", live=True, field="returnUrl")
    assert urls.checked(GOOD, live=True, field="returnUrl") == GOOD
    assert urls.checked(None, live=True, field="returnUrl") is None


@pytest.mark.parametrize(
    ("url", "outcome", "wanted"),
    [
        (
            "https://shop.example/r",
            {"payment_id": "pay_1", "status": "succeeded", "email": "customer@example.com"},
            "https://shop.example/r?payment_id=pay_1&status=succeeded&email=customer%40example.com",
        ),
        (
            "https://shop.example/r?status=hoped&a=&b=1&b=2&status=again#x",
            {"status": "failed"},
            "https://shop.example/r?a=&b=1&b=2&status=failed#x",
        ),
        (
            "https://shop.example/r?q=a%20b%26c",
            {"email": "a+b&c=d@e.f"},
            "https://shop.example/r?q=a%20b%26c&email=a%2Bb%26c%3Dd%40e.f",
        ),
    ],
)
def test_the_shops_parameters_stay_and_ours_win(url: str, outcome: dict[str, str], wanted: str) -> None:
    """PM80."""
    assert urls.with_outcome(url, outcome) == wanted
