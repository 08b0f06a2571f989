"""Charges at Stripe: Stripe's own SDK against recorded wire shapes, over HTTP (`tests/stripe_fake.py`).

What `localstripe` can answer by itself is asked in `test_localstripe.py`.
"""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from saifu.ids import new_id
from saifu.processors.contract import ChargeAnswer, ChargeState, OutcomeUnknown
from saifu.processors.declines import DeclineCode
from saifu.processors.stripe import api, intents
from tests.stripe_fake import Fault, a_charge, shape

INTENTS = "/v1/payment_intents"
ANSWERED_LATE = [
    Fault(INTENTS),
    Fault(INTENTS, hang=True),
    Fault(INTENTS, status=500),
    Fault(INTENTS, status=503),
    Fault(INTENTS, status=409, error="idempotency_key_in_use"),
]
NEVER_DONE = [
    Fault(INTENTS, done=False),
    Fault(INTENTS, done=False, status=500),
    Fault(INTENTS, done=False, status=429, error="rate_limit"),
    Fault(INTENTS, done=False, status=401, error="invalid_key"),
    Fault(INTENTS, done=False, status=409, error="idempotency_key_in_use"),
]


async def test_a_charge_is_one_intent_with_our_reference_as_key_and_as_metadata(stripe, fake):
    """W46, PM29: what is sent, field by field."""
    charge = a_charge(
        customer_id="cus_01",
        customer_ref="cus_Sfake",
        description="Order 7",
        statement_descriptor="ACME",
        source_id="src_1",
    )
    answer = await stripe.charge(charge)
    (sent,) = fake.sent(INTENTS)
    assert answer.state is ChargeState.SUCCEEDED
    assert answer.processor_ref in fake.intents
    assert sent.headers["idempotency-key"] == charge.reference
    assert sent.headers["stripe-version"] == api.API_VERSION
    assert sent.form == {
        "amount": "1099",
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "payment_method_types[0]": "card",
        "customer": "cus_Sfake",
        "confirm": "true",
        "off_session": "true",
        "description": "Order 7",
        "statement_descriptor_suffix": "ACME",
        "metadata[saifu_reference]": charge.reference,
        "metadata[saifu_action]": "none",
        "metadata[saifu_customer]": "cus_01",
        "metadata[saifu_source]": "src_1",
        "expand[0]": "latest_charge",
    }


async def test_the_same_reference_twice_is_one_charge(stripe, fake):
    """W46: Stripe keeps the answer under the idempotency key."""
    charge = a_charge()
    first, second = await stripe.charge(charge), await stripe.charge(charge)
    assert first == second
    assert fake.charged == {charge.reference: 1}


@pytest.mark.parametrize("fault", ANSWERED_LATE, ids=repr)
async def test_a_charge_that_was_made_and_not_answered_is_found_and_never_made_again(
    stripe, fake, fault, another
):
    """PM29, RELIABILITY §3.4: the money moved, the answer was lost; a process that knows nothing finds it."""
    charge = a_charge()
    fake.faults.append(fault)
    with pytest.raises(OutcomeUnknown):
        await stripe.charge(charge)
    elsewhere = another()
    found = await elsewhere.look_up(charge.reference)
    assert found
    assert found.state is ChargeState.SUCCEEDED
    assert await elsewhere.charge(charge) == found
    assert fake.charged == {charge.reference: 1}


async def test_a_failure_that_stripe_keeps_under_the_key_is_looked_up_and_not_repeated(stripe, fake):
    """A 500 of a request that was begun is its answer for a day, although the money has moved."""
    charge = a_charge()
    fake.faults.append(Fault(INTENTS, status=500, kept=True))
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await stripe.charge(charge)
    found = await stripe.look_up(charge.reference)
    assert found
    assert found.state is ChargeState.SUCCEEDED
    assert fake.charged == {charge.reference: 1}


