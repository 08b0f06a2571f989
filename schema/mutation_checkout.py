"""Making checkout sessions, and ending them."""

from typing import Annotated

import strawberry

from resolvers import checkout

from .inputs_checkout import CheckoutSessionCreateInput, CheckoutSessionExpireInput
from .outcome import answering
from .payloads import ASKED, Answer
from .types_checkout import CheckoutSession
from .values import Info


@strawberry.type(description="The new session and its link, or why there is none.")
class CheckoutSessionCreatePayload(Answer):
    checkout_session: CheckoutSession | None = strawberry.field(
        default=None, description="The session; null when refused."
    )
    checkout_url: str | None = strawberry.field(
        default=None,
        description="The page, to send somebody to. It holds a secret and is shown this once; null when refused or "
        "replayed.",
    )
    token: str | None = strawberry.field(
        default=None,
        description="The secret of the link, `ct_…`: with it a page of your own follows `checkoutSessionUpdated`. "
        "Shown this once; null when refused or replayed.",
    )


@strawberry.type(description="The session that ended, or why it did not.")
class CheckoutSessionExpirePayload(Answer):
    checkout_session: CheckoutSession | None = strawberry.field(
        default=None, description="The session; null when refused."
    )


@strawberry.type
class CheckoutMutations:
    @strawberry.mutation(
        description="Make a hosted page on which somebody pays, fills a wallet or saves a payment method; also what a "
        "payment link is (PM70-PM89). Errors: `INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, "
        "`UNSUPPORTED_CURRENCY`, `TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT`, `NO_ELIGIBLE_PAYMENT_METHODS`, "
        "`NOT_FOUND`, `GONE`, `CUSTOMER_BLOCKED`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(CheckoutSessionCreatePayload, moved={("input", "customerId"): ("input", "customer", "id")})
    async def checkout_session_create(
        self, info: Info, input: Annotated[CheckoutSessionCreateInput, ASKED]
    ) -> CheckoutSessionCreatePayload:
        made = await checkout.create(info.context, input.session(), input.idempotency_key)
        return CheckoutSessionCreatePayload(
            checkout_session=CheckoutSession.of(made.session, info.context),
            checkout_url=made.url,
            token=made.token,
            replayed=made.token is None,
        )

    @strawberry.mutation(
        description="End an open session now: nothing can be paid from it any more, and a payment that waits for its "
        "customer is cancelled (PM71). Again, it changes nothing. Errors: `NOT_FOUND`, `CHECKOUT_SESSION_CONSUMED`, "
        "`PREVIOUS_PAYMENT_PENDING`, `OUTCOME_UNKNOWN`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(CheckoutSessionExpirePayload)
    async def checkout_session_expire(
        self, info: Info, input: Annotated[CheckoutSessionExpireInput, ASKED]
    ) -> CheckoutSessionExpirePayload:
        session, replayed = await checkout.expire(
            info.context, input.checkout_session_id, input.idempotency_key
        )
        return CheckoutSessionExpirePayload(
            checkout_session=CheckoutSession.of(session, info.context), replayed=replayed
        )
