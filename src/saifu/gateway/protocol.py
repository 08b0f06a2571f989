"""uvicorn's websocket protocol, plus what ASGI has no word for.

An ASGI application holds a task, a queue and all its middleware's frames for as long as a socket is open, and a peer
that does not read holds its socket for as long as it likes: a close frame queues behind what was not read. Here an
application may take a socket over once it is accepted (`attach`) and return: messages are then handed to it as they
arrive, it writes without waiting, and whoever does not read is cut off.
"""

import asyncio
from logging import getLogger
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .close_codes import INTERNAL_ERROR, TIMEOUT

EXTENSION = "saifu.attach"
GRACE_S = 5.0
"""How long a peer has to read what is left, and the close frame behind it, before the connection is dropped."""
MOST_UNREAD_BYTES = 256 * 1024
"""Beyond this much that a peer has not read, nothing more is taken from it: each of its messages may want an answer."""

MOST_UNSENT_BYTES = 16 * 1024
"""Beyond this much, what a socket is told is not gathered any longer."""

_TEXT = 0x81
_SHORT, _MEDIUM = 126, 65_536
_NOT_UTF8 = 1007

log = getLogger("uvicorn.error")


class Peer(Protocol):
    """What a socket is attached to."""

    def received(self, message: str | bytes) -> None: ...

    def writable(self) -> None:
        """There is room again after the wire was full."""

    def lost(self) -> None:
        """The connection is over; may be called more than once."""

    def stopping(self) -> None:
        """The server is stopping: say goodbye."""


class Wire(Protocol):
    """What a peer writes to."""

    @property
    def full(self) -> bool:
        """Whether so much waits to be read by the other side that more should not be written."""
        ...

    def write(self, text: bytes) -> None:
        """Write a text message, whether full or not; nothing happens once the socket is closed."""

    def close(self, code: int, reason: str) -> None:
        """Write a close frame behind whatever waits, and drop the connection soon, read or not."""


class _Outbox:
    """What is sent when all who run now have said what they have to say.

    An event that a thousand listeners hear is then written to a thousand sockets in one go; in between, each write
    would wake the machine's other processes and cost three times as much. What one socket is told at a time is one
    write.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[SocketProtocol] = []

    def add(self, socket: "SocketProtocol") -> None:
        if not self._waiting:
            socket.loop.call_soon(self._send)
        self._waiting.append(socket)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for socket in waiting:
            socket.send_unsent()


_OUTBOXES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Outbox] = WeakKeyDictionary()


class _Nowhere:
    """In place of the queue and the event of a socket that needs neither any more."""

    __slots__ = ()

    def put_nowait(self, _message: Any) -> None: ...

    def set(self) -> None: ...

    def clear(self) -> None: ...


_NOWHERE: Any = _Nowhere()


class SocketProtocol(WebSocketsSansIOProtocol):
    """Puts `attach` into the scope's extensions: called with a `Peer` after the socket was accepted, it is a `Wire`."""

    full = False
    _peer: Peer | None = None
    _outbox: _Outbox

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self

    def attach(self, peer: Peer) -> None:
        """Hand over to a peer all that arrives from now on, and has arrived since the socket was accepted."""
        waiting, self.queue = self.queue, _NOWHERE
        self.writable = _NOWHERE
        self._peer = peer
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._outbox = _OUTBOXES.setdefault(self.loop, _Outbox())
        if waiting.empty() and not self.conn.reader.buffer:
            self._forget_the_handshake()
        while not waiting.empty():
            message: Any = waiting.get_nowait()
            if message["type"] == "websocket.receive":
                peer.received(message.get("bytes", message.get("text")))
            else:
                peer.lost()
        self._read_on()

    async def run_asgi(self) -> None:
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            log.exception("Exception in ASGI application\n")
            if self.handshake_complete:
                self.close(INTERNAL_ERROR, "Something went wrong on our side")
        if not self.handshake_complete:
            self.send_500_response()
        if self._peer is None:
            if self.close_timer is None:
                self.transport.close()
        else:
            # Twenty headers and what was answered to them: nobody asks for them any more.
            self.scope = self.request = self.response = None  # type: ignore[assignment]

    def send_receive_event_to_app(self) -> None:
        if self._peer is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self._peer.received(bytes(data))
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.conn.send_close(_NOT_UTF8)
            self.handle_parser_exception()
        else:
            self._peer.received(text)

    def data_received(self, data: bytes) -> None:
        if self.conn.parser_exc is not None:
            # Said to be broken already; what still arrives is read so that the peer sees why, and thrown away.
            return
        super().data_received(data)
        if self.full and not self.read_paused and not self.transport.is_closing():
            self._read_no_more_of_a_full_wire()

    def write(self, text: bytes) -> None:
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        length = len(text)
        if length < _SHORT:
            head = bytes((_TEXT, length))
        elif length < _MEDIUM:
            head = bytes((_TEXT, _SHORT)) + length.to_bytes(2, "big")
        else:
            head = bytes((_TEXT, _SHORT + 1)) + length.to_bytes(8, "big")
        if not self._unsent:
            self._outbox.add(self)
        self._unsent += (head, text)
        self._unsent_bytes += length
        if self._unsent_bytes > MOST_UNSENT_BYTES:
            # Only the transport knows whether the peer reads.
            self.send_unsent()

    def send_unsent(self) -> None:
        """Hand over to the transport what was written."""
        unsent, self._unsent, self._unsent_bytes = self._unsent, [], 0
        if unsent and not self.transport.is_closing():
            self.transport.write(b"".join(unsent))

    def close(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        if self._peer is not None:
            self.send_unsent()
        self.conn.send_close(code, reason)
        self._flush()
        self.close_sent = True
        self._drop_soon()
        self._read_on()

    def handle_close(self, event: Any) -> None:
        super().handle_close(event)
        self._over()

    def handle_parser_exception(self) -> None:
        """What the peer sent is no websocket message, or too large: it is told so, and has a moment to hear it.

        Closing at once would answer what it is still sending with a reset, which overtakes the reason.
        """
        assert self.conn.close_sent is not None
        self.stop_keepalive()
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._flush()
        self.close_sent = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._drop_soon()
        else:
            self.transport.close()
        self._read_on()
        self._over()

    def keepalive_timeout(self) -> None:
        self.pong_timer = self.pending_ping_payload = None
        self.close(TIMEOUT, "Pings went unanswered")
        self._over()

    def pause_writing(self) -> None:
        self.full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self.full = False
        super().resume_writing()
        if self._peer is not None:
            self._read_on()
            self._peer.writable()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._over()

    def shutdown(self) -> None:
        if self._peer is None or self.close_sent:
            super().shutdown()
        else:
            self.stop_keepalive()
            self._peer.stopping()

    def _forget_the_handshake(self) -> None:
        """Go on with frames, as the parser would by itself: its first part holds the request with all its headers."""
        self.conn.parser = super(type(self.conn), self.conn).parse()
        next(self.conn.parser)

    def _flush(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))

    def _drop_soon(self) -> None:
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(GRACE_S, self.transport.abort)

    def _read_on(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def _read_no_more_of_a_full_wire(self) -> None:
        if self._peer is not None and self.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self.read_paused = True
            self.transport.pause_reading()

    def _over(self) -> None:
        if self._peer is not None:
            self._peer.lost()
