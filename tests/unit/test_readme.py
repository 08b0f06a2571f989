"""The README says what is: its settings table, its map and the paths it names agree with the repository."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from saifu.cli import app
from saifu.settings import documented

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PRODUCT = ("schema", "resolvers", "src/saifu")


def section(title: str) -> str:
    """The text under a heading, up to the next one of the same level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[1]


def settings_table() -> str:
    rows = (
        f"| `{row.name}` | {f'`{row.default}`' if row.default else ''} | {row.description} | `{row.example}` |"
        for row in documented()
    )
    return "\n".join(("| variable | default | meaning | example |", "|---|---|---|---|", *rows))


def mapped() -> list[str]:
    """The paths that the map names; a line `folder/` at the margin begins a folder, its files are indented."""
    block = re.search(r"```text\n(.*?)```", section("The map"), re.DOTALL)
    assert block
    names, folder = [], ""
    for line in block[1].splitlines():
        words = re.match(r"(\s*)((?:[\w.\-]+(?:/[\w.\-]+)*/? )*[\w.\-]+(?:/[\w.\-]+)*/?)(?:\s{2,}|$)", line)
        if not words:
            continue
        for word in words[2].split():
            if not words[1] and word.endswith("/"):
                folder = word
            names.append(word if not words[1] else folder + word)
    return names


def test_the_settings_table_is_the_one_the_program_would_write():
    assert settings_table() in README, settings_table()


def test_everything_on_the_map_exists():
    missing = [name for name in mapped() if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("folder", PRODUCT)
def test_every_module_is_on_the_map(folder):
    there = {
        str(path.relative_to(ROOT)) + ("/" if path.is_dir() else "")
        for path in (ROOT / folder).iterdir()
        if path.name not in {"__pycache__", "__init__.py"} and not path.name.startswith(".")
    }
    assert there <= set(mapped())


def test_every_path_that_is_named_exists():
    """Paths in backticks, such as `schema/mutation.py`; one that ends in a function may be followed by it."""
    named = set(re.findall(r"`((?:schema|resolvers|src|tests|\.ci)/[\w./-]+)`", README))
    assert len(named) > 8
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_every_command_that_is_named_exists():
    command = get_command(app)
    known = set()
    for name, each in command.commands.items():  # type: ignore[attr-defined]
        known |= {f"{name} {below}" for below in getattr(each, "commands", {})} or {name}
    named = set(
        re.findall(r"\bsaifu ((?:key|db|schema|ledger|payments) [a-z]+|serve|work|demo|settings)\b", README)
    )
    assert named <= known
    assert known <= named, "a command that the README does not tell of"
