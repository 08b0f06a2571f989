"""Which customers a list holds, and in which order (CU30-CU36)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, func, literal_column
from sqlalchemy import select as columns_of
from sqlmodel import col

from . import fields
from .paging import Listing
from .refusals import ErrorCode, Refusal
from .statements import total
from .tables import Customer, Instant, Lot, Wallet
from .wallet_views import HAS_MONEY

_CURRENCY = bindparam("wallet_currency", type_=String())
_AS_OF = bindparam("as_of", type_=Instant())
_STORED = (
    columns_of(col(Wallet.balance_minor))
    .where(col(Wallet.customer_id) == col(Customer.id), col(Wallet.currency) == _CURRENCY)
    .correlate(Customer)
    .scalar_subquery()
)
_EXPIRED = (
    columns_of(total(col(Lot.remaining_minor)))
    .where(
        col(Lot.customer_id) == col(Customer.id),
        col(Lot.currency) == _CURRENCY,
        HAS_MONEY,
        col(Lot.expires_at) <= _AS_OF,
    )
    .correlate(Customer)
    .scalar_subquery()
)
# A wallet without a row holds nothing (CU12), and what has expired no longer counts (W75).
_BALANCE = func.coalesce(_STORED, literal_column("0")) - _EXPIRED

LISTING: Listing[Customer] = Listing(
    Customer,
    orders={
        "CREATED_AT": [col(Customer.created_at), col(Customer.id)],
        "NAME": [col(Customer.name_folded), col(Customer.id)],
    },
    filters={
        "email": col(Customer.email_folded) == bindparam("email"),
        "name": col(Customer.name_folded).like(bindparam("name"), escape="\\"),
        "created_at_gte": col(Customer.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(Customer.created_at) <= bindparam("created_at_lte"),
        "blocked": col(Customer.blocked_at).is_not(None),
        "not_blocked": col(Customer.blocked_at).is_(None),
        "living": col(Customer.anonymised_at).is_(None),
        "visible_id": col(Customer.id) == bindparam("visible_id"),
        "wallet_balance_lt": bindparam("wallet_balance_lt", type_=BigInteger()) > _BALANCE,
        # The two other parameters of the filter above; by themselves they let everybody through.
        "wallet_currency": _CURRENCY.is_not(None),
        "as_of": _AS_OF.is_not(None),
    },
)
"""Customers, the newest first unless an order says otherwise. Make its filters with `filters`."""


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers are wanted; what is None asks for nothing, and all conditions must hold.

    Attributes:
        name: a part of the name, in any case; `%`, `_` and `\\` mean themselves.
        wallet_balance_lt: minor units of `currency`; the two go together.
        visible_id: the one customer that a customer session sees (A41).
    """

    email: str | None = None
    name: str | None = None
    created_at_gte: datetime | None = None
    created_at_lte: datetime | None = None
    blocked: bool | None = None
    wallet_balance_lt: int | None = None
    currency: str | None = None
    include_anonymised: bool = False
    visible_id: str | None = None


def filters(wanted: CustomerFilter, now: datetime) -> dict[str, Any]:
    """The filters of `LISTING` for what is wanted, at an instant that decides what has expired.

    Raises:
        Refusal: INVALID_QUERY_PARAMS: a period that ends before it begins (CU33), a balance without its
            currency or the other way round, a text that no customer can have.
    """
    _check(wanted)
    asked = {
        "email": None if wanted.email is None else fields.folded_email(wanted.email.strip()),
        "name": None if wanted.name is None else fields.containing(wanted.name),
        "created_at_gte": wanted.created_at_gte,
        "created_at_lte": wanted.created_at_lte,
        "blocked": wanted.blocked or None,
        "not_blocked": wanted.blocked is False or None,
        "living": not wanted.include_anonymised or None,
        "visible_id": wanted.visible_id,
        "wallet_balance_lt": wanted.wallet_balance_lt,
        "wallet_currency": wanted.currency,
        "as_of": None if wanted.currency is None else now,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _check(wanted: CustomerFilter) -> None:
    since, until = wanted.created_at_gte, wanted.created_at_lte
    if since is not None and until is not None and since > until:
        raise _unusable("createdAtGte must not be later than createdAtLte.", "createdAtGte")
    if (wanted.wallet_balance_lt is None) is not (wanted.currency is None):
        raise _unusable("walletBalanceLt and currency go together.", "walletBalanceLt")
    if wanted.name is not None and len(wanted.name) > fields.MAX_NAME:
        raise _unusable(f"No name has more than {fields.MAX_NAME} characters.", "name")
    for name in ("email", "name", "currency"):
        if not fields.storable(getattr(wanted, name) or ""):
            raise _unusable("A text cannot hold NUL or half a surrogate pair.", name)


def _unusable(message: str, name: str) -> Refusal:
    return Refusal(ErrorCode.INVALID_QUERY_PARAMS, message, ("filter", name))
