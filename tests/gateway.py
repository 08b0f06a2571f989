"""The gateway as a process of its own, to be stopped, killed and started again."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

ROOT = Path(__file__).resolve().parent.parent
# Where the environment forbids Python to keep what it has compiled, every start would compile everything again.
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(ROOT / ".pytest_cache" / "bytecode")}
START_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0


class Gateway:
    """`python -m saifu serve` on a free port that stays the same over restarts.

    Args:
        database_url: what it is to store in.
        admin_key: an admin's key for the test to use.
        arguments: the command and its options.
        environment: more settings, such as `{"SAIFU_NATS_URL": "nats://127.0.0.1:4222"}`.
        wrapper: a command to run it under, such as a tracer's, which stays out of the way of signals.
        module: what is run in place of `saifu`, which must take its arguments.
    """

    def __init__(
        self,
        database_url: str,
        admin_key: str,
        arguments: Sequence[str] = ("serve",),
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        module: str = "saifu",
    ) -> None:
        self.port = free_port()
        self.arguments = tuple(arguments)
        self.wrapper = tuple(wrapper)
        self.module = module
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAIFU_")}
        self.environment = {
            **inherited,
            **COMPILED,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
            "SAIFU_HOST": "127.0.0.1",
            "SAIFU_PORT": str(self.port),
            "SAIFU_DATABASE_URL": database_url,
            "SAIFU_ADMIN_KEY": admin_key,
            "SAIFU_LOG_FORMAT": "json",
            **(environment or {}),
        }
        self.output = bytearray()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "not started"
        return self._process

    @property
    def log(self) -> str:
        """All it has written since it was made, over restarts."""
        return self.output.decode(errors="replace")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def start(self, ready: bool = True) -> None:
        """Start the process and, unless told otherwise, wait until it says that it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *self.wrapper,
            sys.executable,
            "-m",
            self.module,
            *self.arguments,
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._collect(self._process))
        if ready:
            await self.until_ready()

    async def until_ready(self) -> None:
        async with asyncio.timeout(START_WITHIN_S), httpx.AsyncClient() as http:
            while not await self._is_ready(http):
                assert self.process.returncode is None, f"it ended by itself:\n{self.log}"
                await asyncio.sleep(0.05)

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.http_url}/health/ready", timeout=2)).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self.process.kill()
        await self._ended()

    async def terminate(self) -> int:
        """SIGTERM; answers its exit code once it has drained."""
        self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def _ended(self) -> int:
        async with asyncio.timeout(STOP_WITHIN_S):
            code = await self.process.wait()
            if self._reader is not None:
                await self._reader
        return code

    async def _collect(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while piece := await process.stdout.read(65_536):
            self.output += piece


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
