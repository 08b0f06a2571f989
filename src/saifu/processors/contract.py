"""What every processor of payments does for us, whichever it is (PM29).

Every call carries a reference of our own, which is also its idempotency key: the same reference twice is one charge.
Nothing here is called while a transaction is open. What a processor says is an answer; what it does not say is
`OutcomeUnknown`, which nobody may take for a no (RELIABILITY §3.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from .declines import DeclineCode


class ChargeState(StrEnum):
    """How a charge stands at the processor."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    PROCESSING = "processing"
    ACTION_REQUIRED = "action_required"
    CANCELLED = "cancelled"


class RefundState(StrEnum):
    """How a refund stands at the processor."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A payment instrument as a processor keeps it; never a card number, a CVC or a full IBAN (SR92, SR94).

    Attributes:
        ref: the processor's own name of it, such as `pm_…`.
        type: a source type (sources.md §2), such as `card`.
        detail: the type's public detail (§1): of a card `brand`, `last4`, `exp_month`, `exp_year`, `funding`,
            `country`, `name`, `three_d_secure`, `cvc_check`.
        fingerprint: equal for the same physical instrument (SR93).
    """

    ref: str
    type: str
    detail: Mapping[str, Any]
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerAt:
    """A customer as a processor is told of it; `ref` is the processor's own name, once there is one."""

    id: str
    email: str
    name: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """What came of attaching an instrument to a customer, with the check of it (SR35).

    Attributes:
        customer_ref: the customer's name at the processor from now on; None where it keeps none.
        decline: why the check failed; then nothing was attached.
    """

    customer_ref: str | None
    decline: DeclineCode | None = None
    raw_code: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A source that its customer must complete first: redirect, transfer or code (SR2).

    Attributes:
        ref: the processor's own name of it.
        detail: the type's public detail.
        redirect_url: where the customer goes; flow `redirect`.
        receiver_address: where the customer sends the money; flow `receiver`.
    """

    ref: str
    detail: Mapping[str, Any]
    redirect_url: str | None = None
    receiver_address: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """A source that is to be made without a token: a bank debit, a redirect or a transfer.

    Attributes:
        reference: our own id of it, `src_…`; the same reference makes the same source.
        given: what the type needs and nobody keeps: `iban`, `account_number`, `vpa` (UPI). Never logged.
    """

    reference: str
    type: str
    amount_minor: int | None
    currency: str | None
    owner: Mapping[str, Any]
    return_url: str | None
    given: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Charge:
    """An order to charge an instrument.

    Attributes:
        reference: the payment's id, `pay_…`: our reference and the idempotency key (W46).
        customer_id, customer_ref: who pays, by our name and by the processor's own, once there is one.
        is_attached: whether the processor keeps the instrument for this customer already.
        save: keep it for the customer once it is charged, to be charged again when nobody is there (PM77). The
            customer was introduced before.
        on_session: whether the customer is there to be asked; off-session nobody is (PM19a).
        return_url: where the customer comes back to after an action.
    """

    reference: str
    instrument_ref: str
    instrument_type: str
    amount_minor: int
    currency: str
    customer_id: str | None = None
    customer_ref: str | None = None
    is_attached: bool = False
    save: bool = False
    on_session: bool = False
    return_url: str | None = None
    description: str | None = None
    statement_descriptor: str | None = None
    source_id: str | None = None
    billing_country: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeAnswer:
    """How a charge stands.

    Attributes:
        processor_ref: the processor's own name of it, such as `pi_…`.
        code, raw_code: of a decline: ours, and what the processor said.
        action_url: of `action_required`: where the customer completes it.
        three_ds: `status`, `flow`, `version` (payments.md §1), when there was any.
    """

    state: ChargeState
    processor_ref: str | None = None
    code: DeclineCode | None = None
    raw_code: str | None = None
    action_url: str | None = None
    three_ds: Mapping[str, str | None] | None = None

    def __post_init__(self) -> None:
        assert (self.state is ChargeState.DECLINED) == (self.code is not None), "a decline has a code"


@dataclass(frozen=True, slots=True)
class ChargeSeen:
    """A charge of ours in the processor's own list; `reference` is the payment's id."""

    reference: str
    processor_ref: str
    amount_minor: int
    currency: str
    state: ChargeState


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """An order to give money of a charge back; `reference` is the refund's id, `ref_…`, and the idempotency key.

    `processor_ref` is the processor's own name of the refund, once it has answered: to look it up by, and never sent.
    """

    reference: str
    charge_reference: str
    charge_ref: str | None
    amount_minor: int
    currency: str
    reason: str | None = None
    processor_ref: str | None = None


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """How a refund stands; `network_reference` is what the customer's bank can search for."""

    state: RefundState
    processor_ref: str | None = None
    failure_reason: str | None = None
    network_reference: str | None = None
    network_reference_type: str | None = None


@dataclass(frozen=True, slots=True)
class RefundReport:
    """A refund as the processor has it now, whoever ordered it; `charge_reference` is the payment's id."""

    processor_ref: str
    charge_reference: str
    amount_minor: int
    currency: str
    answer: RefundAnswer


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """A dispute as the processor has it now. `outcome` is None while it is open, else `won`, `lost` or `cancelled`.

    `stage` is `pre_dispute`, `dispute` or `pre_arbitration`; `charge_reference` is the payment's id.
    """

    processor_ref: str
    charge_reference: str
    amount_minor: int
    currency: str
    stage: str
    reason: str | None = None
    outcome: str | None = None
    respond_by: datetime | None = None


