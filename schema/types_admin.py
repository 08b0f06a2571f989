"""Types that only those who run the business see."""

from datetime import date, datetime
from decimal import Decimal

import orjson
import strawberry
from strawberry import ID

from resolvers.context import Caller
from saifu import setting_values, tables

from .enums import CallerKind, Mode, Scope
from .scalars import JSON, Currency
from .values import Actor, Info, Node, OfBusiness


@strawberry.type(
    description="A secret key with its scopes (A40). The secret itself is shown once, when it is made."
)
class ApiKey(Node):
    name: str = strawberry.field(description="What it is for, in the words of who made it.")
    prefix: str = strawberry.field(description="How its secret begins, to tell it by.")
    scopes: list[Scope] = strawberry.field(description="What it may do.")
    created_at: datetime = strawberry.field(description="When it was made.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used, give or take a minute."
    )
    revoked_at: datetime | None = strawberry.field(description="Since when it is good for nothing.")

    @classmethod
    def of(cls, row: tables.ApiKey) -> "ApiKey":
        return cls(
            id=ID(row.id),
            name=row.name,
            prefix=row.prefix,
            scopes=[Scope(name) for name in row.scopes.split()],
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )


@strawberry.type(description="One line of the audit log: who changed what (A43).")
class AuditRecord(Node):
    created_at: datetime = strawberry.field(description="When.")
    actor: Actor = strawberry.field(description="Who.")
    mutation: str = strawberry.field(description="The mutation, such as `ledgerEntryCreate`.")
    object_id: ID = strawberry.field(description="The id of what was changed.")
    customer_id: ID | None = strawberry.field(description="The customer it concerns.")
    request_id: str | None = strawberry.field(description="The request, as the logs know it.")
    detail: JSON = strawberry.field(
        description="What else is known of it: ids and names, never personal data."
    )

    @classmethod
    def of(cls, row: tables.AuditRecord) -> "AuditRecord":
        return cls(
            id=ID(row.id),
            created_at=row.created_at,
            actor=Actor.of(row.actor_type, row.actor_id),
            mutation=row.mutation,
            object_id=ID(row.object_id),
            customer_id=ID(row.customer_id) if row.customer_id else None,
            request_id=row.request_id,
            detail=JSON(orjson.loads(row.detail_json)),
        )


@strawberry.type(
    description="How many units of a currency one US dollar buys, as configured, for display only (W5)."
)
class UsdRate:
    currency: Currency = strawberry.field(description="The currency.")
    per_usd: str = strawberry.field(description="A decimal number, such as 83.00.")
    as_of: date = strawberry.field(description="The day on which that was so.")

    @classmethod
    def of(cls, currency: str, rate: setting_values.UsdRate) -> "UsdRate":
        ratio = rate.per_usd
        exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        return cls(currency=Currency(currency), per_usd=f"{exact:f}", as_of=rate.as_of_on)


@strawberry.type(description="Who is asking, and where.")
class Viewer(OfBusiness):
    kind: CallerKind = strawberry.field(description="What kind of credential.")
    credential_id: ID = strawberry.field(description="The id of the API key or of the customer session.")
    scopes: list[Scope] = strawberry.field(description="What it may do, with what that implies.")
    customer_id: ID | None = strawberry.field(
        description="The one customer that a session sees; null for a key."
    )

    @strawberry.field(description="Whether this installation's money is real.")
    def mode(self, info: Info) -> Mode:
        return Mode(info.context.settings.mode)

    @strawberry.field(description="The enabled currencies, in the order in which wallets are shown.")
    def currencies(self, info: Info) -> list[Currency]:
        return [Currency(code) for code in info.context.settings.currencies]

    @strawberry.field(description="The rates behind `totalBalanceUsd`.")
    def usd_rates(self, info: Info) -> list[UsdRate]:
        return [UsdRate.of(code, rate) for code, rate in info.context.settings.usd_rates.items()]

    @classmethod
    def of(cls, caller: Caller) -> "Viewer":
        return cls(
            kind=caller.kind,
            credential_id=ID(caller.id),
            scopes=[scope for scope in Scope if caller.may(scope)],
            customer_id=ID(caller.customer_id) if caller.customer_id else None,
        )
