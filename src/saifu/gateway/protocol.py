"""uvicorn's websocket protocol, plus what ASGI has no word for: cutting off a peer that does not read.

A close frame queues behind what the peer has not read, and closing the transport waits until all of it is
written; so a stalled reader would keep its socket, and its buffers, for as long as it likes.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "saifu"
GRACE_S = 5.0
"""How long a peer that was cut off has to read what is left, and the close frame behind it."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Puts `{"cut": …}` into the scope's extensions, and calls `on_shutdown` when an application leaves one there."""

    _extension: dict[str, Any] | None = None

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            self._extension = {"cut": self.cut}
            scope["extensions"][EXTENSION] = self._extension

    def cut(self, code: int, reason: str) -> None:
        """Send the close frame behind whatever waits, and drop the connection soon, read or not."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(GRACE_S, self.transport.abort)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def shutdown(self) -> None:
        """The server is stopping: let the application say goodbye in its own words."""
        on_shutdown = (self._extension or {}).get("on_shutdown")
        if on_shutdown is None or self.close_sent or not self.handshake_complete:
            super().shutdown()
        else:
            self.stop_keepalive()
            on_shutdown()
