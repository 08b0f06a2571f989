"""Inputs about payment sources, and how each becomes a value of the domain."""

from typing import Any

import strawberry
from strawberry import ID, UNSET

from saifu import fields
from saifu.sources.asked import NewMandate, NewSource
from saifu.sources.changing import SourceChange
from saifu.sources.given import Given
from saifu.sources.kinds import SourceType, SourceUsage

from .enums_sources import MandateInterval, MandateNotification, MandateStatus, MandateType
from .inputs import BillingAddressInput
from .request_keys import optional_key
from .scalars import Currency, Metadata, MinorUnits

SOURCE_OR_TOKEN = "The id of a source, `src_…`, or a token of the processor, which becomes a card (SR36)."  # noqa: S105
_SECRETS = ("token", "iban", "account_number", "routing_number", "vpa")


@strawberry.input(description="Whose instrument it is. Sent, it replaces all that was known.")
class SourceOwnerInput:
    name: str | None = strawberry.field(
        default=None, description="The full name; of a `SEPA_DEBIT` at least 3 characters (SR24)."
    )
    email: str | None = strawberry.field(default=None, description="The e-mail address.")
    phone: str | None = strawberry.field(default=None, description="An optional `+` and 6 to 15 digits.")
    address: BillingAddressInput | None = strawberry.field(
        default=None, description="The address; of accounts in some countries it is needed (SR24)."
    )

    def parts(self) -> dict[str, Any]:
        return {**vars(self), "address": self.address.parts() if self.address else None}


@strawberry.input(description="How the customer has decided of a mandate, and how we know (SR80).")
class MandateAcceptanceInput:
    status: MandateStatus = strawberry.field(description="What was decided.")
    type: MandateType = strawberry.field(default=MandateType.ONLINE, description="How.")
    ip: str | None = strawberry.field(default=None, description="The customer's address; needed online.")
    user_agent: str | None = strawberry.field(
        default=None, description="The customer's browser; needed online."
    )
    contact_email: str | None = strawberry.field(
        default=None, description="Where to ask about it; needed offline."
    )

    def mandate(self, **more: Any) -> NewMandate:
        return NewMandate(
            status=self.status.value,
            type=self.type.value,
            ip=self.ip,
            user_agent=self.user_agent,
            contact_email=self.contact_email,
            **more,
        )


@strawberry.input(description="The mandate of a bank debit (§10).")
class MandateInput:
    acceptance: MandateAcceptanceInput = strawberry.field(
        description="The customer's agreement, given or still to be given."
    )
    amount: MinorUnits | None = strawberry.field(
        default=None, description="The most that one debit may take, in minor units; null for any."
    )
    interval: MandateInterval = strawberry.field(
        default=MandateInterval.VARIABLE, description="How often it can be used."
    )
    notification_method: MandateNotification = strawberry.field(
        default=MandateNotification.NONE, description="Who tells the customer of a debit (SR82)."
    )

    def mandate(self) -> NewMandate:
        return self.acceptance.mandate(
            amount_minor=self.amount,
            interval=self.interval.value,
            notification_method=self.notification_method.value,
        )


