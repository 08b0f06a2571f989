"""What a checkout session is made of, and whether it can be (PM27, PM73, PM79, PM82)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from saifu import fields, wallets
from saifu.ledger.entries import MAX_ENTRY_MINOR
from saifu.money import WHOLE_BPS
from saifu.payments.rules import PaymentRules
from saifu.refusals import ErrorCode, Refusal, invalid

from . import urls
from .rows import Purpose
from .totals import Line, Totals

MOST_LINES = 20
MOST_PIECES = 999_999
CARD = "card"
SEPA_DEBIT = "sepa_debit"
OFFERED: Mapping[Purpose, Mapping[str, frozenset[str] | None]] = {
    Purpose.PAYMENT: {CARD: None},
    Purpose.TOP_UP: {CARD: None},
    Purpose.MANDATE: {CARD: None, SEPA_DEBIT: frozenset({"EUR"})},
}
"""What can be entered on the page for a purpose, and in which currencies (None: in all)."""


class Theme(StrEnum):
    """Which colours the page has."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Payer:
    """Somebody who is known by e-mail only, and so not verified (CU7, CU8)."""

    email: str
    name: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class PageOptions:
    """How the page looks and behaves: what of `customization` and `feature_flags` has a meaning today.

    Attributes:
        show_saved: whether a verified customer is offered its attached sources (PM77).
        allowed_types: what may be paid with, as source types; None is all there is (PM27).
        force_language: the language of the page, whatever the browser asks for.
        redirect_immediately: whether the page of success is skipped (PM83).
        always_create_new_customer: whether an e-mail address never means a customer there is already (CU7).
    """

    show_saved: bool = False
    allowed_types: tuple[str, ...] | None = None
    theme: Theme = Theme.SYSTEM
    show_order_details: bool = True
    force_language: str | None = None
    redirect_immediately: bool = False
    require_cardholder_name: bool = False
    always_create_new_customer: bool = False


@dataclass(frozen=True, slots=True)
class NewSession:
    """A checkout session as it is asked for.

    Attributes:
        lines: of a PAYMENT, 1 to 20 of them.
        amount_minor: of a TOP_UP, in minor units of `currency`.
        customer_id: whom the business knows to be there: verified (PM75).
        payer: somebody it does not know; None, and no `customer_id`: the page asks for an e-mail address.
    """

    purpose: Purpose
    currency: str
    lines: tuple[Line, ...] = ()
    amount_minor: int | None = None
    customer_id: str | None = None
    payer: Payer | None = None
    billing_address: Mapping[str, Any] | None = None
    return_url: str | None = None
    cancel_url: str | None = None
    metadata: Mapping[str, Any] | None = None
    options: PageOptions = PageOptions()

    @property
    def totals(self) -> Totals:
        if self.purpose is Purpose.PAYMENT:
            return Totals.of(self.lines)
        return Totals(self.amount_minor or 0, 0)

    def identity(self) -> dict[str, Any]:
        """What makes two requests the same (W33)."""
        known = asdict(self)
        return {
            **known,
            "metadata": dict(self.metadata or {}),
            "lines": [asdict(line) for line in self.lines],
        }


def types_offered(purpose: Purpose, currency: str, allowed: tuple[str, ...] | None) -> list[str]:
    """What can be entered on a page, in the order in which it is offered (PM27)."""
    return [
        kind
        for kind, currencies in OFFERED[purpose].items()
        if (allowed is None or kind in allowed) and (currencies is None or currency in currencies)
    ]


