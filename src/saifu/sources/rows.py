"""Rows of sources: how they are read and locked, what events show of them, and how they change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, update
from sqlmodel import col, select

from saifu.clock import rfc3339
from saifu.fields import storable
from saifu.paging import Listing
from saifu.refusals import ErrorCode, Refusal
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Instant, Source

from .kinds import SourceStatus

_PATH = ("input", "sourceId")
_FIXED = {"id", "processor", "type", "usage", "flow", "client_secret_hash", "created_at"}
_KEPT_BY_SAVE = {"version", "updated_at"}
_TABLE = Source.__table__  # type: ignore[attr-defined]
_COLUMNS = tuple(name for name in _TABLE.columns.keys() if name not in _FIXED | _KEPT_BY_SAVE)  # noqa: SIM118

_BY_ID = select(Source).where(col(Source.id) == bindparam("id"))
_LOCKED = _BY_ID.with_for_update()
_OF_CUSTOMER = (
    select(Source)
    .where(col(Source.customer_id) == bindparam("customer_id"))
    .order_by(col(Source.attached_at).desc(), col(Source.id).desc())
)
_DEFAULTS = select(Source).where(
    any_of(col(Source.customer_id), "customer_ids"), col(Source.is_default).is_(True)
)
_AT_PROCESSOR = select(Source).where(
    col(Source.processor) == bindparam("processor"), col(Source.processor_ref) == bindparam("processor_ref")
)
_SAVE = (
    update(Source)
    .where(col(Source.id) == bindparam("of_source"))
    .values(
        {
            **{name: bindparam(f"to_{name}", type_=_TABLE.columns[name].type) for name in _COLUMNS},
            "updated_at": bindparam("to_updated_at", type_=Instant()),
            "version": col(Source.version) + 1,
        }
    )
)

LISTING: Listing[Source] = Listing(
    Source,
    orders={"ATTACHED_AT": [col(Source.attached_at), col(Source.id)]},
    filters={
        "type": col(Source.type) == bindparam("type"),
        "status": col(Source.status) == bindparam("status"),
    },
    parent=col(Source.customer_id),
)
"""What is attached to each of many customers (SR55). Attached is chargeable, so what lapsed is never among it."""


def get(tx: Tx, source_id: str) -> Source | None:
    """The source, not locked."""
    return tx.first(_BY_ID, id=source_id) if storable(source_id) else None


def locked(tx: Tx, source_id: str) -> Source:
    """The source, locked until the commit; whoever also needs its customer's lock has that one already.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = tx.first(_LOCKED, id=source_id) if storable(source_id) else None
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such source.", _PATH)
    return found


def attached(tx: Tx, customer_id: str) -> list[Source]:
    """What a customer has attached, the newest first; at most 50 (SR38)."""
    return tx.all(_OF_CUSTOMER, customer_id=customer_id)


def defaults(tx: Tx, customer_ids: Sequence[str]) -> dict[str, Source]:
    """The default sources of those customers that have one (SR50), by customer."""
    found = tx.all(_DEFAULTS, customer_ids=list(customer_ids))
    return {source.customer_id: source for source in found if source.customer_id is not None}


def default_id(tx: Tx, customer_id: str) -> str | None:
    """The id of a customer's default source (SR50)."""
    found = defaults(tx, [customer_id]).get(customer_id)
    return None if found is None else found.id


def at_processor(tx: Tx, processor: str, processor_ref: str) -> Source | None:
    """The newest source that a processor knows by this name."""
    return max(
        tx.all(_AT_PROCESSOR, processor=processor, processor_ref=processor_ref),
        key=lambda source: source.id,
        default=None,
    )


def insert(tx: Tx, **given: Any) -> Source:
    """Store a new source with the columns that are given; the others are empty."""
    columns: dict[str, Any] = dict.fromkeys(_TABLE.columns.keys())
    columns |= {"is_default": False, "metadata_json": "{}", "version": 1}
    return tx.insert(Source(**{**columns, "created_at": tx.now, "updated_at": tx.now, **given}))


def save(tx: Tx, source: Source, changes: Mapping[str, Any]) -> Source:
    """Change columns of a source whose lock the caller holds; answers with the row as it is then."""
    assert changes.keys() <= set(_COLUMNS), changes.keys()
    columns = {name: getattr(source, name) for name in _COLUMNS} | dict(changes)
    updated_at = max(tx.now, source.updated_at)
    tx.run(
        _SAVE,
        of_source=source.id,
        to_updated_at=updated_at,
        **{f"to_{name}": value for name, value in columns.items()},
    )
    return Source(**{**source.__dict__, **columns, "updated_at": updated_at, "version": source.version + 1})


def status_at(source: Source, now: datetime) -> str:
    """The status that is true at an instant, whether or not a job has written it already (SR17).

    What is being charged at the moment does not lapse meanwhile (SR16).
    """
    waits = source.status in (SourceStatus.PENDING, SourceStatus.CHARGEABLE) and source.in_use_by is None
    lapsed = waits and source.expires_at is not None and source.expires_at <= now
    return SourceStatus.CANCELED if lapsed else source.status


def unpacked(text: str | None) -> dict[str, Any] | None:
    """A JSON column as a map; None when it is empty."""
    return None if text is None else orjson.loads(text)


def packed(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def snapshot(source: Source) -> dict[str, Any]:
    """A source as events carry it (SR99): as in sources.md §1, of its owner name and country only, and no secret."""
    return {
        "id": source.id,
        "type": source.type,
        "status": source.status,
        "usage": source.usage,
        "flow": source.flow,
        "amount": source.amount_minor,
        "currency": source.currency,
        "customer": source.customer_id,
        "attached_at": _instant(source.attached_at),
        "detached_at": _instant(source.detached_at),
        "is_default": source.is_default,
        "duplicate_of": source.duplicate_of,
        "owner": _shown_owner(source),
        "redirect": unpacked(source.redirect_json),
        "receiver": unpacked(source.receiver_json),
        "code_verification": unpacked(source.verification_json),
        "mandate": _shown_mandate(source),
        "statement_descriptor": source.statement_descriptor,
        source.type: unpacked(source.detail_json),
        "metadata": orjson.loads(source.metadata_json),
        "created_at": rfc3339(source.created_at),
        "updated_at": rfc3339(source.updated_at),
        "version": source.version,
    }


def _shown_owner(source: Source) -> dict[str, Any] | None:
    owner = unpacked(source.owner_json)
    if owner is None:
        return None
    address = owner.get("address") or {}
    return {"name": owner.get("name"), "country": address.get("country")}


def _shown_mandate(source: Source) -> dict[str, Any] | None:
    """The mandate without the evidence of its acceptance, which is personal (SR80)."""
    mandate = unpacked(source.mandate_json)
    if mandate is None:
        return None
    acceptance = {name: mandate["acceptance"].get(name) for name in ("status", "type", "date")}
    public = {name: value for name, value in mandate.items() if name != "used_by"}
    return {**public, "acceptance": acceptance}


def _instant(value: datetime | None) -> str | None:
    return None if value is None else rfc3339(value)
