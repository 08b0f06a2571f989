"""The idempotency key of a request, as every input has it (A30, A31)."""

from typing import Any

import strawberry

_WHAT_IT_DID = "what the first one did and `replayed: true`"


def optional_key(answer: str = _WHAT_IT_DID, more: str = "") -> Any:
    """The key of a mutation that moves no money; `answer` is what a repeated request answers with."""
    return strawberry.field(default=None, description=_described("", answer) + more)


def money_key(answer: str) -> Any:
    """The key of a mutation that moves money, which nobody may leave out."""
    return strawberry.field(description=_described(", good for ever", answer))


def _described(how_long: str, answer: str) -> str:
    return (
        f"1 to 512 characters of any script{how_long}. The same key with the same request answers with {answer}; "
        "with another request it is refused. Best made from the fact itself, such as `signup_4711`."
    )
