"""The changes that a client can ask for. A refusal comes back in `errors`, beside an empty object (A20)."""

from typing import Annotated

import strawberry

from resolvers import customers, keys, sessions, wallets

from .inputs import (
    ApiKeyCreateInput,
    ApiKeyRevokeInput,
    CustomerBlockInput,
    CustomerCreateInput,
    CustomerDeleteInput,
    CustomerSessionCreateInput,
    CustomerUnblockInput,
    CustomerUpdateInput,
    LedgerEntryCreateInput,
    LotUpdateExpiryInput,
    WalletUpdateInput,
)
from .mutation_checkout import CheckoutMutations
from .mutation_disputes import DisputeMutations
from .mutation_documents import DocumentMutations
from .mutation_payments import PaymentMutations
from .mutation_refunds import RefundMutations
from .mutation_simulator import SimulatorMutations
from .mutation_sources import SourceMutations
from .outcome import answering
from .payloads import ASKED, Answer
from .types import Customer, CustomerSession, LedgerEntry, Lot, Wallet
from .types_admin import ApiKey
from .values import Info


@strawberry.type(description="The new customer, or why there is none.")
class CustomerCreatePayload(Answer):
    customer: Customer | None = strawberry.field(default=None, description="The customer; null when refused.")


@strawberry.type(description="The changed customer, or why it was not changed.")
class CustomerUpdatePayload(Answer):
    customer: Customer | None = strawberry.field(default=None, description="The customer; null when refused.")


@strawberry.type(description="What is left of the customer, or why it was not deleted.")
class CustomerDeletePayload(Answer):
    customer: Customer | None = strawberry.field(
        default=None, description="The anonymised customer; null when refused."
    )


@strawberry.type(description="The blocked customer, or why it was not blocked.")
class CustomerBlockPayload(Answer):
    customer: Customer | None = strawberry.field(
        default=None, description="The customer, or the oldest at the address; null when refused."
    )


@strawberry.type(description="The customer without its block, or why it was not lifted.")
class CustomerUnblockPayload(Answer):
    customer: Customer | None = strawberry.field(default=None, description="The customer; null when refused.")


@strawberry.type(description="The new session and its token, or why there is none.")
class CustomerSessionCreatePayload(Answer):
    customer_session: CustomerSession | None = strawberry.field(
        default=None, description="The session; null when refused."
    )
    token: str | None = strawberry.field(
        default=None,
        description="What the frontend authenticates with: `Authorization: Bearer cs_…`. Shown this once; null when "
        "refused or replayed.",
    )


@strawberry.type(description="The ledger entry and the wallet after it, or why there is none.")
class LedgerEntryCreatePayload(Answer):
    ledger_entry: LedgerEntry | None = strawberry.field(
        default=None, description="The entry; of a repeated key the first one; null when refused."
    )
    wallet: Wallet | None = strawberry.field(
        default=None, description="The wallet as it is now; null when refused."
    )


@strawberry.type(description="The changed wallet, or why it was not changed.")
class WalletUpdatePayload(Answer):
    wallet: Wallet | None = strawberry.field(default=None, description="The wallet; null when refused.")


@strawberry.type(description="The changed lot, or why it was not changed.")
class LotUpdateExpiryPayload(Answer):
    lot: Lot | None = strawberry.field(default=None, description="The lot; null when refused.")


@strawberry.type(description="The new key and its secret, or why there is none.")
class ApiKeyCreatePayload(Answer):
    api_key: ApiKey | None = strawberry.field(default=None, description="The key; null when refused.")
    secret: str | None = strawberry.field(
        default=None,
        description="What its holder authenticates with. Shown this once; null when refused or replayed.",
    )


@strawberry.type(description="The revoked key, or why it was not revoked.")
class ApiKeyRevokePayload(Answer):
    api_key: ApiKey | None = strawberry.field(default=None, description="The key; null when refused.")


