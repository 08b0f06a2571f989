"""Customer rows: how they are read, what events show of them, and how they change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, update
from sqlmodel import col, select

from . import fields
from .clock import rfc3339
from .store import Tx
from .tables import Customer, Instant

PROFILE = ("email", "name", "phone_number", "metadata", "preferred_locale", "billing_address")
"""What a client may set of a customer, in its public shape: metadata and address are maps."""

_PROFILE_COLUMNS = (
    *("email", "email_folded", "name", "name_folded"),
    *("phone_number", "metadata_json", "preferred_locale", "billing_address_json"),
)
_TABLE = Customer.__table__  # type: ignore[attr-defined]
_COLUMNS = (*_PROFILE_COLUMNS, "blocked_at", "anonymised_at")

_BY_ID = select(Customer).where(col(Customer.id) == bindparam("customer_id"))
# One statement for every change: what stays the same is written again, and no index has to move for it.
_SAVE = (
    update(Customer)
    .where(col(Customer.id) == bindparam("of_customer"))
    .values(
        {
            **{name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS},
            "updated_at": bindparam("to_updated_at", type_=Instant()),
            "version": col(Customer.version) + 1,
        }
    )
)


def get(tx: Tx, customer_id: str) -> Customer | None:
    """The customer, also one that was anonymised (CU35); not locked."""
    return tx.first(_BY_ID, customer_id=customer_id) if fields.storable(customer_id) else None


def known(tx: Tx, customer_id: str) -> Customer:
    """The customer as it is now, of whom we know that it is there."""
    found = get(tx, customer_id)
    assert found is not None, f"no customer {customer_id}"
    return found


def profile(customer: Customer) -> dict[str, Any]:
    """What a client has set of a customer, in its public shape."""
    address = customer.billing_address_json
    return {
        "email": customer.email,
        "name": customer.name,
        "phone_number": customer.phone_number,
        "metadata": orjson.loads(customer.metadata_json),
        "preferred_locale": customer.preferred_locale,
        "billing_address": None if address is None else orjson.loads(address),
    }


def profile_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a whole profile. Metadata is sorted, so that equal maps are equal texts (1 is not `true`)."""
    address = values["billing_address"]
    return {
        "email": values["email"],
        "email_folded": fields.folded_email(values["email"]),
        "name": values["name"],
        "name_folded": fields.folded_name(values["name"]),
        "phone_number": values["phone_number"],
        "metadata_json": orjson.dumps(values["metadata"], option=orjson.OPT_SORT_KEYS).decode(),
        "preferred_locale": values["preferred_locale"],
        "billing_address_json": None if address is None else orjson.dumps(address).decode(),
    }


def save(tx: Tx, customer: Customer, changes: Mapping[str, Any]) -> Customer:
    """Change columns of a customer whose lock the caller holds; answers with the row as it is then."""
    assert changes.keys() <= set(_COLUMNS), changes.keys()
    columns = {name: getattr(customer, name) for name in _COLUMNS} | dict(changes)
    tx.run(
        _SAVE,
        of_customer=customer.id,
        # A clock that jumps back does not make a customer older.
        to_updated_at=max(tx.now, customer.updated_at),
        **{f"to_{name}": value for name, value in columns.items()},
    )
    return known(tx, customer.id)


def snapshot(customer: Customer, default_source: str | None) -> dict[str, Any]:
    """A customer as events carry it (EV2): the whole record in snake_case, with the id of its default source.

    The business and the mode stand in the envelope; wallets have events of their own.
    """
    return {
        "customer_id": customer.id,
        **profile(customer),
        "default_source": default_source,
        "created_at": rfc3339(customer.created_at),
        "updated_at": rfc3339(customer.updated_at),
        "blocked_at": _instant(customer.blocked_at),
        "anonymised_at": _instant(customer.anonymised_at),
        "version": customer.version,
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else rfc3339(value)
