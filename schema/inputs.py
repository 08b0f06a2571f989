"""Inputs, and how each becomes a value of the domain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID, UNSET

from saifu import fields, sessions
from saifu.customers import CustomerChange, CustomerFilter, Identifier, NewCustomer
from saifu.manual_entries import ManualEntry
from saifu.refusals import invalid
from saifu.sources.given import Given
from saifu.sources.switching import Choice

from .enums import EntryType, EventType, Funding, LedgerEntryType, Locale, Scope
from .request_keys import optional_key
from .scalars import Currency, Metadata, MinorUnits


@strawberry.input(description="A postal address. Sent, it replaces the whole one there was.")
class BillingAddressInput:
    country: str = strawberry.field(description="ISO 3166-1 alpha-2, such as IN.")
    city: str | None = strawberry.field(default=None, description="The city.")
    state: str | None = strawberry.field(default=None, description="The state or province.")
    street: str | None = strawberry.field(default=None, description="Street and number.")
    zipcode: str | None = strawberry.field(default=None, description="The postal code.")

    def parts(self) -> dict[str, str | None]:
        return dict(vars(self))


@strawberry.input(description="A new customer (CU1).")
class CustomerCreateInput:
    email: str = strawberry.field(
        description="3 to 254 characters, such as aiko@example.com; need not be unique."
    )
    name: str = strawberry.field(description="1 to 255 characters of any script.")
    phone_number: str | None = strawberry.field(
        default=None,
        description="An optional `+` and 6 to 15 digits; spaces, dots, hyphens and brackets are dropped.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description="Your own notes.")
    preferred_locale: Locale | None = strawberry.field(
        default=None, description="The language of messages to the customer; English unless said."
    )
    billing_address: BillingAddressInput | None = strawberry.field(
        default=None, description="The default billing address."
    )
    source: str | None = strawberry.field(
        default=None,
        description="The first source, which becomes the default: the id of one, `src_…`, or a token (CU9). If it "
        "cannot be attached, nothing is created.",
    )
    idempotency_key: str | None = optional_key()

    def given(self) -> Given | None:
        return None if self.source is None else Given.of(self.source)

    def customer(self) -> NewCustomer:
        return NewCustomer(
            email=self.email,
            name=self.name,
            phone_number=self.phone_number,
            metadata=self.metadata,
            preferred_locale=self.preferred_locale.value if self.preferred_locale else None,
            billing_address=self.billing_address.parts() if self.billing_address else None,
        )


@strawberry.input(description="A change of a customer: what is left out stays as it is (CU20).")
class CustomerUpdateInput:
    customer_id: ID = strawberry.field(description="Which customer.")
    email: str | None = strawberry.field(default=UNSET, description="A new address; cannot be null.")
    name: str | None = strawberry.field(default=UNSET, description="A new name; cannot be null.")
    phone_number: str | None = strawberry.field(default=UNSET, description="A new number; null removes it.")
    metadata: Metadata | None = strawberry.field(
        default=UNSET, description="Replaces the whole map; null or {} removes all (CU22)."
    )
    preferred_locale: Locale | None = strawberry.field(
        default=UNSET, description="A new language; null removes it."
    )
    billing_address: BillingAddressInput | None = strawberry.field(
        default=UNSET, description="A new address as a whole; null removes it."
    )
    source: str | None = strawberry.field(
        default=None,
        description="A new default source: the id of one, `src_…`, or a token. It is attached, and the old default is "
        "detached (SR40). Not together with `defaultSource`.",
    )
    default_source: ID | None = strawberry.field(
        default=UNSET,
        description="Which of the attached sources is the default; the old one stays attached (SR51). Null only while "
        "nothing is attached.",
    )
    expected_version: int | None = strawberry.field(
        default=None,
        description="Change only if the customer is still at this version, else `STALE_VERSION`.",
    )
    idempotency_key: str | None = optional_key()

    def switch(self) -> Given | Choice | None:
        """What is to become of the default source (CU25).

        Raises:
            Refusal: INVALID_REQUEST_PARAMETERS, both were sent.
        """
        if self.source is not None and self.default_source is not UNSET:
            raise invalid(
                "A new source and another default are two changes: send one of them.", "defaultSource"
            )
        if self.source is not None:
            return Given.of(self.source)
        return None if self.default_source is UNSET else Choice(self.default_source)

    def change(self) -> CustomerChange:
        address, locale = self.billing_address, self.preferred_locale
        sent: Mapping[str, Any] = {
            "email": self.email,
            "name": self.name,
            "phone_number": self.phone_number,
            "metadata": self.metadata,
            "preferred_locale": locale.value if isinstance(locale, Locale) else locale,
            "billing_address": address.parts() if isinstance(address, BillingAddressInput) else address,
        }
        kept = {name: fields.UNSET if value is UNSET else value for name, value in sent.items()}
        return CustomerChange(**kept, expected_version=self.expected_version)


@strawberry.input(
    description="A deletion, which is an anonymisation: the person goes, the ledger stays (CU50)."
)
class CustomerDeleteInput:
    customer_id: ID = strawberry.field(description="Which customer.")
    forfeit_wallet_balance: bool = strawberry.field(
        default=False,
        description="Whether what is left in the wallets is given up; without it a customer with money is not deleted.",
    )
    idempotency_key: str | None = optional_key()


@strawberry.input(one_of=True, description="Who is meant, by id or by e-mail address.")
class CustomerIdentifier:
    id: ID | None = strawberry.field(default=UNSET, description="The customer's id.")
    email: str | None = strawberry.field(default=UNSET, description="The address, in upper or lower case.")

    def identifier(self) -> Identifier:
        return Identifier(customer_id=self.id or None, email=self.email or None)


@strawberry.input(
    description="A block: no new credits and sessions for the customer, until it is lifted (CU60)."
)
class CustomerBlockInput:
    customer: CustomerIdentifier = strawberry.field(
        description="Whom to block. Everybody at the same e-mail address is blocked as well."
    )
    reason: str | None = strawberry.field(
        default=None, description="Why: up to 500 characters of any script."
    )
    notes: str | None = strawberry.field(
        default=None, description="More about it, for yourselves: up to 2 000."
    )
    idempotency_key: str | None = optional_key()


@strawberry.input(description="The end of a block.")
class CustomerUnblockInput:
    customer_id: ID = strawberry.field(description="Which customer.")
    idempotency_key: str | None = optional_key()


@strawberry.input(description="A session for a customer's own frontend (A41).")
class CustomerSessionCreateInput:
    customer_id: ID = strawberry.field(description="The one customer it will see.")
    ttl_seconds: int = strawberry.field(
        default=sessions.DEFAULT_S, description="How long it lasts: 60 to 3600 seconds; 900 unless said."
    )
    idempotency_key: str | None = optional_key(
        more=" A repeated request answers without the token, which is shown only once."
    )


@strawberry.input(description="A manual credit or debit (W20-W27).")
class LedgerEntryCreateInput:
    customer_id: ID = strawberry.field(description="Whose wallet.")
    currency: Currency = strawberry.field(description="Which wallet of the customer's.")
    amount: MinorUnits = strawberry.field(
        description="1 to 999 999 999 999 in the smallest unit: 5000 is 50.00 USD. The direction is `entryType`."
    )
    entry_type: LedgerEntryType = strawberry.field(description="Whether it adds or subtracts.")
    reason: str | None = strawberry.field(
        default=None,
        description="What it is for: up to 500 characters of any script. The ledger keeps it for ever, also when the "
        "customer is deleted: no names or addresses here.",
    )
    idempotency_key: str = strawberry.field(
        description="1 to 512 characters of any script, good for this customer for ever. The same key with the same "
        "currency, type, amount, funding and expiry answers with the first entry and `replayed: true`; with others "
        "it is refused. Make it from the fact itself, such as `deposit_pay_1`, never from the time."
    )
    funding: Funding | None = strawberry.field(
        default=None, description="Credits only: where the money comes from; `PAID` unless said."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="Credits only: from when on it cannot be spent. In the future, and by the end of the year 9998.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description="Your own notes.")

    def entry(self) -> ManualEntry:
        return ManualEntry(
            customer_id=self.customer_id,
            currency=self.currency,
            entry_type=self.entry_type.value,
            amount_minor=self.amount,
            reason=self.reason,
            idempotency_key=self.idempotency_key,
            funding=self.funding,
            expires_at=self.expires_at,
            metadata=self.metadata or {},
        )


@strawberry.input(description="A change of a wallet's settings.")
class WalletUpdateInput:
    customer_id: ID = strawberry.field(description="Whose wallet.")
    currency: Currency = strawberry.field(description="Which wallet of the customer's.")
    low_balance_threshold: MinorUnits | None = strawberry.field(
        description="A debit that leaves less than this raises an alert, once until the balance is back (W80-W83). "
        "0 never alerts; null returns to the installation's default."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Change only if the wallet is still at this version, else `STALE_VERSION`."
    )
    idempotency_key: str | None = optional_key()


@strawberry.input(description="Another expiry for a lot (W78).")
class LotUpdateExpiryInput:
    lot_id: ID = strawberry.field(description="Which lot.")
    expires_at: datetime | None = strawberry.field(
        description="From when on it cannot be spent, in the future and by the end of the year 9998; null for never."
    )
    idempotency_key: str | None = optional_key()


@strawberry.input(description="A new API key (A40).")
class ApiKeyCreateInput:
    name: str = strawberry.field(description="What it is for: 1 to 255 characters.")
    scopes: list[Scope] = strawberry.field(
        description="What it may do: at least one, and none that the caller does not have."
    )
    idempotency_key: str | None = optional_key(
        more=" A repeated request answers without the secret, which is shown only once."
    )


@strawberry.input(description="The end of an API key.")
class ApiKeyRevokeInput:
    api_key_id: ID = strawberry.field(description="Which key.")
    idempotency_key: str | None = optional_key()


@strawberry.input(name="CustomerFilter", description="Which customers; all conditions must hold (CU30).")
class CustomerFilterInput:
    email: str | None = strawberry.field(default=None, description="Exactly this address, in any case.")
    name: str | None = strawberry.field(
        default=None, description="This text somewhere in the name, in any case; no wildcards."
    )
    created_at_gte: datetime | None = strawberry.field(
        default=None, description="Created at this instant or later."
    )
    created_at_lte: datetime | None = strawberry.field(
        default=None, description="Created at this instant or earlier."
    )
    blocked: bool | None = strawberry.field(
        default=None, description="Only those blocked, or only the others."
    )
    include_anonymised: bool = strawberry.field(
        default=False, description="Also those that were deleted; by name or address they cannot be found."
    )
    wallet_balance_lt: MinorUnits | None = strawberry.field(
        default=None,
        description="Their wallet in `currency` holds less than this, expired funds left out. Needs "
        "`WALLETS_READ`.",
    )
    currency: Currency | None = strawberry.field(
        default=None, description="The currency of `walletBalanceLt`; only together with it."
    )

    def filter(self) -> CustomerFilter:
        return CustomerFilter(**vars(self))


@strawberry.input(description="Which ledger entries; all conditions must hold (W28).")
class LedgerEntryFilter:
    event_type: EntryType | None = strawberry.field(default=None, description="Made by this kind of thing.")
    is_credit: bool | None = strawberry.field(default=None, description="Only credits, or only debits.")
    created_at_gte: datetime | None = strawberry.field(
        default=None, description="Made at this instant or later."
    )
    created_at_lte: datetime | None = strawberry.field(
        default=None, description="Made at this instant or earlier."
    )
    reference_object_id: ID | None = strawberry.field(default=None, description="Caused by this object.")

    def asked(self) -> dict[str, Any]:
        return {
            "entry_type": self.event_type and self.event_type.value,
            "is_credit": self.is_credit,
            "created_at_gte": self.created_at_gte,
            "created_at_lte": self.created_at_lte,
            "reference_object_id": self.reference_object_id,
        }


@strawberry.input(description="Which events; all conditions must hold.")
class EventFilter:
    types: list[EventType] | None = strawberry.field(
        default=None, description="Of these types; null for all, an empty list for none."
    )
    customer_id: ID | None = strawberry.field(default=None, description="Of this customer; null for all.")


@strawberry.input(description="Which lines of the audit log; all conditions must hold.")
class AuditLogFilter:
    actor_id: str | None = strawberry.field(default=None, description="Made by this key or customer.")
    mutation: str | None = strawberry.field(
        default=None, description="By this mutation, such as `apiKeyCreate`."
    )
    object_id: ID | None = strawberry.field(default=None, description="About this object.")
    customer_id: ID | None = strawberry.field(default=None, description="About this customer.")
    created_at_gte: datetime | None = strawberry.field(default=None, description="At this instant or later.")
    created_at_lte: datetime | None = strawberry.field(
        default=None, description="At this instant or earlier."
    )

    def asked(self) -> dict[str, Any]:
        return dict(vars(self))
