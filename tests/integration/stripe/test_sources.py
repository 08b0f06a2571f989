"""Instruments at Stripe: Stripe's own SDK against recorded wire shapes, over HTTP (`tests/stripe_fake.py`)."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from saifu import logs
from saifu.processors.contract import Attached, CustomerAt, OutcomeUnknown, SourceOrder
from saifu.processors.declines import DeclineCode
from saifu.processors.stripe.api import StripeApi
from saifu.processors.stripe.processor import StripeProcessor
from saifu.refusals import Declined, ErrorCode, Refusal
from tests.stripe_fake import KEY, Fault, shape

ADA = CustomerAt("cus_01", "ada@example.com", "Ada Lovelace")
KNOWN = CustomerAt("cus_01", "ada@example.com", "Ada Lovelace", ref="cus_Sfake")
METHODS = "/v1/payment_methods"
CARD = {
    "brand": "visa",
    "last4": "4242",
    "exp_month": 8,
    "exp_year": 2031,
    "funding": "credit",
    "country": "US",
    "name": "Ada Lovelace",
    "three_d_secure": "optional",
    "cvc_check": "pass",
}


async def test_a_token_becomes_an_instrument_and_the_same_request_gets_the_same_one(stripe, fake):
    """SR22, SR92: the public detail and nothing else of the card."""
    made = await stripe.instrument("tok_1Sfake", "digest-1")
    assert (made.type, made.detail, made.fingerprint) == ("card", CARD, "Xt5EWLLDS7FJjR1c")
    assert await stripe.instrument("tok_1Sfake", "digest-1") == made
    assert len(fake.methods) == 1


async def test_what_stripes_form_made_is_taken_as_it_is(stripe, fake):
    fake.methods["pm_1Sfake"] = shape("payment_method.card")
    assert (await stripe.instrument("pm_1Sfake", "digest-1")).ref == "pm_1Sfake"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("4242424242424242", ErrorCode.INVALID_REQUEST_PARAMETERS),
        ("tok_4242 4242 4242 4242", ErrorCode.INVALID_REQUEST_PARAMETERS),
        ("src_1Sfake", ErrorCode.INVALID_REQUEST_PARAMETERS),
        ("pm_/../customers", ErrorCode.INVALID_REQUEST_PARAMETERS),
        ("", ErrorCode.INVALID_REQUEST_PARAMETERS),
    ],
)
async def test_only_names_of_things_at_stripe_are_tokens(stripe, fake, token, code):
    """S23: a card number is refused before anything is sent, and not repeated."""
    with pytest.raises(Refusal) as refused:
        await stripe.instrument(token, "digest-1")
    assert refused.value.code is code
    assert not token or token not in refused.value.message
    assert not fake.requests


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, "token_already_used", ErrorCode.TOKEN_ALREADY_USED),
        (404, "test_object_in_live", ErrorCode.LIVE_MODE_TEST_CARD),
        (404, "resource_missing", ErrorCode.INVALID_REQUEST_PARAMETERS),
        (402, "card_declined", ErrorCode.PAYMENT_DECLINED),
    ],
)
async def test_a_token_that_stripe_does_not_take_is_refused_with_its_reason(
    stripe, fake, status, error, code
):
    """SR23, SR95."""
    fake.scripted.append((METHODS, status, shape(f"error.{error}")))
    with pytest.raises(Refusal) as refused:
        await stripe.instrument("tok_1Sfake", "digest-1")
    assert refused.value.code is code


async def test_an_expired_token_is_told_from_a_used_one(stripe, fake):
    """SR23: TOKEN_EXPIRED."""
    error = shape("error.token_already_used")
    error["error"]["code"] = "token_expired"
    fake.scripted.append((METHODS, 400, error))
    with pytest.raises(Refusal) as refused:
        await stripe.instrument("tok_1Sfake", "digest-1")
    assert refused.value.code is ErrorCode.TOKEN_EXPIRED


@pytest.mark.parametrize("token", ["tok_visa", "tok_chargeDeclined", "pm_card_visa"])
async def test_in_live_mode_stripes_test_cards_are_refused_without_asking(fake, token):
    """SR95: LIVE_MODE_TEST_CARD."""
    stripe = StripeProcessor(StripeApi(KEY, fake.base), None, livemode=True)
    with pytest.raises(Refusal) as refused:
        await stripe.instrument(token, "digest-1")
    assert refused.value.code is ErrorCode.LIVE_MODE_TEST_CARD
    assert not fake.requests
    await stripe.close()


async def test_a_method_of_a_type_that_we_do_not_charge_is_refused(stripe, fake):
    fake.methods["pm_1Sbank"] = shape("payment_method.us_bank_account")
    with pytest.raises(Refusal) as refused:
        await stripe.instrument("pm_1Sbank", "digest-1")
    assert refused.value.code is ErrorCode.PAYMENT_METHOD_UNSUPPORTED
    assert await stripe.look_up_source("pm_1Sbank") is None


async def test_attaching_checks_a_card_and_keeps_it_for_a_customer_at_stripe(stripe, fake):
    """SR35: a SetupIntent for off-session use; the customer is made once."""
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    attached = await stripe.attach(card.ref, ADA, "src_1")
    assert attached.customer_ref
    assert attached.decline is None
    assert fake.methods[card.ref]["customer"] == attached.customer_ref
    (made,) = fake.sent("/v1/customers")
    assert made.form == {
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "metadata[saifu_customer]": "cus_01",
    }
    setup = fake.sent("/v1/setup_intents")[0]
    assert (setup.form["usage"], setup.headers["idempotency-key"]) == ("off_session", "src_1-setup")


async def test_attaching_again_after_silence_is_attaching_once(stripe, fake):
    """The check was made and its answer lost: the same reference finds it done."""
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    fake.faults.append(Fault("/v1/setup_intents"))
    with pytest.raises(OutcomeUnknown):
        await stripe.attach(card.ref, KNOWN, "src_1")
    assert await stripe.attach(card.ref, KNOWN, "src_1") == Attached("cus_Sfake")
    assert await stripe.attach(card.ref, KNOWN, "src_1") == Attached("cus_Sfake")
    assert len(fake.setups) == 1


async def test_a_customer_who_changed_its_name_in_between_is_no_conflict_of_keys(stripe, fake):
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    renamed = CustomerAt(ADA.id, ADA.email, "Ada King")
    first, second = (
        await stripe.attach(card.ref, ADA, "src_1"),
        await stripe.attach(card.ref, renamed, "src_2"),
    )
    assert first.customer_ref != second.customer_ref


async def test_a_check_that_the_bank_declines_attaches_nothing(stripe, fake):
    """SR35: our code and the raw one; the customer's name at Stripe is kept all the same."""
    fake.methods["pm_card_declined"] = shape("payment_method.card", id="pm_card_declined")
    attached = await stripe.attach("pm_card_declined", KNOWN, "src_1")
    assert attached == Attached("cus_Sfake", DeclineCode.LOST_CARD, "lost_card")


