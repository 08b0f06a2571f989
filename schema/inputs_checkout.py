"""Inputs of hosted checkout, and how each becomes a value of the domain."""

import strawberry
from strawberry import ID

from saifu.checkout.orders import NewSession, PageOptions, Payer
from saifu.checkout.totals import Line
from saifu.refusals import invalid

from .enums_checkout import CheckoutLanguage, CheckoutMethodType, Purpose, Theme
from .inputs import BillingAddressInput
from .inputs_payments import PaymentLineInput
from .request_keys import money_key, optional_key
from .scalars import Currency, Metadata, MinorUnits

_SESSION = "the session of the first and `replayed: true`, without its link, which was shown then"


@strawberry.input(
    description="Who is to pay: `id`, and then the customer counts as verified (PM75), or `email` of somebody who does "
    "not. A customer found by e-mail is never shown, and nothing of it is used (CU7, CU8)."
)
class CheckoutCustomerInput:
    id: ID | None = strawberry.field(default=None, description="A customer's id, `cus_…`.")
    email: str | None = strawberry.field(
        default=None, description="An address: the oldest customer that has it is meant, or a new one."
    )
    name: str | None = strawberry.field(default=None, description="The name of a new customer.")
    phone_number: str | None = strawberry.field(default=None, description="The number of a new customer.")

    def payer(self) -> Payer | None:
        if (self.id is None) == (self.email is None):
            raise invalid("Name an id or an e-mail address, one of them.", "customer")
        return None if self.email is None else Payer(self.email, self.name, self.phone_number)


@strawberry.input(description="How the page looks.")
class CheckoutCustomizationInput:
    theme: Theme = strawberry.field(default=Theme.SYSTEM, description="Which colours it has.")
    show_order_details: bool = strawberry.field(default=True, description="Whether the lines are shown.")
    force_language: CheckoutLanguage | None = strawberry.field(
        default=None,
        description="Its language; null is a verified customer's own, else the browser's, else English.",
    )


@strawberry.input(description="How the page behaves.")
class CheckoutFeatureFlagsInput:
    redirect_immediately: bool = strawberry.field(
        default=False, description="Go to `returnUrl` without a page that says that it worked (PM83)."
    )
    require_cardholder_name: bool = strawberry.field(
        default=False, description="Whether the card form asks for a name."
    )
    always_create_new_customer: bool = strawberry.field(
        default=False, description="Whether an e-mail address always makes a new customer (CU7)."
    )


@strawberry.input(description="A new checkout session (payments.md §8); good for 24 hours (PM70).")
class CheckoutSessionCreateInput:
    purpose: Purpose = strawberry.field(default=Purpose.PAYMENT, description="What it is for.")
    currency: Currency = strawberry.field(description="The currency; has to be enabled.")
    lines: list[PaymentLineInput] | None = strawberry.field(
        default=None, description="What is paid for, 1 to 20 lines; of a `PAYMENT` alone."
    )
    amount: MinorUnits | None = strawberry.field(
        default=None, description="How much a `TOP_UP` pays in; the others have none."
    )
    customer: CheckoutCustomerInput | None = strawberry.field(
        default=None,
        description="Who is to pay. Null for a `PAYMENT` whose page asks for an address; a `MANDATE` needs an id.",
    )
    billing_address: BillingAddressInput | None = strawberry.field(
        default=None, description="The address that the payment keeps."
    )
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the visitor goes afterwards, with `payment_id` (or `source_id`), `status` and `email` added "
        "(PM80). Absolute; https in live mode. Null stays on the page.",
    )
    cancel_url: str | None = strawberry.field(
        default=None, description="Where a link to give up leads; null for none (PM82)."
    )
    show_saved_payment_methods: bool = strawberry.field(
        default=False, description="Offer a verified customer its attached sources (PM77)."
    )
    allowed_payment_method_types: list[CheckoutMethodType] | None = strawberry.field(
        default=None, description="What may be paid with; null for all there is (PM27)."
    )
    customization: CheckoutCustomizationInput | None = strawberry.field(
        default=None, description="How the page looks."
    )
    feature_flags: CheckoutFeatureFlagsInput | None = strawberry.field(
        default=None, description="How the page behaves."
    )
    metadata: Metadata | None = strawberry.field(
        default=None, description="Your own notes; the payment gets them too."
    )
    idempotency_key: str = money_key(_SESSION)

    def session(self) -> NewSession:
        return NewSession(
            purpose=self.purpose,
            currency=self.currency,
            lines=tuple(_line(each) for each in self.lines or ()),
            amount_minor=self.amount,
            customer_id=self.customer.id if self.customer else None,
            payer=self.customer.payer() if self.customer else None,
            billing_address=self.billing_address.parts() if self.billing_address else None,
            return_url=self.return_url,
            cancel_url=self.cancel_url,
            metadata=self.metadata,
            options=self._options(),
        )

    def _options(self) -> PageOptions:
        looks = self.customization or CheckoutCustomizationInput()
        behaves = self.feature_flags or CheckoutFeatureFlagsInput()
        allowed, language = self.allowed_payment_method_types, looks.force_language
        return PageOptions(
            show_saved=self.show_saved_payment_methods,
            allowed_types=None if allowed is None else tuple(each.value for each in allowed),
            theme=looks.theme,
            show_order_details=looks.show_order_details,
            force_language=language.value if language else None,
            redirect_immediately=behaves.redirect_immediately,
            require_cardholder_name=behaves.require_cardholder_name,
            always_create_new_customer=behaves.always_create_new_customer,
        )


def _line(given: PaymentLineInput) -> Line:
    return Line(
        given.name,
        given.quantity,
        given.unit_amount,
        given.description,
        given.tax_rate_bps,
        given.tax_inclusive,
    )


@strawberry.input(description="A checkout session that is to end now.")
class CheckoutSessionExpireInput:
    checkout_session_id: ID = strawberry.field(description="Which session, `cks_…`.")
    idempotency_key: str | None = optional_key()
