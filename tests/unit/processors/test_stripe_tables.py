"""What the Stripe adapter knows by heart: reasons for declines, amounts, and which keys belong to which mode."""

import pytest
import stripe

from saifu.money import exponent, iso_4217
from saifu.processors.declines import DeclineCode
from saifu.processors.stripe import api
from saifu.processors.stripe.amounts import from_stripe, stripe_exponent, to_stripe
from saifu.processors.stripe.api import Refused
from saifu.processors.stripe.declines import TABLE, decline_code
from saifu.processors.stripe.instruments import is_test_card, is_token
from saifu.processors.stripe.processor import StripeProcessor
from saifu.settings import Settings, SettingsError

# payments.md §4, below the table.
TEST_OUTCOMES = {
    "generic_decline": "GENERIC_DECLINE",
    "insufficient_funds": "INSUFFICIENT_FUNDS",
    "lost_card": "LOST_CARD",
    "stolen_card": "STOLEN_CARD",
    "expired_card": "EXPIRED_CARD",
    "incorrect_cvc": "INCORRECT_CVC",
    "processing_error": "PROCESSING_ERROR",
    "incorrect_number": "INCORRECT_NUMBER",
    "card_velocity_exceeded": "CARD_VELOCITY_EXCEEDED",
    "fraudulent": "FRAUDULENT",
    "authentication_required": "AUTHENTICATION_REQUIRED",
    "do_not_honor": "DO_NOT_HONOR",
    "pickup_card": "PICKUP_CARD",
}
TEST = {
    "stripe_secret_key": "sk_test_51HExample",
    "stripe_publishable_key": "pk_test_51HExample",
    "stripe_webhook_secret": "whsec_Example1",
}
LIVE = {
    "mode": "live",
    "stripe_secret_key": "rk_live_51HExample",
    "stripe_publishable_key": "pk_live_51HExample",
    "stripe_webhook_secret": "whsec_Example1",
}


@pytest.mark.parametrize(("raw", "code"), TEST_OUTCOMES.items())
def test_stripes_test_outcomes_are_the_codes_of_the_specification(raw, code):
    assert decline_code(raw) == code
    assert decline_code(raw.upper()) == code, "PM35: in any case"


@pytest.mark.parametrize("raw", [None, "", "brand_new_reason"])
def test_a_reason_that_is_not_in_the_table_is_unknown(raw):
    """PM31."""
    assert decline_code(raw) is DeclineCode.UNKNOWN_ERROR


def test_no_reason_that_would_help_a_thief_becomes_one_that_is_told():
    """PM32: what Stripe asks to present as a generic decline is masked with us, or says nothing."""
    masked = {
        "lost_card",
        "stolen_card",
        "pickup_card",
        "fraudulent",
        "restricted_card",
        "merchant_blacklist",
    }
    codes = {DeclineCode.LOST_CARD, DeclineCode.STOLEN_CARD, DeclineCode.PICKUP_CARD, DeclineCode.FRAUDULENT}
    assert {raw for raw, code in TABLE.items() if code in codes} == masked


def test_the_table_is_keyed_as_stripe_writes():
    assert all(raw == raw.lower() for raw in TABLE)


@pytest.mark.parametrize(
    ("currency", "ours", "theirs"),
    [
        ("USD", 1099, 1099),
        ("INR", 1, 1),
        ("JPY", 500, 500),  # none with us, none with Stripe
        ("KRW", 500, 500),
        ("XOF", 500, 500),
        ("CLP", 500, 500),
        ("ISK", 40, 4000),  # none in life, written with two: multiples of 100
        ("UGX", 5, 500),
        ("HUF", 1001, 1001),  # special for payouts only
        ("TWD", 80045, 80045),
        ("LBP", 1500, 150_000),  # CLDR has dropped the decimals, Stripe has not
        ("KWD", 5120, 5120),  # three decimals, the last of them 0
        ("BHD", 10, 10),
        ("KWD", 5123, None),
        ("TND", 1, None),
    ],
)
def test_amounts_are_written_as_stripe_reads_them(currency, ours, theirs):
    assert to_stripe(ours, currency) == theirs
    if theirs is not None:
        assert from_stripe(theirs, currency) == ours


