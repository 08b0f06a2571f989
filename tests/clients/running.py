"""The gateway behind all clients: one process per run, and programs of others that talk to it."""

import asyncio
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.gateway import ROOT, Gateway

T = TypeVar("T")

NODE = Path(__file__).resolve().parent / "node"
SCHEMA = ROOT / "schema" / "schema.graphql"
CASE = re.compile(r'^  "(.+)": async', re.MULTILINE)
INSTALL_WITHIN_S = 110
SCRIPT_WITHIN_S = 100
STEP_WITHIN_S = 60


class Running:
    """A gateway for many tests: it lives in a loop of its own, since every test has another.

    Args:
        gateway: not yet started.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"{self.gateway.http_url}/graphql"

    @property
    def ws_url(self) -> str:
        return self.gateway.ws_url

    @property
    def key(self) -> str:
        return self.gateway.environment["SAIFU_ADMIN_KEY"]

    def please(self, wish: str) -> None:
        """Do what a script asks for: `restart` kills the gateway first, `stop and start` lets it drain."""
        if wish == "restart":
            self._do(self.gateway.restart())
        else:
            assert wish == "stop and start", wish
            self._do(self.gateway.terminate())
            self._do(self.gateway.start())

    @contextmanager
    def started(self) -> Iterator["Running"]:
        self._thread.start()
        try:
            self._do(self.gateway.start())
            yield self
        finally:
            self._do(self.gateway.__aexit__())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STEP_WITHIN_S)


@dataclass(frozen=True, slots=True)
class Report:
    """How one case of a script went."""

    name: str
    ok: bool
    detail: str


class Scripts:
    """Node programs, each run once with the gateway's address and a key; their packages are installed.

    Args:
        running: the gateway.
        key: what they authenticate with, the admin's key unless said.
    """

    def __init__(self, running: Running, key: str | None = None) -> None:
        self._running = running
        self._key = key or running.key
        self._reports: dict[Path, dict[str, Report]] = {}

    def reports(self, script: Path) -> Mapping[str, Report]:
        """The report of every case of a script, by name."""
        if script not in self._reports:
            # Before it runs: one that breaks off is not begun again for each of its cases.
            self._reports[script] = {}
            self._run(script, self._reports[script])
        return self._reports[script]

    def _run(self, script: Path, reports: dict[str, Report]) -> None:
        command = ["node", script.name, self._running.url, self._key]
        with subprocess.Popen(
            command,
            cwd=script.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process:
            timer = threading.Timer(SCRIPT_WITHIN_S, process.kill)
            timer.start()
            try:
                self._follow(process, reports)
            finally:
                timer.cancel()
                process.kill()

    def _follow(self, process: "subprocess.Popen[str]", reports: dict[str, Report]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            said = _parsed(line)
            if "please" in said:
                self._running.please(said["please"])
                process.stdin.write("done\n")
                process.stdin.flush()
            elif "name" in said:
                reports[said["name"]] = Report(**said)
            else:
                print(line, end="")  # noqa: T201 - what a library has to say belongs to the failure it explains


def cases_of(script: str) -> list[str]:
    """The names of a script's cases, read from its text, so that one that does not run is missed."""
    names: list[str] = CASE.findall((NODE / script).read_text(encoding="utf-8"))
    assert names, f"{script} has no cases"
    return names


def passes(scripts: Scripts, script: Path, case: str) -> None:
    """Fail unless a script has reported that the case went well."""
    reports = scripts.reports(script)
    assert case in reports, f"{script.name} did not get there; it reported {list(reports)}"
    if not reports[case].ok:
        pytest.fail(reports[case].detail, pytrace=False)


def _parsed(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def require_node() -> None:
    """Skip where there is no node; in CI its absence is a failure, not a remark."""
    if shutil.which("node") and shutil.which("npm"):
        return
    message = "node and npm are not installed, so the clients written for them cannot be run"
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(message)
    pytest.skip(message)


def install(say: Any) -> None:
    """`npm ci`, unless the packages are those of the lock already; `say` is told when it takes a while."""
    modules = NODE / "node_modules"
    lock = (NODE / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock + (NODE / "package.json").read_bytes()).hexdigest()
    made_from = modules / ".made-from-lock"
    # Several test processes may come here at the same time.
    with (NODE / ".npmrc").open("rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if made_from.is_file() and made_from.read_text() == wanted:
            return
        say("Installing the GraphQL clients that package-lock.json names, about 15 s …")
        done(["npm", "ci", "--ignore-scripts", "--loglevel=error"], NODE, within_s=INSTALL_WITHIN_S)
        made_from.write_text(wanted)


def done(
    command: list[str],
    folder: Path,
    within_s: float = STEP_WITHIN_S,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a command that must succeed prints."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **(environment or {})},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=within_s,
    )
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout
