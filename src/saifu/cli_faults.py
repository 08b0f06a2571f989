"""What went wrong, in the words of whoever typed the command: what, why, and what to do about it."""

import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError

from .cli_output import Failure
from .installation import WrongInstallation
from .migrations import DatabaseNewer
from .refusals import Refusal
from .settings import SettingsError

_CREDENTIALS = re.compile(r"(://)[^\s/@]+@")


def explained(fault: BaseException) -> str | None:
    """The words for an anticipated failure, or None when it is a fault of ours, which should be loud."""
    for known in _chain(fault):
        for kinds, words in _WORDS:
            if isinstance(known, kinds):
                return words(known)
    return None


def _of_path(fault: Any) -> str:
    return f"{fault.strerror}: {fault.filename}. Check the path in SAIFU_DATABASE_URL and the rights of its folder."


_OUR_OWN = (Failure, DatabaseNewer, WrongInstallation)
_NO_ENTRY = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
_OUT_OF_REACH = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    ConnectionError,
    TimeoutError,
)
_BAD_PATH = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
_WORDS: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], str]], ...] = (
    (_OUR_OWN, str),
    ((SettingsError,), lambda wrong: "\n".join(("The settings cannot be used.", *wrong.problems))),
    ((Refusal,), lambda no: no.message),
    (
        _NO_ENTRY,
        lambda why: f"PostgreSQL refused the user: {why}. Correct user and password in SAIFU_DATABASE_URL.",
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        lambda why: f"PostgreSQL says: {why}. Create it (createdb NAME), or correct SAIFU_DATABASE_URL.",
    ),
    (
        (asyncpg.InsufficientPrivilegeError,),
        lambda why: f"PostgreSQL says: {why}. Grant the user of SAIFU_DATABASE_URL what it needs.",
    ),
    (
        (*_OUT_OF_REACH, socket.gaierror),
        lambda why: (
            f"The database cannot be reached: {_one_line(why)}. Is it running where SAIFU_DATABASE_URL says?"
        ),
    ),
    (_BAD_PATH, _of_path),
    (
        # Of several addresses none answered, or the disk is full: the system's own words say which.
        (OSError,),
        lambda why: f"The database cannot be reached or used: {_one_line(why)}. Check SAIFU_DATABASE_URL.",
    ),
    (
        (sqlite3.Error,),
        lambda why: (
            f"The SQLite file cannot be used: {why}. Check the path in SAIFU_DATABASE_URL and its rights."
        ),
    ),
)


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """The fault and what it came from: libraries wrap what the driver said."""
    seen: BaseException | None = fault
    while seen is not None:
        if isinstance(seen, DBAPIError) and isinstance(seen.orig, BaseException):
            yield seen.orig
        yield seen
        seen = seen.__cause__


def _one_line(fault: BaseException) -> str:
    text = " ".join(str(fault).split()) or type(fault).__name__
    return _CREDENTIALS.sub(r"\1…@", text).rstrip(".")
