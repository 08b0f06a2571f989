"""How a source leaves its customer, and which one is the default then (SR70-SR78)."""

from collections.abc import Iterable
from datetime import datetime

from saifu.refusals import ErrorCode, Refusal
from saifu.store import Tx
from saifu.tables import Customer, Source

from . import defaults, rows
from .kinds import SourceStatus
from .machine import Trigger
from .moves import detached

_PATH = ("input", "sourceId")


def detach_in(tx: Tx, customer: Customer, source: Source, trigger: Trigger = Trigger.DETACHED) -> Source:
    """Detach a source whose lock, and whose customer's, the caller holds; the default passes on (SR72, SR77).

    Subscriptions that are pinned to it are not moved to another one (SR75).

    Raises:
        Refusal: SOURCE_NOT_ATTACHED (SR70, SR76).
    """
    if source.customer_id != customer.id:
        raise Refusal(ErrorCode.SOURCE_NOT_ATTACHED, "This source is not attached to this customer.", _PATH)
    gone = detached(tx, source, trigger)
    if source.is_default:
        successor = next_default(rows.attached(tx, customer.id), tx.now)
        if successor is not None:
            defaults.mark(tx, successor)
        defaults.tell(tx, customer, source.id, successor.id if successor else None)
    return gone


def next_default(attached: Iterable[Source], now: datetime) -> Source | None:
    """Of what is left, the newest first, the one that becomes the default (SR72): never an expired card."""
    return next(
        (each for each in attached if each.status == SourceStatus.CHARGEABLE and not is_expired(each, now)),
        None,
    )


def is_expired(source: Source, now: datetime) -> bool:
    """Whether it is a card whose last month is over, by UTC (SR65)."""
    detail = rows.unpacked(source.detail_json) or {}
    year, month = detail.get("exp_year"), detail.get("exp_month")
    return year is not None and month is not None and (int(year), int(month)) < (now.year, now.month)
