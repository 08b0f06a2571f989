"""The house stands as ARCHITECTURE.md draws it: who imports whom, what lies where, and what may never be committed."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("schema", "resolvers", "src")
TOP_LEVEL = {
    *("pyproject.toml", "requirements.lock", "Makefile", "README.md", ".ci", ".gitignore"),
    *("schema", "resolvers", "src", "tests"),
}
LONGEST_MODULE = 400
LONGEST_TEST = 500  # tables of cases are long and still easy to read
LONGER_FOR_A_REASON = {
    "schema/types.py": "object types refer to each other in circles, which stay in one module"
}
# Alembic brings its own transaction; everything else goes through the store.
MAY_COMMIT = re.compile(r"src/saifu/(store(_\w+)?\.py|migrations/.*)")
# None of them takes a positional argument in SQLAlchemy or asyncpg: what does is another word that looks the same.
TRANSACTION_CALLS = {"begin", "begin_nested", "begin_transaction", "transaction", "commit", "rollback"}
TRANSACTION_WORDS = re.compile(r"\s*(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@cache
def committed() -> tuple[str, ...]:
    """The files of the repository as git lists them: those committed or about to be, and none that is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def modules(*folders: str) -> Iterator[str]:
    return (name for name in committed() if name.endswith(".py") and name.split("/")[0] in folders)


def locked() -> dict[str, str]:
    pins = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    return {canonicalize_name(name): version for name, version in pins}


def test_the_import_contracts_hold():
    """`schema` knows `resolvers`, they know `saifu`, never back; the ledger knows money alone."""
    checked = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert " 0 broken." in checked.stdout


def test_the_repository_holds_what_its_map_shows():
    top = {name.split("/")[0] for name in committed()}
    assert top <= TOP_LEVEL
    assert {"pyproject.toml", "Makefile", "schema", "resolvers", "src", "tests"} <= top


def test_ci_begins_with_the_command_that_everyone_types():
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make ")]
    assert commands == ["make test", "make check"]


def test_the_lock_pins_everything_by_hash_and_names_no_registry():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)|^-", text, re.MULTILINE)
    pinned = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(pinned) == len(locked()) > 50
    assert all("--hash=sha256:" in each for each in pinned)


def test_the_lock_leaves_out_the_package_that_has_our_name():
    """PyPI's `schema` would be imported in place of ours, or ours in place of it."""
    assert not {"schema", "resolvers", "saifu"} & locked().keys()


def test_the_lock_satisfies_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(each) for each in project["dependencies"] + project["optional-dependencies"]["dev"]]
    pins = locked()
    unmet = [
        str(each)
        for each in wanted
        if not each.specifier.contains(pins.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]
    assert not unmet, "make lock"


def test_no_file_knows_the_machine_it_was_written_on():
    folders = "home|Users|root|work"
    machine = re.compile(rf"(?<![\w.:/$}}])/(?:{folders})/[\w.-]|" + re.escape(f"{ROOT}/"))
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in committed()
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if machine.search(line)
    ]
    assert not found


@pytest.mark.parametrize(("folders", "longest"), [(PRODUCT, LONGEST_MODULE), (("tests",), LONGEST_TEST)])
def test_a_module_can_be_read_in_one_sitting(folders, longest):
    lengths = {name: len((ROOT / name).read_text().splitlines()) for name in modules(*folders)}
    assert not {
        name: length
        for name, length in lengths.items()
        if length > longest and name not in LONGER_FOR_A_REASON
    }


def transaction_control(source: str) -> list[int]:
    """The lines on which a module begins, commits or undoes a transaction, by a call or as SQL text."""
    tree = ast.parse(source)
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    calls = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TRANSACTION_CALLS
        and not node.args
    ]
    texts = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in prose
        and TRANSACTION_WORDS.match(node.value)
    ]
    return sorted(calls + texts)


def test_only_the_store_begins_and_commits():
    """Everything a request changes goes through the `tx` it is given (STYLE: one unit of work, one commit)."""
    found = {
        name: lines
        for name in modules(*PRODUCT)
        if not MAY_COMMIT.fullmatch(name) and (lines := transaction_control((ROOT / name).read_text()))
    }
    assert not found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("await connection.commit()", [1]),
        ("async with engine.begin() as c:\n    c.execute('SAVEPOINT one')", [1, 2]),
        ('"""COMMIT is what the store does."""\nx = "to begin with"', []),
        ("async with connection.transaction(isolation='serializable'):\n    pass", [1]),
        ("session.begin(nested=True)", [1]),
        ("tail.begin(position)\ntx.run(statement)", []),
    ],
)
def test_the_search_for_commits_finds_them(source, lines):
    assert transaction_control(source) == lines
