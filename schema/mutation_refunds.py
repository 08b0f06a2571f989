"""Refunding, and taking a refund out of the wallet again."""

from typing import Annotated

import strawberry

from resolvers import refunds

from .inputs_refunds import RefundCreateInput, RefundVoidInput
from .outcome import answering
from .payloads import ASKED, Answer
from .types_refunds import Refund
from .values import Info


@strawberry.type(description="The refund, or why there is none.")
class RefundCreatePayload(Answer):
    refund: Refund | None = strawberry.field(
        default=None,
        description="The refund as it is now, also when it failed; `PENDING` when its outcome comes later. Null when "
        "refused.",
    )


@strawberry.type(description="The refund, or why it was not taken back.")
class RefundVoidPayload(Answer):
    refund: Refund | None = strawberry.field(default=None, description="The refund; null when refused.")


@strawberry.type
class RefundMutations:
    @strawberry.mutation(
        description="Refund a payment to its source, into the wallet, or both, in reverse order of use (PM40-PM49, "
        "W56-W64). Errors: `NOT_FOUND`, `GONE`, `PAYMENT_NOT_SUCCEEDED`, `PAYMENT_ALREADY_REFUNDED`, "
        "`PAYMENT_DISPUTED`, `EXISTING_REFUND_REQUEST_PROCESSING`, `REFUND_WINDOW_EXPIRED`, "
        "`REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT`, `ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED`, `PARTIAL_REFUND_NOT_ALLOWED`, "
        "`LINE_ITEM_NOT_FOUND`, `LINE_ITEM_FULLY_REFUNDED`, `LINE_ITEM_REFUND_AMOUNT_TOO_HIGH`, "
        "`LINE_ITEM_REFUND_AMOUNT_TOO_LOW`, `DUPLICATE_LINE_ITEMS_IN_REQUEST`, `UNSUPPORTED_CURRENCY`, "
        "`INSUFFICIENT_WALLET_FUNDS` (a top-up that is spent), `INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, "
        "`IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(RefundCreatePayload)
    async def refund_create(
        self, info: Info, input: Annotated[RefundCreateInput, ASKED]
    ) -> RefundCreatePayload:
        done = await refunds.create(info.context, input.refund())
        return RefundCreatePayload(refund=Refund.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Take a refund that went into a wallet out of it again (W62). Errors: `NOT_FOUND`, `GONE`, "
        "`TRANSITION_NOT_ALLOWED`, `UNSUPPORTED_ACTION` (it went to a source), `PAYMENT_DISPUTED`, "
        "`INSUFFICIENT_WALLET_FUNDS`, `IDEMPOTENCY_KEY_REUSED`, `INVALID_REQUEST_PARAMETERS`."
    )
    @answering(RefundVoidPayload)
    async def refund_void(self, info: Info, input: Annotated[RefundVoidInput, ASKED]) -> RefundVoidPayload:
        done = await refunds.void(info.context, input.refund_id, input.idempotency_key)
        return RefundVoidPayload(refund=Refund.of(done.value), replayed=done.replayed)
