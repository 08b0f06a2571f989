"""Stripe's API through its SDK: one attempt for each call, a bound on every wait, and two kinds of failure.

What Stripe understood and refused is `Refused`, with its reason; everything else is `OutcomeUnknown`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import stripe
import structlog

from saifu.processors.contract import OutcomeUnknown

API_VERSION = "2026-10-28.endive"
"""The version whose shapes are read here, whichever the account has set; a new SDK does not change it."""
TIMEOUT_S = 30.0
"""A charge with a slow bank behind it takes up to twenty seconds; after that the recovery finds out."""
PAGE_SIZE = 100
MAX_PAGES = 50

Object = Mapping[str, Any]
"""An object of Stripe's as plain data."""

# The SDK would keep an id of this machine in a file, and send it and its latencies along; it has this one switch.
stripe.enable_telemetry = False
log = structlog.get_logger(__name__)
# Somebody has to do something: the key, its rights, or our own use of idempotency keys.
_OUR_FAULT = (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError)


@dataclass(eq=False)
class Refused(Exception):
    """Stripe understood the request and said no.

    Attributes:
        status: of HTTP: 402 is the bank's no, 404 that there is no such object, 400 any other.
        code, decline_code: Stripe's reason, and the bank's.
        param: what was wrong with the request.
        intent: the PaymentIntent or SetupIntent that exists nevertheless.
    """

    status: int
    code: str | None
    decline_code: str | None
    param: str | None
    message: str
    intent: Object | None

    @property
    def is_decline(self) -> bool:
        return self.status == HTTPStatus.PAYMENT_REQUIRED

    @property
    def is_not_found(self) -> bool:
        return self.status == HTTPStatus.NOT_FOUND or self.code == "resource_missing"

    @property
    def is_of_test_mode(self) -> bool:
        """Whether a live key was used with something that exists in test mode only."""
        named = {self.code, self.decline_code} & {"live_mode_test_card", "livemode_mismatch"}
        return bool(named) or "exists in test mode" in self.message

    @property
    def raw_code(self) -> str:
        return self.decline_code or self.code or f"http_{self.status}"


class StripeApi:
    """The connection of one process to Stripe.

    Args:
        key: a secret or restricted key.
        base: where Stripe is.
    """

    def __init__(self, key: str, base: str, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._http = stripe.HTTPXClient(timeout=timeout_s)
        self._client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": base},
            # Whether something is sent again is decided by those who know what came of it before.
            max_network_retries=0,
            http_client=self._http,
        )

    @property
    def v1(self) -> Any:
        """The SDK's services. Untyped: its parameter types know no optional key that is added later."""
        return self._client.v1

    async def ask(self, doing: str, call: Awaitable[Any]) -> Object:
        """What Stripe answers to a call of the SDK.

        Raises:
            Refused: Stripe understood and said no.
            OutcomeUnknown: there was no answer, or none that says what happened.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await call
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise _refused(error) from None
        except (stripe.StripeError, TimeoutError) as error:
            _tell(doing, error)
            raise OutcomeUnknown(f"{doing}: {type(error).__name__}") from None
        if not isinstance(answer, stripe.StripeObject):
            raise OutcomeUnknown(f"{doing}: Stripe answered with something else than an object")
        return answer.to_dict()

    async def read(self, doing: str, call: Awaitable[Any]) -> Object | None:
        """What Stripe has under an id; None when it certainly has nothing.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        try:
            return await self.ask(doing, call)
        except Refused as refused:
            if refused.is_not_found:
                return None
            log.error("stripe_refused_read", operation=doing, code=refused.raw_code, path=refused.param)
            raise OutcomeUnknown(f"{doing}: {refused.raw_code}") from None

    async def pages(
        self, doing: str, listing: Callable[..., Awaitable[Any]], params: Object
    ) -> AsyncIterator[Object]:
        """Every object of a list, as Stripe orders them: newest first.

        Raises:
            OutcomeUnknown: the list has no end that could be reached.
        """
        after: Object = {}
        for _ in range(MAX_PAGES):
            page = await self.read(doing, listing(params={**params, "limit": PAGE_SIZE, **after}))
            found = (page or {}).get("data") or []
            for each in found:
                yield each
            if not page or not page.get("has_more") or not found:
                return
            after = {"starting_after": found[-1]["id"]}
        raise OutcomeUnknown(f"{doing}: more than {MAX_PAGES * PAGE_SIZE} objects")

    async def close(self) -> None:
        closing: Awaitable[None] = self._http.close_async()  # type: ignore[no-untyped-call] # the SDK's own
        await closing


def dig(value: Any, *path: str) -> Any:
    """What lies at the end of a path of keys; None where it ends early, as Stripe leaves out what it does not know."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def ref_of(value: Any) -> str | None:
    """The id of a field that Stripe gives as an id or, expanded, as the whole object."""
    ref = dig(value, "id") if isinstance(value, Mapping) else value
    return ref if isinstance(ref, str) else None


def _refused(error: stripe.CardError | stripe.InvalidRequestError) -> Refused:
    said = dig(error.json_body, "error") or {}
    return Refused(
        status=error.http_status or 400,
        code=error.code,
        decline_code=said.get("decline_code"),
        param=error.param,
        message=error.user_message or "",
        intent=said.get("payment_intent") or said.get("setup_intent"),
    )


def _tell(doing: str, error: Exception) -> None:
    """A line for operators. Without the message, which may repeat what was sent."""
    ours = isinstance(error, _OUR_FAULT)
    told = log.error if ours else log.warning
    told(
        "stripe_refuses_us" if ours else "stripe_did_not_answer",
        operation=doing,
        error_type=type(error).__name__,
        status=getattr(error, "http_status", None),
        code=getattr(error, "code", None),
    )
