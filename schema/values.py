"""Small types that others are made of, and that refer to none of them."""

from datetime import datetime
from typing import TypeAlias

import orjson
import strawberry
from strawberry import ID

from resolvers.context import Context
from saifu.ledger import lots

from .enums import ActorType
from .scalars import Currency, MinorUnits

Info: TypeAlias = strawberry.Info[Context, None]


@strawberry.type(description="An amount of money (A3).")
class Money:
    amount: MinorUnits = strawberry.field(
        description="In the smallest unit of the currency: 5000 is 50.00 USD. Negative means owed the other way."
    )
    currency: Currency = strawberry.field(description="The currency, such as USD.")

    @classmethod
    def of(cls, amount_minor: int, currency: str) -> "Money":
        return cls(amount=MinorUnits(amount_minor), currency=Currency(currency))


@strawberry.interface(description="Whatever has an id of its own (Relay).")
class Node:
    id: ID = strawberry.field(description="Unlike any other object's, and never changed: `cus_01J8…`.")


@strawberry.type
class OfBusiness:
    """What every object of an installation says alike (ruling 5)."""

    @strawberry.field(description="The business this belongs to.")
    def business_id(self, info: Info) -> ID:
        return ID(info.context.settings.business_id)

    @strawberry.field(description="Whether this is real: false in an installation in test mode.")
    def livemode(self, info: Info) -> bool:
        return info.context.settings.mode == "live"


@strawberry.type(description="A postal address. A default only: whatever needs one keeps its own copy.")
class BillingAddress:
    country: str = strawberry.field(description="ISO 3166-1 alpha-2, such as IN.")
    city: str | None = strawberry.field(description="The city.")
    state: str | None = strawberry.field(description="The state or province.")
    street: str | None = strawberry.field(description="Street and number.")
    zipcode: str | None = strawberry.field(description="The postal code.")

    @classmethod
    def of(cls, stored: str) -> "BillingAddress":
        known = orjson.loads(stored)
        return cls(**{name: known.get(name) for name in ("country", "city", "state", "street", "zipcode")})


@strawberry.type(description="Who made a change.")
class Actor:
    type: ActorType = strawberry.field(description="What kind of caller.")
    id: str = strawberry.field(
        description="The id of the key or the customer, or the name of the system's part."
    )

    @classmethod
    def of(cls, kind: str, actor_id: str) -> "Actor":
        return cls(type=ActorType(kind), id=actor_id)


@strawberry.type(description="The funds that expire next.")
class NextExpiry:
    amount: Money = strawberry.field(description="How much will be gone.")
    expires_at: datetime = strawberry.field(description="From this instant on it cannot be spent.")

    @classmethod
    def of(cls, next_one: lots.NextExpiry, currency: str) -> "NextExpiry":
        return cls(amount=Money.of(next_one.amount_minor, currency), expires_at=next_one.expires_at)
