"""Run the contract suites on PostgreSQL, where every test gets a database of its own that is dropped afterwards.

The server is `SAIFU_TEST_DATABASE_URL` (default `postgresql+asyncpg://postgres@127.0.0.1:5432/postgres`); its user
must be allowed to create databases. Arguments are passed on to pytest. Where no server answers this fails when
`CI` is true, and elsewhere says loudly that nothing was run.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

ROOT = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("SAIFU_TEST_DATABASE_URL") or "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
SUITES = ("tests/integration", "tests/api", "tests/scenarios", "tests/faults")
CONNECT_TIMEOUT_S = 5
# Much of a test on PostgreSQL is waiting for the server, so two at a time take little more than half as long.
_PYTEST = (sys.executable, "-m", "pytest", "-n", "2")


async def is_there() -> bool:
    try:
        connection = await asyncpg.connect(
            urlsplit(SERVER)._replace(scheme="postgresql").geturl(), timeout=CONNECT_TIMEOUT_S
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        print(f"PostgreSQL run: NOT RUN, no usable server ({error}). Set SAIFU_TEST_DATABASE_URL.")
        return False
    await connection.close()
    return True


def main() -> int:
    """The exit code of pytest, for which running no test at all is a failure too."""
    if not asyncio.run(is_there()):
        return 1 if os.environ.get("CI", "").lower() in {"1", "true"} else 0
    suites = [suite for suite in SUITES if (ROOT / suite).is_dir()]
    assert suites, f"none of {SUITES} exists: nothing would be tested"
    return subprocess.run(
        [*_PYTEST, "-m", "not sqlite_only and not either_engine and not large", *suites, *sys.argv[1:]],
        cwd=ROOT,
        env=os.environ | {"SAIFU_TEST_DATABASE_URL": SERVER},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
