"""What is personal in the sources of a deleted customer goes; that there were such sources stays (CU50, CU54)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, or_
from sqlmodel import col, select

from saifu.store import Tx
from saifu.tables import Payment, Source

from . import rows
from .machine import Trigger
from .moves import detached

_OF_CUSTOMER = (
    select(Source)
    .where(
        or_(
            col(Source.last_customer_id) == bindparam("customer_id"),
            col(Source.id).in_(
                select(Payment.source_id).where(
                    col(Payment.customer_id) == bindparam("customer_id"), col(Payment.source_id).is_not(None)
                )
            ),
        )
    )
    .order_by(col(Source.id))
    .with_for_update()
)


def detach_all(tx: Tx, customer_id: str) -> None:
    """Detach what a customer, locked, has attached (CU53); nothing is the default afterwards."""
    for source in rows.attached(tx, customer_id):
        detached(tx, source, Trigger.DETACHED)


def erase(tx: Tx, customer_id: str) -> Sequence[str]:
    """Take out who the owners of a customer's sources were, attached or only charged.

    Returns:
        The ids of the sources, whose own events are to be redacted as well.
    """
    sources = tx.all(_OF_CUSTOMER, customer_id=customer_id)
    for source in sources:
        rows.save(tx, source, _without_person(source))
    return [source.id for source in sources]


def _without_person(source: Source) -> dict[str, Any]:
    return {
        "owner_json": None,
        "metadata_json": "{}",
        "detail_json": _blanked(source.detail_json, "name"),
        "redirect_json": _blanked(source.redirect_json, "url", "return_url"),
        "mandate_json": _mandate(source),
    }


def _blanked(text: str | None, *names: str) -> str | None:
    values = rows.unpacked(text)
    if values is None:
        return None
    return rows.packed({**values, **{name: None for name in names if name in values}})


def _mandate(source: Source) -> str | None:
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None:
        return None
    personal = dict.fromkeys(("ip", "user_agent", "contact_email"))
    return rows.packed({**mandate, "acceptance": {**mandate["acceptance"], **personal}})