async def test_a_bank_that_wants_to_see_the_holder_lets_nothing_be_attached_unattended(stripe, fake):
    fake.setup_outcome = "setup_intent.requires_action"
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    attached = await stripe.attach(card.ref, KNOWN, "src_1")
    assert attached.decline is DeclineCode.AUTHENTICATION_REQUIRED
    assert fake.sent("/v1/setup_intents")[-1].path.endswith("/cancel")


async def test_a_check_that_cannot_be_given_up_is_told_as_a_decline_all_the_same(stripe, fake):
    """It moves no money."""
    fake.setup_outcome = "setup_intent.requires_action"
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    waiting = shape("setup_intent.requires_action")
    fake.scripted += [("/v1/setup_intents", 200, waiting), ("/v1/setup_intents", 200, waiting)]
    fake.scripted.append(("/v1/setup_intents", 400, shape("error.intent_unexpected_state")))
    attached = await stripe.attach(card.ref, KNOWN, "src_1")
    assert attached.decline is DeclineCode.AUTHENTICATION_REQUIRED


async def test_a_check_without_a_verdict_is_a_decline(stripe, fake):
    fake.setup_outcome = "setup_intent.succeeded"
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    left = shape("setup_intent.succeeded", status="requires_payment_method")
    left["last_setup_error"] = {"code": "setup_intent_authentication_failure"}
    fake.scripted += [("/v1/setup_intents", 200, left), ("/v1/setup_intents", 200, left)]
    attached = await stripe.attach(card.ref, KNOWN, "src_1")
    assert attached.decline is DeclineCode.AUTHENTICATION_FAILURE


@pytest.mark.parametrize("path", ["/v1/setup_intents", "/v1/customers"])
async def test_what_stripe_does_not_keep_is_not_chargeable(stripe, fake, path):
    """SR30: a method that was used up by a charge without its customer."""
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    fake.scripted.append((path, 400, shape("error.method_used_up")))
    with pytest.raises(Refusal) as refused:
        await stripe.attach(card.ref, ADA, "src_1")
    assert refused.value.code is ErrorCode.SOURCE_NOT_CHARGEABLE


async def test_what_is_not_there_cannot_be_attached(stripe, fake):
    with pytest.raises(Refusal) as refused:
        await stripe.attach("pm_gone", KNOWN, "src_1")
    assert refused.value.code is ErrorCode.SOURCE_NOT_CHARGEABLE


async def test_detaching_forgets_and_what_is_not_known_is_no_error(stripe, fake):
    """SR71."""
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    await stripe.attach(card.ref, KNOWN, "src_1")
    await stripe.detach(card.ref)
    await stripe.detach("pm_gone")
    assert fake.methods[card.ref]["customer"] is None


def an_order(kind: str = "sepa_debit", iban: str = "DE89370400440532013000") -> SourceOrder:
    owner = {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone": None,
        "address": {
            "country": "DE",
            "city": "Berlin",
            "street": "Mauerstr. 1",
            "zipcode": "10117",
            "state": None,
        },
    }
    return SourceOrder("src_1", kind, None, "EUR", owner, None, {"iban": iban})


