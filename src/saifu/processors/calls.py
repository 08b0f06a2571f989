"""Asking a processor: what kept its answer from us, whatever it was, is never taken for a no (RELIABILITY §3.4)."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from .contract import OutcomeUnknown

T = TypeVar("T")
log = structlog.get_logger(__name__)

CALL_TIMEOUT_S = 50.0
"""How long one call may take: less than the minute after which a job takes over."""


async def asked(call: Awaitable[T], object_id: str, *passing: type[Exception]) -> T:
    """What a processor answers.

    Args:
        passing: what the call may raise besides, since it tells for certain what the processor did not do.

    Raises:
        OutcomeUnknown: whatever kept its answer from us.
    """
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call
    except OutcomeUnknown:
        raise
    except passing:
        raise
    except TimeoutError as fault:
        raise OutcomeUnknown("no answer in time") from fault
    except Exception as fault:
        log.exception("processor_call_failed", object_id=object_id)
        raise OutcomeUnknown("the call failed") from fault
