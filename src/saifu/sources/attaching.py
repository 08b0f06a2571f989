"""How a source comes to belong to a customer (SR30-SR47)."""

from collections.abc import Sequence

from saifu import events, locks
from saifu.events import EventType
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Tx
from saifu.tables import Customer, Source

from . import defaults, expiring, rows
from .kinds import SourceStatus, SourceUsage
from .machine import Trigger
from .moves import detached

MOST_ATTACHED = 50
_PATH = ("input", "source")


def attach_in(
    tx: Tx,
    customer: Customer,
    source: Source,
    *,
    reject_duplicates: bool = False,
    tells: bool = True,
) -> Source:
    """Attach a source; it becomes the default where there is none (SR32, SR33). One that is attached stays so (SR34).

    The instrument has been checked by its processor before (SR35). The caller holds the locks of both.

    Args:
        tells: whether a new default is told by a `customer.updated`; whoever tells it otherwise says no.

    Raises:
        Refusal: what `refuse` says.
    """
    if source.customer_id == customer.id:
        return source
    others = refuse(tx, customer, source, reject_duplicates=reject_duplicates)
    kept = rows.save(
        tx,
        source,
        {
            "customer_id": customer.id,
            "last_customer_id": customer.id,
            "attached_at": tx.now,
            "is_default": not others,
            "duplicate_of": _duplicate(others, source),
            "expires_at": None,
            "notice_at": expiring.notice_at(source, tx.now),
        },
    )
    events.append(tx, customer.id, EventType.CUSTOMER_SOURCE_CREATED, kept.id, rows.snapshot(kept))
    if kept.is_default and tells:
        defaults.tell(tx, customer, None, kept.id)
    return kept


def replace_in(tx: Tx, customer: Customer, source: Source) -> tuple[str | None, str]:
    """Attach a source as the default in place of the old one, which is detached (SR40-SR44).

    The caller holds the locks of both, and tells that the default is another one (SR47). Subscriptions are re-pointed
    and dues collected by whoever calls this, in this transaction (SR45, SR46): here nothing knows of them.

    Returns:
        The ids of the default before and after.
    """
    old = rows.defaults(tx, [customer.id]).get(customer.id)
    if old is not None and old.id == source.id:
        return old.id, old.id
    kept = attach_in(tx, customer, source, tells=False)
    if old is not None:
        detached(tx, rows.locked(tx, old.id), Trigger.DETACHED)
        defaults.mark(tx, kept)
    return (old.id if old else None), kept.id


def refuse(
    tx: Tx, customer: Customer, source: Source | None, *, reject_duplicates: bool = False
) -> Sequence[Source]:
    """Refuse what cannot be attached; answers with what the customer has attached already.

    Args:
        source: None for one that is yet to be made of a token.

    Raises:
        Refusal: GONE, CUSTOMER_BLOCKED (CU57, CU62), SOURCE_NOT_CHARGEABLE, SOURCE_NOT_REUSABLE,
            SOURCE_ALREADY_ATTACHED (SR30), SOURCE_STATE_CONFLICT (SR16), TOO_MANY_SOURCES (SR38),
            SOURCE_DUPLICATE (SR37).
    """
    locks.refuse_anonymised(customer)
    locks.refuse_blocked(customer)
    others = rows.attached(tx, customer.id)
    if source is not None:
        refuse_state(tx, source)
        if reject_duplicates and _duplicate(others, source) is not None:
            raise Refusal(ErrorCode.SOURCE_DUPLICATE, "This card is attached already.", _PATH)
    if len(others) >= MOST_ATTACHED:
        raise Refusal(ErrorCode.TOO_MANY_SOURCES, f"A customer has at most {MOST_ATTACHED} sources.", _PATH)
    return others


def refuse_state(tx: Tx, source: Source) -> None:
    """Refuse a source that nobody could attach (SR30, SR31).

    Raises:
        Refusal: SOURCE_NOT_CHARGEABLE, SOURCE_NOT_REUSABLE, SOURCE_ALREADY_ATTACHED, SOURCE_STATE_CONFLICT.
    """
    status = rows.status_at(source, tx.now)
    if status != SourceStatus.CHARGEABLE:
        raise Refusal(
            ErrorCode.SOURCE_NOT_CHARGEABLE, f"The source is {status}, not chargeable.", _PATH, status=status
        )
    if source.usage != SourceUsage.REUSABLE:
        raise Refusal(ErrorCode.SOURCE_NOT_REUSABLE, "A source for a single use cannot be attached.", _PATH)
    if source.customer_id is not None:
        raise Refusal(
            ErrorCode.SOURCE_ALREADY_ATTACHED, "This source is attached to another customer.", _PATH
        )
    if source.in_use_by is not None:
        raise Refusal(ErrorCode.SOURCE_STATE_CONFLICT, "This source is being charged at the moment.", _PATH)


def _duplicate(others: Sequence[Source], source: Source) -> str | None:
    """The oldest of the attached sources that is the same physical instrument (SR37)."""
    same = [each.id for each in others if source.fingerprint and each.fingerprint == source.fingerprint]
    return same[-1] if same else None
