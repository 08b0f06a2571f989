"""The audit log, for those who may read it (A43)."""

from collections.abc import Mapping
from typing import Any

from saifu import audit
from saifu.keys import Scope
from saifu.paging import Order
from saifu.tables import AuditRecord

from .context import Context
from .lists import Listed, given, period


async def one(ctx: Context, record_id: str) -> AuditRecord | None:
    return await ctx.loaders.audit_records.load(record_id)


def listed(ctx: Context, order: Order, filters: Mapping[str, Any]) -> Listed[AuditRecord]:
    ctx.require(Scope.AUDIT_READ)
    period(filters)
    return Listed(audit.LISTING, order, given(**filters))
