"""Checkout sessions as they are stored: how they are read and changed, and what events show of them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import bindparam, update
from sqlmodel import col, select

from saifu import locks
from saifu.clock import rfc3339
from saifu.fields import storable
from saifu.store import Tx
from saifu.tables import CheckoutSession, Instant


class Purpose(StrEnum):
    """What somebody is asked to do on the page."""

    PAYMENT = "payment"
    TOP_UP = "top_up"
    MANDATE = "mandate"


class Status(StrEnum):
    """How a session stands: only an open one can be paid (PM71, PM72)."""

    OPEN = "open"
    COMPLETED = "completed"
    EXPIRED = "expired"


_TABLE = CheckoutSession.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    *("customer_id", "status", "customer_json", "billing_json", "metadata_json", "payment_id", "source_id"),
    *("lines_json", "attempts", "last_activity_at", "abandons_at", "abandonment_json", "completed_at"),
)
_BY_ID = select(CheckoutSession).where(col(CheckoutSession.id) == bindparam("session_id"))
_LOCKED = _BY_ID.with_for_update()
_SAVE = (
    update(CheckoutSession)
    .where(col(CheckoutSession.id) == bindparam("of_session"))
    .values(
        {
            **{name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS},
            "updated_at": bindparam("to_updated_at", type_=Instant()),
            "version": col(CheckoutSession.version) + 1,
        }
    )
)


def get(tx: Tx, session_id: str) -> CheckoutSession | None:
    """A session, whatever its state; not locked."""
    return tx.first(_BY_ID, session_id=session_id) if storable(session_id) else None


def locked(tx: Tx, session_id: str) -> CheckoutSession | None:
    """A session, locked until the commit, after its customer where it has one.

    A session gets its customer once and never another, so whoever finds none here and then one has to look again.
    """
    session = get(tx, session_id)
    while session is not None:
        if session.customer_id is not None:
            locks.lock(tx, session.customer_id)
        held = tx.first(_LOCKED, session_id=session_id)
        if held is None or held.customer_id == session.customer_id:
            return held
        session = held
    return None


def save(tx: Tx, session: CheckoutSession, changes: Mapping[str, Any]) -> CheckoutSession:
    """Change columns of a session whose lock the caller holds; answers with the row as it is then."""
    assert changes.keys() <= set(_COLUMNS), changes.keys()
    columns = {name: getattr(session, name) for name in _COLUMNS} | dict(changes)
    tx.run(
        _SAVE,
        of_session=session.id,
        to_updated_at=max(tx.now, session.updated_at),
        **{f"to_{name}": value for name, value in columns.items()},
    )
    after = get(tx, session.id)
    assert after is not None
    return after


def status_at(session: CheckoutSession, now: datetime) -> Status:
    """How a session stands at an instant: what has run out is expired before a job has said so."""
    status = Status(session.status)
    return Status.EXPIRED if status is Status.OPEN and session.expires_at <= now else status


def options(session: CheckoutSession) -> dict[str, Any]:
    known: dict[str, Any] = orjson.loads(session.options_json)
    return known


def lines(session: CheckoutSession) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = orjson.loads(session.lines_json)
    return known


def visitor(session: CheckoutSession) -> dict[str, Any]:
    """What is known of somebody who was not named by id: `email`, `name`, `phone_number`, as far as they were given."""
    known: dict[str, Any] = orjson.loads(session.customer_json)
    return known


def snapshot(session: CheckoutSession) -> dict[str, Any]:
    """A session as events carry it (EV2): no secret, and nothing of the person but the customer's id."""
    return {
        "session_id": session.id,
        "customer_id": session.customer_id,
        "purpose": session.purpose,
        "status": session.status,
        "currency": session.currency,
        "total_amount": session.total_minor,
        "tax": session.tax_minor,
        "lines": lines(session),
        "payment_id": session.payment_id,
        "source_id": session.source_id,
        "attempts": session.attempts,
        "metadata": orjson.loads(session.metadata_json),
        "expires_at": rfc3339(session.expires_at),
        "completed_at": _instant(session.completed_at),
        "created_at": rfc3339(session.created_at),
        "updated_at": rfc3339(session.updated_at),
        "version": session.version,
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else rfc3339(value)
