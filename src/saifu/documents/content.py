"""What is printed on a document: gathered and frozen when it is issued (PM62, PM63, CU54).

A document is written from this alone, at any time. Why a card was declined is not in it, nor anything else that is not
meant for the customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

import orjson

LANGUAGE = "en"
"""Of documents for customers who have not said which they prefer (CU23)."""


@dataclass(frozen=True, slots=True)
class Business:
    """Who issues the document."""

    name: str
    contact: str


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    country: str | None = None
    city: str | None = None
    state: str | None = None
    street: str | None = None
    zipcode: str | None = None

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Self:
        return cls(*(parts.get(name) for name in ("country", "city", "state", "street", "zipcode")))


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom the document is issued, as known at that moment."""

    name: str
    email: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `unit_amount` is the price as it was given, `amount` is the whole line with its tax; minor units.

    `tax_rate_bps` is None where no rate was named; `tax_inclusive` says whether the price holds its tax.
    """

    name: str
    quantity: int
    unit_amount: int
    amount: int
    tax: int = 0
    description: str | None = None
    tax_rate_bps: int | None = None
    tax_inclusive: bool = False

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self:
        """From a line of a payment."""
        return cls(
            name=line["name"],
            quantity=line["quantity"],
            unit_amount=line["unit_amount"],
            amount=line["amount"],
            tax=line.get("tax") or 0,
            description=line.get("description"),
            tax_rate_bps=line.get("tax_rate_bps"),
            tax_inclusive=bool(line.get("tax_inclusive")),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part of the money came from, or went to: the wallet, or an instrument (PM63, PM65).

    `network` is a card's network in lower case, or what the instrument is called otherwise.
    """

    amount: int
    is_wallet: bool = False
    method: str | None = None
    network: str | None = None
    last4: str | None = None


@dataclass(frozen=True, slots=True)
class RefundOf:
    """Of a refund's receipt: which refund, why, and of which invoice (PM65)."""

    refund_id: str
    reason: str | None
    invoice_number: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """A document, whole. Amounts are minor units of `currency`; `issued_at` is RFC 3339 in UTC.

    Attributes:
        kind: `one_time` of invoices; `top_up` and `refund` of receipts.
        locale: the language of the customer, such as `ja`.
        status: `paid`, and `succeeded` of a refund.
    """

    id: str
    number: str
    kind: str
    status: str
    issued_at: str
    locale: str
    livemode: bool
    currency: str
    subtotal: int
    tax: int
    total: int
    payment_id: str
    customer_id: str | None
    business: Business
    customer: Recipient | None
    lines: tuple[Line, ...] = ()
    parts: tuple[Part, ...] = ()
    refund: RefundOf | None = None

    @property
    def issued(self) -> datetime:
        return datetime.fromisoformat(self.issued_at)

    @property
    def is_invoice(self) -> bool:
        return self.kind not in {"top_up", "refund"}

    def frozen(self) -> str:
        """As it is stored."""
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def thawed(cls, stored: str) -> Self:
        """From what is stored."""
        known = orjson.loads(stored)
        return cls(
            **{
                **known,
                "business": Business(**known["business"]),
                "customer": _recipient(known["customer"]),
                "lines": tuple(Line(**line) for line in known["lines"]),
                "parts": tuple(Part(**part) for part in known["parts"]),
                "refund": RefundOf(**known["refund"]) if known["refund"] else None,
            }
        )


def _recipient(known: Mapping[str, Any] | None) -> Recipient | None:
    if known is None:
        return None
    address = known["address"]
    return Recipient(known["name"], known["email"], Address(**address) if address else None)


def lines_of(stored: str) -> tuple[Line, ...]:
    """The lines of a payment, as they are printed."""
    return tuple(Line.of(line) for line in orjson.loads(stored))


def parts_of(
    wallet_minor: int, source_minor: int, method: str | None, instrument: str | None
) -> Sequence[Part]:
    """From the wallet, and from the instrument: each if it is more than 0 (PM63)."""
    known = orjson.loads(instrument) if instrument else {}
    from_source = Part(
        source_minor,
        method=method,
        network=_text(known, "brand", "network", "bank", "bank_name"),
        last4=_text(known, "last4", "last_four"),
    )
    return [part for part in (Part(wallet_minor, is_wallet=True), from_source) if part.amount > 0]


def _text(known: Mapping[str, Any], *names: str) -> str | None:
    """The first of the names that has a text, wherever the instrument keeps its detail."""
    detail = known.get("detail")
    places = (known, detail if isinstance(detail, Mapping) else {})
    found = (place.get(name) for name in names for place in places)
    return next((text for text in found if isinstance(text, str) and text), None)
