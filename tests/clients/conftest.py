"""One gateway for all clients, and the packages of those written for node."""

from collections.abc import Iterator

import httpx
import pytest

from tests.clients.running import NODE, Running, Scripts, install, require_node
from tests.conftest import ADMIN_KEY
from tests.databases import copy_of
from tests.gateway import Gateway

READER = 'mutation { apiKeyCreate(input: {name: "reader", scopes: [CUSTOMERS_READ]}) { secret } }'


@pytest.fixture(scope="session")
def running(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The gateway in test mode with the real schema, behind a real port."""
    with (
        copy_of(template_url, tmp_path_factory.mktemp("clients")) as url,
        Running(Gateway(url, ADMIN_KEY)).started() as running,
    ):
        yield running


@pytest.fixture(scope="session")
def packages(request: pytest.FixtureRequest) -> None:
    """Everything in package-lock.json is installed."""
    require_node()
    assert NODE.is_dir()
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    install(lambda text: terminal and terminal.write_line(f"\n{text}"))


@pytest.fixture(scope="session")
def scripts(packages: None, running: Running) -> Scripts:
    return Scripts(running)


@pytest.fixture(scope="session")
def in_production(
    packages: None, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scripts]:
    """Scripts against a gateway in live mode, with a key that reads customers and nothing else."""
    admin = ADMIN_KEY.replace("sk_test_", "sk_live_")
    with (
        copy_of(template_url, tmp_path_factory.mktemp("production")) as url,
        Running(Gateway(url, admin, environment={"SAIFU_MODE": "live"})).started() as running,
    ):
        answer = httpx.post(running.url, json={"query": READER}, headers={"authorization": f"Bearer {admin}"})
        yield Scripts(running, answer.json()["data"]["apiKeyCreate"]["secret"])
