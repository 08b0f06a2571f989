"""`POST /processors/{name}/callbacks`: where processors knock (S18). It answers once what they say is written down."""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saifu.processors.contract import ForgedCallback
from saifu.refusals import Refusal

from .callbacks import CallbackFlow

log = structlog.get_logger(__name__)

LONGEST_BODY = 64 * 1024


def routes(flow: CallbackFlow) -> list[Route]:
    """The route of the door."""

    async def knock(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _answer(413, "CALLBACK_TOO_LONG")
        name = request.path_params["name"]
        try:
            await flow.receive(name, dict(request.headers), body)
        except ForgedCallback:
            log.warning("callback_forged", processor=name)
            return _answer(400, "BAD_CALLBACK")
        except Refusal as refusal:
            return _answer(refusal.manner.http_status, refusal.code)
        return JSONResponse({"received": True})

    return [Route("/processors/{name}/callbacks", knock, methods=["POST"])]


async def _body(request: Request) -> bytes | None:
    """The body as it was sent; None when it is longer than any callback is."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return bytes(body)


def _answer(status: int, code: str) -> Response:
    """Why not, and nothing that would help somebody to forge a better one."""
    return JSONResponse({"error": {"code": code}}, status_code=status)
