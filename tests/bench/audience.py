"""The listeners of a benchmark, in a process of their own: bare websockets that note when each event arrived.

`python -m bench.audience` reads one JSON object from standard input (`Seats`) and writes one to standard output
(`Heard`). All that one listener costs here is a callback and a look at a frame's length.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

from tests.faults.contract import POST
from tests.wire import Wire

AT_ONCE = 50
SETTLE_S = 1.0
PATIENCE_S = 30.0
PAUSE_S = 0.05
LISTEN = """subscription ($customerId: ID!) { events(filter: {customerId: $customerId}) {
  __typename ... on Event { id cursor name occurredAt data } ... on StreamReady { cursor } } }"""


@dataclass(frozen=True, slots=True)
class Seats:
    """Who listens where, and what happens.

    Attributes:
        customers: whose events each listener hears; one listener for each.
        pid: the process whose memory is looked at.
        posts: how many ledger entries are posted, to these customers in turn.
        per_s: at which rate; None posts the next when all have heard the last.
    """

    port: int
    pid: int
    token: str
    customers: Sequence[str]
    posts: int
    per_s: float | None
    prefix: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it.

    Attributes:
        kib_per_listener: of resident memory of the process, with one subscription waiting on each socket.
        spreads_ms: of each event that all heard: from the first arrival to the last.
        after_answer_ms: from the moment the poster had its answer to the moment the listener had the event; the
            answer is written after the commit too, so this may be negative.
        after_post_ms: the same from the moment the post was sent.
    """

    kib_per_listener: float
    spreads_ms: Sequence[float]
    after_answer_ms: Sequence[float]
    after_post_ms: Sequence[float]


class Listener(asyncio.Protocol):
    """One socket with one subscription."""

    def __init__(self, port: int, token: str, customer: str) -> None:
        self.arrivals: list[float] = []
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._port = port
        self._received = bytearray()
        self._shaken = False
        who = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
        what = {"query": LISTEN, "variables": {"customerId": customer}}
        self._says = [json.dumps(who), json.dumps({"id": "1", "type": "subscribe", "payload": what})]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\nupgrade: websocket\r\n"
            f"connection: upgrade\r\nsec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._received += data
        if not self._shaken:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            assert b" 101 " in self._received[:end], bytes(self._received[:200])
            del self._received[: end + 4]
            self._shaken = True
            self._say()
        while (frame := self._frame()) is not None:
            self._hear(frame, now)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before it was ready"))

    def _hear(self, frame: bytes, now: float) -> None:
        if b'"type":"connection_ack"' in frame:
            self._say()
        elif b'"StreamReady"' in frame:
            self.ready.set_result(None)
        elif b'"type":"next"' in frame:
            self.arrivals.append(now)
        elif frame[:1] == b"{":
            raise RuntimeError(frame.decode())

    def _frame(self) -> bytes | None:
        """The payload of the next whole frame; servers do not mask."""
        received = self._received
        if len(received) < 2:
            return None
        length, begins = received[1], 2
        if length == 126:
            length, begins = int.from_bytes(received[2:4], "big"), 4
        if len(received) < begins + length:
            return None
        frame = bytes(received[begins : begins + length])
        del received[: begins + length]
        return frame

    def _say(self) -> None:
        # Long enough for every length to be written alike.
        data = self._says.pop(0).encode().ljust(126)
        head = bytes((0x81, 0x80 | 126)) + len(data).to_bytes(2, "big") + bytes(4)
        self.transport.write(head + data)


class Audience:
    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._listeners: list[Listener] = []
        self._answered: dict[tuple[str, int], tuple[float, float]] = {}

    async def hear(self) -> Heard:
        seats = self._seats
        before = resident_kib(seats.pid)
        for begin in range(0, len(seats.customers), AT_ONCE):
            await asyncio.gather(*map(self._sit_down, seats.customers[begin : begin + AT_ONCE]))
        await asyncio.sleep(SETTLE_S)
        per_listener = (resident_kib(seats.pid) - before) / len(self._listeners)
        spreads = await (self._one_by_one() if seats.per_s is None else self._steadily(seats.per_s))
        answers, posts = self._delays()
        for listener in self._listeners:
            listener.transport.abort()
        return Heard(per_listener, spreads, answers, posts)

    async def _sit_down(self, customer: str) -> None:
        loop, seats = asyncio.get_running_loop(), self._seats
        _, listener = await loop.create_connection(
            lambda: Listener(seats.port, seats.token, customer), "127.0.0.1", seats.port
        )
        self._listeners.append(listener)
        async with asyncio.timeout(PATIENCE_S):
            await listener.ready

    async def _one_by_one(self) -> list[float]:
        wire = Wire(self._seats.port, self._seats.token)
        spreads = []
        for number in range(self._seats.posts):
            await self._post(wire, number)
            await self._all_heard(number + 1)
            arrivals = [listener.arrivals[number] for listener in self._listeners]
            spreads.append((max(arrivals) - min(arrivals)) * 1e3)
            await asyncio.sleep(PAUSE_S)
        wire.close()
        return spreads

    async def _steadily(self, per_s: float) -> list[float]:
        """Posts at a rate, whether the last was answered or not."""
        wires = [Wire(self._seats.port, self._seats.token) for _ in range(8)]
        free: asyncio.Queue[Wire] = asyncio.Queue()
        for wire in wires:
            free.put_nowait(wire)
        begun = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._seats.posts):
                await asyncio.sleep(max(0.0, begun + number / per_s - time.monotonic()))
                tasks.create_task(self._post_by_any(free, number))
        await self._all_heard(self._seats.posts // len(self._listeners))
        await asyncio.sleep(PAUSE_S)
        for wire in wires:
            wire.close()
        return []

    async def _post_by_any(self, free: "asyncio.Queue[Wire]", number: int) -> None:
        wire = await free.get()
        await self._post(wire, number)
        free.put_nowait(wire)

    async def _post(self, wire: Wire, number: int) -> None:
        customers = self._seats.customers
        customer, turn = customers[number % len(customers)], number // len(customers)
        entry = {
            "customerId": customer,
            "currency": "USD",
            "amount": 100,
            "entryType": "CREDIT",
            "idempotencyKey": f"{self._seats.prefix}-{number}",
        }
        sent_at = time.monotonic()
        status, body = await wire.execute(POST, input=entry)
        assert status == 200, body
        assert not body["data"]["ledgerEntryCreate"]["errors"], body
        self._answered[customer, turn] = (sent_at, time.monotonic())

    async def _all_heard(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while any(len(listener.arrivals) < count for listener in self._listeners):
                await asyncio.sleep(0.002)

    def _delays(self) -> tuple[list[float], list[float]]:
        if self._seats.per_s is None:
            return [], []
        answers, posts = [], []
        for listener, customer in zip(self._listeners, self._seats.customers, strict=True):
            for turn, arrived_at in enumerate(listener.arrivals):
                sent_at, answered_at = self._answered[customer, turn]
                answers.append((arrived_at - answered_at) * 1e3)
                posts.append((arrived_at - sent_at) * 1e3)
        return answers, posts


def resident_kib(pid: int) -> int:
    """What a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def main() -> None:
    seats = Seats(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(Audience(seats).hear()))))


async def hear(seats: Seats) -> Heard:
    """Let an audience listen in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.audience"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    async with asyncio.timeout(600):
        answer, _ = await process.communicate(json.dumps(asdict(seats)).encode())
    if process.returncode:
        raise RuntimeError(f"the audience ended with {process.returncode}")
    return Heard(**json.loads(answer))


if __name__ == "__main__":
    main()
