"""What every mutation takes and answers."""

import strawberry

from .outcome import MutationError

ASKED = strawberry.argument(description="What is asked for.")


@strawberry.type
class Answer:
    """What every payload has."""

    errors: list[MutationError] = strawberry.field(
        default_factory=list, description="Why it was refused; empty when it was done."
    )
    replayed: bool = strawberry.field(
        default=False,
        description="Whether an earlier request with the same idempotency key did it: nothing was changed now.",
    )
