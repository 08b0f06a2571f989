"""PM40, PM43, PM44: what is refused whatever the amount."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from saifu.refunds.checks import is_queued, refuse_payment
from saifu.refunds.flow import look_again_after
from saifu.refunds.methods import WITHOUT_PARTIAL_REFUNDS, may_be_refunded_in_parts
from saifu.refusals import ErrorCode, Refusal
from saifu.sources.kinds import SourceType
from saifu.tables import Payment


def a_payment(**given: Any) -> Payment:
    usual = {"status": "succeeded", "total_minor": 100, "refunded_minor": 0, "payment_method": "card"}
    return cast("Payment", SimpleNamespace(**(usual | given)))


PENDING: Any = SimpleNamespace(status="pending")


@pytest.mark.parametrize(("payment", "refunds", "code"), [
    (a_payment(total_minor=0), [], ErrorCode.ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED),
    *[(a_payment(status=status), [], ErrorCode.PAYMENT_NOT_SUCCEEDED) for status in (
        "failed", "cancelled", "processing", "requires_payment_method", "requires_confirmation",
        "requires_customer_action",
    )],
    (a_payment(refunded_minor=100), [], ErrorCode.PAYMENT_ALREADY_REFUNDED),
    (a_payment(), [PENDING], ErrorCode.EXISTING_REFUND_REQUEST_PROCESSING),
    (a_payment(status="processing", payment_method="sepa_debit"), [PENDING],
     ErrorCode.EXISTING_REFUND_REQUEST_PROCESSING),
])  # fmt: skip
def test_a_payment_says_no(payment: Payment, refunds: list[Any], code: ErrorCode) -> None:
    with pytest.raises(Refusal) as no:
        refuse_payment(payment, refunds)
    assert no.value.code is code


@pytest.mark.parametrize("method", ["sepa_debit", "ach_debit"])
def test_a_bank_debit_on_its_way_can_be_refunded(method: str) -> None:
    """PM40's exception (SR86)."""
    payment = a_payment(status="processing", payment_method=method)
    refuse_payment(payment, [])
    assert is_queued(payment)


def test_methods_without_partial_refunds_are_types_of_sources() -> None:
    assert set(SourceType) >= WITHOUT_PARTIAL_REFUNDS
    assert may_be_refunded_in_parts("card")
    assert may_be_refunded_in_parts(None)


def test_a_silent_processor_is_asked_less_and_less_often_but_always_again() -> None:
    waits = [look_again_after(looks).total_seconds() for looks in (0, 1, 2, 9, 10_000)]
    assert waits == [60, 120, 240, 21_600, 21_600]