async def test_a_bank_debit_is_made_of_an_iban_that_goes_to_stripe_alone(stripe, fake):
    """SR24, SR94: what comes back has its last four."""
    made = await stripe.create_source(an_order())
    (sent,) = fake.sent(METHODS)
    assert made.detail == {"country": "DE", "bank_code": "37040044", "last4": "3000"}
    assert (made.redirect_url, made.receiver_address) == (None, None)
    assert "DE89370400440532013000" not in repr(made)
    assert sent.form["billing_details[address][line1]"] == "Mauerstr. 1"
    assert sent.form["billing_details[address][postal_code]"] == "10117"
    assert await stripe.create_source(an_order()) == made


async def test_a_bank_debit_is_attached_with_a_mandate(stripe, fake):
    """SR80."""
    made = await stripe.create_source(an_order())
    assert (await stripe.attach(made.ref, KNOWN, "src_1")).decline is None
    confirmed = fake.sent("/v1/setup_intents")[-1]
    assert confirmed.form["mandate_data[customer_acceptance][type]"] == "offline"


async def test_an_iban_that_stripe_does_not_take_is_refused(stripe, fake):
    """SR24: INVALID_BANK_ACCOUNT_IBAN."""
    with pytest.raises(Refusal) as refused:
        await stripe.create_source(an_order(iban="XX00"))
    assert refused.value.code is ErrorCode.INVALID_BANK_ACCOUNT_IBAN


async def test_what_else_is_wrong_with_a_bank_account_is_an_invalid_request(stripe, fake):
    fake.scripted.append((METHODS, 400, shape("error.amount_too_small")))
    with pytest.raises(Refusal) as refused:
        await stripe.create_source(an_order())
    assert refused.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS


@pytest.mark.parametrize("kind", ["ideal", "ach_debit", "ach_credit_transfer", "upi", "multibanco"])
async def test_what_stripe_cannot_do_in_our_steps_is_unsupported(stripe, fake, kind):
    """sources.md §2: 422 PAYMENT_METHOD_UNSUPPORTED."""
    with pytest.raises(Refusal) as refused:
        await stripe.create_source(an_order(kind))
    assert refused.value.code is ErrorCode.PAYMENT_METHOD_UNSUPPORTED
    assert not fake.requests


async def test_no_source_is_verified_by_a_code(stripe):
    """SR26 belongs to ach_debit, which is not made here."""
    with pytest.raises(Refusal) as refused:
        await stripe.verify("pm_1Sfake", "123456")
    assert refused.value.code is ErrorCode.UNSUPPORTED_ACTION


async def test_a_source_is_looked_up_with_the_new_date_of_a_replaced_card(stripe, fake):
    card = await stripe.instrument("tok_1Sfake", "digest-1")
    fake.methods[card.ref]["card"]["exp_year"] = 2036
    report = await stripe.look_up_source(card.ref)
    assert report
    assert (report.status, report.detail["exp_year"]) == ("chargeable", 2036)
    assert await stripe.look_up_source("pm_gone") is None


async def test_a_revoked_mandate_makes_its_source_fail(stripe, fake):
    """SR12, SR84."""
    made = await stripe.create_source(an_order())
    report = await stripe.look_up_source(made.ref)
    assert report
    assert report.status == "chargeable"
    fake.setups["seti_1"] = shape("setup_intent.mandate_inactive", payment_method=made.ref)
    report = await stripe.look_up_source(made.ref)
    assert report
    assert (report.status, report.failure_reason) == ("failed", "mandate_revoked")


async def test_a_look_up_that_stripe_refuses_is_no_answer(stripe, fake):
    fake.scripted.append((METHODS, 400, shape("error.method_used_up")))
    with pytest.raises(OutcomeUnknown):
        await stripe.look_up_source("pm_1Sfake")


async def test_a_decline_at_tokenisation_says_what_the_customer_may_read(stripe, fake):
    fake.scripted.append((METHODS, 402, shape("error.card_declined")))
    with pytest.raises(Declined) as declined:
        await stripe.instrument("tok_1Sfake", "digest-1")
    assert declined.value.decline_code == DeclineCode.INSUFFICIENT_FUNDS


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that the process logs at the most talkative level; it is as it was afterwards."""
    root, output = logging.getLogger(), io.StringIO()
    before = (root.handlers, root.level)
    logs.configure("json", "debug", output)
    yield output
    root.handlers, root.level = before
    logging.captureWarnings(False)
    structlog.reset_defaults()


async def test_neither_an_account_number_nor_the_key_is_ever_logged(stripe, fake, logged):
    """SR94, S22: the SDK would log whole requests and answers."""
    fake.faults.append(Fault(METHODS, status=500))
    with pytest.raises(OutcomeUnknown):
        await stripe.create_source(an_order())
    await stripe.create_source(an_order())
    fake.scripted.append((METHODS, 400, shape("error.invalid_iban")))
    with pytest.raises(Refusal):
        await stripe.create_source(an_order(iban="DE02120300000000202051"))
    said = logged.getvalue()
    assert "stripe_did_not_answer" in said
    assert not any(secret in said for secret in ("DE89370400440532013000", "DE021203", KEY, "Ada"))
