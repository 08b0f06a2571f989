"""Clients that ask again and again, in a process of their own, at the least cost: raw bytes over kept connections.

`python -m bench.reads` reads one JSON object from standard input (`Reads`) and writes one to standard output
(`Measured`). An answer that is not a 200 of the expected beginning ends the run: a wrong answer is no fast one.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

from .load import WARM_UP_S, Measured, measured

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Reads:
    """What to ask, where and for how long: `bodies` in turn, each expecting an answer that begins alike."""

    port: int
    token: str
    clients: int
    for_s: float
    bodies: Sequence[str]
    begins: str


class _Client(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, asked: Reads, requests: "itertools.cycle[bytes]", latencies: list[float]) -> None:
        self._asked = asked
        self._requests = requests
        self._latencies = latencies
        self._received = b""
        self._sent_at = 0.0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        length = _length(received, head)
        if length is None or len(received) < head + 4 + length:
            self._received = received
            return
        self._received = b""
        if not received.startswith(b"HTTP/1.1 200") or not received.startswith(
            self._asked.begins.encode(), head + 4
        ):
            self.ended.set_exception(RuntimeError(received.decode(errors="replace")[:2_000]))
            self._transport.abort()
            return
        self._latencies.append(time.monotonic() - self._sent_at)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def stop(self) -> None:
        self._transport.abort()

    def _ask(self) -> None:
        self._sent_at = time.monotonic()
        self._transport.write(next(self._requests))


def _length(received: bytes, head: int) -> int | None:
    if head < 0:
        return None
    at = received.lower().find(b"content-length:", 0, head)
    return int(received[at + 15 : received.find(b"\r\n", at)])


async def run(asked: Reads) -> Measured:
    requests = itertools.cycle([_request(asked, body.encode()) for body in asked.bodies])
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: _Client(asked, requests, latencies), "127.0.0.1", asked.port))[
            1
        ]
        for _ in range(asked.clients)
    ]
    await asyncio.sleep(WARM_UP_S)
    latencies.clear()
    cpu, began = time.process_time(), time.monotonic()
    await asyncio.wait([client.ended for client in clients], timeout=asked.for_s)
    took, used = time.monotonic() - began, time.process_time() - cpu
    counted = list(latencies)
    for client in clients:
        client.stop()
    for client in clients:
        await client.ended
    return measured(counted, took, used / took)


def _request(asked: Reads, body: bytes) -> bytes:
    return (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{asked.port}\r\nauthorization: Bearer {asked.token}\r\n"
        f"content-type: application/json\r\naccept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def main() -> None:
    print(json.dumps(asdict(uvloop.run(run(Reads(**json.load(sys.stdin)))))))


async def measure(asked: Reads) -> Measured:
    """Run the clients in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.reads"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(asked.for_s + 60):
        answer, _ = await process.communicate(json.dumps(asdict(asked)).encode())
    if process.returncode:
        raise RuntimeError(f"the clients ended with {process.returncode}")
    return Measured(**json.loads(answer))


if __name__ == "__main__":
    main()
