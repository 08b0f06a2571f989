"""Disputes at Stripe: Stripe's own SDK against recorded wire shapes, over HTTP (`tests/stripe_fake.py`)."""

from datetime import UTC, datetime

import pytest

from saifu.processors.contract import DisputeReport, OutcomeUnknown
from saifu.refusals import ErrorCode, Refusal
from tests.stripe_fake import Fault, a_charge, shape

DISPUTE = "du_1Sfake"


@pytest.fixture
async def disputed(stripe, fake):
    """A charge of ours that its customer disputes; the value is the charge."""
    charge = a_charge()
    answer = await stripe.charge(charge)
    fake.disputes[DISPUTE] = shape("dispute.needs_response", payment_intent=answer.processor_ref)
    return charge


async def test_a_dispute_is_read_with_the_payment_it_is_about(stripe, fake, disputed):
    """PM50."""
    assert await stripe.look_up_dispute(DISPUTE) == DisputeReport(
        processor_ref=DISPUTE,
        charge_reference=disputed.reference,
        amount_minor=1099,
        currency="USD",
        stage="dispute",
        reason="fraudulent",
        outcome=None,
        respond_by=datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("status", "stage", "outcome"),
    [
        ("warning_needs_response", "pre_dispute", None),
        ("warning_under_review", "pre_dispute", None),
        ("warning_closed", "pre_dispute", "cancelled"),
        ("needs_response", "dispute", None),
        ("under_review", "dispute", None),
        ("won", "dispute", "won"),
        ("lost", "dispute", "lost"),
        ("prevented", "pre_dispute", "lost"),
        ("appeal_needs_response", "pre_arbitration", None),
        ("appeal_under_review", "pre_arbitration", None),
        ("something_new", "dispute", None),
    ],
)
async def test_each_status_is_a_stage_and_perhaps_an_outcome(stripe, fake, disputed, status, stage, outcome):
    fake.disputes[DISPUTE] |= {"status": status, "evidence_details": {}}
    report = await stripe.look_up_dispute(DISPUTE)
    assert report
    assert (report.stage, report.outcome, report.respond_by) == (stage, outcome, None)


async def test_a_dispute_of_somebody_elses_charge_is_none_of_ours(stripe, fake):
    """The account may be used by other programs too."""
    fake.intents["pi_other"] = shape("payment_intent.succeeded", id="pi_other")
    fake.disputes[DISPUTE] = shape("dispute.needs_response", payment_intent="pi_other")
    assert await stripe.look_up_dispute(DISPUTE) is None
    fake.disputes[DISPUTE] = shape("dispute.needs_response", payment_intent=None)
    assert await stripe.look_up_dispute(DISPUTE) is None
    assert await stripe.look_up_dispute("du_gone") is None


async def test_evidence_is_submitted_once(stripe, fake, disputed):
    """PM51: the text goes in final form."""
    fake.faults.append(Fault("/v1/disputes"))
    with pytest.raises(OutcomeUnknown):
        await stripe.submit_evidence(DISPUTE, "They were there.")
    report = await stripe.submit_evidence(DISPUTE, "They were there.")
    first, second = fake.sent("/v1/disputes")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.form["evidence[uncategorized_text]"] == "They were there."
    assert first.form["submit"] == "true"
    assert (report.charge_reference, report.outcome) == (disputed.reference, None)


async def test_a_dispute_is_accepted(stripe, fake, disputed):
    """PM52."""
    assert (await stripe.accept_dispute(DISPUTE)).outcome == "lost"


async def test_what_was_done_before_is_done_though_stripe_refuses_the_repetition(stripe, fake, disputed):
    """More than a day later the key is forgotten: the dispute itself says whether it was our answer."""
    await stripe.submit_evidence(DISPUTE, "They were there.")
    fake.disputes[DISPUTE] |= {
        "evidence": {"uncategorized_text": "They were there."},
        "evidence_details": {"submission_count": 1},
    }
    fake.scripted.append(("/v1/disputes", 400, shape("error.dispute_closed")))
    assert (await stripe.submit_evidence(DISPUTE, "They were there.")).outcome is None
    fake.disputes[DISPUTE]["status"] = "lost"
    fake.scripted.append(("/v1/disputes", 400, shape("error.dispute_closed")))
    assert (await stripe.accept_dispute(DISPUTE)).outcome == "lost"


async def test_what_is_over_cannot_be_challenged(stripe, fake, disputed):
    """DISPUTE_NOT_CHALLENGEABLE."""
    await stripe.accept_dispute(DISPUTE)
    with pytest.raises(Refusal) as refused:
        await stripe.submit_evidence(DISPUTE, "They were there.")
    assert refused.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE


async def test_an_answer_about_a_charge_that_is_not_ours_is_no_answer(stripe, fake):
    fake.disputes[DISPUTE] = shape("dispute.needs_response", payment_intent=None)
    with pytest.raises(OutcomeUnknown):
        await stripe.accept_dispute(DISPUTE)
