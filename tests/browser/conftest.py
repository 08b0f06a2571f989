"""A headless Chromium in front of a real gateway, with an eye on whom it talks to and what it complains of."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.client import Served

ROOT = Path(__file__).resolve().parents[2]
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BUILD_WITHIN_S = 280
GUARD = ROOT / "src" / "web" / ".building"


def _needed(there: object, what: str) -> None:
    """Where something is missing a developer goes on without these tests, and CI does not."""
    if there:
        return
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def explorer() -> None:
    """The page as `make web` builds it from what is on the disk now."""
    _needed(
        shutil.which("node"), "node is missing, with which `make web` builds the explorer: https://nodejs.org"
    )
    with GUARD.open("a") as guard:
        # Tests run in several processes, and npm does not like company.
        fcntl.flock(guard, fcntl.LOCK_EX)
        _build()


def _build() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS"}}
    made = subprocess.run(
        ["make", "--silent", "web"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_WITHIN_S,
    )
    assert made.returncode == 0, made.stdout + made.stderr


@dataclass
class Visitor:
    """Somebody with a browser at the gateway; all tabs of one visit share what a browser keeps."""

    context: BrowserContext
    home: str
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    # What the page sent over its websockets, one list for each.
    sockets: list[list[str]] = field(default_factory=list)

    async def opens(self, fragment: str = "") -> Page:
        page = await self.context.new_page()
        await page.goto(self.home + fragment)
        return page

    def watch(self, page: Page) -> None:
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", self._hears)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def _hears(self, socket: Any) -> None:
        sent: list[str] = []
        self.sockets.append(sent)
        self.hosts.add(urlsplit(socket.url).netloc)
        socket.on("framesent", lambda frame: sent.append(str(frame)))


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    _needed(CHROMIUM, "chromium is missing, in which the explorer is tested: apt-get install chromium")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(browser: Browser, server: Served, **options: Any) -> AsyncIterator[Visitor]:
    """A browser that has never been here; afterwards it has talked to nobody but the gateway."""
    context = await browser.new_context(**options)
    context.set_default_timeout(20_000)
    visitor = Visitor(context, f"{server.http_url}/graphql")
    context.on("page", visitor.watch)
    yield visitor
    await context.close()
    assert visitor.hosts == {f"127.0.0.1:{server.port}"}


@pytest.fixture
async def visitor(explorer: None, server: Served, chromium: Browser) -> AsyncIterator[Visitor]:
    async with visit(chromium, server) as somebody:
        yield somebody
