"""The store: the only place where a transaction begins and commits.

A unit of work is a plain function of a `Tx`. It is not async, so it cannot wait for the network
while it holds a lock; it is a function, so it can be run again when the database asks for that; and
whatever it inserts, updates and appends to the event log exists together or not at all.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar, TypeVarTuple, overload

from sqlalchemy.engine import Dialect
from sqlalchemy.sql import Select, TableClause
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.elements import ClauseElement
from sqlmodel import SQLModel
from sqlmodel.sql.expression import SelectOfScalar

from .clock import Clock
from .statements import Prepared, Row, prepare

T = TypeVar("T")
M = TypeVar("M", bound=SQLModel)
Ts = TypeVarTuple("Ts")


class ActorType(StrEnum):
    API_KEY = "api_key"
    CUSTOMER = "customer"
    CHECKOUT = "checkout"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change (A43)."""

    type: ActorType
    id: str


SYSTEM = Actor(ActorType.SYSTEM, "saifu")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whence a unit of work comes: the actor, and the request it is part of."""

    actor: Actor = SYSTEM
    request_id: str | None = None


class Tx(ABC):
    """One transaction, seen from a use case.

    Attributes:
        now: the instant of this transaction, aware, UTC. Read once, so that all its rows agree.
        origin: the actor and the request.
    """

    dialect: Dialect

    def __init__(self, now: datetime, origin: Origin) -> None:
        self.now = now
        self.origin = origin
        self.statements = 0
        self._pending: list[SQLModel] = []

    @property
    def actor(self) -> Actor:
        return self.origin.actor

    @overload
    def all(self, statement: SelectOfScalar[T], **params: Any) -> list[T]: ...
    @overload
    def all(self, statement: Select[*Ts] | ReturningUpdate[*Ts], **params: Any) -> list[tuple[*Ts]]: ...
    def all(self, statement: Any, **params: Any) -> list[Any]:
        """Every row: instances for `select(Model)`, plain values for
        `select(Model.column)`, tuples otherwise, also for an UPDATE … RETURNING."""
        prepared = prepare(statement, self.dialect)
        return self.fetch(prepared, prepared.values(params))

    def fetch(self, prepared: Prepared, values: list[Any]) -> list[Any]:
        """Every row of a statement that the caller has prepared for `dialect`; values are in the driver's order."""
        self.flush()
        return [prepared.shape(row) for row in self._fetch(prepared, values)]

    @overload
    def first(self, statement: SelectOfScalar[T], **params: Any) -> T | None: ...
    @overload
    def first(self, statement: Select[*Ts] | ReturningUpdate[*Ts], **params: Any) -> tuple[*Ts] | None: ...
    def first(self, statement: Any, **params: Any) -> Any:
        """The first row, or None."""
        rows = self.all(statement, **params)
        return rows[0] if rows else None

    def run(self, statement: ClauseElement, **params: Any) -> int:
        """Run an UPDATE or DELETE; answers how many rows it changed."""
        self.flush()
        prepared = prepare(statement, self.dialect)
        return self._run(prepared, prepared.values(params))

    def insert(self, row: M) -> M:
        """Insert a row, with the others gathered so far, before the next statement or the commit."""
        self._pending.append(row)
        return row

    def flush(self) -> None:
        if self._pending:
            rows, self._pending = self._pending, []
            self._insert(rows)

    @abstractmethod
    def next_position(self) -> int | None:
        """The next place in the whole log, where the engine knows it before the commit (SQLite)."""

    @abstractmethod
    def _fetch(self, prepared: Prepared, values: list[Any]) -> Iterable[Row]: ...

    @abstractmethod
    def _run(self, prepared: Prepared, values: list[Any]) -> int: ...

    @abstractmethod
    def _insert(self, rows: list[SQLModel]) -> None: ...


Work = Callable[[Tx], T]

Question = tuple[Prepared, list[Any]]
"""A statement and its values as the driver takes them."""

Ask = Callable[[Dialect, datetime], Question]
"""Says what to ask an engine, given the instant of the answer."""


Told = Callable[[list[Any] | Exception], None]
"""Takes the rows of an answer, or what went wrong."""


def asking(statement: ClauseElement, **params: Any) -> Ask:
    """Asks one statement of this program, whatever the engine and the instant."""

    def ask(dialect: Dialect, _now: datetime) -> Question:
        prepared = prepare(statement, dialect)
        return prepared, prepared.values(params)

    return ask


@dataclass
class Signal:
    """Tells whoever listens that the event log may have grown. It carries nothing: the log is the truth."""

    listeners: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self) -> None:
        for listener in self.listeners:
            listener()


class Store(Protocol):
    """Both engines, from outside. `log_grew` is signalled in the event loop after a commit that added events."""

    clock: Clock
    log_grew: Signal
    url: str

    @property
    def waiting(self) -> int:
        """How many writes wait for the database or are in it."""
        ...

    async def write(self, work: Work[T], origin: Origin = ...) -> T:
        """Run a unit of work and commit it; answers only after the commit is durable.

        The work may be run more than once, so it must have no effect outside its `tx`. A caller
        that is cancelled while waiting learns nothing: the work may still be committed.

        Raises:
            Refusal: the work said no; nothing was changed.
            Unavailable: the database could not; nothing was changed.
            OutcomeUnknown: the database's answer to the commit never came.
        """
        ...

    async def read(self, work: Work[T], consistent: bool = False) -> T:
        """Run queries; with `consistent`, all of them see one snapshot."""
        ...

    async def read_now(self, ask: Ask) -> list[Any]:
        """Every row of one statement, with as little around it as the engine allows.

        One statement is one snapshot, so no transaction is begun for it. It has to be a bounded one: indexes say
        where its rows are, and limits how many. On SQLite it runs in the event loop's own thread, so counting,
        reports and whatever else may take long are for `read`.

        Raises:
            Unavailable: the database cannot be reached.
        """
        ...

    def read_soon(self, ask: Ask, told: Told) -> bool:
        """As `read_now`, for whoever wants no task to wait in: `told` is called in a moment, and may not fail.

        Returns:
            False where the engine has no way so short, as PostgreSQL: then nobody is told anything.
        """
        ...

    def revision(self, table: str) -> int | None:
        """A number that is another one after every committed change of a table; known before whoever changed it is
        answered. None where others may change it unseen, as several processes on PostgreSQL do.
        """
        ...

    async def close(self) -> None: ...


def insert_columns(model: type[SQLModel]) -> tuple[TableClause, tuple[str, ...]]:
    """The table of a model and the columns that an insert writes, in order."""
    given: frozenset[str] = getattr(model, "given_by_database", frozenset())
    table = model.__table__  # type: ignore[attr-defined]
    return table, tuple(column.key for column in table.columns if column.key not in given)


async def open_store(url: str, clock: Clock) -> Store:
    """Open the store that a database URL names. The schema must be up to date (`migrations`)."""
    if url.startswith("sqlite"):
        from .store_sqlite import SqliteStore

        return await SqliteStore.open(url, clock)
    from .store_postgres import PostgresStore

    return await PostgresStore.open(url, clock)


async def settled(task: "asyncio.Future[T]") -> T:
    """Wait for work that goes on even when the one who waits is cancelled."""
    return await asyncio.shield(task)
