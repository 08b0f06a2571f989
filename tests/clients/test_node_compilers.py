"""Compilers from npm over the printed schema: what they make is type-checked strictly, and run against the gateway."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.running import NODE, SCHEMA, Running, Scripts, cases_of, done, passes
from tests.conftest import ADMIN_KEY
from tests.databases import copy_of
from tests.gateway import Gateway


@pytest.fixture(scope="session")
def sources(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `node/` to build in, with the printed schema where the compilers look for it."""
    copy = tmp_path_factory.mktemp("built") / "node"
    shutil.copytree(NODE, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(NODE / "node_modules")
    for folder in ("relay", "codegen"):
        shutil.copy(SCHEMA, copy / folder / "schema.graphql")
    return copy


@pytest.fixture(scope="session")
def relay(sources: Path) -> Path:
    """Where relay-compiler and `tsc --strict` have accepted everything."""
    folder = sources / "relay"
    (folder / "__generated__").mkdir()
    done([program("relay-compiler")], folder)
    (folder / "persisted").mkdir()
    (folder / "persisted.json").write_text("{}")
    done([program("relay-compiler"), "persisted.config.json"], folder)
    done([program("tsc")], folder)
    return folder


@pytest.fixture(scope="session")
def codegen(sources: Path) -> Path:
    """Where graphql-codegen has made types, and `tsc --strict` has accepted their use."""
    folder = sources / "codegen"
    done([program("graphql-codegen"), "--config", "codegen.ts"], folder)
    done([program("tsc")], folder)
    return sources / "built" / "codegen"


@pytest.fixture(scope="session")
def trusted(template_url: str, sources: Path, relay: Path, codegen: Path) -> Iterator[Scripts]:
    """Scripts against a gateway that runs only what both compilers have written down."""
    manifests = [relay / "persisted.json", sources / "codegen" / "gql" / "persisted-documents.json"]
    texts = {name: text for path in manifests for name, text in json.loads(path.read_text()).items()}
    (sources / "trusted.json").write_text(json.dumps(texts))
    settings = {"SAIFU_TRUSTED_DOCUMENTS": str(sources / "trusted.json"), "SAIFU_TRUSTED_ONLY": "true"}
    with (
        copy_of(template_url, sources) as url,
        Running(Gateway(url, ADMIN_KEY, environment=settings)).started() as trusting,
    ):
        yield Scripts(trusting)


def program(name: str) -> str:
    return str(NODE / "node_modules" / ".bin" / name)


def test_relay_compiler_makes_an_artifact_of_every_operation(relay):
    made = {path.name.removesuffix(".graphql.ts") for path in (relay / "__generated__").glob("*.graphql.ts")}
    assert {name.removeprefix("operations") for name in made} == {
        *("BalanceSubscription", "CreditMutation", "CustomersQuery", "Entry_entry"),
        *("LedgerPaginationQuery", "LedgerQuery", "Ledger_customer"),
    }


@pytest.mark.parametrize("case", cases_of("relay/main.mjs"))
def test_relay_runtime(relay, scripts, case):
    passes(scripts, relay / "main.mjs", case)


@pytest.mark.parametrize("case", cases_of("codegen/main.ts"))
def test_graphql_codegen(codegen, scripts, case):
    passes(scripts, codegen / "main.js", case)


def test_graphql_codegen_makes_the_same_of_what_the_gateway_says_of_itself(
    codegen, sources, running: Running
):
    """The printed schema and introspection over HTTP agree to the letter."""
    folder = sources / "codegen"
    asked = {"GATEWAY": running.url, "KEY": running.key, "INTO": "asked/"}
    done([program("graphql-codegen"), "--config", "codegen.ts"], folder, environment=asked)
    assert texts(folder / "asked") == texts(folder / "gql")


@pytest.mark.parametrize("case", cases_of("trusted.mjs"))
def test_trusted_documents(trusted: Scripts, sources: Path, case):
    """A62."""
    passes(trusted, sources / "trusted.mjs", case)


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
