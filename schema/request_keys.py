"""The idempotency key of a request, as every input has it (A30, A31)."""

from typing import Any

import strawberry

OPTIONAL_KEY = (
    "1 to 512 characters of any script. The same key with the same request answers with what the first one did and "
    "`replayed: true`; with another request it is refused. Best made from the fact itself, such as `signup_4711`."
)


def optional_key(description: str = OPTIONAL_KEY) -> Any:
    """The key of a mutation that moves no money."""
    return strawberry.field(default=None, description=description)