def test_every_currency_comes_back_as_it_went():
    """A whole unit of each currency, and as many minor units as Stripe's table of decimals says."""
    for currency in iso_4217():
        whole = 10 ** exponent(currency)
        sent = to_stripe(whole, currency) or 0
        assert sent == 10 ** stripe_exponent(currency), currency
        assert from_stripe(sent, currency) == whole


def test_a_fraction_that_we_do_not_have_is_rounded():
    """C3: Stripe may give 40.10 ISK of an old charge."""
    assert from_stripe(4010, "ISK") == 40
    assert from_stripe(4050, "ISK") == 41


@pytest.mark.parametrize(
    ("text", "token", "test_card"),
    [
        ("tok_visa", True, True),
        ("tok_visa_debit", True, True),
        ("pm_card_visa", True, True),
        ("pm_card_visa_chargeDeclined", True, True),
        ("tok_1MzvVQ2eZvKYlo2CAbCdEfGh", True, False),
        ("pm_1MzvVQ2eZvKYlo2CAbCdEfGh", True, False),
        ("card_1MzvVQ2eZvKYlo2C", False, False),
        ("4242424242424242", False, False),
        ("pm_1\n", False, False),
    ],
)
def test_tokens_are_told_from_everything_else(text, token, test_card):
    assert (is_token(text), is_test_card(text)) == (token, test_card)


def test_the_version_of_the_api_is_the_one_whose_shapes_were_read():
    """A new SDK that speaks a newer one is a reason to read its changelog, and to write both down here."""
    assert stripe.api_version == api.API_VERSION
    assert stripe.enable_telemetry is False


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"stripe_secret_key": None}, "SAIFU_STRIPE_SECRET_KEY"),
        ({"stripe_secret_key": "sk_live_51HExample"}, "SAIFU_STRIPE_SECRET_KEY"),
        ({"stripe_secret_key": "rk_live_51HExample"}, "SAIFU_STRIPE_SECRET_KEY"),
        ({"stripe_publishable_key": "pk_live_51HExample"}, "SAIFU_STRIPE_PUBLISHABLE_KEY"),
        (LIVE | {"stripe_secret_key": "sk_test_51HExample"}, "SAIFU_STRIPE_SECRET_KEY"),
        (LIVE | {"stripe_publishable_key": "pk_test_51HExample"}, "SAIFU_STRIPE_PUBLISHABLE_KEY"),
        (LIVE | {"stripe_webhook_secret": None}, "SAIFU_STRIPE_WEBHOOK_SECRET"),
        (LIVE | {"stripe_api_base": "http://127.0.0.1:8420"}, "SAIFU_STRIPE_API_BASE"),
    ],
)
def test_keys_of_the_other_mode_stop_the_start_with_a_text_that_helps_and_no_key(changes, variable):
    """Play money in earnest, or real money in play."""
    given = TEST | changes
    with pytest.raises(SettingsError, match=variable) as refused:
        StripeProcessor.of(Settings.model_validate(given))
    assert len(refused.value.problems) == 1
    assert "51HExample" not in str(refused.value)


@pytest.mark.parametrize("given", [TEST, LIVE, TEST | {"stripe_publishable_key": None}])
async def test_keys_of_the_installations_mode_are_taken(given):
    processor = StripeProcessor.of(Settings.model_validate(given))
    assert processor.name == "stripe"
    await processor.close()


@pytest.mark.parametrize(
    ("code", "decline", "message", "of_test_mode"),
    [
        ("card_declined", "live_mode_test_card", "", True),
        ("livemode_mismatch", None, "", True),
        ("resource_missing", None, "a similar object exists in test mode, but", True),
        ("resource_missing", None, "No such token", False),
    ],
)
def test_a_test_card_in_live_mode_is_recognised_by_what_stripe_says(code, decline, message, of_test_mode):
    refused = Refused(400, code, decline, None, message, None)
    assert refused.is_of_test_mode is of_test_mode
