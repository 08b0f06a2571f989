"""Guards before the doors beside the endpoint: pages, tokens, callbacks, where nobody has a credential (SR98, S13).

What is guessed, forged or tried out there is counted for the address it came from, and a body that does not arrive
is not waited for.
"""

import asyncio
from collections.abc import Collection, Iterable
from math import ceil

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .rates import TOO_MANY, Rates, address_of

BODY_WITHIN_S = 10.0
"""Within which a body has to be there, whole."""
_TOO_SLOW = 408
_REFUSED = range(400, 500)


class TooSlow(Exception):
    """The body of a request did not arrive in time."""


def guarded(routes: Iterable[Route], rates: Rates, every: Collection[str] = ()) -> list[Route]:
    """The routes, each behind a guard.

    Args:
        rates: how often an address may be refused, or may ask at all by one of the methods `every`.
    """
    found = list(routes)
    for route in found:
        route.app = Guard(route.app, rates, frozenset(every))
    return found


class Guard:
    """One application behind a guard."""

    def __init__(self, app: ASGIApp, rates: Rates, every: frozenset[str]) -> None:
        self._app = app
        self._rates = rates
        self._every = every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        address = address_of(client[0]) if client else ""
        counted = scope["method"] in self._every
        wait_s = (self._rates.take if counted else self._rates.wait)("address", address)
        if wait_s is not None:
            await _too_many(wait_s)(scope, receive, send)
            return
        status = await self._answered(scope, receive, send)
        if status in _REFUSED and not counted:
            self._rates.take("address", address)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> int:
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, _Patience(receive, BODY_WITHIN_S), tell)
        except TooSlow:
            await _refusal(_TOO_SLOW, "The request took too long to arrive.")(scope, receive, tell)
        return status


class _Patience:
    """What is received, as long as a body is not waited for too long."""

    def __init__(self, receive: Receive, within_s: float) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + within_s
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow from None
        self._is_whole = not message.get("more_body", False)
        return message


def _too_many(wait_s: float) -> Response:
    answer = _refusal(TOO_MANY, "Too many requests came from this address.")
    answer.headers["retry-after"] = str(max(1, ceil(wait_s)))
    return answer


def _refusal(status: int, message: str) -> Response:
    code = "TOO_MANY_REQUESTS" if status == TOO_MANY else "REQUEST_TIMEOUT"
    return JSONResponse({"error": {"code": code, "message": message}}, status)
