"""What is to be read on a document, as texts: the same for the page and for the PDF."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from . import formats
from .content import Address, Content, Line, Part
from .labels import Labels, labels

_CALLED: Mapping[str, str] = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "rupay": "RuPay",
    "sepa_debit": "SEPA",
    "unionpay": "UnionPay",
    "upi": "UPI",
    "visa": "Visa",
}
_DOTS = "••••"


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what it says."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it is printed."""

    name: str
    description: str
    quantity: str
    unit_price: str
    tax: str
    amount: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document as it is read, from top to bottom. `language` is that of the labels, for whoever reads it aloud."""

    language: str
    labels: Labels
    title: str
    number: str
    test: str
    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]
    totals: tuple[Fact, ...]
    parts: tuple[Fact, ...]

    def texts(self) -> Iterator[str]:
        """Everything that is printed."""
        yield from (self.title, self.number, self.test, *self.sender, *self.recipient)
        known = self.labels
        yield from (known.billed_to, known.item, known.quantity, known.unit_price, known.tax, known.amount)
        yield known.payment
        for fact in (*self.facts, *self.totals, *self.parts):
            yield from (fact.label, fact.text)
        for row in self.rows:
            yield from (row.name, row.description, row.quantity, row.unit_price, row.tax, row.amount)


def sheet(content: Content) -> Sheet:
    """The document in its customer's language."""
    words = labels(content.locale)
    return Sheet(
        language=words.language,
        labels=words,
        title=_title(content, words),
        number=content.number,
        test="" if content.livemode else words.test,
        sender=tuple(text for text in (content.business.name, content.business.contact) if text),
        recipient=tuple(_recipient(content)),
        facts=tuple(_facts(content, words)),
        rows=tuple(_row(content, line, words) for line in content.lines),
        totals=tuple(_totals(content, words)),
        parts=tuple(_part(content, part, words) for part in content.parts),
    )


def _title(content: Content, words: Labels) -> str:
    return {"top_up": words.top_up, "refund": words.refund}.get(content.kind, words.invoice)


def _recipient(content: Content) -> Iterator[str]:
    customer = content.customer
    if customer is None:
        return
    address = customer.address
    lines = (customer.name, *(_address(address, content.locale) if address else ()), customer.email)
    yield from (line for line in lines if line)


def _address(address: Address, locale: str) -> Iterator[str]:
    yield address.street or ""
    yield " ".join(part for part in (address.zipcode, address.city) if part)
    yield address.state or ""
    yield formats.country(address.country, locale) if address.country else ""


def _facts(content: Content, words: Labels) -> Iterator[Fact]:
    yield Fact(words.number, content.number)
    yield Fact(words.date, formats.day(content.issued, content.locale))
    yield Fact(words.status, words.refunded if content.refund else words.paid)
    if content.refund:
        if content.refund.invoice_number:
            yield Fact(words.invoice_number, content.refund.invoice_number)
        yield Fact(words.refund_id, content.refund.refund_id)
        if content.refund.reason:
            yield Fact(words.reason, content.refund.reason)
    yield Fact(words.payment_id, content.payment_id)


def _row(content: Content, line: Line, words: Labels) -> Row:
    def money(amount_minor: int) -> str:
        return formats.money(amount_minor, content.currency, content.locale)

    return Row(
        name=line.name,
        description=line.description or "",
        quantity=formats.number(line.quantity, content.locale),
        unit_price=money(line.unit_amount),
        tax=_tax(money(line.tax), line, words, content.locale),
        amount=money(line.amount),
    )


def _tax(amount: str, line: Line, words: Labels, locale: str) -> str:
    rate = "" if line.tax_rate_bps is None else f" ({formats.rate(line.tax_rate_bps, locale)})"
    text = f"{amount}{rate}"
    return words.tax_included.format(text) if line.tax_inclusive and line.tax else text


def _totals(content: Content, words: Labels) -> Iterator[Fact]:
    def money(amount_minor: int) -> str:
        return formats.money(amount_minor, content.currency, content.locale)

    if content.tax or content.is_invoice:
        yield Fact(words.subtotal, money(content.subtotal))
        yield Fact(words.tax, money(content.tax))
    yield Fact(words.total, money(content.total))


def _part(content: Content, part: Part, words: Labels) -> Fact:
    amount = formats.money(part.amount, content.currency, content.locale)
    back = content.refund is not None
    if part.is_wallet:
        return Fact(words.to_wallet if back else words.from_wallet, amount)
    return Fact((words.to_source if back else words.from_source).format(_instrument(part)), amount)


def _instrument(part: Part) -> str:
    """Such as `Visa •••• 4242`."""
    called = part.network or part.method or ""
    known = _CALLED.get(called.lower()) or called.replace("_", " ").capitalize()
    return " ".join(text for text in (known, f"{_DOTS} {part.last4}" if part.last4 else "") if text) or "—"
