"""Cards that run out: told once, on the first of their last month (EV, `customer.source.expiring`)."""

from datetime import UTC, datetime

from sqlalchemy import Integer, bindparam
from sqlmodel import col, select

from saifu import events, locks
from saifu.events import EventType
from saifu.store import Tx
from saifu.tables import Instant, Source

from . import rows

_DUE = (
    select(Source.id)
    .where(col(Source.notice_at) <= bindparam("now", type_=Instant()), col(Source.customer_id).is_not(None))
    .order_by(col(Source.notice_at))
    .limit(bindparam("batch", type_=Integer))
)


def notice_at(source: Source, now: datetime) -> datetime | None:
    """When the owner of a card is to be told; None for what is no card, or has run out already."""
    detail = rows.unpacked(source.detail_json) or {}
    year, month = detail.get("exp_year"), detail.get("exp_month")
    if year is None or month is None or (int(year), int(month)) < (now.year, now.month):
        return None
    return datetime(int(year), int(month), 1, tzinfo=UTC)


def due(tx: Tx, batch: int) -> list[str]:
    """The ids of attached cards whose last month has begun."""
    return tx.all(_DUE, now=tx.now, batch=batch)


def tell(tx: Tx, source_id: str) -> int:
    """Say that a card runs out this month, once; answers how many events that were."""
    known = rows.get(tx, source_id)
    if known is None or known.customer_id is None:
        return 0
    customer = locks.lock(tx, known.customer_id)
    source = rows.locked(tx, source_id)
    if source.notice_at is None or source.customer_id != customer.id:
        return 0
    told = rows.save(tx, source, {"notice_at": None})
    events.append(tx, customer.id, EventType.CUSTOMER_SOURCE_EXPIRING, told.id, rows.snapshot(told))
    return 1
