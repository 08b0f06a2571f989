"""Callbacks: what the simulator tells us of its own accord, signed, when it is due (S18, PM95)."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import orjson
from sqlalchemy import bindparam, update
from sqlmodel import col, select

from saifu.processors.contract import Callback, CallbackKind, ForgedCallback
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Instant, SimulatorCallback

from .house import House

SIGNATURE = "saifu-simulator-signature"
TOLERANCE_S = 300
_TIMESTAMP = re.compile("[0-9]{1,12}")
"""Longer ones are no instants, and Python refuses to read very long numbers."""
LEASE = timedelta(seconds=60)
"""How long whoever took a callback has to deliver it before somebody takes it again."""

_DUE = (
    select(SimulatorCallback)
    .where(col(SimulatorCallback.delivered_at).is_(None), col(SimulatorCallback.due_at) <= bindparam("now"))
    .order_by(col(SimulatorCallback.due_at), col(SimulatorCallback.position), col(SimulatorCallback.id))
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(SimulatorCallback)
    .where(any_of(col(SimulatorCallback.id), "ids"))
    .values(due_at=bindparam("until", type_=Instant()), attempts=col(SimulatorCallback.attempts) + 1)
)
_DELIVERED = (
    update(SimulatorCallback)
    .where(any_of(col(SimulatorCallback.id), "ids"))
    .values(delivered_at=bindparam("now", type_=Instant()))
)
_KNOWN = select(SimulatorCallback.id).where(col(SimulatorCallback.id) == bindparam("id"))


class Order(StrEnum):
    """How the callbacks of a charge arrive."""

    NORMAL = "normal"
    REVERSED = "reversed"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happens to an object, and when."""

    what: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class About:
    """The object that a callback is about: our reference and the simulator's own name."""

    kind: CallbackKind
    reference: str
    ref: str


@dataclass(frozen=True, slots=True)
class SignedCallback:
    """A request to our own door: `POST /processors/simulator/callbacks`. `id` is for `delivered`."""

    id: str
    headers: Mapping[str, str]
    body: bytes


def plan(tx: Tx, house: House, about: About, notices: Sequence[Notice], order: Order = Order.NORMAL) -> None:
    """Have something told when it happens; what was planned before under the same name is not planned again."""
    last_at = max(notice.due_at for notice in notices)
    for position, notice in enumerate(notices):
        name = house.name("evt", f"{about.kind}:{about.ref}:{notice.what}")
        if tx.first(_KNOWN, id=name) is not None:
            continue
        reverse = order is Order.REVERSED
        tx.insert(
            SimulatorCallback(
                id=name,
                kind=about.kind.value,
                reference=about.reference,
                processor_ref=about.ref,
                due_at=last_at if reverse else notice.due_at,
                position=len(notices) - position if reverse else position,
                copies=2 if order is Order.TWICE else 1,
                attempts=0,
                delivered_at=None,
                created_at=tx.now,
            )
        )


def take(tx: Tx, house: House, now: datetime, limit: int) -> list[SignedCallback]:
    """What is due, in order; nobody else is given it within `LEASE`."""
    rows = tx.all(_DUE, now=now, at_most=limit)
    if rows:
        tx.run(_LEASE, ids=[row.id for row in rows], until=now + LEASE)
    return [signed(row, house, now) for row in rows for _ in range(row.copies)]


def delivered(tx: Tx, ids: Sequence[str]) -> None:
    tx.run(_DELIVERED, ids=list(ids), now=tx.now)


def signed(row: SimulatorCallback, house: House, now: datetime) -> SignedCallback:
    body = orjson.dumps(
        {"id": row.id, "kind": row.kind, "reference": row.reference, "processor_ref": row.processor_ref}
    )
    timestamp = int(now.timestamp())
    signature = f"t={timestamp},v1={house.signature(timestamp, body)}"
    return SignedCallback(row.id, {SIGNATURE: signature, "content-type": "application/json"}, body)


def verified(headers: Mapping[str, str], body: bytes, house: House, now: datetime) -> list[Callback]:
    """What a request says, if the simulator signed it at most 300 s ago (S18).

    Raises:
        ForgedCallback: it did not, or not lately.
    """
    given = next((value for name, value in headers.items() if name.lower() == SIGNATURE), "")
    parts = dict(part.partition("=")[::2] for part in given.split(","))
    timestamp, signature = parts.get("t", ""), parts.get("v1", "")
    if not (_TIMESTAMP.fullmatch(timestamp) and signature.isascii()):
        raise ForgedCallback("it has no signature")
    if not hmac.compare_digest(signature, house.signature(int(timestamp), body)):
        raise ForgedCallback("its signature is another")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise ForgedCallback("it is older than 300 s")
    said = orjson.loads(body)
    return [Callback(said["id"], CallbackKind(said["kind"]), said["reference"], said["processor_ref"])]
