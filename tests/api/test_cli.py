"""The command line as whoever types it sees it: real processes where a process matters, the runner elsewhere."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from saifu import migrations
from saifu.cli import app
from saifu.store_postgres import postgres_dsn
from tests.client import Api, Socket
from tests.conftest import ADMIN_KEY
from tests.databases import copy_of, in_thread, sqlite_url
from tests.gateway import ROOT, Gateway, free_port

SECRET = re.compile(r"sk_test_[A-Za-z0-9_-]{32,}")
WHO_AM_I = "{ viewer { mode scopes } }"


@pytest.fixture(autouse=True)
def no_settings_of_this_shell(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("SAIFU_"):
            monkeypatch.delenv(name)


@pytest.fixture
def fresh(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return sqlite_url(tmp_path / "data" / "saifu.db")


def saifu(*arguments: str, url: str = "", **environment: str) -> Result:
    """Run a command in this process, away from the test's event loop."""
    given = {"SAIFU_DATABASE_URL": url, **environment}
    return CliRunner().invoke(app, arguments, env={name: value for name, value in given.items() if value})


def refusal(result: Result) -> str:
    """The text of a command that said no: on standard error, without a traceback, with an exit code."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stderr.startswith("saifu: ")
    return " ".join(result.stderr.split())


async def sql(url: str, *statements: str) -> None:
    if url.startswith("sqlite"):
        import aiosqlite

        async with aiosqlite.connect(url.partition(":///")[2]) as connection:
            for statement in statements:
                await connection.execute(statement)
            await connection.commit()
        return
    session = await asyncpg.connect(postgres_dsn(url))
    try:
        for statement in statements:
            await session.execute(statement)
    finally:
        await session.close()


# the first start and the second


async def test_the_first_start_shows_a_working_key_once_and_the_second_says_how_to_get_another(url):
    """A44: one admin key on a fresh database, printed once, with the explorer signed in."""
    gateway = Gateway(url, admin_key="")
    async with gateway:
        (secret,) = set(SECRET.findall(gateway.log))
        assert f"{gateway.http_url}/graphql#key={secret}" in gateway.log
        assert f"curl {gateway.http_url}/graphql -H 'Authorization: Bearer {secret}'" in gateway.log
        async with Api.over_network(gateway.http_url, secret) as api:
            viewer = (await api.execute(WHO_AM_I))["viewer"]
        assert viewer["mode"].lower() == "test"
        assert await gateway.terminate() == 0

        before = len(gateway.output)
        await gateway.start()
        second = gateway.output[before:].decode()
        assert not SECRET.search(second)
        assert "saifu key create" in second
        async with Api.over_network(gateway.http_url, secret) as api:
            assert await api.execute(WHO_AM_I) == {"viewer": viewer}


async def test_the_line_it_shows_for_curl_can_be_pasted(fresh):
    async with Gateway(fresh, admin_key="", arguments=("serve", "--demo")) as gateway:
        (line,) = re.findall(r"^ +try +(curl .*)$", gateway.log, re.MULTILINE)
        assert "40 customers" in gateway.log
        answer = await asyncio.create_subprocess_shell(f"{line} --silent", stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(10):
            body, _ = await answer.communicate()
    assert answer.returncode == 0
    assert body.count(b'"cus_') == 3
    assert b'"errors"' not in body


async def test_a_key_given_from_outside_is_adopted_and_never_shown(url):
    async with Gateway(url, ADMIN_KEY) as gateway, Api.over_network(gateway.http_url, ADMIN_KEY) as api:
        assert await api.execute(WHO_AM_I)
        assert not SECRET.search(gateway.log)
        assert "SAIFU_ADMIN_KEY" in gateway.log


async def test_in_live_mode_the_key_is_shown_without_a_link_that_carries_it(url):
    async with Gateway(url, admin_key="", environment={"SAIFU_MODE": "live"}) as gateway:
        assert re.search(r"sk_live_[A-Za-z0-9_-]{32,}", gateway.log)
        assert "#key=" not in gateway.log


# the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_drains_and_ends_well(url, number):
    async with Gateway(url, ADMIN_KEY, environment={"SAIFU_DRAIN_TIMEOUT_S": "5"}) as gateway:
        # A connection that idles, and one that has not finished its request.
        async with httpx.AsyncClient() as idle:
            await idle.get(f"{gateway.http_url}/health/live")
            began = time.monotonic()
            gateway.process.send_signal(number)
            async with asyncio.timeout(20):
                code = await gateway.process.wait()
            assert time.monotonic() - began < 5 + 3
        assert code == 0
        await gateway._ended()
        assert "Stopping: requests under way get up to 5 s" in gateway.log
        assert "Stopped." in gateway.log
        assert "Traceback" not in gateway.log


async def test_told_to_stop_it_tells_sockets_to_come_back(url):
    """A55: 1001 means that the client reconnects and resumes."""
    async with Gateway(url, ADMIN_KEY) as gateway, Socket.to(gateway.ws_url) as socket:
        await socket.init(ADMIN_KEY)
        assert await gateway.terminate() == 0
        async with asyncio.timeout(5):
            assert (await socket.closed).code == 1001


@pytest.mark.postgres
async def test_work_does_the_due_work_until_it_is_told_to_stop(url):
    worker = Gateway(url, ADMIN_KEY, arguments=("work",))
    await worker.start(ready=False)
    async with asyncio.timeout(60):
        while "Working:" not in worker.log:
            assert worker.process.returncode is None, worker.log
            await asyncio.sleep(0.05)
    assert await worker.terminate() == 0
    assert "Stopped." in worker.log
    assert "Traceback" not in worker.log


# what serve and the others refuse


@pytest.mark.sqlite_only
async def test_a_second_process_on_a_sqlite_file_is_refused_by_the_pid_of_the_first(fresh):
    async with Gateway(fresh, ADMIN_KEY) as first:
        second = Gateway(fresh, ADMIN_KEY)
        await second.start(ready=False)
        assert await second._ended() == 1
        assert f"pid {first.process.pid}" in second.log
        assert "PostgreSQL" in second.log
        assert "Traceback" not in second.log
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{first.http_url}/health/ready")).status_code == 200


def test_a_taken_port_is_refused_before_anything_is_made(fresh, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = refusal(saifu("serve", "--port", str(port), url=fresh))
    assert f"port {port}" in text
    assert f"saifu serve --port {port + 1}" in text
    assert not (tmp_path / "data").exists(), "a first key might have been made and never shown"


@pytest.mark.parametrize(
    ("variable", "value", "example"),
    [
        ("SAIFU_PORT", "eighty", "SAIFU_PORT=8000"),
        ("SAIFU_MODE", "prod", "SAIFU_MODE=live"),
        ("SAIFU_CURRENCIES", "USD,XXX", "SAIFU_CURRENCIES=USD,INR,EUR"),
        ("SAIFU_ADMIN_KEY", "sk_test_short", "SAIFU_ADMIN_KEY=sk_test_"),
        ("SAIFU_DATABASE_URL", "mysql://root@localhost/x", "SAIFU_DATABASE_URL=postgresql+asyncpg://"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "work", "demo"])
def test_a_wrong_setting_is_refused_by_its_name_with_an_example(command, variable, value, example):
    text = refusal(saifu(command, **{variable: value}))
    assert variable in text
    assert f"Example: {example}" in text


def test_a_setting_that_does_not_exist_is_refused():
    assert "Did you mean SAIFU_PORT?" in refusal(saifu("serve", SAIFU_PROT="8000"))


@pytest.mark.parametrize(
    "command", [("serve", "--port", "0"), ("db", "upgrade"), ("db", "upgrade", "--check"), ("demo",)]
)
def test_a_database_of_a_newer_version_is_refused(url, command):
    in_thread(sql(url, "UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    text = refusal(saifu(*command, url=url))
    assert "9999_from_the_future" in text
    assert "Start that version" in text


@pytest.mark.parametrize(("variable", "value"), [("SAIFU_MODE", "live"), ("SAIFU_BUSINESS_ID", "bus_b")])
def test_a_database_of_another_mode_or_business_is_refused(url, variable, value):
    """Ruling 5: one installation is one business in one mode."""
    assert saifu("key", "create", "first", "--scope", "admin", url=url).exit_code == 0
    text = refusal(saifu("serve", "--port", "0", url=url, **{variable: value}))
    assert variable in text
    assert "bus_default in test mode" in text


@pytest.mark.postgres
@pytest.mark.parametrize(
    "command", [("serve", "--port", "0"), ("work",), ("key", "list"), ("demo",), ("ledger", "verify")]
)
def test_postgresql_that_is_not_migrated_is_refused_with_the_command_to_run(command, tmp_path):
    with copy_of("postgresql+asyncpg:///template1", tmp_path) as empty:
        text = refusal(saifu(*command, url=empty))
        assert "not migrated yet" in text
        assert "saifu db upgrade" in text
        assert in_thread(migrations.revision(empty)).current is None


@pytest.mark.sqlite_only
@pytest.mark.parametrize("command", [("serve", "--no-jobs"), ("work",)])
def test_several_processes_are_refused_on_sqlite_with_the_reason(command, fresh):
    text = refusal(saifu(*command, url=fresh))
    assert "SQLite" in text
    assert "SAIFU_DATABASE_URL" in text


def test_a_database_out_of_reach_is_told_in_one_line_without_its_password():
    url = f"postgresql+asyncpg://saifu:geheim42@127.0.0.1:{free_port()}/saifu"
    text = refusal(saifu("serve", "--port", "0", url=url))
    assert "cannot be reached" in text
    assert "geheim42" not in text


@pytest.mark.sqlite_only
def test_a_path_that_cannot_be_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    text = refusal(saifu("serve", "--port", "0", url=sqlite_url(tmp_path / "file" / "saifu.db")))
    assert "SAIFU_DATABASE_URL" in text


@pytest.mark.sqlite_only
def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path):
    path = tmp_path / "letter.db"
    path.write_text("Dear ledger, " * 400)
    assert "file is not a database" in refusal(saifu("serve", "--port", "0", url=sqlite_url(path)))
    assert path.read_text().startswith("Dear ledger")


# keys


def test_a_key_is_made_listed_and_revoked(url):
    """A40: shown once, listed by its beginning, revocable."""
    made = saifu(
        "key", "create", "shop backend", "--scope", "customers:read", "--scope", "wallets:write", url=url
    )
    assert made.exit_code == 0, made.output
    (secret,) = SECRET.findall(made.output)
    (key_id,) = re.findall(r"key_[0-9A-Z]{26}", made.output)

    listed = saifu("key", "list", url=url)
    assert listed.exit_code == 0
    assert secret not in listed.output
    assert secret[:12] in listed.output
    assert "shop backend" in listed.output
    assert "wallets:write" in listed.output

    assert saifu("key", "revoke", key_id, url=url).exit_code == 0
    assert "no such key" in refusal(saifu("key", "revoke", "key_nobody", url=url)).lower()


def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(url):
    text = refusal(saifu("key", "create", "x", "--scope", "everything", url=url))
    assert "'everything'" in text
    assert "customers:read" in text


@pytest.mark.sqlite_only
async def test_beside_a_running_server_keys_are_listed_and_not_made(fresh):
    async with Gateway(fresh, ADMIN_KEY) as gateway:
        listed = await asyncio.to_thread(saifu, "key", "list", url=fresh)
        assert listed.exit_code == 0
        assert ADMIN_KEY[:10] in listed.output
        made = await asyncio.to_thread(saifu, "key", "create", "x", "--scope", "admin", url=fresh)
        assert f"pid {gateway.process.pid}" in refusal(made)


# schema, db, settings


def test_the_schema_is_printed_as_the_contract_has_it():
    """A9."""
    printed = saifu("schema", "print")
    assert printed.exit_code == 0
    assert printed.stdout.rstrip() == (ROOT / "schema" / "schema.graphql").read_text().rstrip()


@pytest.mark.sqlite_only
def test_an_upgrade_says_what_it_did_and_the_check_changes_nothing(fresh, tmp_path):
    assert "yet" in refusal(saifu("db", "upgrade", "--check", url=fresh))
    assert not (tmp_path / "data").exists()
    assert "it was empty" in saifu("db", "upgrade", url=fresh).stdout
    assert "up to date already" in saifu("db", "upgrade", url=fresh).stdout
    assert saifu("db", "upgrade", "--check", url=fresh).exit_code == 0


@pytest.mark.postgres
def test_an_upgrade_migrates_postgresql(tmp_path):
    with copy_of("postgresql+asyncpg:///template1", tmp_path) as empty:
        assert "not migrated yet" in refusal(saifu("db", "upgrade", "--check", url=empty))
        assert "it was empty" in saifu("db", "upgrade", url=empty).stdout
        assert saifu("db", "upgrade", "--check", url=empty).exit_code == 0


def test_the_settings_are_shown_with_their_values_and_without_secrets():
    result = saifu(
        "settings",
        url="postgresql+asyncpg://saifu:p@ss/word@db.internal:5432/saifu",
        SAIFU_ADMIN_KEY=ADMIN_KEY,
        SAIFU_PORT="9000",
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"SAIFU_PORT +│? *9000 +│? *8000 ", result.output)
    assert "db.internal:5432/saifu" in result.output
    for secret in (ADMIN_KEY, "p@ss", "word"):
        assert secret not in result.output


def test_wrong_settings_are_shown_too_and_then_refused():
    result = saifu("settings", SAIFU_PORT="eighty")
    assert result.exit_code == 1
    assert "eighty" in result.stdout
    assert "SAIFU_PORT must be a whole number" in result.stderr


# ledger verify


@pytest.fixture(scope="module")
def demo_template(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with copy_of(template_url, tmp_path_factory.mktemp("demo")) as url:
        assert saifu("demo", url=url).exit_code == 0
        yield url


@pytest.fixture
def demo_url(demo_template: str, tmp_path: Path) -> Iterator[str]:
    with copy_of(demo_template, tmp_path) as url:
        yield url


def test_the_demo_is_for_a_fresh_database(demo_url):
    assert "has customers already" in refusal(saifu("demo", url=demo_url))


def test_a_sound_ledger_is_verified_with_its_trial_balance(demo_url):
    """Rulings 11 and 12."""
    result = saifu("ledger", "verify", url=demo_url)
    assert result.exit_code == 0, result.output
    assert "80 wallets" in result.stdout
    assert "merchant_adjustments" in result.stdout
    assert re.search(r"every hash and balance holds", result.stdout)
    one = saifu("ledger", "verify", "--currency", "INR", url=demo_url)
    assert "40 wallets" in one.stdout


def test_a_broken_ledger_names_the_first_broken_entry_and_fails(demo_url):
    """Ruling 12: whoever has the rights to remove the triggers still cannot mend the chain."""
    on = "" if demo_url.startswith("sqlite") else " ON ledger_entry"
    trigger = "ledger_entry_no_update" if demo_url.startswith("sqlite") else "ledger_entry_append_only"
    forge = "UPDATE ledger_entry SET reason = 'nothing to see' WHERE sequence = 3 AND currency = 'USD'"
    in_thread(sql(demo_url, f"DROP TRIGGER {trigger}{on}", forge))
    text = refusal(saifu("ledger", "verify", url=demo_url))
    assert re.search(r"cwt_[0-9A-Z]{26}", text)
    assert "sequence 3" in text
    assert "hash" in text


def test_verifying_nobody_is_refused(demo_url):
    assert (
        "no such customer"
        in refusal(saifu("ledger", "verify", "--customer", "cus_nobody", url=demo_url)).lower()
    )


@pytest.mark.sqlite_only
async def test_a_ledger_is_verified_beside_a_running_server(fresh):
    async with Gateway(fresh, ADMIN_KEY, arguments=("serve", "--demo")):
        result = await asyncio.to_thread(saifu, "ledger", "verify", url=fresh)
    assert result.exit_code == 0, result.output


# payments reconcile


def test_payments_are_compared_with_what_their_processor_has(fresh):
    """RELIABILITY §3.4: exit code 1, and each difference by name."""
    assert saifu("db", "upgrade", url=fresh).exit_code == 0
    agreed = saifu("payments", "reconcile", url=fresh)
    assert agreed.exit_code == 0, agreed.output
    assert "0 charges at simulator" in agreed.stdout
    at = "'2026-01-05T00:00:00.000000Z'"
    columns = (
        "reference, ref, instrument_ref, amount_minor, currency, state, replays_fault, created_at, updated_at"
    )
    values = f"'pay_stranger', 'ch_1', 'card_1', 999, 'USD', 'succeeded', FALSE, {at}, {at}"
    in_thread(sql(fresh, f"INSERT INTO simulator_charge ({columns}) VALUES ({values})"))
    differs = saifu("payments", "reconcile", "--since", "2026-01-01", url=fresh)
    assert differs.exit_code == 1
    assert re.search(r"not here +pay_stranger +ch_1 +succeeded", differs.stdout)
    assert "1 difference." in differs.stderr


def test_a_processor_that_is_not_there_cannot_be_compared(fresh):
    saifu("db", "upgrade", url=fresh)
    text = refusal(saifu("payments", "reconcile", "--processor", "stripe", url=fresh))
    assert "no processor stripe" in text


# manners


@pytest.mark.parametrize("command", [("settings",), ("key", "list"), ("ledger", "verify")])
def test_in_a_pipe_the_output_is_plain(command, url):
    result = saifu(*command, url=url, TERM="xterm-256color")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output


def test_without_a_command_it_says_what_there_is():
    result = saifu()
    for command in ("serve", "work", "demo", "key", "schema", "db", "ledger", "settings"):
        assert command in result.output
