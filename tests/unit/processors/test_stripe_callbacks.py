"""Webhooks of Stripe: who signed them, and what they hint at (S18). Bodies are recorded wire shapes."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from stripe import WebhookSignature
from structlog.testing import capture_logs

from saifu.processors.contract import Callback, CallbackKind, ForgedCallback
from saifu.processors.stripe.api import StripeApi
from saifu.processors.stripe.callbacks import EVENTS
from saifu.processors.stripe.processor import StripeProcessor
from tests.stripe_fake import KEY, WEBHOOK_SECRET, shape, signed

NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
AT = NOW.timestamp()
OURS = {"saifu_reference": "pay_01"}


@cache
def a_processor(secret: str | None = WEBHOOK_SECRET, *, livemode: bool = False) -> StripeProcessor:
    return StripeProcessor(StripeApi(KEY, "http://127.0.0.1:9"), secret, livemode=livemode)


def an_event(kind: str, thing: dict[str, Any], **changes) -> bytes:
    return json.dumps(shape("event", type=kind, data={"object": thing}, **changes), indent=2).encode()


PAID = an_event("payment_intent.succeeded", shape("payment_intent.succeeded", metadata=OURS))


def test_the_signature_that_stripes_own_sdk_makes_is_good():
    header = WebhookSignature.generate_signature_header(PAID.decode(), WEBHOOK_SECRET, timestamp=int(AT))
    assert a_processor().callbacks({"Stripe-Signature": header}, PAID, NOW)


def test_our_signature_in_tests_is_the_one_that_stripes_own_sdk_takes():
    header = signed(PAID, AT)["Stripe-Signature"]
    assert WebhookSignature.verify_header(PAID, header, WEBHOOK_SECRET, tolerance=None)


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_a_signature_is_good_for_five_minutes_either_way(age_s):
    assert a_processor().callbacks(signed(PAID, AT), PAID, NOW + timedelta(seconds=age_s))


@pytest.mark.parametrize("age_s", [-301, 301, 86_400])
def test_an_old_signature_is_no_signature(age_s):
    with pytest.raises(ForgedCallback, match="old"):
        a_processor().callbacks(signed(PAID, AT), PAID, NOW + timedelta(seconds=age_s))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=,v1=",
        "v1=00",
        f"t={int(AT)}",
        f"t={int(AT)},v1=00",
        f"t={int(AT)},v1=é",
        f"t={int(AT)},t={int(AT)},v1=00",
        "t=٣,v1=00",
        f"t={int(AT)},v0={signed(PAID, AT)['Stripe-Signature'].rpartition('=')[2]}",
    ],
)
def test_anything_but_a_signature_is_refused(header):
    headers = {} if header is None else {"stripe-signature": header}
    with pytest.raises(ForgedCallback):
        a_processor().callbacks(headers, PAID, NOW)


def test_a_changed_byte_breaks_the_signature():
    with pytest.raises(ForgedCallback):
        a_processor().callbacks(signed(PAID, AT), PAID + b" ", NOW)
    with pytest.raises(ForgedCallback):
        a_processor().callbacks(signed(PAID, AT, secret="whsec_another"), PAID, NOW)


def test_while_a_secret_is_replaced_either_signature_is_enough():
    ours = signed(PAID, AT)["Stripe-Signature"]
    assert a_processor().callbacks(
        {"STRIPE-SIGNATURE": f"t={int(AT)},v1=00,{ours.partition(',')[2]}"}, PAID, NOW
    )


def test_without_a_secret_nobody_is_believed_and_an_operator_is_told():
    with capture_logs() as logs, pytest.raises(ForgedCallback):
        a_processor(None).callbacks(signed(PAID, AT), PAID, NOW)
    assert logs[0]["event"] == "stripe_webhook_secret_missing"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"object": "event"}', b'"event"'])
def test_a_signed_body_that_is_no_event_is_refused(body):
    with pytest.raises(ForgedCallback):
        a_processor().callbacks(signed(body, AT), body, NOW)


@pytest.mark.parametrize(
    ("kinds", "thing", "expected"),
    [
        (
            (
                "payment_intent.succeeded|payment_intent.payment_failed|payment_intent.processing"
                "|payment_intent.requires_action|payment_intent.canceled"
            ),
            shape("payment_intent.succeeded", metadata=OURS),
            (CallbackKind.CHARGE, "pay_01", "pi_3Sfake0000000001"),
        ),
        (
            "refund.created|refund.updated|refund.failed",
            shape("refund.succeeded", metadata={"saifu_reference": "ref_01"}),
            (CallbackKind.REFUND, "ref_01", "re_3Sfake0000000001"),
        ),
        (
            (
                "charge.dispute.created|charge.dispute.updated|charge.dispute.closed"
                "|charge.dispute.funds_withdrawn|charge.dispute.funds_reinstated"
            ),
            shape("dispute.needs_response"),
            (CallbackKind.DISPUTE, None, "du_1Sfake"),
        ),
        (
            "setup_intent.succeeded|setup_intent.setup_failed",
            shape("setup_intent.succeeded", metadata={"saifu_reference": "src_01"}),
            (CallbackKind.SOURCE, None, "pm_1Sfake"),
        ),
        (
            "mandate.updated",
            shape("setup_intent.mandate_inactive")["mandate"],
            (CallbackKind.SOURCE, None, "pm_1Ssepa"),
        ),
        (
            "payment_method.automatically_updated",
            shape("payment_method.card"),
            (CallbackKind.SOURCE, None, "pm_1Sfake"),
        ),
    ],
)
def test_each_event_hints_at_one_object(kinds, thing, expected):
    for kind in kinds.split("|"):
        body = an_event(kind, thing)
        assert a_processor().callbacks(signed(body, AT), body, NOW) == [
            Callback("evt_3Sfake0000000001", *expected)
        ], kind


def test_the_table_above_names_every_event_that_we_listen_to():
    cases = next(
        mark.args[1] for mark in test_each_event_hints_at_one_object.pytestmark if mark.name == "parametrize"
    )
    assert {kind for kinds, _, _ in cases for kind in kinds.split("|")} == EVENTS.keys()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (an_event("customer.created", shape("customer")), "nobody asked for it"),
        (an_event("charge.refunded", {"id": "ch_1"}), "refund.* say it better"),
        (an_event("payment_intent.succeeded", shape("payment_intent.succeeded")), "another program's charge"),
        (an_event("setup_intent.succeeded", shape("setup_intent.succeeded", payment_method=None)), "no card"),
        (
            an_event(
                "payment_intent.succeeded", shape("payment_intent.succeeded", metadata=OURS), livemode=True
            ),
            "the other mode's",
        ),
    ],
)
def test_what_does_not_concern_us_is_taken_and_says_nothing(body, why):
    assert a_processor().callbacks(signed(body, AT), body, NOW) == [], why


def test_an_object_that_is_given_whole_is_known_by_its_id():
    method = shape("payment_method.card")
    body = an_event("setup_intent.succeeded", shape("setup_intent.succeeded", payment_method=method))
    (callback,) = a_processor().callbacks(signed(body, AT), body, NOW)
    assert callback.processor_ref == "pm_1Sfake"


async def test_a_charge_that_a_webhook_named_is_found_by_one_call(monkeypatch):
    """The list is not read: the id came signed."""
    processor = a_processor()
    processor.callbacks(signed(PAID, AT), PAID, NOW)
    asked: list[str] = []

    async def at(ref: str) -> dict[str, Any]:
        asked.append(ref)
        return shape("payment_intent.succeeded", metadata=OURS)

    monkeypatch.setattr(processor, "at", at)
    found = await processor.look_up("pay_01")
    assert found
    assert asked == ["pi_3Sfake0000000001"]
