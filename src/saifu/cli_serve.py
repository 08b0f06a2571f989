"""Starting and stopping: the first thing a newcomer sees, and what must not surprise anybody at night."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import structlog
import uvicorn
import uvloop

from . import cli_database as database
from . import flows, keys, logs
from .cli_output import Failure, err, out, progress, say
from .clock import ManualClock
from .demo import Figures, fill, is_fresh
from .money import exponent
from .settings import Settings
from .store import Tx

BACKLOG = 2_048
SIGNALS = (signal.SIGINT, signal.SIGTERM)
TRY = "{ customers(first: 3) { nodes { id name wallets { balance { amount currency } } } } }"
log = structlog.get_logger(__name__)


def serve(settings: Settings, *, demo: bool, jobs: bool) -> None:
    """Serve until told to stop.

    Raises:
        Failure: the address is taken, or the database is not ready; nothing was started.
    """
    if not jobs and database.is_sqlite(settings.database_url):
        raise Failure(
            "--no-jobs is for several processes, and a SQLite file takes one. "
            "Leave it out, or set SAIFU_DATABASE_URL to a PostgreSQL database."
        )
    logs.configure(settings.log_format, settings.log_level)
    # Before the database is touched: a key that is made must also be shown.
    with listening(settings.host, settings.port) as listener:
        _run(_serve(settings, listener, demo=demo, jobs=jobs))


def work(settings: Settings) -> None:
    """Do due work and stamp the log until told to stop.

    Raises:
        Failure: on SQLite, where the server does this itself.
    """
    if database.is_sqlite(settings.database_url):
        raise Failure(
            "`saifu work` is for PostgreSQL. On SQLite `saifu serve` does all due work itself, in its one process; "
            "for several processes set SAIFU_DATABASE_URL=postgresql+asyncpg://user:password@host:5432/database."
        )
    logs.configure(settings.log_format, settings.log_level)
    _run(_work(settings))


def fill_demo(settings: Settings) -> None:
    """Fill a fresh database with the demo business.

    Raises:
        Failure: there are customers in it already.
    """
    if not asyncio.run(_filled(settings)):
        raise Failure(
            f"The {database.shown(settings.database_url)} has customers already, and the demo is for a fresh one. "
            "Name another: SAIFU_DATABASE_URL=sqlite+aiosqlite:///demo.db saifu demo"
        )


def _run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _serve(settings: Settings, listener: socket.socket, *, demo: bool, jobs: bool) -> None:
    from .server import build_app, configuration

    if demo:
        await _filled(settings)
    async with database.opened(settings) as store:
        secret = await store.write(lambda tx: _first_key(tx, settings))
        address = _address(settings.host, listener)
        _greet(settings, address, secret)
        # Links to pages lead to where it really listens, whatever port that came to be.
        settings = settings.model_copy(update={"public_url": settings.public_url or address})
        server = Server(configuration(build_app(settings, store=store, jobs=jobs), settings))
        # What is here now stays as long as the process: there is no garbage in it to be looked for again and again.
        gc.collect()
        gc.freeze()
        await server.serve(sockets=[listener])
    say("Stopped.", console=err())


def _first_key(tx: Tx, settings: Settings) -> str | None:
    """Adopt the key given from outside, or make the first; the secret to show, if one was made."""
    if settings.admin_key is None:
        return keys.first_admin(tx, settings.mode)
    try:
        adopted = keys.adopt(tx, settings.admin_key.get_secret_value())
    except ValueError as error:
        raise Failure(f"SAIFU_ADMIN_KEY cannot be used: {error}. Copy it again, or make another.") from None
    if adopted.revoked_at is not None:
        raise Failure(
            "The key in SAIFU_ADMIN_KEY was revoked in this database, and stays so. Give another one, such as "
            f"SAIFU_ADMIN_KEY=sk_{settings.mode}_$(openssl rand -hex 24)"
        )
    return None


async def _work(settings: Settings) -> None:
    from . import flows, jobs, retention

    async with database.opened(settings) as store:
        stop = asyncio.Event()
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        say("Working: expiries, notices and the order of the log. Ctrl-C stops.", console=err())
        kept = retention.job(settings.event_retention_days)
        async with (
            flows.opened(settings, store) as house,
            jobs.running(store, settings, [kept, *house.jobs()]),
        ):
            await stop.wait()
            say("Stopping: what has begun is finished first.", console=err())
    say("Stopped.", console=err())


class Server(uvicorn.Server):
    """uvicorn, except that being told to stop is a normal end: exit code 0, with a word to whoever watches."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _told_to_stop(self) -> None:
        if self.should_exit:
            self.force_exit = True
            return
        self.should_exit = True
        patience = self.config.timeout_graceful_shutdown
        log.info("stopping", timeout_s=patience)
        say(
            f"Stopping: requests under way get up to {patience} s, sockets are told to come back. "
            "Ctrl-C again ends at once.",
            console=err(),
        )


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is listening; connections made before the gateway is ready wait in its backlog.

    Raises:
        Failure: the address is taken, or is not this machine's.
    """
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        # Of the system's own words, without the address that Python adds; names that are not found have no number.
        number = error.errno or 0
        why = os.strerror(number).lower() if number > 0 else error.strerror
        raise Failure(
            f"Cannot listen on {host}, port {port}: {why}. Try another port: saifu serve --port {port % 65_535 + 1}, "
            "or another address: SAIFU_HOST=127.0.0.1"
        ) from None
    with listener:
        yield listener


def _address(host: str, listener: socket.socket) -> str:
    """Where a browser on this machine finds the gateway."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{listener.getsockname()[1]}"