@strawberry.type(description="Every change there is.")
class Mutation(
    SourceMutations,
    PaymentMutations,
    CheckoutMutations,
    DocumentMutations,
    RefundMutations,
    DisputeMutations,
    SimulatorMutations,
):
    @strawberry.mutation(
        description="Create a customer, with a wallet at zero in every enabled currency (CU1, CU2). Errors: "
        "`INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, `IDEMPOTENCY_KEY_REUSED`; with `source` also those of "
        "`sourceAttach`."
    )
    @answering(CustomerCreatePayload)
    async def customer_create(
        self, info: Info, input: Annotated[CustomerCreateInput, ASKED]
    ) -> CustomerCreatePayload:
        done = await customers.create(info.context, input.customer(), input.given(), input.idempotency_key)
        return CustomerCreatePayload(customer=Customer.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Change a customer; what is left out stays (CU20-CU27). Errors: `NOT_FOUND`, `GONE`, "
        "`INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`, `STALE_VERSION`, `IDEMPOTENCY_KEY_REUSED`; with "
        "`source` also those of `sourceAttach`, with `defaultSource` `SOURCE_NOT_ATTACHED`."
    )
    @answering(CustomerUpdatePayload)
    async def customer_update(
        self, info: Info, input: Annotated[CustomerUpdateInput, ASKED]
    ) -> CustomerUpdatePayload:
        done = await customers.update(
            info.context, input.customer_id, input.change(), input.switch(), input.idempotency_key
        )
        return CustomerUpdatePayload(customer=Customer.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Delete a customer: personal data goes, the id and the ledger stay (CU50-CU57). Again, it changes "
        "nothing. Errors: `NOT_FOUND`, `CUSTOMER_NOT_DELETABLE`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(CustomerDeletePayload)
    async def customer_delete(
        self, info: Info, input: Annotated[CustomerDeleteInput, ASKED]
    ) -> CustomerDeletePayload:
        done = await customers.delete(
            info.context, input.customer_id, input.forfeit_wallet_balance, input.idempotency_key
        )
        return CustomerDeletePayload(customer=Customer.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Block a customer: no new credits and sessions; debits and reads still work (CU60-CU62). Errors: "
        "`NOT_FOUND`, `GONE`, `INVALID_REQUEST_PARAMETERS`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(
        CustomerBlockPayload,
        moved={
            ("input", "customerId"): ("input", "customer", "id"),
            ("input", "email"): ("input", "customer", "email"),
        },
    )
    async def customer_block(
        self, info: Info, input: Annotated[CustomerBlockInput, ASKED]
    ) -> CustomerBlockPayload:
        who = input.customer.identifier()
        done = await customers.block(info.context, who, input.reason, input.notes, input.idempotency_key)
        return CustomerBlockPayload(customer=Customer.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Lift a customer's block (CU60). Errors: `NOT_FOUND`, `GONE`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(CustomerUnblockPayload)
    async def customer_unblock(
        self, info: Info, input: Annotated[CustomerUnblockInput, ASKED]
    ) -> CustomerUnblockPayload:
        done = await customers.unblock(info.context, input.customer_id, input.idempotency_key)
        return CustomerUnblockPayload(customer=Customer.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Open a session for a customer's own frontend (A41). Errors: `NOT_FOUND`, `GONE`, "
        "`CUSTOMER_BLOCKED`, `INVALID_REQUEST_PARAMETERS`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(CustomerSessionCreatePayload)
    async def customer_session_create(
        self, info: Info, input: Annotated[CustomerSessionCreateInput, ASKED]
    ) -> CustomerSessionCreatePayload:
        session, token = await sessions.create(
            info.context, input.customer_id, input.ttl_seconds, input.idempotency_key
        )
        return CustomerSessionCreatePayload(
            customer_session=CustomerSession.of(session), token=token, replayed=token is None
        )

    @strawberry.mutation(
        description="Credit or debit a wallet by hand (W20-W37). Errors: `INSUFFICIENT_WALLET_FUNDS`, "
        "`IDEMPOTENCY_KEY_REUSED`, `NOT_FOUND`, `GONE`, `CUSTOMER_BLOCKED`, `UNSUPPORTED_CURRENCY`, "
        "`INVALID_REQUEST_PARAMETERS`, `MAXIMUM_KEYS_REACHED`."
    )
    @answering(LedgerEntryCreatePayload)
    async def ledger_entry_create(
        self, info: Info, input: Annotated[LedgerEntryCreateInput, ASKED]
    ) -> LedgerEntryCreatePayload:
        posted = await wallets.post(info.context, input.entry())
        return LedgerEntryCreatePayload(
            ledger_entry=LedgerEntry.of(posted.entry),
            wallet=Wallet.of(posted.wallet),
            replayed=posted.replayed,
        )

    @strawberry.mutation(
        description="Set or remove a wallet's low-balance threshold (W80, W83). Errors: `NOT_FOUND`, `GONE`, "
        "`UNSUPPORTED_CURRENCY`, `INVALID_REQUEST_PARAMETERS`, `STALE_VERSION`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(WalletUpdatePayload)
    async def wallet_update(
        self, info: Info, input: Annotated[WalletUpdateInput, ASKED]
    ) -> WalletUpdatePayload:
        done = await wallets.set_threshold(
            info.context,
            input.customer_id,
            input.currency,
            input.low_balance_threshold,
            input.expected_version,
            input.idempotency_key,
        )
        return WalletUpdatePayload(wallet=Wallet.of(done.value), replayed=done.replayed)

    @strawberry.mutation(
        description="Extend, bring forward or remove the expiry of a lot (W78). Errors: `NOT_FOUND`, `GONE`, "
        "`INVALID_REQUEST_PARAMETERS`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(LotUpdateExpiryPayload)
    async def lot_update_expiry(
        self, info: Info, input: Annotated[LotUpdateExpiryInput, ASKED]
    ) -> LotUpdateExpiryPayload:
        done = await wallets.update_lot_expiry(
            info.context, input.lot_id, input.expires_at, input.idempotency_key
        )
        lot = Lot.of(done.value, info.context.clock.now())
        return LotUpdateExpiryPayload(lot=lot, replayed=done.replayed)

    @strawberry.mutation(
        description="Make an API key; its secret is shown this once (A40). Errors: `INVALID_REQUEST_PARAMETERS`, "
        "`FORBIDDEN` (a scope that the caller does not have), `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(ApiKeyCreatePayload)
    async def api_key_create(
        self, info: Info, input: Annotated[ApiKeyCreateInput, ASKED]
    ) -> ApiKeyCreatePayload:
        key, secret = await keys.create(info.context, input.name, input.scopes, input.idempotency_key)
        return ApiKeyCreatePayload(api_key=ApiKey.of(key), secret=secret, replayed=secret is None)

    @strawberry.mutation(
        description="Revoke an API key; its open streams end within seconds (A42). Again, it changes nothing. Errors: "
        "`NOT_FOUND`, `IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(ApiKeyRevokePayload)
    async def api_key_revoke(
        self, info: Info, input: Annotated[ApiKeyRevokeInput, ASKED]
    ) -> ApiKeyRevokePayload:
        done = await keys.revoke(info.context, input.api_key_id, input.idempotency_key)
        return ApiKeyRevokePayload(api_key=ApiKey.of(done.value), replayed=done.replayed)
