"""Who changed what, written in the transaction that changes it (A43, S20)."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam
from sqlmodel import col

from .ids import new_id
from .paging import Listing
from .store import Tx
from .tables import AuditRecord

LISTING: Listing[AuditRecord] = Listing(
    AuditRecord,
    orders={"CREATED_AT": [col(AuditRecord.created_at), col(AuditRecord.id)]},
    filters={
        "actor_id": col(AuditRecord.actor_id) == bindparam("actor_id"),
        "mutation": col(AuditRecord.mutation) == bindparam("mutation"),
        "object_id": col(AuditRecord.object_id) == bindparam("object_id"),
        "customer_id": col(AuditRecord.customer_id) == bindparam("customer_id"),
        "created_at_gte": col(AuditRecord.created_at) >= bindparam("created_at_gte"),
        "created_at_lte": col(AuditRecord.created_at) <= bindparam("created_at_lte"),
    },
)


def record(
    tx: Tx,
    mutation: str,
    object_id: str,
    customer_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one line to the audit log. `detail` holds names and ids of what changed, never personal data or secrets."""
    tx.insert(
        AuditRecord(
            id=new_id("aud"),
            created_at=tx.now,
            actor_type=tx.actor.type,
            actor_id=tx.actor.id,
            mutation=mutation,
            object_id=object_id,
            customer_id=customer_id,
            request_id=tx.origin.request_id,
            detail_json=orjson.dumps(detail or {}).decode(),
        )
    )
