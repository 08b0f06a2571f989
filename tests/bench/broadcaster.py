"""The floor for live delivery: what a websocket broadcaster costs that does nothing else.

`python -m bench.broadcaster PORT` says to a listener what the gateway would say, and sends an event of the same size to
all who listen to the customer of a post. It has no database, no GraphQL, and no way to fall behind.
"""

import asyncio
import base64
import hashlib
import json
import sys
from typing import cast

import uvloop

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ACKNOWLEDGED = b'{"type":"connection_ack"}'
_READY = b'{"id":"1","type":"next","payload":{"data":{"events":{"__typename":"StreamReady","cursor":"0"}}}}'
_EVENT = (
    b'{"id":"1","type":"next","payload":{"data":{"events":{"__typename":"Event","data":"'
    + b"x" * 700
    + b'"}}}}'
)
_DONE = b'{"data":{"ledgerEntryCreate":{"errors":[]}}}'
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_DONE),
    _DONE,
)


def framed(payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes((0x81, len(payload))) + payload
    return bytes((0x81, 126)) + len(payload).to_bytes(2, "big") + payload


class Connection(asyncio.Protocol):
    audience: "dict[str, set[Connection]]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._websocket = False
        self._customer = ""
        self._said = 0
        self._received = bytearray()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._websocket:
            self._messages()
        elif b"\r\n\r\n" in self._received:
            self._request()

    def _request(self) -> None:
        head, _, body = bytes(self._received).partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if b"sec-websocket-key" in fields:
            self._received.clear()
            accepted = base64.b64encode(
                hashlib.sha1(fields[b"sec-websocket-key"] + _MAGIC, usedforsecurity=False).digest()
            )
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-protocol: graphql-transport-ws\r\nsec-websocket-accept: "
                + accepted
                + b"\r\n\r\n"
            )
            self._websocket = True
        elif len(body) == int(fields[b"content-length"]):
            self._received.clear()
            customer = json.loads(body)["variables"]["input"]["customerId"]
            event = framed(_EVENT)
            for listener in self.audience.get(customer, ()):
                listener.transport.write(event)
            self.transport.write(_ANSWER)

    def _messages(self) -> None:
        """What the bench's listeners send: masked with zeros, and longer than 125 bytes or not."""
        while len(self._received) >= 8:
            length = int.from_bytes(self._received[2:4], "big")
            if len(self._received) < 8 + length:
                return
            text = bytes(self._received[8 : 8 + length])
            del self._received[: 8 + length]
            if not self._said:
                self.transport.write(framed(_ACKNOWLEDGED))
            else:
                self._customer = json.loads(text)["payload"]["variables"]["customerId"]
                self.audience.setdefault(self._customer, set()).add(self)
                self.transport.write(framed(_READY))
            self._said += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.audience.get(self._customer, set()).discard(self)


async def serve(port: int) -> None:
    Connection.audience = {}
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1_024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