@strawberry.input(
    description="A new source (SR20). Each type is made of something else; nothing of it is kept."
)
class SourceCreateInput:
    type: SourceType = strawberry.field(description="Which instrument it is.")
    usage: SourceUsage | None = strawberry.field(
        default=None, description="How often it can be charged; what is natural for the type unless said."
    )
    amount: MinorUnits | None = strawberry.field(
        default=None,
        description="The most it can be charged, in minor units; needed for a single use (SR21).",
    )
    currency: Currency | None = strawberry.field(
        default=None, description="The currency it can be charged in; needed for a single use."
    )
    owner: SourceOwnerInput | None = strawberry.field(default=None, description="Whose instrument it is.")
    return_url: str | None = strawberry.field(
        default=None, description="Where the customer comes back to; needed for a redirect (SR21)."
    )
    mandate: MandateInput | None = strawberry.field(
        default=None, description="Of a `SEPA_DEBIT`, and of a `UPI` that is to be reusable."
    )
    token: str | None = strawberry.field(
        default=None, description="Of a `CARD`: a token of the processor, used up by this."
    )
    iban: str | None = strawberry.field(default=None, description="Of a `SEPA_DEBIT`: the account (SR24).")
    account_number: str | None = strawberry.field(
        default=None, description="Of an `ACH_DEBIT`: the account, together with `routingNumber`."
    )
    routing_number: str | None = strawberry.field(
        default=None, description="Of an `ACH_DEBIT`: the bank, nine digits."
    )
    vpa: str | None = strawberry.field(default=None, description="Of a `UPI`: such as `aiko@upi`.")
    statement_descriptor: str | None = strawberry.field(
        default=None,
        description="What stands on the customer's statement: at most 22 characters, not only digits, none of "
        "< > ' \".",
    )
    metadata: Metadata | None = strawberry.field(default=None, description="Your own notes.")
    idempotency_key: str | None = optional_key()

    def source(self) -> NewSource:
        given = {name: getattr(self, name) for name in _SECRETS}
        return NewSource(
            type=self.type,
            usage=self.usage,
            amount_minor=self.amount,
            currency=self.currency,
            owner=self.owner.parts() if self.owner else None,
            return_url=self.return_url,
            mandate=self.mandate.mandate() if self.mandate else None,
            statement_descriptor=self.statement_descriptor,
            metadata=self.metadata or {},
            secrets={name: value for name, value in given.items() if value is not None},
        )


@strawberry.input(description="A change of a source: what is left out stays as it is.")
class SourceUpdateInput:
    source_id: ID = strawberry.field(description="Which source.")
    metadata: Metadata | None = strawberry.field(
        default=UNSET, description="Replaces the whole map; null or {} removes all."
    )
    owner: SourceOwnerInput | None = strawberry.field(
        default=UNSET, description="A new owner as a whole; null removes it."
    )
    statement_descriptor: str | None = strawberry.field(
        default=UNSET, description="A new text; null removes it."
    )
    mandate_acceptance: MandateAcceptanceInput | None = strawberry.field(
        default=None, description="What the customer has decided of the mandate since (SR3, SR4, SR84)."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Change only if the source is still at this version, else `STALE_VERSION`."
    )
    idempotency_key: str | None = optional_key()

    def change(self) -> SourceChange:
        owner = self.owner.parts() if isinstance(self.owner, SourceOwnerInput) else self.owner
        sent = {"metadata": self.metadata, "owner": owner, "statement_descriptor": self.statement_descriptor}
        kept: dict[str, Any] = {
            name: fields.UNSET if value is UNSET else value for name, value in sent.items()
        }
        decided = self.mandate_acceptance.mandate() if self.mandate_acceptance else None
        return SourceChange(**kept, acceptance=decided, expected_version=self.expected_version)


@strawberry.input(description="A source for a customer (SR30).")
class SourceAttachInput:
    customer_id: ID = strawberry.field(description="Whose it will be.")
    source: str = strawberry.field(description=SOURCE_OR_TOKEN)
    reject_duplicates: bool = strawberry.field(
        default=False, description="Whether a card that is attached already is refused (SR37)."
    )
    make_default: bool = strawberry.field(
        default=False,
        description="Whether it becomes the default also where there is one, which then stays attached.",
    )
    idempotency_key: str | None = optional_key()

    def given(self) -> Given:
        return Given.of(self.source)


@strawberry.input(description="The end of a source (SR70).")
class SourceDetachInput:
    customer_id: ID = strawberry.field(description="Whose it is.")
    source_id: ID = strawberry.field(description="Which source.")
    idempotency_key: str | None = optional_key()


@strawberry.input(description="The code of a source that waits for one (SR26).")
class SourceVerifyInput:
    source_id: ID = strawberry.field(description="Which source.")
    code: str = strawberry.field(description="The code, as its customer tells it.")
    idempotency_key: str | None = optional_key()
