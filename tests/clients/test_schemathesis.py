"""schemathesis invents documents for every query and mutation of the schema that the gateway shows."""

import re
import sys
from pathlib import Path

import pytest
from graphql import build_schema

from tests.clients.running import Running, done
from tests.gateway import ROOT

EXAMPLES = 15
SCHEMA = build_schema((ROOT / "schema/schema.graphql").read_text())
OPERATIONS = sum(len(kind.fields) for kind in (SCHEMA.query_type, SCHEMA.mutation_type) if kind)
WITHIN_S = 240
COUNTED = re.compile(r"(\d+) generated, (\d+) passed")


@pytest.mark.parametrize(
    ("hooks", "options"),
    [
        pytest.param(
            "any_values", ["--mode", "all", "--exclude-checks", "positive_data_acceptance"], id="any values"
        ),
        pytest.param(
            "good_values", ["--mode", "positive", "--generation-allow-x00", "false"], id="good values"
        ),
    ],
)
def test_schemathesis_finds_nothing(running: Running, tmp_path: Path, hooks: str, options: list[str]):
    """Values without sense are refused with a code, never a fault; those that keep every rule are accepted.

    SERVING trap 11: an error without a code would count as a fault.

    Only a schema that could express all rules would make the first run accept what it sends: that is asked of the
    second one alone, whose hooks know them.
    """
    before = len(running.gateway.log)
    told = done(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", running.url, "--no-color"),
            *("--header", f"Authorization: Bearer {running.key}"),
            *("--phases", "fuzzing", "--max-examples", str(EXAMPLES), "--generation-deterministic"),
            *("--continue-on-failure", *options),
        ],
        tmp_path,
        within_s=WITHIN_S,
        environment={"SCHEMATHESIS_HOOKS": f"tests.clients.{hooks}", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )
    assert f"Tested: {OPERATIONS}\n" in told
    generated, passed = next(map(int, found.groups()) for found in COUNTED.finditer(told))
    assert generated == passed >= EXAMPLES * OPERATIONS / 2
    assert '"level": "error"' not in running.gateway.log[before:]
