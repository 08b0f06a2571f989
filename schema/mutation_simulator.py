"""Telling the simulator what its next charges come to: test mode only (PM96)."""

from typing import Annotated

import strawberry
from strawberry import ID, UNSET

from resolvers import simulator
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator.scripts import Scripted

from .described import described
from .outcome import answering
from .payloads import ASKED, Answer
from .request_keys import optional_key
from .values import Info

described(
    Scripted,
    "SimulatorOutcome",
    "What a charge at the simulator can come to, besides a decline.",
    {
        Scripted.SUCCEED: "It succeeds.",
        Scripted.PROCESSING: "It is accepted, and succeeds some seconds later.",
        Scripted.PROCESSING_THEN_DECLINED: "It is accepted, and is declined some seconds later.",
        Scripted.ACTION_REQUIRED: "The customer has to confirm it first.",
        Scripted.CHARGED_THEN_SILENT: "The money moves, and nobody is told.",
        Scripted.SILENT_NOT_CHARGED: "Nothing moves, and nobody is told.",
        Scripted.CHARGED_THEN_500: "The money moves, and the answer is an error, also when it is asked again.",
        Scripted.SLOW: "It succeeds, a minute too late for the answer.",
        Scripted.DUPLICATE_CALLBACKS: "Its callbacks come twice.",
        Scripted.REVERSED_CALLBACKS: "Its callbacks come in the wrong order.",
    },
)


@strawberry.input(one_of=True, description="What one charge comes to.")
class SimulatorOutcomeInput:
    outcome: Scripted | None = strawberry.field(default=UNSET, description="Anything but a decline.")
    decline: DeclineCode | None = strawberry.field(default=UNSET, description="A decline with this code.")

    @property
    def name(self) -> str:
        return str(self.outcome or self.decline)


@strawberry.input(description="What the simulator's next charges come to (PM96).")
class SimulatorScriptInput:
    source_id: ID | None = strawberry.field(
        default=None, description="Only charges of this source; null for the next of any."
    )
    outcomes: list[SimulatorOutcomeInput] = strawberry.field(
        description="One for each of the next charges, in order; at most 1 000 wait at once."
    )
    idempotency_key: str | None = optional_key()


@strawberry.type(description="Whether the outcomes wait now, or why not.")
class SimulatorScriptPayload(Answer):
    queued: int | None = strawberry.field(
        default=None, description="How many outcomes were queued; null when refused."
    )


@strawberry.type
class SimulatorMutations:
    @strawberry.mutation(
        description="Have the next charges at the simulator come to certain outcomes (PM96); test mode only. Errors: "
        "`UNSUPPORTED_ACTION`, `NOT_FOUND`, `INVALID_REQUEST_PARAMETERS`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(SimulatorScriptPayload)
    async def simulator_script(
        self, info: Info, input: Annotated[SimulatorScriptInput, ASKED]
    ) -> SimulatorScriptPayload:
        names = [outcome.name for outcome in input.outcomes]
        replayed = await simulator.script(info.context, input.source_id, names, input.idempotency_key)
        return SimulatorScriptPayload(queued=len(names), replayed=replayed)
