"""The merchant's answers to disputes. While the processor does not answer, a dispute stays open."""

from typing import Annotated

import strawberry

from resolvers import disputes
from resolvers.context import Context
from saifu.idempotency import Outcome
from saifu.tables import Dispute as Row

from .inputs_disputes import DisputeAcceptInput, DisputeChallengeInput
from .outcome import answering
from .payloads import ASKED, Answer
from .types_disputes import Dispute
from .values import Info

_AS_IT_IS = "The dispute as it is now; still open while the processor has not answered. Null when refused."


@strawberry.type(description="The dispute, or why it was not accepted.")
class DisputeAcceptPayload(Answer):
    dispute: Dispute | None = strawberry.field(default=None, description=_AS_IT_IS)


@strawberry.type(description="The dispute, or why it was not challenged.")
class DisputeChallengePayload(Answer):
    dispute: Dispute | None = strawberry.field(default=None, description=_AS_IT_IS)


@strawberry.type
class DisputeMutations:
    @strawberry.mutation(
        description="Give in to a dispute; final (PM52). Errors: `NOT_FOUND`, `TRANSITION_NOT_ALLOWED`, "
        "`DISPUTE_NOT_CHALLENGEABLE` (decided meanwhile), `IDEMPOTENCY_KEY_REUSED`, `INVALID_REQUEST_PARAMETERS`."
    )
    @answering(DisputeAcceptPayload)
    async def dispute_accept(
        self, info: Info, input: Annotated[DisputeAcceptInput, ASKED]
    ) -> DisputeAcceptPayload:
        done = await disputes.answer(info.context, input.answer())
        return DisputeAcceptPayload(dispute=_shown(info.context, done), replayed=done.replayed)

    @strawberry.mutation(
        description="Submit evidence against a dispute, once in each stage (PM51, PM57, PM59c). Errors: `NOT_FOUND`, "
        "`DISPUTE_NOT_CHALLENGEABLE`, `INVALID_REQUEST_PARAMETERS`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(DisputeChallengePayload)
    async def dispute_challenge(
        self, info: Info, input: Annotated[DisputeChallengeInput, ASKED]
    ) -> DisputeChallengePayload:
        done = await disputes.answer(info.context, input.answer())
        return DisputeChallengePayload(dispute=_shown(info.context, done), replayed=done.replayed)


def _shown(ctx: Context, done: Outcome[Row]) -> Dispute:
    return Dispute.of(done.value, ctx.clock.now())
