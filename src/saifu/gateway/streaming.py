"""A subscription as the body of one HTTP response: it lasts until one of four ends it.

The source may come to its end, the client may go away, its credential may end (A42), and the gateway may stop. Nobody
but the first is waited for: whatever the source is doing is cancelled, and the client gets the last words that go with
how it ended. A client that does not read is the connection's business (`http_protocol.py`).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import structlog
from starlette.types import Receive, Send

from .framing import Framing
from .host import Rejected
from .service import Answer
from .written import encoded

log = structlog.get_logger(__name__)

HEARTBEAT_S = 12.0
_INSIST_S = 1.0
_GIVE_UP_AFTER = 10


class Stream:
    """One stream."""

    def __init__(
        self,
        framing: Framing,
        receive: Receive,
        send: Send,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._framing = framing
        self._receive = receive
        self._send = send
        self._heartbeat_s = heartbeat_s
        self._ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._writing = False

    def close(self, code: int, reason: str) -> None:
        """End it for good, whatever the code: its credential is good no more. A `host.Closer`."""
        no = Rejected(401, "UNAUTHENTICATED", reason)
        self._end(self._framing.refused(encoded(no.body)))

    def interrupt(self) -> None:
        """End it so that the client comes back: the gateway stops, or has failed."""
        no = Rejected(
            503, "INTERNAL_SERVER_ERROR", "Interrupted; come back and resume from your last cursor."
        )
        self._end(self._framing.interrupted(encoded(no.body)))

    async def run(self, answers: AsyncGenerator[Answer, None]) -> None:
        """Write all of it, once the response's head is sent."""
        await self._write(self._framing.opening)
        pump = asyncio.create_task(self._pump(answers))
        gone = asyncio.create_task(self._until_gone())
        beat = asyncio.create_task(self._beat())
        try:
            ends: list[asyncio.Future[Any]] = [pump, gone, self._ended]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled([pump, gone, beat])
        if not gone.cancelled():
            return
        last = self._ended.result() if self._ended.done() else self._framing.complete
        await self._send({"type": "http.response.body", "body": last})

    def _end(self, last: bytes) -> None:
        if not self._ended.done():
            self._ended.set_result(last)

    async def _pump(self, answers: AsyncGenerator[Answer, None]) -> None:
        event = self._framing.event
        try:
            async with aclosing(answers):
                async for answer in answers:
                    if self._ended.done():
                        return
                    await self._write(event(answer.encoded()))
        except Exception:
            # The source has answers for its own faults; this is one of ours.
            log.exception("stream_failed")
            self.interrupt()

    async def _write(self, frame: bytes) -> None:
        self._writing = True
        await self._send({"type": "http.response.body", "body": frame, "more_body": True})
        self._writing = False

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            # Behind what a slow reader has not read yet another heartbeat says nothing.
            if not self._writing:
                await self._send(
                    {"type": "http.response.body", "body": self._framing.heartbeat, "more_body": True}
                )

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _cancelled(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks and see them end; a library that swallows the first request is asked again."""
    waiting = set(tasks)
    for _ in range(_GIVE_UP_AFTER):
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_INSIST_S)
        if not waiting:
            return
    log.error("stream_would_not_end", total=len(waiting))
