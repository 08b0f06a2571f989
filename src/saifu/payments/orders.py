"""What a payment is before it is a row: the order, as a client, a checkout or a subscription gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PAYMENT_CREATE = "paymentCreate"
PAYMENT_RETRY = "paymentRetry"
WALLET_TOP_UP = "walletTopUp"


class Purpose(StrEnum):
    """What a payment is for (payments.md §1)."""

    PURCHASE = "purchase"
    SUBSCRIPTION = "subscription"
    WALLET_TOP_UP = "wallet_top_up"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what is paid for; `amount_minor` is for all of its quantity and includes `tax_minor` (PM3).

    `tax_rate_bps` is None where no rate was named; `tax_inclusive` says that `unit_minor` holds its tax already.
    """

    name: str
    amount_minor: int
    tax_minor: int = 0
    quantity: int = 1
    unit_minor: int | None = None
    description: str | None = None
    id: str | None = None
    tax_rate_bps: int | None = None
    tax_inclusive: bool = False

    @classmethod
    def kept(cls, line: Mapping[str, Any]) -> "Line":
        """A line as it was written down."""
        return cls(
            name=line["name"],
            amount_minor=line["amount"],
            tax_minor=line["tax"],
            quantity=line["quantity"],
            unit_minor=line["unit_amount"],
            description=line["description"],
            id=line["id"],
            tax_rate_bps=line.get("tax_rate_bps"),
            tax_inclusive=bool(line.get("tax_inclusive")),
        )


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """A payment as it is asked for (PM24, PM25, W63).

    Attributes:
        amount_minor: in minor units of `currency`; None is the sum of the lines.
        source_id, token: what is charged, at most one of them; neither is the customer's default source (SR60).
        use_wallet: whether the stored balance pays first (W40); None is no, as for every direct charge.
        lines: what is paid for; none is one line made of the description.
        on_session: whether the customer is there to confirm the payment (PM14, PM19a).
        pays_for: what it settles; None is itself. One payment at most is live or succeeded for it (W50).
        save_source: whether the instrument is kept for the customer once it was charged (PM77).
        mutation: the name that its idempotency key is bound to (A31).
    """

    currency: str
    customer_id: str | None = None
    amount_minor: int | None = None
    source_id: str | None = None
    token: str | None = field(default=None, repr=False)
    use_wallet: bool | None = None
    purpose: Purpose | str = Purpose.DIRECT
    lines: Sequence[Line] = ()
    description: str | None = None
    statement_descriptor: str | None = None
    metadata: Mapping[str, Any] | None = None
    billing_address: Mapping[str, Any] | None = None
    return_url: str | None = None
    on_session: bool = False
    pays_for: str | None = None
    retry_of: str | None = None
    checkout_session_id: str | None = None
    save_source: bool = False
    idempotency_key: str | None = None
    mutation: str = PAYMENT_CREATE
