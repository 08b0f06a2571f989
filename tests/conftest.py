"""What tests ask for by name. Every test has a database of its own."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from starlette.applications import Starlette

from saifu import installation, keys, logs
from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store, Tx, open_store
from tests.client import Api, Served, Socket, served
from tests.databases import SERVER, copy_of, template
from tests.gateway import free_port

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

ADMIN_KEY = "sk_test_" + "a1B2c3D4" * 5
STARTS_AT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVER and item.get_closest_marker("sqlite_only"):
            item.add_marker(pytest.mark.skip(reason="says something about SQLite alone"))
        if not SERVER and item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason="needs SAIFU_TEST_DATABASE_URL"))


@pytest.fixture(scope="session")
def template_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with template(tmp_path_factory.mktemp("template")) as url:
        yield url


@pytest.fixture
def url(template_url: str, tmp_path: Any) -> Iterator[str]:
    """A fresh, migrated database that nothing has opened yet."""
    with copy_of(template_url, tmp_path) as fresh:
        yield fresh


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(STARTS_AT)


@pytest.fixture
async def store(url: str, clock: ManualClock) -> AsyncIterator[Store]:
    opened = await open_store(url, clock)
    yield opened
    await opened.close()


@pytest.fixture
def settings(url: str) -> Settings:
    return Settings.model_validate({"database_url": url, "admin_key": ADMIN_KEY, "mode": "test"})


@pytest.fixture
async def installed(settings: Settings, store: Store) -> Store:
    """The store of an installation that has its admin key."""

    def install(tx: Tx) -> None:
        installation.ensure(tx, settings.business_id, settings.mode)
        keys.adopt(tx, ADMIN_KEY)

    await store.write(install)
    return store


@pytest.fixture
async def app(settings: Settings, installed: Store) -> AsyncIterator[Starlette]:
    """The whole gateway around `store`, started, and stopped afterwards; the store stays open."""
    from saifu.server import build_app

    application = build_app(settings, store=installed)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[Api]:
    """An admin's client, in process."""
    async with Api.in_process(app, ADMIN_KEY) as api:
        yield api


@pytest.fixture
async def server(settings: Settings, installed: Store) -> AsyncIterator[Served]:
    """The gateway behind a real port, in this test's own loop."""
    from saifu.server import build_app

    port = free_port()  # chosen first, since links on pages name it
    settings = settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    async with served(build_app(settings, store=installed), settings, port=port) as running:
        yield running


Listen = Callable[..., "AbstractAsyncContextManager[Socket]"]


@pytest.fixture
def listen(server: Served) -> Listen:
    """`async with listen(token) as socket:` is an acknowledged graphql-transport-ws connection."""

    @asynccontextmanager
    async def connected(token: str = ADMIN_KEY, **options: Any) -> AsyncIterator[Socket]:
        async with AsyncExitStack() as stack:
            socket = await stack.enter_async_context(Socket.to(server.ws_url, **options))
            async with asyncio.timeout(5):
                await socket.init(token)
            yield socket

    return connected


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Whatever is logged, down to debug."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    yield stream
    root.handlers, root.level = before
    logging.captureWarnings(False)
    structlog.reset_defaults()
