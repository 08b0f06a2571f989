"""Making, changing, attaching and detaching sources."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import sources

from .inputs_sources import (
    SourceAttachInput,
    SourceCreateInput,
    SourceDetachInput,
    SourceUpdateInput,
    SourceVerifyInput,
)
from .outcome import answering
from .payloads import ASKED, Answer
from .types import Customer
from .types_sources import Source
from .values import Info


@strawberry.type(description="The new source, or why there is none.")
class SourceCreatePayload(Answer):
    source: Source | None = strawberry.field(default=None, description="The source; null when refused.")
    client_secret: str | None = strawberry.field(
        default=None,
        description="For the customer's browser, to read with `sourceProgress`; shown only this once (SR96).",
    )


@strawberry.type(description="The changed source, or why it was not changed.")
class SourceUpdatePayload(Answer):
    source: Source | None = strawberry.field(default=None, description="The source; null when refused.")


@strawberry.type(description="The attached source with its customer, or why it was not attached.")
class SourceAttachPayload(Answer):
    source: Source | None = strawberry.field(default=None, description="The source; null when refused.")
    customer: Customer | None = strawberry.field(
        default=None, description="The customer, with all sources (SR58); null when refused."
    )


@strawberry.type(description="The detached source with its former customer, or why it was not detached.")
class SourceDetachPayload(Answer):
    source: Source | None = strawberry.field(default=None, description="The source; null when refused.")
    customer: Customer | None = strawberry.field(
        default=None, description="The customer, with the sources that are left; null when refused."
    )
    affected_subscriptions: list[ID] | None = strawberry.field(
        default=None,
        description="The subscriptions that were pinned to it, which are not moved (SR75); null when refused.",
    )


@strawberry.type(description="The source that its code has completed, or why it has not.")
class SourceVerifyPayload(Answer):
    source: Source | None = strawberry.field(default=None, description="The source; null when refused.")


@strawberry.type
class SourceMutations:
    @strawberry.mutation(
        description="Make a source of a token, an account or a redirect (SR20-SR26). Errors: "
        "`INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, `PAYMENT_METHOD_UNSUPPORTED`, "
        "`UNSUPPORTED_PAYMENT_CURRENCY`, `INVALID_BANK_ACCOUNT_IBAN`, `INVALID_OWNER_NAME`, `TEST_CARD_REQUIRED`, "
        "`TOKEN_ALREADY_USED`, `TOKEN_EXPIRED`, `LIVE_MODE_TEST_CARD`, `PAYMENT_DECLINED`, `UNSUPPORTED_ACTION`, "
        "`SERVICE_UNAVAILABLE`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(SourceCreatePayload)
    async def source_create(
        self, info: Info, input: Annotated[SourceCreateInput, ASKED]
    ) -> SourceCreatePayload:
        made = await sources.create(info.context, input.source(), input.idempotency_key)
        return SourceCreatePayload(
            source=Source.of(made.source), client_secret=made.client_secret, replayed=made.replayed
        )

    @strawberry.mutation(
        description="Change a source, or say what its customer has decided of the mandate. Errors: `NOT_FOUND`, "
        "`INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, `SOURCE_STATE_CONFLICT`, `STALE_VERSION`, "
        "`IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(SourceUpdatePayload)
    async def source_update(
        self, info: Info, input: Annotated[SourceUpdateInput, ASKED]
    ) -> SourceUpdatePayload:
        done = await sources.update(info.context, input.source_id, input.change(), input.idempotency_key)
        return SourceUpdatePayload(source=Source.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Attach a source to a customer, whose default it becomes where there is none (SR30-SR39). A "
        "customer's session may attach tokens to its own customer. Errors: `NOT_FOUND`, `GONE`, `CUSTOMER_BLOCKED`, "
        "`SOURCE_NOT_CHARGEABLE`, `SOURCE_NOT_REUSABLE`, `SOURCE_ALREADY_ATTACHED`, `SOURCE_STATE_CONFLICT`, "
        "`SOURCE_DUPLICATE`, `TOO_MANY_SOURCES`, `TOO_MANY_REQUESTS`, `TOKEN_ALREADY_USED`, `TOKEN_EXPIRED`, "
        "`LIVE_MODE_TEST_CARD`, `INVALID_REQUEST_PARAMETERS`, `PAYMENT_DECLINED`, `UNSUPPORTED_ACTION`, "
        "`SERVICE_UNAVAILABLE`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(SourceAttachPayload)
    async def source_attach(
        self, info: Info, input: Annotated[SourceAttachInput, ASKED]
    ) -> SourceAttachPayload:
        held = await sources.attach(
            info.context,
            input.customer_id,
            input.given(),
            input.idempotency_key,
            reject_duplicates=input.reject_duplicates,
            make_default=input.make_default,
        )
        return SourceAttachPayload(
            source=Source.of(held.source), customer=Customer.of(held.customer), replayed=held.replayed
        )

    @strawberry.mutation(
        description="Take a source from its customer, for good: it can never be charged or attached again (SR70-SR78). "
        "A customer's session may detach its own. Errors: `NOT_FOUND`, `SOURCE_NOT_ATTACHED`, "
        "`IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(SourceDetachPayload)
    async def source_detach(
        self, info: Info, input: Annotated[SourceDetachInput, ASKED]
    ) -> SourceDetachPayload:
        held = await sources.detach(info.context, input.customer_id, input.source_id, input.idempotency_key)
        return SourceDetachPayload(
            source=Source.of(held.source),
            customer=Customer.of(held.customer),
            affected_subscriptions=[],
            replayed=held.replayed,
        )

    @strawberry.mutation(
        description="Try the code of a source that waits for one (SR26). Errors: `NOT_FOUND`, `SOURCE_STATE_CONFLICT`, "
        "`INVALID_REQUEST_PARAMETERS` when it is wrong, `SERVICE_UNAVAILABLE`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(SourceVerifyPayload)
    async def source_verify(
        self, info: Info, input: Annotated[SourceVerifyInput, ASKED]
    ) -> SourceVerifyPayload:
        done = await sources.verify(info.context, input.source_id, input.code, input.idempotency_key)
        return SourceVerifyPayload(source=Source.of(done.value), replayed=done.replayed)