@pytest.mark.parametrize("fault", NEVER_DONE, ids=repr)
async def test_a_charge_that_was_never_made_is_certainly_not_there_and_can_be_sent_again(stripe, fake, fault):
    """A refusal of this one request (429, 401) is as unknown as silence: the one before may have come through."""
    charge = a_charge()
    fake.faults.append(fault)
    with pytest.raises(OutcomeUnknown):
        await stripe.charge(charge)
    assert await stripe.look_up(charge.reference) is None
    assert (await stripe.charge(charge)).state is ChargeState.SUCCEEDED
    assert fake.charged == {charge.reference: 1}


async def test_the_sdk_sends_nothing_again_by_itself(stripe, fake):
    """Its two retries by default are off: every attempt is ours."""
    fake.faults += [Fault(INTENTS, done=False), Fault(INTENTS, done=False)]
    with pytest.raises(OutcomeUnknown):
        await stripe.charge(a_charge())
    assert len(fake.sent(INTENTS)) == 1


async def test_a_key_that_stripe_does_not_take_is_an_error_for_operators(another):
    stripe = another(key="sk_test_revoked1234")
    with capture_logs() as logs, pytest.raises(OutcomeUnknown):
        await stripe.charge(a_charge())
    assert [(line["event"], line["log_level"], line["status"]) for line in logs] == [
        ("stripe_refuses_us", "error", 401)
    ]


async def test_a_key_used_for_another_charge_is_never_taken_for_an_answer(stripe, fake):
    """Stripe's idempotency_error: the earlier request under this key has its own outcome."""
    charge = a_charge()
    await stripe.charge(charge)
    with capture_logs() as logs, pytest.raises(OutcomeUnknown):
        await stripe.charge(replace(charge, amount_minor=1))
    assert logs[0]["event"] == "stripe_refuses_us"
    found = await stripe.look_up(charge.reference)
    assert found
    assert found.state is ChargeState.SUCCEEDED


async def test_a_decline_is_an_answer_with_the_banks_reason(stripe, fake, another):
    """PM28, PM31: the 402 carries the intent; our code and the raw one."""
    charge = a_charge("pm_card_declined")
    answer = await stripe.charge(charge)
    assert (answer.state, answer.code, answer.raw_code) == (
        ChargeState.DECLINED,
        DeclineCode.INSUFFICIENT_FUNDS,
        "insufficient_funds",
    )
    assert answer.processor_ref in fake.intents
    assert await another().look_up(charge.reference) == answer


async def test_a_reason_that_nobody_knows_is_unknown_error_and_kept_raw(stripe, fake):
    """PM31."""
    error = shape("error.card_declined")
    error["error"]["decline_code"] = "brand_new_reason"
    fake.scripted.append((INTENTS, 402, error))
    answer = await stripe.charge(a_charge())
    assert (answer.code, answer.raw_code) == (DeclineCode.UNKNOWN_ERROR, "brand_new_reason")


async def test_off_session_nobody_can_authenticate(stripe, fake):
    """PM19a, SR66: Stripe's authentication_required is a decline."""
    answer = await stripe.charge(a_charge("pm_card_needs_holder"))
    assert (answer.state, answer.code) == (ChargeState.DECLINED, DeclineCode.AUTHENTICATION_REQUIRED)


async def test_on_session_the_customer_is_sent_to_the_bank_and_comes_back(stripe, fake):
    """PM14, PM16: an address to go to, then the success with what 3-D Secure said."""
    fake.outcome = "payment_intent.requires_action"
    charge = a_charge(on_session=True, return_url="https://shop.example/back")
    answer = await stripe.charge(charge)
    (sent,) = fake.sent(INTENTS)
    assert answer.state is ChargeState.ACTION_REQUIRED
    assert answer.action_url
    assert answer.action_url.startswith("https://hooks.stripe.com/3d_secure_2/")
    assert sent.form["return_url"] == "https://shop.example/back"
    assert "off_session" not in sent.form
    assert answer.processor_ref
    fake.authenticate(answer.processor_ref)
    assert await stripe.look_up(charge.reference) == ChargeAnswer(
        ChargeState.SUCCEEDED,
        answer.processor_ref,
        three_ds={"status": "authenticated", "flow": "challenge", "version": "2.2.0"},
    )