def _greet(settings: Settings, address: str, secret: str | None) -> None:
    """The address, and the first key: this is the only time that anybody sees it."""
    console = out()
    if console.is_terminal:
        console.rule(f"[bold]saifu[/] · {settings.mode} mode", style="green")
    say(f"  endpoint   {address}/graphql  (POST, and websocket for live streams)")
    say(f"  database   {database.shown(settings.database_url)}")
    if secret is not None:
        _show_key(settings, address, secret)
    elif settings.admin_key is not None:
        say("  admin key  the one in SAIFU_ADMIN_KEY")
    else:
        say("  admin key  was shown when this database was made; another one, while the server is stopped:")
        say("             saifu key create NAME --scope admin")
    if console.is_terminal:
        console.rule(style="green")


def _show_key(settings: Settings, address: str, secret: str) -> None:
    say(f"  admin key  {secret}", style="bold")
    say("             keep it: it is shown this once, and only its hash is stored")
    if settings.shows_explorer:
        # A link ends up in histories: one that carries a key to real money is not offered (A44).
        signed_in = f"#key={secret}" if settings.mode == "test" else ""
        say(f"  explorer   {address}/graphql{signed_in}")
    say("  try        " + _curl(address, secret))


def _curl(address: str, secret: str) -> str:
    return (
        f"curl {address}/graphql -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/json' "
        f"""-d '{{"query": "{TRY}"}}'"""
    )


async def _filled(settings: Settings) -> bool:
    """Fill a fresh database with the demo; answers False, having done nothing, when it is not fresh."""
    clock = ManualClock(datetime.now(UTC).replace(second=0, microsecond=0))
    async with database.opened(settings, clock) as store:
        if not await store.read(is_fresh):
            return False
        with progress() as bar:
            task = bar.add_task("Five months of a demo business", total=None)
            async with flows.opened(settings, store) as house:
                told = await fill(
                    store,
                    clock,
                    house,
                    ends_at=clock.now(),
                    told=lambda done, total: bar.update(task, completed=done, total=total),
                )
    say(_summary(told))
    return True


def _summary(told: Figures) -> str:
    money = ", ".join(
        f"{code} {Decimal(amount).scaleb(-exponent(code)):,}" for code, amount in told.balances.items()
    )
    return (
        f"The demo business: {told.customers} customers, {told.entries} ledger entries, {told.events} events; "
        f"wallets hold {money}."
    )
