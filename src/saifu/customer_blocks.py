"""Blocking customers (CU60-CU62).

A block lies on the e-mail address, also when it names a customer: everybody living at that address is blocked, who
takes the address later is blocked as well, and lifting the block of one lifts it for all. Otherwise a second record
would be the way around it, since addresses are not unique (CU6).
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select

from . import audit, events, fields, locks
from .customer_rows import get, known, save, snapshot
from .events import EventType
from .idempotency import Outcome, once
from .ids import new_id
from .refusals import ErrorCode, Refusal, invalid
from .sources.rows import default_id
from .statements import any_of
from .store import Tx
from .tables import Customer, CustomerBlock, Instant

FROM_API = "api"
"""Where a block comes from (CU60); the pages that could also place one do not exist yet."""

_LIVING_AT = (
    select(Customer)
    .where(
        or_(col(Customer.id) == bindparam("customer_id"), col(Customer.email_folded) == bindparam("email")),
        col(Customer.anonymised_at).is_(None),
    )
    # In the order of ids, so that two of these never wait for each other.
    .order_by(col(Customer.id))
    .with_for_update()
)
_BLOCKED_AT = select(Customer.id).where(
    col(Customer.email_folded) == bindparam("email"),
    col(Customer.anonymised_at).is_(None),
    col(Customer.blocked_at).is_not(None),
)
_OPEN = (
    select(CustomerBlock)
    .where(any_of(col(CustomerBlock.customer_id), "customer_ids"), col(CustomerBlock.unblocked_at).is_(None))
    .order_by(col(CustomerBlock.customer_id))
)
_LIFT = (
    update(CustomerBlock)
    .where(any_of(col(CustomerBlock.customer_id), "customer_ids"), col(CustomerBlock.unblocked_at).is_(None))
    .values(unblocked_at=bindparam("to_unblocked_at", type_=Instant()))
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """Whom to block: exactly one of the two."""

    customer_id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class _Placed:
    """What a block's row says beside whom it is about."""

    identifier: str
    by_email: bool
    reason: str | None
    notes: str | None


def block(
    tx: Tx, who: Identifier, reason: str | None, notes: str | None, key: str | None = None
) -> Outcome[Customer]:
    """Block a customer and everybody living at the same e-mail address; repeated, it changes nothing.

    Returns:
        The customer named, or the oldest at the address; each one that was blocked has an event.

    Raises:
        Refusal: NOT_FOUND (nobody living is at the address), GONE, INVALID_REQUEST_PARAMETERS.
    """
    placed = _Placed(*_identified(who), fields.reason(reason), fields.notes(notes))
    found = _locked(tx, who)
    request = {
        "customer_id": who.customer_id,
        "email": None if who.email is None else fields.folded_email(who.email),
        "reason": placed.reason,
        "notes": placed.notes,
    }

    def do() -> str:
        chosen = _chosen(found, who)
        if blocked := [_place(tx, customer, placed).id for customer in found if customer.blocked_at is None]:
            audit.record(tx, "customerBlock", chosen.id, chosen.id, {"customers": blocked})
        return chosen.id

    done = once(tx, key, "customerBlock", request, do)
    return Outcome(known(tx, done.object_id), done.replayed)


def unblock(tx: Tx, customer_id: str, key: str | None = None) -> Outcome[Customer]:
    """Lift the block of a customer and of everybody living at the same address; repeated, it changes nothing.

    Raises:
        Refusal: NOT_FOUND, GONE.
    """
    who = Identifier(customer_id=customer_id)
    found = _locked(tx, who)

    def do() -> str:
        chosen = _chosen(found, who)
        if lifted := [customer for customer in found if customer.blocked_at is not None]:
            _lift(tx, lifted)
            audit.record(
                tx, "customerUnblock", chosen.id, chosen.id, {"customers": [one.id for one in lifted]}
            )
        return chosen.id

    done = once(tx, key, "customerUnblock", {"customer_id": customer_id}, do)
    return Outcome(known(tx, done.object_id), done.replayed)


def follow_address(tx: Tx, customer: Customer) -> Customer:
    """Block a customer that has just taken an address under a block; answers with the row as it is then."""
    if customer.blocked_at is not None or tx.first(_BLOCKED_AT, email=customer.email_folded) is None:
        return customer
    return _place(tx, customer, _Placed(customer.email, by_email=True, reason=None, notes=None))


def open_blocks(tx: Tx, customer_ids: list[str]) -> dict[str, CustomerBlock]:
    """Why customers are blocked, by customer id; one statement for any number of them."""
    return {row.customer_id: row for row in tx.all(_OPEN, customer_ids=customer_ids)}


def _identified(who: Identifier) -> tuple[str, bool]:
    """The identifier as it was supplied, and whether it is an address."""
    if who.email is not None and who.customer_id is None:
        if not fields.storable(who.email):
            raise invalid("An e-mail address looks like name@example.com.", "email")
        return who.email.strip(), True
    if who.customer_id is not None and who.email is None:
        return who.customer_id, False
    raise invalid("Name a customer either by id or by e-mail address.", "customerId")


def _locked(tx: Tx, who: Identifier) -> list[Customer]:
    """Everybody whom the block is about, locked; a customer who is named also when anonymised."""
    if who.email is not None:
        return tx.all(_LIVING_AT, customer_id="", email=fields.folded_email(who.email.strip()))
    customer_id = who.customer_id or ""
    named = get(tx, customer_id)
    found = tx.all(_LIVING_AT, customer_id=named.id, email=named.email_folded) if named else []
    own = next((one for one in found if one.id == customer_id), None)
    if own is None:
        return [locks.lock(tx, customer_id)]
    if named and own.email_folded != named.email_folded:
        # The address was read before the lock, and changed meanwhile: the neighbours are others now.
        return tx.all(_LIVING_AT, customer_id=own.id, email=own.email_folded)
    return found


def _chosen(found: list[Customer], who: Identifier) -> Customer:
    named = [customer for customer in found if who.customer_id in {None, customer.id}]
    if not named:
        raise Refusal(ErrorCode.NOT_FOUND, "Nobody has this e-mail address.", ("input", "email"))
    chosen = min(named, key=lambda customer: (customer.created_at, customer.id))
    locks.refuse_anonymised(chosen)
    return chosen


def _place(tx: Tx, customer: Customer, placed: _Placed) -> Customer:
    tx.insert(
        CustomerBlock(
            customer_id=customer.id,
            id=new_id("blk"),
            customer_email=customer.email,
            identifier=placed.identifier,
            reason=placed.reason,
            source=FROM_API,
            blocked_by_email=placed.by_email,
            notes=placed.notes,
            created_at=tx.now,
        )
    )
    blocked = save(tx, customer, {"blocked_at": tx.now})
    data = snapshot(blocked, default_id(tx, customer.id))
    events.append(tx, customer.id, EventType.CUSTOMER_BLOCKED, customer.id, data)
    return blocked


def _lift(tx: Tx, customers: list[Customer]) -> None:
    tx.run(_LIFT, customer_ids=[customer.id for customer in customers], to_unblocked_at=tx.now)
    for customer in customers:
        free = save(tx, customer, {"blocked_at": None})
        data = snapshot(free, default_id(tx, customer.id))
        events.append(tx, customer.id, EventType.CUSTOMER_UNBLOCKED, customer.id, data)