@pytest.mark.parametrize("waiting", ["requires_action_by_sdk", "requires_confirmation"])
async def test_what_nobody_will_complete_is_cancelled_before_it_is_called_declined(stripe, fake, waiting):
    """PM19a: an intent left open could succeed after its payment has failed."""
    fake.outcome = f"payment_intent.{waiting}"
    charge = a_charge()
    answer = await stripe.charge(charge)
    assert answer.state is ChargeState.DECLINED
    assert answer.processor_ref
    assert fake.intents[answer.processor_ref]["status"] == "canceled"
    again = await stripe.look_up(charge.reference)
    assert again
    assert again.state is ChargeState.DECLINED


async def test_what_could_not_be_given_up_is_told_as_it_stands(stripe, fake):
    """The customer was quicker than the cancellation: Stripe refuses it, and the money has moved."""
    fake.outcome = "payment_intent.requires_action_by_sdk"
    fake.scripted.append((INTENTS, 200, shape("payment_intent.requires_action_by_sdk", id="pi_quick")))
    fake.intents["pi_quick"] = shape("payment_intent.succeeded", id="pi_quick")
    assert (await stripe.charge(a_charge())).state is ChargeState.SUCCEEDED


@pytest.mark.parametrize("left", ["payment_intent.requires_confirmation", None])
async def test_what_can_neither_be_given_up_nor_read_is_unknown(stripe, fake, left):
    """Stripe refuses the cancellation, and does not say why the intent still waits."""
    waiting = shape("payment_intent.requires_confirmation", id="pi_odd")
    fake.scripted += [(INTENTS, 200, waiting), (INTENTS, 400, shape("error.intent_unexpected_state"))]
    if left:
        fake.intents["pi_odd"] = shape(left, id="pi_odd")
    with pytest.raises(OutcomeUnknown):
        await stripe.charge(a_charge())


async def test_an_answer_that_is_no_object_is_no_answer(stripe, fake):
    """Whatever stands between us and Stripe may answer 200 with anything."""
    fake.scripted.append((INTENTS, 200, []))
    with pytest.raises(OutcomeUnknown):
        await stripe.charge(a_charge())


async def test_a_remembered_intent_that_is_gone_is_looked_for(stripe, fake):
    """As when the test data of an account were deleted: what is in mind is a hint."""
    charge = a_charge()
    answer = await stripe.charge(charge)
    del fake.intents[answer.processor_ref]
    assert await stripe.look_up(charge.reference) is None


async def test_a_bank_debit_is_on_its_way(stripe, fake):
    """SR67, SR80: with the mandate that we hold."""
    fake.outcome = "payment_intent.processing"
    answer = await stripe.charge(a_charge("pm_sepa", instrument_type="sepa_debit", currency="EUR"))
    (sent,) = fake.sent(INTENTS)
    assert answer.state is ChargeState.PROCESSING
    assert sent.form["mandate_data[customer_acceptance][type]"] == "offline"
    assert sent.form["payment_method_types[0]"] == "sepa_debit"
    assert "off_session" not in sent.form


@pytest.mark.parametrize(("owner", "is_asked"), [("cus_Sfake", False), (None, True)])
async def test_the_mandate_of_a_bank_debit_is_given_once(stripe, fake, owner, is_asked):
    """SR80: Stripe has had that of an attached one since it was attached."""
    fake.methods["pm_sepa"] = shape("payment_method.sepa_debit", id="pm_sepa", customer=owner)
    debit = a_charge(
        "pm_sepa",
        instrument_type="sepa_debit",
        currency="EUR",
        customer_id="cus_01",
        customer_ref="cus_Sfake",
        is_attached=owner is not None,
    )
    assert (await stripe.charge(debit)).state is ChargeState.SUCCEEDED
    (sent,) = fake.sent(INTENTS)
    assert ("mandate_data[customer_acceptance][type]" in sent.form) is is_asked
    assert ("off_session" in sent.form) is not is_asked


