"""Which of a customer's sources is the default (SR50-SR54)."""

from saifu import customer_rows, events
from saifu.customer_rows import snapshot
from saifu.events import EventType
from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.store import Tx
from saifu.tables import Customer, Source

from . import rows


def mark(tx: Tx, source: Source) -> Source:
    """Make an attached source the default; the caller has taken that from the old one."""
    return rows.save(tx, source, {"is_default": True})


def tell(tx: Tx, customer: Customer, before: str | None, after: str | None) -> Customer:
    """Raise the customer's version and say that its default is another one (SR47, SR77)."""
    changed = customer_rows.save(tx, customer, {})
    data = {**snapshot(changed, after), "previous_attributes": {"default_source": before}}
    events.append(tx, customer.id, EventType.CUSTOMER_UPDATED, customer.id, data)
    return changed


def choose(tx: Tx, customer: Customer, source_id: str | None) -> tuple[str | None, str | None]:
    """Make one of the attached sources the default; the old one stays attached (SR51).

    The caller holds the customer's lock, and says so in an event when the two ids differ.

    Returns:
        The ids of the default before and after.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS (SR52), NOT_FOUND, SOURCE_NOT_ATTACHED, SOURCE_NOT_CHARGEABLE.
    """
    old = rows.defaults(tx, [customer.id]).get(customer.id)
    if source_id is None:
        _refuse_none(tx, customer)
        return None, None
    chosen = _choosable(tx, customer, source_id)
    if old is not None and old.id == chosen.id:
        return old.id, old.id
    if old is not None:
        rows.save(tx, rows.locked(tx, old.id), {"is_default": False})
    mark(tx, chosen)
    return old.id if old else None, chosen.id


def _refuse_none(tx: Tx, customer: Customer) -> None:
    if rows.attached(tx, customer.id):
        raise invalid("While a source is attached there is a default.", "defaultSource")


def _choosable(tx: Tx, customer: Customer, source_id: str) -> Source:
    path = ("input", "defaultSource")
    known = rows.get(tx, source_id)
    if known is None or known.customer_id not in (None, customer.id):
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such source.", path)
    source = rows.locked(tx, source_id)
    if source.customer_id != customer.id:
        # Of what was detached here, or never attached anywhere, the reason is told (SR51).
        raise Refusal(ErrorCode.SOURCE_NOT_ATTACHED, "This source is not attached to this customer.", path)
    return source
