"""A whole answer in one statement: who may have it that way, and when it is left to the ordinary resolvers.

What is answered here is what the resolvers of each field would answer one by one. Whatever they would refuse, and
whatever is unusual, is declined: then they are asked, and it is they who say where a null or an error belongs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy.engine import Dialect

from saifu.keys import Scope
from saifu.paging import Order
from saifu.selections import pages, shapes
from saifu.selections.building import Cursors, Finishing, Selection, covers, finishing, is_unbounded
from saifu.statements import Prepared, Template, prepared
from saifu.store import Ask, Question

from . import events, permissions, wallets
from .context import Context, TopLevelError
from .lists import Listed

log = structlog.get_logger(__name__)

ROOT = "customer"
MOST_ROWS = 200
"""How many rows of lists are read at once in the event loop's own thread; more of them are for a reader's."""
MOST_STATEMENTS = 16
"""How many statements one selection may become, one for each combination of orders and filters."""
MOST_FORMS = 64
"""How many combinations of arguments are remembered for one selection."""

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """How clients say which page they want, and what they get for a cursor: the schema's business.

    Attributes:
        first_page: the size of a first page; None for any other page, and for a size that is refused.
    """

    order: Callable[[Any], Order]
    first_page: Callable[[Arguments], int | None]
    cursor: Callable[[Listed[Any], Sequence[Any]], str]


_TOO_MANY_LOTS = (None,)
"""The row of a customer with more lots than a bounded statement looks at."""


class _Declined(Exception):
    """The ordinary resolvers are to be asked."""


@dataclass(slots=True)
class _Form:
    """What arguments make of a selection, whoever asks and whosever it is.

    Attributes:
        choices: what they choose of the statement, by a field's index.
        values: the statement's values that follow from them.
        lists: the lists of a customer that they choose, by a field's index.
        rows: how many rows the lists have together, at most.
        statements: the statement of these choices by engine, shared by all that choose the same.
        templates: the same with these values.
    """

    choices: dict[int, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    lists: dict[int, Callable[[Context, str], Listed[Any]]] = field(default_factory=dict)
    rows: int = 0
    statements: dict[str, Prepared] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)


def customer(selection: Selection, wording: Wording) -> "Whole | None":
    """What answers this selection of a customer; None when one statement cannot tell all of it."""
    return Whole(selection, wording) if covers(shapes.CUSTOMER, selection) else None


class Whole:
    """One selection of a customer, ready to be answered for any caller, customer and arguments.

    A statement is made when it is needed for the second time: making it costs more than it saves once.
    """

    def __init__(self, selection: Selection, wording: Wording) -> None:
        self._selection = selection
        self._wording = wording
        self._unbounded = is_unbounded(shapes.CUSTOMER, selection)
        self._finish: Finishing | None = finishing(shapes.CUSTOMER, selection)
        given = [one for one in selection.selections if one.name in _FIELDS]
        self._fields = [(one.index, _FIELDS[one.name].read) for one in given]
        self._indices = [one.index for one in given]
        self._scopes = frozenset(_FIELDS[one.name].scope for one in given)
        self._forms: dict[Any, _Form] = {}
        self._statements: dict[Any, dict[str, Prepared]] = {}
        self._last: tuple[list[Any], _Form | None] = ([], None)

    async def __call__(self, ctx: Context, values: Sequence[Arguments]) -> bytes | None:
        """The JSON of the customer; None when the ordinary resolvers are to be asked.

        Args:
            values: the coerced arguments of each field, by its index.
        """
        customer_id = values[self._selection.index]["id"]
        try:
            form = self._admitted(ctx, customer_id, values)
            rows = await self._rows(ctx, customer_id, form)
            return self._told(ctx, customer_id, form, rows)
        except (TopLevelError, _Declined):
            return None
        except Exception as fault:  # noqa: BLE001 - the resolvers meet it again, and know which field it is of
            _failed(ctx, fault)
            return None

    def soon(self, ctx: Context, values: Sequence[Arguments], told: Callable[[bytes | None], None]) -> bool:
        """The same without a task: `told` gets it in a moment; False when it has to be asked for in the other way."""
        customer_id = values[self._selection.index]["id"]
        try:
            form = self._admitted(ctx, customer_id, values)
        except (TopLevelError, _Declined):
            return False

        def found(rows: list[Any] | Exception) -> None:
            if isinstance(rows, Exception):
                _failed(ctx, rows)
                told(None)
            else:
                told(self._told(ctx, customer_id, form, rows))

        ask = self._asking(ctx, customer_id, form, shapes.MOST_LOTS)
        return self._is_bounded(form) and ctx.store.read_soon(ask, found)

    def _admitted(self, ctx: Context, customer_id: str, values: Sequence[Arguments]) -> _Form:
        """What the arguments make of the selection, if the caller may have it."""
        permissions.admit(ctx, ROOT)
        ctx.require_all(self._scopes)
        if not ctx.sees(customer_id):
            raise _Declined
        return self._form(ctx, values)

    def _form(self, ctx: Context, values: Sequence[Arguments]) -> _Form:
        settings = ctx.settings
        of_house = (settings.currencies, settings.business_id, settings.mode)
        given = [of_house, *[values[index] for index in self._indices]]
        last, form = self._last
        if form is not None and given == last:
            return form
        key = (of_house, *[_hashable(values[index]) for index in self._indices])
        form = self._forms.get(key)
        if form is None:
            form = self._read(ctx, values)
            if len(self._forms) < MOST_FORMS:
                self._forms[key] = form
        self._last = (given, form)
        return form

    def _read(self, ctx: Context, values: Sequence[Arguments]) -> _Form:
        form = _Form(values=shapes.house_values(ctx.settings.business_id, ctx.settings.mode))
        for index, read in self._fields:
            read(form, index, values[index], ctx, self._wording)
        chosen = tuple(form.choices.items())
        known = self._statements.get(chosen)
        if known is None:
            if len(self._statements) < MOST_STATEMENTS:
                self._statements[chosen] = {}
            raise _Declined
        form.statements = known
        return form

    def _is_bounded(self, form: _Form) -> bool:
        return not self._unbounded and form.rows <= MOST_ROWS

    async def _rows(self, ctx: Context, customer_id: str, form: _Form) -> list[Any]:
        ask = self._asking(ctx, customer_id, form, shapes.MOST_LOTS)
        rows = await (ctx.store.read_now(ask) if self._is_bounded(form) else _read_in_turn(ctx, ask))
        if rows != [_TOO_MANY_LOTS]:
            return rows
        return await _read_in_turn(ctx, self._asking(ctx, customer_id, form, shapes.ANY_NUMBER))

    def _asking(self, ctx: Context, customer_id: str, form: _Form, most_lots: int) -> Ask:
        def ask(dialect: Dialect, now: datetime) -> Question:
            template = form.templates.get(dialect.name) or self._template(form, dialect)
            return template.filled(shapes.customer_values(customer_id, now, most_lots, template.blanks))

        return ask

    def _template(self, form: _Form, dialect: Dialect) -> Template:
        statement = form.statements.get(dialect.name)
        if statement is None:
            statement = prepared(shapes.customer_statement(self._selection, form.choices), dialect)
            form.statements[dialect.name] = statement
        template = form.templates[dialect.name] = Template(statement, form.values, shapes.BLANKS)
        return template

    def _told(self, ctx: Context, customer_id: str, form: _Form, rows: list[Any]) -> bytes | None:
        """The JSON in the rows, if there is any."""
        if not rows or rows[0] == _TOO_MANY_LOTS:
            return None
        text: str = rows[0][0]
        if self._finish is None:
            return text.encode()
        return _finished(text, self._finish, self._cursors(ctx, customer_id, form))

    def _cursors(self, ctx: Context, customer_id: str, form: _Form) -> dict[int, Cursors]:
        lists = {index: listed(ctx, customer_id) for index, listed in form.lists.items()}
        return {index: partial(self._wording.cursor, listed) for index, listed in lists.items()}


def _failed(ctx: Context, fault: Exception) -> None:
    log.warning("whole_answer_failed", error=str(fault), request_id=ctx.request_id)


def _hashable(arguments: Arguments) -> tuple[Any, ...]:
    if arguments.get("filter") is not None:
        raise _Declined
    return tuple(tuple(value) if type(value) is list else value for value in arguments.values()) + tuple(
        arguments
    )


async def _read_in_turn(ctx: Context, ask: Ask) -> list[Any]:
    return await ctx.store.read(lambda tx: tx.fetch(*ask(tx.dialect, tx.now)))


def _finished(text: str, finish: Finishing, cursors: Mapping[int, Cursors]) -> bytes:
    value = orjson.loads(text)
    finish(value, cursors)
    return orjson.dumps(value)


# What the arguments of each field choose; the same scope is demanded as by the resolver of the field


def _all_wallets(form: _Form, index: int, _: Arguments, ctx: Context, _wording: Wording) -> None:
    if not ctx.settings.currencies:
        raise _Declined
    form.choices[index] = ctx.settings.currencies


def _wallet(form: _Form, index: int, arguments: Arguments, ctx: Context, _wording: Wording) -> None:
    form.choices[index] = arguments["currency"] in ctx.settings.currencies
    form.values[f"currency_{index}"] = arguments["currency"]


def _entries(form: _Form, index: int, arguments: Arguments, ctx: Context, wording: Wording) -> None:
    order, currency = wording.order(arguments["orderBy"]), arguments.get("currency")

    def listed(ctx: Context, customer_id: str) -> Listed[Any]:
        return wallets.entries_of(ctx, customer_id, currency, order, {})

    _page(form, index, wording.first_page(arguments), listed, ctx)


def _events(form: _Form, index: int, arguments: Arguments, ctx: Context, wording: Wording) -> None:
    order, types = wording.order(arguments["orderBy"]), arguments.get("types")

    def listed(ctx: Context, customer_id: str) -> Listed[Any]:
        return events.of_customer(ctx, customer_id, types, order)

    _page(form, index, wording.first_page(arguments), listed, ctx)


def _page(
    form: _Form,
    index: int,
    limit: int | None,
    listed: Callable[[Context, str], Listed[Any]],
    ctx: Context,
) -> None:
    if limit is None:
        raise _Declined
    of_anybody = listed(ctx, "")
    form.rows += limit
    form.lists[index] = listed
    form.choices[index] = pages.Choice(of_anybody.order, frozenset(of_anybody.filters))
    form.values |= pages.values(index, limit, of_anybody.filters)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field with arguments of its own, or with a scope of its own."""

    scope: Scope
    read: Callable[[_Form, int, Arguments, Context, Wording], None]


_FIELDS: Mapping[str, _Field] = {
    "wallets": _Field(Scope.WALLETS_READ, _all_wallets),
    "wallet": _Field(Scope.WALLETS_READ, _wallet),
    "ledgerEntries": _Field(Scope.WALLETS_READ, _entries),
    "events": _Field(Scope.EVENTS_READ, _events),
}