async def test_cancelling_gives_up_what_waits_and_leaves_what_is_done(stripe, fake):
    """PM18."""
    assert await stripe.cancel(new_id("pay")) is None
    paid = a_charge()
    await stripe.charge(paid)
    left = await stripe.cancel(paid.reference)
    assert left
    assert left.state is ChargeState.SUCCEEDED
    fake.outcome = "payment_intent.requires_action"
    waiting = a_charge(on_session=True, return_url="https://shop.example/back")
    await stripe.charge(waiting)
    given_up = await stripe.cancel(waiting.reference)
    assert given_up
    assert given_up.state is ChargeState.CANCELLED


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("resource_missing", 404, DeclineCode.INVALID_REQUEST),
        ("amount_too_small", 400, DeclineCode.INVALID_AMOUNT),
        ("test_object_in_live", 400, DeclineCode.LIVE_MODE_TEST_CARD),
    ],
)
async def test_a_request_that_makes_no_sense_to_stripe_is_declined(stripe, fake, error, status, code):
    fake.scripted.append((INTENTS, status, shape(f"error.{error}")))
    answer = await stripe.charge(a_charge())
    assert (answer.state, answer.code) == (ChargeState.DECLINED, code)


async def test_a_repetition_that_is_refused_because_the_first_used_up_the_card_is_no_decline(
    stripe, fake, another
):
    """More than a day later the key is forgotten: the 400 is no answer, the list is."""
    charge = a_charge()
    first = await stripe.charge(charge)
    fake.scripted.append((INTENTS, 400, shape("error.method_used_up")))
    assert await another().charge(charge) == first


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "KWD", "amount_minor": 1001}, DeclineCode.INVALID_AMOUNT),
        ({"instrument_type": "ideal"}, DeclineCode.PAYMENT_METHOD_UNSUPPORTED),
    ],
)
async def test_what_stripe_cannot_charge_is_not_sent(stripe, fake, changes, code):
    assert (await stripe.charge(a_charge(**changes))).code is code
    assert not fake.requests


async def test_a_look_up_reads_page_after_page_and_not_for_ever(stripe, fake, monkeypatch, another):
    """A list that cannot be read to its end is no proof that nothing is there."""
    monkeypatch.setattr(api, "PAGE_SIZE", 2)
    charge = a_charge()
    await stripe.charge(charge)
    for _ in range(5):
        await stripe.charge(a_charge())
    found = await another().look_up(charge.reference)
    assert found
    assert found.state is ChargeState.SUCCEEDED
    monkeypatch.setattr(api, "MAX_PAGES", 2)
    with pytest.raises(OutcomeUnknown):
        await another().look_up(new_id("pay"))


async def test_a_look_up_finds_a_charge_whatever_our_clock_said(stripe, fake, another):
    """The instant in our id is where the search begins, not where it ends."""
    for shift_s in (-7200, 7200):
        charge = a_charge()
        answer = await stripe.charge(charge)
        assert answer.processor_ref
        fake.intents[answer.processor_ref]["created"] += shift_s
        assert await another().look_up(charge.reference) == answer


async def test_the_instant_of_an_id_is_read_from_it():
    assert intents.made_at_s("pay_01ARZ3NDEKTSV4RRFFQ69G5FAV") == 1469922850
    assert intents.made_at_s("pay_of_somebody_else") is None


async def test_many_charges_at_once_of_one_reference_are_one(stripe, fake):
    charge = a_charge()
    answers = await asyncio.gather(*(stripe.charge(charge) for _ in range(10)))
    assert len(set(answers)) == 1
    assert fake.charged == {charge.reference: 1}
