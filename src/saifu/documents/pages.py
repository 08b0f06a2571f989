"""Where links to documents lead: the page, and the PDF (PM66)."""

import asyncio
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from saifu.store import Store

from . import html, links
from .content import Content

AT_ONCE: Final = 2
"""How many documents are drawn at the same moment; others wait."""
MOST_WAITING: Final = 32
"""How many may wait; whoever comes then is asked to come again."""
RETRY_AFTER_S: Final = 2

_CAREFUL = {
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}
_UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class _Busy(Exception):
    """Too many documents are waited for."""


class Desk:
    """Hands out documents to whoever brings a token."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @property
    def routes(self) -> list[Route]:
        return [
            Route(f"{links.PATH}{{token}}.pdf", self._pdf),
            Route(f"{links.PATH}{{token}}", self._page),
        ]

    async def _page(self, request: Request) -> Response:
        if request.query_params.get("format") == "pdf":
            return await self._pdf(request)
        return await self._answer(request, html.page, "text/html; charset=utf-8", "html")

    async def _pdf(self, request: Request) -> Response:
        return await self._answer(request, _pdf_file, "application/pdf", "pdf")

    async def _answer(
        self, request: Request, write: Callable[[Content], bytes], media_type: str, ending: str
    ) -> Response:
        content = await links.opened(self._store, request.path_params["token"])
        if content is None:
            return PlainTextResponse("This link does not lead to a document, or no longer.\n", 404, _CAREFUL)
        try:
            written = await self._written(content, write)
        except _Busy:
            later = {**_CAREFUL, "retry-after": str(RETRY_AFTER_S)}
            return PlainTextResponse("Too many documents are asked for; try again soon.\n", 503, later)
        headers = {**_CAREFUL, "content-disposition": _disposition(content.number, ending)}
        if ending == "html":
            headers["content-security-policy"] = html.POLICY
        return Response(written, 200, headers, media_type)

    async def _written(self, content: Content, write: Callable[[Content], bytes]) -> bytes:
        """The document, drawn in a thread.

        Raises:
            _Busy: too many are waited for.
        """
        if self._waiting >= MOST_WAITING:
            raise _Busy
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(write, content)
        finally:
            self._waiting -= 1


def routes(store: Store) -> list[Route]:
    """For the application: `/documents/{token}` and `/documents/{token}.pdf`."""
    return Desk(store).routes


def _pdf_file(content: Content) -> bytes:
    # What draws is only loaded by those who draw: it is as large as the rest of the gateway.
    from .pdf import file

    return file(content)


def _disposition(number: str, ending: str) -> str:
    """Shown by the browser, and kept under the document's number (RFC 6266)."""
    plain = _UNSAFE_IN_NAMES.sub("_", number)
    return f"inline; filename=\"{plain}.{ending}\"; filename*=UTF-8''{quote(number, safe='')}.{ending}"
