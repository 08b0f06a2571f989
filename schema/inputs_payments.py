"""Inputs of payments, and how each becomes a value of the domain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from saifu.checkout import totals
from saifu.money import WHOLE_BPS
from saifu.payments.orders import Line, PaymentOrder
from saifu.payments.retrying import Retry
from saifu.refusals import invalid

from .enums_payments import PaymentStatus, Purpose
from .inputs import BillingAddressInput
from .request_keys import money_key, optional_key
from .scalars import Currency, Metadata, MinorUnits

_PAYMENT = "the payment as it is then and `replayed: true`, and charges nothing"
_NO_RATE = f"A rate of tax is 0 to {WHOLE_BPS} hundredths of a percent."


@strawberry.input(description="One line of what is paid for.")
class PaymentLineInput:
    name: str = strawberry.field(description="What it is: 1 to 255 characters.")
    unit_amount: MinorUnits = strawberry.field(description="The price of one, in the smallest unit.")
    quantity: int = strawberry.field(default=1, description="How many: 1 to 999 999.")
    description: str | None = strawberry.field(default=None, description="More about it.")
    tax_rate_bps: int = strawberry.field(
        default=0, description="The rate of tax in hundredths of a percent: 1900 is 19 %."
    )
    tax_inclusive: bool = strawberry.field(default=False, description="Whether the tax is in the price.")

    def line(self, index: int) -> Line:
        """The line with its price worked out.

        Raises:
            Refusal: INVALID_REQUEST_PARAMETERS, there is no such rate of tax.
        """
        if not 0 <= self.tax_rate_bps <= WHOLE_BPS:
            raise invalid(_NO_RATE, "lines", index, "taxRateBps")
        priced = totals.Line(
            self.name,
            self.quantity,
            self.unit_amount,
            self.description,
            self.tax_rate_bps,
            self.tax_inclusive,
        )
        return Line(
            self.name,
            priced.amount_minor,
            priced.tax_minor,
            self.quantity,
            self.unit_amount,
            self.description,
            tax_rate_bps=self.tax_rate_bps or None,
            tax_inclusive=self.tax_inclusive,
        )


@strawberry.input(description="A direct charge (PM24).")
class PaymentCreateInput:
    currency: Currency = strawberry.field(description="The currency; has to be enabled.")
    idempotency_key: str = money_key(_PAYMENT)
    amount: MinorUnits | None = strawberry.field(
        default=None,
        description="1 to 999 999 999 999 in the smallest unit: 5000 is 50.00 USD. Null is the sum of the lines.",
    )
    customer_id: ID | None = strawberry.field(
        default=None,
        description="Who pays; with neither source nor token, the default source is charged (SR60).",
    )
    source_id: ID | None = strawberry.field(default=None, description="What is charged, `src_…`.")
    token: str | None = strawberry.field(
        default=None, description="A token of the processor instead; not together with a customer (SR64)."
    )
    use_wallet: bool = strawberry.field(
        default=False, description="Whether the stored balance pays first, as much as it can (W40, W44)."
    )
    lines: list[PaymentLineInput] | None = strawberry.field(
        default=None, description="What is paid for, at most 100 lines; null is one line."
    )
    description: str | None = strawberry.field(
        default=None, description="What it is for: up to 500 characters."
    )
    statement_descriptor: str | None = strawberry.field(
        default=None, description="What the bank shows: up to 22 characters, not only digits."
    )
    metadata: Metadata | None = strawberry.field(default=None, description="Your own notes.")
    billing_address: BillingAddressInput | None = strawberry.field(
        default=None, description="Null is the customer's own."
    )
    on_session: bool = strawberry.field(
        default=False,
        description="Whether the customer is there to confirm the payment; when not, a payment that needs it fails "
        "with `AUTHENTICATION_REQUIRED` (PM19a).",
    )
    return_url: str | None = strawberry.field(
        default=None, description="Where the customer comes back to after confirming (PM82)."
    )

    def order(self) -> PaymentOrder:
        return PaymentOrder(
            currency=self.currency,
            customer_id=self.customer_id,
            amount_minor=self.amount,
            source_id=self.source_id,
            token=self.token,
            use_wallet=self.use_wallet,
            lines=[line.line(index) for index, line in enumerate(self.lines or [])],
            description=self.description,
            statement_descriptor=self.statement_descriptor,
            metadata=self.metadata,
            billing_address=self.billing_address.parts() if self.billing_address else None,
            on_session=self.on_session,
            return_url=self.return_url,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(
    description="Another try of a payment that was not paid (PM19b); what is left out stays as it was."
)
class PaymentRetryInput:
    payment_id: ID = strawberry.field(description="The payment that failed or was cancelled.")
    idempotency_key: str = money_key(_PAYMENT)
    source_id: ID | None = strawberry.field(default=None, description="What to charge instead.")
    use_wallet: bool | None = strawberry.field(
        default=None, description="Whether the stored balance, as it is now, pays first (W50)."
    )
    on_session: bool | None = strawberry.field(default=None, description="Whether the customer is there now.")
    return_url: str | None = strawberry.field(
        default=None, description="Where the customer comes back to after confirming (PM82)."
    )

    def retry(self) -> Retry:
        return Retry(
            self.payment_id,
            self.idempotency_key,
            self.source_id,
            self.use_wallet,
            self.on_session,
            self.return_url,
        )


@strawberry.input(description="Giving up a payment that waits for its customer (PM18).")
class PaymentCancelInput:
    payment_id: ID = strawberry.field(description="Which payment.")
    idempotency_key: str | None = optional_key()


@strawberry.input(description="Money from a source into the customer's own wallet (W63).")
class WalletTopUpInput:
    customer_id: ID = strawberry.field(description="Whose wallet, and whose source.")
    currency: Currency = strawberry.field(description="Which wallet.")
    amount: MinorUnits = strawberry.field(
        description="From the currency's minimum charge to 999 999 999 999, in the smallest unit."
    )
    idempotency_key: str = money_key(_PAYMENT)
    source_id: ID | None = strawberry.field(
        default=None, description="What is charged; null is the customer's default source."
    )
    on_session: bool = strawberry.field(
        default=False, description="Whether the customer is there to confirm the payment (PM19a)."
    )
    return_url: str | None = strawberry.field(
        default=None, description="Where the customer comes back to after confirming (PM82)."
    )
    metadata: Metadata | None = strawberry.field(default=None, description="Your own notes.")

    def order(self) -> PaymentOrder:
        return PaymentOrder(
            currency=self.currency,
            customer_id=self.customer_id,
            amount_minor=self.amount,
            source_id=self.source_id,
            on_session=self.on_session,
            return_url=self.return_url,
            metadata=self.metadata,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="Which payments; all conditions must hold (PM2).")
class PaymentFilter:
    statuses: list[PaymentStatus] | None = strawberry.field(default=None, description="In one of these.")
    purpose: Purpose | None = strawberry.field(default=None, description="For this.")
    currency: Currency | None = strawberry.field(default=None, description="In this currency.")
    source_id: ID | None = strawberry.field(default=None, description="Charged to this source.")
    checkout_session_id: ID | None = strawberry.field(default=None, description="Made in this checkout.")
    needs_review: bool = strawberry.field(
        default=False, description="True for those only that people have to look at."
    )
    created_at_gte: datetime | None = strawberry.field(default=None, description="Made at or after this.")
    created_at_lte: datetime | None = strawberry.field(default=None, description="Made at or before this.")

    def asked(self) -> Mapping[str, Any]:
        given = {**vars(self), "needs_review": self.needs_review or None}
        if self.statuses is not None:
            given["statuses"] = tuple(status.value for status in self.statuses)
        return {name: value for name, value in given.items() if value is not None}
