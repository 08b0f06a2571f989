"""What a customer's answer is made of: entity by entity its table, and the expression of each of its fields.

The same is told, row by row, by `wallet_views` and by the public types; that both ways agree is tested.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql import ColumnElement
from sqlmodel import col

from saifu import events, wallet_views
from saifu.cursors import cursor_of
from saifu.events import API_VERSION, EventType
from saifu.fields import LOCALES
from saifu.ids import wallet_id
from saifu.ledger.entries import ContraAccount, EntryType, Funding, ReferenceType
from saifu.payments.pending import UNDER_WAY
from saifu.statements import total
from saifu.store import ActorType
from saifu.tables import Customer, Instant, Lot, Payment, Wallet
from saifu.wallet_views import FIRST_VERSION, HAS_MONEY

from .building import CUSTOMER_ID, Building, Part, Selection, Shape, Source, inner, plain
from .json_sql import embedded, instant, json_list, named, only_if, part_of, truth, word
from .pages import page

MOST_LOTS = 1_000
"""How many lots that expire a bounded statement looks at; a customer who holds more is told of by an unbounded one."""

ANY_NUMBER = 2**31 - 1

_CUSTOMERS = Customer.__table__  # type: ignore[attr-defined]
_WALLETS = Wallet.__table__  # type: ignore[attr-defined]
_PAYMENTS = Payment.__table__  # type: ignore[attr-defined]
_LOTS = Lot.__table__  # type: ignore[attr-defined]
_NOW = bindparam("now", type_=Instant, required=True)
_LOCALES = {code: code.upper() for code in sorted(LOCALES)}
_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")


def _column(name: str) -> Part:
    return plain(lambda source: getattr(source, name))


def _instant(name: str) -> Part:
    return plain(lambda source: instant(getattr(source, name)))


def _json(name: str) -> Part:
    return plain(lambda source: embedded(getattr(source, name)))


def _member(name: str, kind: type[StrEnum]) -> Part:
    names = {member.value: member.name for member in kind}
    return plain(lambda source: named(getattr(source, name), names))


# Small objects


class _Amount(NamedTuple):
    amount_minor: Any
    currency: Any


_MONEY = Shape("Money", {"amount": _column("amount_minor"), "currency": _column("currency")})
_ACTOR = Shape("Actor", {"type": _member("actor_type", ActorType), "id": _column("actor_id")})
_ADDRESS = Shape(
    "BillingAddress",
    {
        name: plain(lambda source, name=name: part_of(source.billing_address_json, name))  # type: ignore[misc]
        for name in ("country", "city", "state", "street", "zipcode")
    },
)
_OF_BUSINESS: Mapping[str, Part] = {
    "businessId": plain(lambda source: bindparam("business_id", type_=Text, required=True)),
    "livemode": plain(lambda source: truth(bindparam("livemode", type_=Boolean, required=True))),
}


def _money(name: str) -> Part:
    return inner(_MONEY, lambda source: _Amount(getattr(source, name), source.currency))


# Wallets, less what has expired and not been swept yet (W75); one without a row is zero (CU12). Lots that never expire
# are nobody's business here, and not in the index either.

_HELD = (
    select(col(Lot.currency), col(Lot.funding), col(Lot.remaining_minor), col(Lot.expires_at))
    .where(col(Lot.customer_id) == CUSTOMER_ID, HAS_MONEY, col(Lot.expires_at).is_not(None))
    .limit(bindparam("most_lots", type_=Integer, required=True))
    .cte("held")
)
_ALL_HELD: ColumnElement[bool] = select(func.count(literal_column("*"))).select_from(
    _HELD
).scalar_subquery() < bindparam("most_lots", type_=Integer, required=True)
"""Whether the limit has cut nothing off: a part of the lots would tell a wrong balance."""


class _Wallet:
    """The columns of a wallet that may have no row."""

    customer_id = CUSTOMER_ID

    def __init__(self, building: Building, currency: Any) -> None:
        self._building = building
        self.currency = currency
        self.id = bindparam("wallet_prefix", type_=Text, required=True) + currency
        self.low_balance_threshold_minor = _WALLETS.c.low_balance_threshold_minor
        self.sequence = func.coalesce(_WALLETS.c.sequence, _ZERO)
        self.version = func.coalesce(_WALLETS.c.version, literal_column(str(FIRST_VERSION)))
        self.created_at = func.coalesce(_WALLETS.c.created_at, _CUSTOMERS.c.created_at)
        self.updated_at = func.coalesce(_WALLETS.c.updated_at, _CUSTOMERS.c.created_at)

    @property
    def balance_minor(self) -> ColumnElement[int]:
        return func.coalesce(_WALLETS.c.balance_minor, _ZERO) - self._gone()

    @property
    def paid_minor(self) -> ColumnElement[int]:
        return func.coalesce(_WALLETS.c.paid_minor, _ZERO) - self._gone(Funding.PAID)

    @property
    def promotional_minor(self) -> ColumnElement[int]:
        return func.coalesce(_WALLETS.c.promotional_minor, _ZERO) - self._gone(Funding.PROMOTIONAL)

    @property
    def pending_minor(self) -> ColumnElement[int]:
        """What payments still under way have taken (W49)."""
        under_way = select(total(_PAYMENTS.c.wallet_minor)).where(
            UNDER_WAY, _PAYMENTS.c.customer_id == CUSTOMER_ID, _PAYMENTS.c.currency == self.currency
        )
        return under_way.correlate_except(_PAYMENTS).scalar_subquery()

    def lots(self) -> FromClause:
        self._building.require(_ALL_HELD)
        return _HELD

    def _gone(self, funding: Funding | None = None) -> ColumnElement[int]:
        """From the lots themselves: of those gathered above, SQLite would make an index in every execution."""
        self.lots()
        which = [] if funding is None else [_LOTS.c.funding == word(funding)]
        gone = select(total(_LOTS.c.remaining_minor)).where(
            _LOTS.c.customer_id == CUSTOMER_ID,
            HAS_MONEY,
            _LOTS.c.currency == self.currency,
            _LOTS.c.expires_at <= _NOW,
            *which,
        )
        return gone.correlate_except(_LOTS).scalar_subquery()


class _Expiring(NamedTuple):
    amount_minor: Any
    currency: Any
    expires_at: Any


_NEXT_EXPIRY = Shape("NextExpiry", {"amount": _money("amount_minor"), "expiresAt": _instant("expires_at")})


def _next_expiry(building: Building, selection: Selection, wallet: _Wallet) -> ColumnElement[Any]:
    lots = wallet.lots()
    expiring = _Expiring(total(lots.c.remaining_minor), wallet.currency, lots.c.expires_at)
    first: Select[Any] = (
        select(building.object(_NEXT_EXPIRY, selection, expiring))
        .select_from(lots)
        .where(lots.c.currency == wallet.currency, lots.c.expires_at > _NOW)
        .group_by(lots.c.expires_at)
        .order_by(lots.c.expires_at)
        .limit(_ONE)
    )
    return first.correlate_except(lots).scalar_subquery()


_WALLET = Shape(
    "Wallet",
    {
        "id": _column("id"),
        "currency": _column("currency"),
        "customerId": _column("customer_id"),
        "balance": _money("balance_minor"),
        "paidBalance": _money("paid_minor"),
        "promotionalBalance": _money("promotional_minor"),
        "pendingPaymentAmount": _money("pending_minor"),
        "nextExpiry": Part(_next_expiry, _NEXT_EXPIRY),
        "lowBalanceThreshold": inner(
            _MONEY,
            lambda wallet: _Amount(wallet.low_balance_threshold_minor, wallet.currency),
            present=lambda wallet: wallet.low_balance_threshold_minor.is_not(None),
        ),
        "sequence": _column("sequence"),
        "version": _column("version"),
        "createdAt": _instant("created_at"),
        "updatedAt": _instant("updated_at"),
    },
)


def _wallets(building: Building, selection: Selection, _source: Source) -> ColumnElement[Any]:
    """Every wallet of the currencies that the building's choices name, in their order."""
    currencies: Sequence[str] = building.choices[selection.index]
    named_, *others = [
        select(literal_column(str(place), Integer).label("place"), word(currency).label("currency"))
        for place, currency in enumerate(currencies)
    ]
    enabled = named_.union_all(*others).subquery(f"enabled_{selection.index}")
    value = building.object(_WALLET, selection, _Wallet(building, enabled.c.currency))
    rows = _with_rows(select(json_list(value, enabled.c.place)), enabled)
    return rows.scalar_subquery()


