"""Charging, trying again, giving up and topping up. A decline is a payment that failed, and said so beside it (A25)."""

from typing import Annotated

import strawberry

from resolvers import payments
from resolvers.context import Context
from saifu.payments.flow import Paid
from saifu.processors.declines import DECLINES, DeclineCode
from saifu.refusals import Declined

from .inputs_payments import PaymentCancelInput, PaymentCreateInput, PaymentRetryInput, WalletTopUpInput
from .outcome import MutationError, answering, typed
from .payloads import ASKED, Answer
from .types_payments import Payment
from .values import Info

_PAID = "The payment as it is now, also when it failed; null when refused."


@strawberry.type(description="The payment, or why there is none.")
class PaymentCreatePayload(Answer):
    payment: Payment | None = strawberry.field(default=None, description=_PAID)


@strawberry.type(description="The new payment, or why there is none.")
class PaymentRetryPayload(Answer):
    payment: Payment | None = strawberry.field(default=None, description=_PAID)


@strawberry.type(description="The payment, or why it was not given up.")
class PaymentCancelPayload(Answer):
    payment: Payment | None = strawberry.field(
        default=None, description="The payment as it is now: one that was completed meanwhile has succeeded."
    )


@strawberry.type(description="The payment that fills the wallet, or why there is none.")
class WalletTopUpPayload(Answer):
    payment: Payment | None = strawberry.field(default=None, description=_PAID)


@strawberry.type
class PaymentMutations:
    @strawberry.mutation(
        description="Charge an amount: a customer's default source, a source, or a token, and the stored balance first "
        "if told to (PM20-PM28, SR60-SR69). A decline is a failed payment and a `PaymentDeclinedError`. Errors: "
        "`NOT_FOUND`, `GONE`, `CUSTOMER_BLOCKED`, `INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, "
        "`UNSUPPORTED_CURRENCY`, `TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT`, `NO_ELIGIBLE_PAYMENT_METHODS`, "
        "`SOURCE_NOT_CHARGEABLE`, `SOURCE_REQUIRES_CUSTOMER`, `SOURCE_CUSTOMER_MISMATCH`, `SOURCE_STATE_CONFLICT`, "
        "`UNSUPPORTED_PAYMENT_CURRENCY`, `CHARGE_EXCEEDS_SOURCE_LIMIT`, `MANDATE_INVALID`, `TOKEN_WITH_CUSTOMER`, "
        "`TOO_MANY_REQUESTS`, `PAYMENT_DECLINED`, "
        "`TOKEN_ALREADY_USED`, `TOKEN_EXPIRED`, `LIVE_MODE_TEST_CARD`, `UNSUPPORTED_ACTION`, "
        "`IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENT_REQUEST_IN_PROGRESS`."
    )
    @answering(PaymentCreatePayload)
    async def payment_create(
        self, info: Info, input: Annotated[PaymentCreateInput, ASKED]
    ) -> PaymentCreatePayload:
        done = await payments.create(info.context, input.order())
        return PaymentCreatePayload(
            payment=Payment.of(done.payment), replayed=done.replayed, errors=_declined(info.context, done)
        )

    @strawberry.mutation(
        description="Try again what a payment did not pay, with a new payment (PM19b, W50). Errors: as for "
        "`paymentCreate`, `PREVIOUS_PAYMENT_PENDING`, `TRANSITION_NOT_ALLOWED` for one that succeeded."
    )
    @answering(PaymentRetryPayload)
    async def payment_retry(
        self, info: Info, input: Annotated[PaymentRetryInput, ASKED]
    ) -> PaymentRetryPayload:
        done = await payments.retry(info.context, input.retry())
        return PaymentRetryPayload(
            payment=Payment.of(done.payment), replayed=done.replayed, errors=_declined(info.context, done)
        )

    @strawberry.mutation(
        description="Give up a payment that waits for its customer; the wallet's part goes back (PM18, W48). Again, it "
        "changes nothing. Errors: `NOT_FOUND`, `TRANSITION_NOT_ALLOWED`, `OUTCOME_UNKNOWN`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(PaymentCancelPayload)
    async def payment_cancel(
        self, info: Info, input: Annotated[PaymentCancelInput, ASKED]
    ) -> PaymentCancelPayload:
        done = await payments.cancel(info.context, input.payment_id, input.idempotency_key)
        return PaymentCancelPayload(payment=Payment.of(done.payment), replayed=done.replayed)

    @strawberry.mutation(
        description="Charge a customer's source for the customer's own wallet, credited once the payment succeeds "
        "(W63). Errors: as for `paymentCreate`."
    )
    @answering(WalletTopUpPayload)
    async def wallet_top_up(
        self, info: Info, input: Annotated[WalletTopUpInput, ASKED]
    ) -> WalletTopUpPayload:
        done = await payments.top_up(info.context, input.order())
        return WalletTopUpPayload(
            payment=Payment.of(done.payment), replayed=done.replayed, errors=_declined(info.context, done)
        )


def _declined(ctx: Context, done: Paid) -> list[MutationError]:
    """What stands beside a payment that failed (A25); a customer never reads why, where that would help a thief."""
    code = payments.shown_code(ctx, done.payment.error_code)
    if code is None or done.payment.error_code is None:
        return []
    message = DECLINES[DeclineCode(done.payment.error_code)].shown_as
    return [typed(Declined(code, message))]
