"""Customers: creation with their wallets, change, deletion as anonymisation (CU1-CU57).

Every use case holds the customer's lock before it looks at an idempotency key, so that of two requests with one key
the second waits and is answered with what the first one did (A31).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import audit, customer_rows, erasure, events, fields, locks, lookup, sessions, wallets
from .checkout import endings as checkouts
from .customer_blocks import Identifier, block, follow_address, open_blocks, unblock
from .customer_lists import LISTING, CustomerFilter, filters
from .customer_obstacles import obstacles
from .customer_rows import get, snapshot
from .documents import links
from .events import EventType
from .fields import UNSET, Unset
from .idempotency import Outcome, once
from .ids import new_id
from .locks import living, lock
from .refusals import ErrorCode, Refusal, StaleVersion, invalid
from .sources import attaching, erasing
from .sources.rows import default_id
from .sources.switching import Adoption, Switch
from .store import Tx
from .tables import Customer

__all__ = [
    "LISTING",
    "CustomerChange",
    "CustomerFilter",
    "Identifier",
    "NewCustomer",
    "block",
    "by_ids",
    "create",
    "delete",
    "filters",
    "get",
    "living",
    "lock",
    "open_blocks",
    "snapshot",
    "unblock",
    "update",
]


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """What a customer is made of (CU1). The address is a map of `country` and its other parts."""

    email: str
    name: str
    phone_number: str | None = None
    metadata: Mapping[str, Any] | None = None
    preferred_locale: str | None = None
    billing_address: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CustomerChange:
    """What is to change; what is not sent stays, and None clears what may be absent (CU20-CU23)."""

    email: str | Unset | None = UNSET
    name: str | Unset | None = UNSET
    phone_number: str | Unset | None = UNSET
    metadata: Mapping[str, Any] | Unset | None = UNSET
    preferred_locale: str | Unset | None = UNSET
    billing_address: Mapping[str, Any] | Unset | None = UNSET
    expected_version: int | None = None

    def sent(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in customer_rows.PROFILE}
        return {name: value for name, value in values.items() if value is not UNSET}


def create(
    tx: Tx,
    new: NewCustomer,
    currencies: Sequence[str],
    key: str | None = None,
    *,
    test_mode: bool = False,
    adoption: Adoption | None = None,
) -> Outcome[Customer]:
    """A new customer with a wallet at zero in every enabled currency (CU2), and one event (CU10).

    An address that is under a block makes the customer a blocked one.

    Args:
        test_mode: whether an e-mail address may be at `localhost` (CU3).
        adoption: its first source, which its processor has checked already (CU9).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED; with a source what `attaching.attach_in` says.
        IdempotencyKeyReused: the key belongs to another request.
    """
    values = creation(new, test_mode=test_mode)
    request = values | (adoption.identity if adoption else {})
    done = once(tx, key, "customerCreate", request, lambda: _create(tx, values, currencies, adoption))
    return Outcome(customer_rows.known(tx, done.object_id), done.replayed)


def creation(new: NewCustomer, *, test_mode: bool) -> dict[str, Any]:
    """The values of a new customer as they are stored, which is also what makes two requests the same.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED.
    """
    return _checked({name: getattr(new, name) for name in customer_rows.PROFILE}, test_mode)


def update(
    tx: Tx,
    customer_id: str,
    change: CustomerChange,
    key: str | None = None,
    *,
    test_mode: bool = False,
    switch: Switch | None = None,
) -> Outcome[Customer]:
    """Change what was sent. What turns out to be the same already leaves no event and no new version (CU26).

    Args:
        switch: what is to become of the default source (CU25).

    Raises:
        Refusal: NOT_FOUND, GONE (CU27), INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED; with a source what
            `attaching.replace_in` or `defaults.choose` says.
        StaleVersion: `expected_version` is not the current one.
    """
    sent = _checked(change.sent(), test_mode)
    customer = locks.lock(tx, customer_id)
    done = once(
        tx,
        key,
        "customerUpdate",
        _identity(customer_id, sent, change.expected_version) | (switch.identity if switch else {}),
        lambda: _update(tx, customer, sent, change.expected_version, switch),
    )
    return Outcome(customer_rows.known(tx, done.object_id), done.replayed)


def changing(customer_id: str, change: CustomerChange, *, test_mode: bool) -> dict[str, Any]:
    """What makes two requests for a change the same.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED.
    """
    return _identity(customer_id, _checked(change.sent(), test_mode), change.expected_version)


def _identity(customer_id: str, sent: Mapping[str, Any], expected_version: int | None) -> dict[str, Any]:
    # Each value stands in a list, since clearing a field and leaving it out are two requests.
    request = {name: [value] for name, value in sent.items()}
    return request | {"customer_id": customer_id, "expected_version": expected_version}


def delete(
    tx: Tx, customer_id: str, forfeit_wallet_balance: bool, key: str | None = None
) -> Outcome[Customer]:
    """Anonymise a customer (CU50): the id and all that is about money stay, the person goes. Repeated, it is a no-op.

    Raises:
        Refusal: NOT_FOUND; CUSTOMER_NOT_DELETABLE with `reasons` in its details (CU51).
    """
    customer = locks.lock(tx, customer_id)
    request = {"customer_id": customer_id, "forfeit_wallet_balance": forfeit_wallet_balance}

    def do() -> str:
        if customer.anonymised_at is None:
            _anonymise(tx, customer, forfeit_wallet_balance)
        return customer.id

    done = once(tx, key, "customerDelete", request, do)
    return Outcome(customer_rows.known(tx, done.object_id), done.replayed)


def by_ids(tx: Tx, ids: Sequence[str]) -> list[Customer]:
    """The customers that there are, in the order asked for; one statement for any number of ids."""
    found = lookup.by_ids(tx, Customer, [each for each in ids if fields.storable(each)])
    return [found[each] for each in ids if each in found]


def _create(tx: Tx, values: Mapping[str, Any], currencies: Sequence[str], adoption: Adoption | None) -> str:
    source = adoption.proven.row(tx) if adoption else None
    customer = tx.insert(
        Customer(
            id=adoption.customer_id if adoption else new_id("cus"),
            **customer_rows.profile_columns(values),
            last_sequence=0,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    wallets.open_for(tx, customer.id, currencies)
    data = snapshot(customer, source.id if source else None)
    events.append(tx, customer.id, EventType.CUSTOMER_CREATED, customer.id, data)
    audit.record(tx, "customerCreate", customer.id, customer.id)
    follow_address(tx, customer)
    if adoption and source:
        # Only now, since whoever lives at a blocked address is blocked, and cannot be attached to (CU62).
        attaching.attach_in(tx, customer_rows.known(tx, customer.id), source, tells=False)
        adoption.proven.remember(tx, customer.id)
    return customer.id


def _update(
    tx: Tx,
    customer: Customer,
    sent: Mapping[str, Any],
    expected_version: int | None,
    switch: Switch | None,
) -> str:
    locks.refuse_anonymised(customer)
    if expected_version is not None and expected_version != customer.version:
        raise StaleVersion(customer.version)
    old, new = switch.apply(tx, customer) if switch else (None, None)
    before = customer_rows.profile(customer)
    columns = customer_rows.profile_columns({**before, **sent})
    if old == new and all(getattr(customer, name) == value for name, value in columns.items()):
        return customer.id
    after = customer_rows.save(tx, customer, columns)
    switched = {} if old == new else {"default_source": old}
    previous = _previous(before, customer_rows.profile(after)) | switched
    data = {**snapshot(after, default_id(tx, customer.id)), "previous_attributes": previous}
    events.append(tx, customer.id, EventType.CUSTOMER_UPDATED, customer.id, data)
    audit.record(tx, "customerUpdate", customer.id, customer.id, {"fields": sorted(previous)})
    if "email" in previous:
        follow_address(tx, after)
    return customer.id


def _previous(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    # Compared as text, since Python takes 1 and True for equal and metadata does not.
    return {name: before[name] for name in before if repr(before[name]) != repr(after[name])}


def _anonymise(tx: Tx, customer: Customer, forfeit_wallet_balance: bool) -> None:
    money = {
        view.currency: view.balance_minor for view in wallets.balances(tx, customer.id) if view.balance_minor
    }
    under_way = obstacles(tx, customer.id)
    if under_way:
        raise Refusal(
            ErrorCode.CUSTOMER_NOT_DELETABLE,
            f"Money of this customer is still on its way: {', '.join(under_way)}.",
            ("input", "customerId"),
            reasons=tuple(under_way),
        )
    if money and not forfeit_wallet_balance:
        held = ", ".join(f"{amount} minor units of {currency}" for currency, amount in money.items())
        raise Refusal(
            ErrorCode.CUSTOMER_NOT_DELETABLE,
            f"The wallets still hold {held}. Pay it out, or forfeit it with forfeitWalletBalance.",
            ("input", "customerId"),
            reasons=tuple(f"WALLET_BALANCE_{currency}" for currency in money),
        )
    # Also with nothing left: what has expired is booked before the person goes.
    wallets.forfeit(tx, customer.id)
    sessions.revoke_all(tx, customer.id)
    links.revoke_all(tx, customer.id)
    checkouts.forget_all(tx, customer.id)
    erasing.detach_all(tx, customer.id)
    erasure.erase(tx, customer.id)
    columns = customer_rows.profile_columns(erasure.stub(customer.id))
    customer_rows.save(tx, customer, {**columns, "anonymised_at": tx.now})
    events.append(tx, customer.id, EventType.CUSTOMER_DELETED, customer.id, {"customer_id": customer.id})
    audit.record(tx, "customerDelete", customer.id, customer.id, {"forfeited_minor": money})


def _checked(values: Mapping[str, Any], test_mode: bool) -> dict[str, Any]:
    """The values of a profile, or of a part of one, as they are stored."""
    checks: dict[str, Callable[[Any], Any]] = {
        "email": lambda value: fields.email(_present(value, "email"), test_mode=test_mode),
        "name": lambda value: fields.name(_present(value, "name")),
        "phone_number": fields.phone_number,
        "metadata": fields.metadata,
        "preferred_locale": fields.preferred_locale,
        "billing_address": fields.billing_address,
    }
    return {name: checks[name](value) for name, value in values.items()}


def _present(value: str | None, name: str) -> str:
    if value is None:
        raise invalid("This cannot be null: a customer always has an e-mail address and a name.", name)
    return value