def _wallet(building: Building, selection: Selection, _source: Source) -> ColumnElement[Any]:
    """One wallet; of a currency that the choices say is not enabled, only if it was ever used (W4)."""
    is_enabled: bool = building.choices[selection.index]
    currency = bindparam(f"currency_{selection.index}", type_=Text, required=True)
    asked = select(currency.label("currency")).subquery(f"asked_{selection.index}")
    value = building.object(_WALLET, selection, _Wallet(building, asked.c.currency))
    row = _with_rows(select(value), asked)
    return (row if is_enabled else row.where(_WALLETS.c.sequence > _ZERO)).scalar_subquery()


def _with_rows(query: Select[Any], currencies: Any) -> Select[Any]:
    own = and_(_WALLETS.c.customer_id == CUSTOMER_ID, _WALLETS.c.currency == currencies.c.currency)
    return query.select_from(currencies.outerjoin(_WALLETS, own)).correlate(_CUSTOMERS)


# Entries, events, and whose they are

_ENTRY = Shape(
    "LedgerEntry",
    {
        **_OF_BUSINESS,
        "id": _column("id"),
        "customerId": _column("customer_id"),
        "currency": _column("currency"),
        "sequence": _column("sequence"),
        "eventType": _member("entry_type", EntryType),
        "isCredit": plain(lambda entry: truth(entry.is_credit)),
        "amount": _money("amount_minor"),
        "beforeBalance": _money("before_minor"),
        "afterBalance": _money("after_minor"),
        "contraAccount": _member("contra_account", ContraAccount),
        "referenceObjectType": _member("reference_type", ReferenceType),
        "referenceObjectId": _column("reference_id"),
        "reason": _column("reason"),
        "funding": _member("funding", Funding),
        "expiresAt": _instant("expires_at"),
        "idempotencyKey": _column("idempotency_key"),
        "metadata": _json("metadata_json"),
        "actor": inner(_ACTOR, lambda entry: entry),
        "createdAt": _instant("created_at"),
        "hash": _column("hash"),
    },
)
_EVENT = Shape(
    "Event",
    {
        **_OF_BUSINESS,
        "id": _column("id"),
        "type": _member("type", EventType),
        "name": _column("type"),
        "cursor": Part(
            lambda building, selection, event: event.position,
            finish=lambda position, cursors: cursor_of(position),
        ),
        "sequence": _column("sequence"),
        "orderKey": _column("order_key"),
        "customerId": _column("customer_id"),
        "objectId": _column("object_id"),
        "occurredAt": _instant("occurred_at"),
        "data": _json("data_json"),
        "apiVersion": plain(lambda event: word(API_VERSION)),
    },
)
CUSTOMER = Shape(
    "Customer",
    {
        **_OF_BUSINESS,
        "id": _column("id"),
        "email": _column("email"),
        "name": _column("name"),
        "phoneNumber": _column("phone_number"),
        "metadata": _json("metadata_json"),
        "preferredLocale": plain(lambda customer: named(customer.preferred_locale, _LOCALES)),
        "billingAddress": inner(
            _ADDRESS,
            lambda customer: customer,
            present=lambda customer: customer.billing_address_json.is_not(None),
        ),
        "blockedAt": _instant("blocked_at"),
        "anonymisedAt": _instant("anonymised_at"),
        "version": _column("version"),
        "createdAt": _instant("created_at"),
        "updatedAt": _instant("updated_at"),
        "wallets": Part(_wallets, _WALLET),
        "wallet": Part(_wallet, _WALLET),
        "ledgerEntries": page("LedgerEntry", _ENTRY, wallet_views.ENTRIES),
        "events": page("Event", _EVENT, events.LISTING),
    },
)


def customer_statement(selection: Selection, choices: Mapping[int, Any]) -> Select[Any]:
    """The JSON of one customer: one row, or none when there is no such customer.

    The row holds NULL when the customer has more lots that expire than the parameter `most_lots` allows.
    """
    building = Building(choices)
    value: ColumnElement[Any] = building.object(CUSTOMER, selection, _CUSTOMERS.c)
    if building.conditions:
        value = only_if(and_(*building.conditions), value)
    return select(value).select_from(_CUSTOMERS).where(_CUSTOMERS.c.id == CUSTOMER_ID)


BLANKS = ("customer_id", "wallet_prefix", "now", "most_lots")
"""Values of a statement that are others in every request."""


def house_values(business_id: str, mode: str) -> dict[str, Any]:
    """Values that any statement of a customer may want, beside `BLANKS` and those of its lists."""
    return {"business_id": business_id, "livemode": mode == "live"}


def customer_values(
    customer_id: str, now: datetime, most_lots: int, blanks: frozenset[str]
) -> dict[str, Any]:
    """What to fill these blanks with."""
    values = {"customer_id": customer_id, "now": now, "most_lots": most_lots}
    return values | {"wallet_prefix": wallet_id(customer_id, "")} if "wallet_prefix" in blanks else values
