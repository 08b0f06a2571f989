"""API keys from the command line: the way in when nobody has a key yet, or the last one was lost."""

from collections.abc import Sequence
from functools import partial

from rich.text import Text

from . import cli_database as database
from . import keys
from .cli_output import Failure, out, say, table
from .clock import rfc3339
from .keys import Scope
from .paging import Order, Window
from .settings import Settings
from .tables import ApiKey

PAGE = 100
ORDER = Order("CREATED_AT")


async def create(settings: Settings, name: str, wanted: Sequence[str]) -> None:
    """Make a key and print its secret, which nobody can print again.

    Raises:
        Failure: there is no such scope.
        Refusal: the name is not one.
    """
    scopes = _scopes(wanted)
    async with database.opened(settings) as store:
        key, secret = await store.write(lambda tx: keys.create(tx, name, scopes, settings.mode))
    say(f"{key.id}  {key.name}  {' '.join(scopes)}")
    say(secret, style="bold green")
    say("Keep it: only its hash is stored, and it is not shown again.", style="dim")


def _scopes(wanted: Sequence[str]) -> list[Scope]:
    known = {scope.value: scope for scope in Scope}
    unknown = [word for word in wanted if word not in known]
    if unknown:
        raise Failure(f"There is no scope {unknown[0]!r}. There are: {', '.join(known)}.")
    return [known[word] for word in wanted]


async def revoke(settings: Settings, key_id: str) -> None:
    """Revoke a key.

    Raises:
        Refusal: there is no such key.
    """
    async with database.opened(settings) as store:
        key = (await store.write(lambda tx: keys.revoke(tx, key_id))).value
    say(f"{key.id}  {key.name}  is revoked.")


async def show(settings: Settings) -> None:
    """Every key, the newest first; also beside a running server."""
    shown = table("id", "name", "begins with", "scopes", "created", "last used", "revoked")
    window = Window(PAGE)
    async with database.read_only(settings) as reader:
        while True:
            page = await reader.read(partial(keys.LISTING.page, window=window, order=ORDER, filters={}))
            for key in page.rows:
                shown.add_row(*map(Text, _cells(key)))
            if not page.has_next:
                break
            window = Window(PAGE, after=keys.LISTING.keyset(page.rows[-1], ORDER))
    out().print(shown)


def _cells(key: ApiKey) -> tuple[str, ...]:
    instants = (key.created_at, key.last_used_at, key.revoked_at)
    return (
        key.id,
        key.name,
        f"{key.prefix}…",
        key.scopes,
        *(rfc3339(at)[:19] + "Z" if at else "" for at in instants),
    )
