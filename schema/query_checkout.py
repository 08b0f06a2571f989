"""What can be asked about checkout sessions."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import checkout

from .types_checkout import CheckoutSession
from .values import Info


@strawberry.type
class CheckoutQueries:
    @strawberry.field(
        description="A checkout session by its id. Needs `PAYMENTS_READ`, or the token of its link; a customer's own "
        "session sees those in which the customer was named by id."
    )
    async def checkout_session(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="Which session, `cks_…`.")]
    ) -> CheckoutSession | None:
        row = await checkout.one(info.context, id)
        return CheckoutSession.of(row, info.context) if row else None
