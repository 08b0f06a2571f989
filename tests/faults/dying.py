"""`saifu`, except that it kills itself at one step of a charge: `SAIFU_TEST_DIES` says at which.

    SAIFU_TEST_DIES=at_processor python -m tests.faults.dying serve

A process that is killed leaves nothing undone that a crash, a power cut or an operator at night would not leave.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from saifu.cli import main
from saifu.payments.asking import Asking
from saifu.payments.flow import PaymentFlow
from saifu.processors.simulator import Simulator
from saifu.refunds.flow import RefundFlow

Step = Callable[..., Awaitable[Any]]

BEFORE, AFTER = "before", "after"
STEPS: dict[str, tuple[type, str, str]] = {
    "before_the_intent": (PaymentFlow, "_create", BEFORE),
    "after_the_intent": (Asking, "charge", BEFORE),
    "at_the_processor": (Simulator, "charge", AFTER),
    "after_the_answer": (Asking, "apply", BEFORE),
    "after_the_record": (Asking, "apply", AFTER),
    "before_the_refund": (RefundFlow, "create", BEFORE),
    "refund_at_the_processor": (Simulator, "refund", AFTER),
}
"""Where it dies: at the beginning or at the end of one call."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(step: Step, when: str) -> Step:
    @wraps(step)
    async def call(*given: Any, **named: Any) -> Any:
        if when == BEFORE:
            _die()
        answer = await step(*given, **named)
        _die()
        return answer

    return call


if __name__ == "__main__":
    owner, name, when = STEPS[os.environ["SAIFU_TEST_DIES"]]
    setattr(owner, name, _deadly(getattr(owner, name), when))
    main()
