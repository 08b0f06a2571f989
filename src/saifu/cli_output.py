"""What the commands say, and how they say no: one line with what, why and what to do next, and no traceback."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

T = TypeVar("T")
PIPE_WIDTH = 200


class Failure(Exception):
    """A command that cannot do what it was asked; the text is for whoever typed it."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do one thing that needs the database, in an event loop of its own."""
    return asyncio.run(work)


def out() -> Console:
    """Where answers go. Plain text when it is not a terminal or NO_COLOR is set."""
    # In a pipe nothing is as narrow as a terminal, and tables are read by programs.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(highlight=False, width=width)


def err() -> Console:
    """Where everything else goes: failures, hints and progress."""
    return Console(stderr=True, highlight=False)


def say(text: str, style: str | None = None, console: Console | None = None) -> None:
    """One line that is never broken, since somebody may want to copy it, and never read as markup."""
    (console or out()).print(text, style=style, markup=False, soft_wrap=True)


def table(*columns: str) -> Table:
    """A table that is ruled on a terminal and plain in a pipe."""
    lines = box.SIMPLE_HEAD if sys.stdout.isatty() else None
    return Table(*columns, box=lines, header_style="bold", pad_edge=False)


def progress() -> Progress:
    """A bar on standard error, so that what a command answers can be piped; nothing where nobody watches."""
    console = err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class Commands(TyperGroup):
    """The commands, with the one place that turns what went wrong into words."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever reads has seen enough, as in `saifu settings | head`
        except Exception as fault:
            # What it knows of libraries is loaded only by a command that failed.
            from .cli_faults import explained

            text = explained(fault)
            if text is None:
                raise
            _fail(text)


def _fail(text: str) -> NoReturn:
    first, _, rest = text.partition("\n")
    console = err()
    console.print("saifu:", style="bold red", end=" ")
    say(first, console=console)
    if rest:
        say(rest, console=console)
    raise typer.Exit(1)