def well_formed(new: NewSession, rules: PaymentRules) -> NewSession:
    """The request with its texts tidied, or what is wrong with it whoever it is for.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, UNSUPPORTED_CURRENCY, NO_ELIGIBLE_PAYMENT_METHODS (PM27),
            TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT (PM26), MAXIMUM_KEYS_REACHED.
    """
    wallets.refuse_currency(new.currency, rules.wallet)
    _CHECKS[new.purpose](new)
    if new.customer_id is not None and new.payer is not None:
        raise invalid("A session is for a customer's id or for an e-mail address, not for both.", "customer")
    tidied = replace(
        new,
        lines=tuple(_line(line, number) for number, line in enumerate(new.lines)),
        payer=None if new.payer is None else _payer(new.payer, rules),
        billing_address=fields.billing_address(new.billing_address),
        return_url=urls.checked(new.return_url, not rules.is_test, "returnUrl"),
        cancel_url=urls.checked(new.cancel_url, not rules.is_test, "cancelUrl"),
        metadata=fields.metadata(new.metadata),
    )
    _refuse_amount(tidied, rules)
    if not types_offered(new.purpose, new.currency, new.options.allowed_types) and not new.options.show_saved:
        raise Refusal(
            ErrorCode.NO_ELIGIBLE_PAYMENT_METHODS,
            "None of the allowed payment methods can be offered for this purpose and currency.",
            ("input", "allowedPaymentMethodTypes"),
        )
    return tidied


def _refuse_amount(new: NewSession, rules: PaymentRules) -> None:
    """PM26; a verified customer's wallet may cover what no card can be asked for (W45)."""
    if new.purpose is Purpose.MANDATE:
        return
    field = "amount" if new.purpose is Purpose.TOP_UP else "lines"
    total_minor, minimum_minor = new.totals.total_minor, rules.minimum(new.currency)
    if not 1 <= total_minor <= MAX_ENTRY_MINOR:
        raise invalid(f"The total is 1 to {MAX_ENTRY_MINOR} minor units.", field)
    wallet_may_pay = new.purpose is Purpose.PAYMENT and new.customer_id is not None
    if total_minor < minimum_minor and not wallet_may_pay:
        raise Refusal(
            ErrorCode.TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT,
            f"The least that can be charged in {new.currency} is {minimum_minor} minor units.",
            ("input", field),
        )


def _payment(new: NewSession) -> None:
    if new.amount_minor is not None:
        raise invalid("A payment costs what its lines add up to.", "amount")
    if not 1 <= len(new.lines) <= MOST_LINES:
        raise invalid(f"A payment has 1 to {MOST_LINES} lines.", "lines")


def _top_up(new: NewSession) -> None:
    if new.lines:
        raise invalid("A top-up has an amount and no lines.", "lines")
    if new.amount_minor is None:
        raise invalid("A top-up needs its amount.", "amount")
    if new.customer_id is None and new.payer is None:
        raise invalid("A top-up needs to know whose wallet it is for.", "customer")


def _mandate(new: NewSession) -> None:
    if new.lines or new.amount_minor is not None:
        raise invalid("A mandate charges nothing.", "lines" if new.lines else "amount")
    if new.customer_id is None:
        raise invalid("A mandate is for a customer named by its id.", "customer")


_CHECKS = {Purpose.PAYMENT: _payment, Purpose.TOP_UP: _top_up, Purpose.MANDATE: _mandate}
assert _CHECKS.keys() == set(Purpose) == OFFERED.keys()


def _line(line: Line, number: int) -> Line:
    def here(field: str) -> tuple[str | int, ...]:
        return ("lines", number, field)

    if not 1 <= line.quantity <= MOST_PIECES:
        raise invalid(f"A quantity is 1 to {MOST_PIECES}.", *here("quantity"))
    if not 1 <= line.unit_minor <= MAX_ENTRY_MINOR:
        raise invalid(f"A price is 1 to {MAX_ENTRY_MINOR} minor units.", *here("unitAmount"))
    if not 0 <= line.tax_rate_bps <= WHOLE_BPS:
        raise invalid(f"A rate of tax is 0 to {WHOLE_BPS} hundredths of a percent.", *here("taxRateBps"))
    return replace(
        line,
        name=fields.name(line.name, *here("name")),
        description=fields.reason(line.description, *here("description")),
    )


def _payer(payer: Payer, rules: PaymentRules) -> Payer:
    return Payer(
        email=fields.email(payer.email, "customer", "email", test_mode=rules.is_test),
        name=None if payer.name is None else fields.name(payer.name, "customer", "name"),
        phone_number=fields.phone_number(payer.phone_number, "customer", "phoneNumber"),
    )