class CallbackKind(StrEnum):
    """What an inbound callback is about: which object to ask the processor for."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Callback:
    """An inbound callback whose signature is good: a hint that something changed, and nothing more (S18).

    Attributes:
        event_id: the processor's id of it; the same one twice is one.
        reference: our reference, where the callback names it.
        processor_ref: the processor's own name of the object.
    """

    event_id: str
    kind: CallbackKind
    reference: str | None
    processor_ref: str | None


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How a pending or attached source stands at the processor: a status of sources.md §3, and why it failed."""

    status: str
    failure_reason: str | None = None
    detail: Mapping[str, Any] | None = None
    amount_received_minor: int | None = None


class OutcomeUnknown(Exception):
    """Nobody can say whether the processor did it: a timeout, a reset, a 5xx. Ask `look_up`, never send anew."""


class ForgedCallback(Exception):
    """The signature of an inbound callback is wrong, or too old (S18)."""


class Processor(Protocol):
    """One processor. Every method but `callbacks` may raise `OutcomeUnknown`; a `Refusal` those alone that say so."""

    name: str

    async def instrument(self, token: str, reference: str) -> Instrument:
        """The instrument behind a token, which is used up by it (SR23); the same `reference` gets the same one.

        Raises:
            Refusal: TOKEN_ALREADY_USED, TOKEN_EXPIRED, LIVE_MODE_TEST_CARD, INVALID_REQUEST_PARAMETERS.
        """
        ...

    async def create_source(self, order: SourceOrder) -> Pending:
        """Begin a source that has no token (SR2, SR24); the same `order.reference` gets the same one.

        Raises:
            Refusal: PAYMENT_METHOD_UNSUPPORTED, INVALID_BANK_ACCOUNT_IBAN, INVALID_REQUEST_PARAMETERS.
        """
        ...

    async def introduce(self, customer: CustomerAt) -> str | None:
        """The processor's own name of a customer, who is made known to it; None where it keeps no customers.

        Raises:
            Refusal: SOURCE_NOT_CHARGEABLE, it does not take this customer.
        """
        ...

    async def attach(self, instrument_ref: str, customer: CustomerAt, reference: str) -> Attached:
        """Check an instrument and keep it for a customer (SR35).

        Raises:
            Refusal: SOURCE_NOT_CHARGEABLE, NOT_FOUND: there is no such instrument, or it cannot be kept.
        """
        ...

    async def detach(self, instrument_ref: str) -> None:
        """Forget an instrument; one that is not known is no error."""
        ...

    async def verify(self, source_ref: str, code: str) -> bool:
        """Whether a code of flow `code_verification` is right (SR26).

        Raises:
            Refusal: UNSUPPORTED_ACTION, nothing here is verified by a code; NOT_FOUND.
        """
        ...

    async def charge(self, charge: Charge) -> ChargeAnswer:
        """Charge an instrument, once for each reference; a decline is an answer (A25).

        With `charge.save` an instrument that was charged is kept for the customer from then on, without another check.
        """
        ...

    async def look_up(self, reference: str) -> ChargeAnswer | None:
        """How the charge of this reference stands; None when the processor certainly never got it."""
        ...

    async def charges_since(self, since: datetime) -> Sequence[ChargeSeen]:
        """Every charge of ours that was made since then; `OutcomeUnknown` for a list that is too long to be read."""
        ...

    async def cancel(self, reference: str) -> ChargeAnswer | None:
        """Give up a charge that waits; answers how it stands then, None when it was never there."""
        ...

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        """Give money of a charge back, once for each reference; a no is a refund that failed, with its reason."""
        ...

    async def look_up_refund(self, order: RefundOrder) -> RefundAnswer | None:
        """How a refund stands; None when the processor certainly never got it."""
        ...

    async def find_refund(self, processor_ref: str) -> RefundReport | None:
        """A refund by the processor's own name; None when there is none, or it is of a charge of somebody else's."""
        ...

    async def look_up_dispute(self, processor_ref: str) -> DisputeReport | None:
        """How a dispute stands; None when there is none of this name, or it is about a charge of somebody else's."""
        ...

    async def look_up_source(self, source_ref: str) -> SourceReport | None:
        """How an instrument stands; None when it is not known."""
        ...

    async def submit_evidence(self, processor_ref: str, text: str) -> DisputeReport:
        """Send the merchant's answer to a dispute; final (PM51). The same text again is one answer.

        Raises:
            Refusal: DISPUTE_NOT_CHALLENGEABLE, it is over or answered; NOT_FOUND.
        """
        ...

    async def accept_dispute(self, processor_ref: str) -> DisputeReport:
        """Give a dispute up; final (PM52). One that was given up already is no error.

        Raises:
            Refusal: DISPUTE_NOT_CHALLENGEABLE, it is over otherwise; NOT_FOUND.
        """
        ...

    def callbacks(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Callback]:
        """What an inbound request says.

        Raises:
            ForgedCallback: it was not the processor who signed it, or longer than 300 s ago.
        """
        ...

    async def close(self) -> None: ...
