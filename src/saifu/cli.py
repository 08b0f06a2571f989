"""The commands: arguments in, one call each. What they do lies in the modules beside this one.

Each command imports what it needs when it runs, so that `saifu --help` does not load a database driver.
"""

import os
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from . import settings
from .cli_output import Commands, out, run, say, table
from .setting_values import host as checked_host

app = typer.Typer(
    name="saifu",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Customers, wallets and a live ledger behind one GraphQL endpoint.",
    epilog="Everything is set by environment variables: `saifu settings` shows them all.",
)
key_app = typer.Typer(no_args_is_help=True, help="API keys: make, list and revoke them.")
schema_app = typer.Typer(no_args_is_help=True, help="The GraphQL schema.")
db_app = typer.Typer(no_args_is_help=True, help="The shape of the database.")
ledger_app = typer.Typer(no_args_is_help=True, help="The ledger.")
payments_app = typer.Typer(no_args_is_help=True, help="Payments and their processor.")
app.add_typer(key_app, name="key")
app.add_typer(schema_app, name="schema")
app.add_typer(db_app, name="db")
app.add_typer(ledger_app, name="ledger")
app.add_typer(payments_app, name="payments")


def main() -> None:
    app()


def _host(value: str | None) -> str | None:
    try:
        return None if value is None else checked_host(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Fill a fresh database with a demo business first.")
    ] = False,
    no_jobs: Annotated[
        bool, typer.Option("--no-jobs", help="Only answer; `saifu work` does the due work (PostgreSQL).")
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="Instead of SAIFU_HOST.", show_default=False, callback=_host)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Instead of SAIFU_PORT.", show_default=False, min=0, max=65_535)
    ] = None,
) -> None:
    """Start the gateway: GraphQL over HTTP and websocket."""
    from . import cli_serve

    chosen: dict[str, object] = {"host": host, "port": port}
    overridden = {name: value for name, value in chosen.items() if value is not None}
    cli_serve.serve(settings.load().model_copy(update=overridden), demo=demo, jobs=not no_jobs)


@app.command()
def work() -> None:
    """Do the due work only, beside `saifu serve --no-jobs` (PostgreSQL)."""
    from . import cli_serve

    cli_serve.work(settings.load())


@app.command()
def demo() -> None:
    """Fill a fresh database with a demo business of five months."""
    from . import cli_serve

    cli_serve.fill_demo(settings.load())


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="What the key is for, such as 'shop backend'.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", help="What it may do, such as wallets:read; repeat it for several. admin may do all."
        ),
    ],
) -> None:
    """Make an API key and print it, once."""
    from . import cli_keys

    run(cli_keys.create(settings.load(), name, scope))


@key_app.command("list")
def key_list() -> None:
    """Every key, without its secret."""
    from . import cli_keys

    run(cli_keys.show(settings.load()))


@key_app.command("revoke")
def key_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As in `saifu key list`, key_…")],
) -> None:
    """Revoke a key; its open streams end within seconds."""
    from . import cli_keys

    run(cli_keys.revoke(settings.load(), key_id))


@schema_app.command("print")
def schema_print() -> None:
    """The schema as GraphQL SDL, the contract in schema/schema.graphql."""
    from schema import schema

    say(schema.as_str().rstrip("\n"))


@db_app.command("upgrade")
def db_upgrade(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail when an upgrade is needed.")
    ] = False,
) -> None:
    """Migrate the database to the shape this program needs."""
    from . import cli_database as database

    url = settings.load().database_url
    if check:
        run(database.require_migrated(url))
        say(f"The {database.shown(url)} is up to date.")
        return
    before = run(database.migrate(url))
    where = database.shown(url)
    say(
        f"The {where} was up to date already ({before.head})."
        if before.up_to_date
        else f"The {where} is now at {before.head}; it was {before.current or 'empty'}."
    )


@ledger_app.command("verify")
def ledger_verify(
    customer: Annotated[
        str | None, typer.Option(help="Only this customer's wallets (cus_…).", show_default=False)
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Only this currency (USD).", show_default=False)
    ] = None,
) -> None:
    """Recompute every entry's hash and every balance; works beside a running server."""
    from . import cli_ledger

    run(cli_ledger.verify(settings.load(), customer, currency))


@payments_app.command("reconcile")
def payments_reconcile(
    since: Annotated[
        datetime | None, typer.Option(help="From when on, in UTC; the last two days.", show_default=False)
    ] = None,
    processor: Annotated[
        str | None, typer.Option(help="Only for another than the chosen one.", show_default=False)
    ] = None,
) -> None:
    """Compare payments with the processor's own list, both ways; changes nothing."""
    from . import cli_payments

    run(cli_payments.reconcile(settings.load(), since, processor))


@app.command("settings")
def settings_table() -> None:
    """Every environment variable: its meaning, default and present value, secrets masked."""
    shown = table("variable", "value", "default", "meaning")
    for row in settings.documented():
        present = _present(row.name)
        cells = (row.name, present or "", row.default, row.description)
        shown.add_row(*map(Text, cells), style="bold" if present else None)
    out().print(shown)
    settings.load()


def _present(variable: str) -> str | None:
    """What the environment says, without what must not be shown; also when it is wrong."""
    # An empty variable is one that is not set, and the case of a name does not matter.
    raw = next((value for name, value in os.environ.items() if name.upper() == variable), "") or None
    if raw is None or variable.removeprefix(settings.PREFIX).lower() not in settings.SECRETS:
        return raw
    scheme, separator, rest = raw.partition("://")
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}://{'…' if credentials else ''}{at}{host}" if separator else "(set, not shown)"
