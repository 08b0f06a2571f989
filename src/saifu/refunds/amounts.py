"""How much a refund is: of lines or of the whole, and how much tax is in it (PM42, PM43, PM47)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from saifu.money import rdiv
from saifu.refusals import ErrorCode, Refusal, invalid

MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a payment in minor units, tax included, with what of it has gone back or is on its way."""

    id: str
    amount_minor: int
    tax_minor: int
    refunded_minor: int = 0
    refunded_tax_minor: int = 0

    @property
    def left_minor(self) -> int:
        return self.amount_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class ItemOrder:
    """A wish to refund a line: all that is left of it, or an amount with its tax in it or still to be added."""

    item_id: str
    amount_minor: int | None = None
    tax_inclusive: bool = True


@dataclass(frozen=True, slots=True)
class ItemRefund:
    """What of a line goes back: the amount includes the tax; minor units."""

    item_id: str
    amount_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A payment as one sum, in minor units, with what of it has gone back or is on its way."""

    total_minor: int
    tax_minor: int
    refunded_minor: int
    refunded_tax_minor: int

    @property
    def left_minor(self) -> int:
        return self.total_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class Due:
    """What a refund comes to, tax included, in minor units; `items` is empty unless lines were named."""

    amount_minor: int
    tax_minor: int
    items: tuple[ItemRefund, ...] = field(default=())


def of_amount(amount_minor: int | None, whole: Whole, limit_minor: int) -> Due:
    """A refund of a sum; None is all of `limit_minor`, which is at least 1 (PM42). Its tax is in proportion (PM47).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS for less than 1; REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT (PM43).
    """
    due_minor = limit_minor if amount_minor is None else amount_minor
    if due_minor < 1:
        raise invalid("A refund is at least 1 minor unit.", "amount")
    refuse_excess(due_minor, limit_minor, "amount")
    tax_minor = _tax(due_minor, whole.total_minor, whole.tax_minor)
    left = due_minor == whole.left_minor
    return Due(due_minor, _within(tax_minor, whole.tax_minor - whole.refunded_tax_minor, left))


def of_items(orders: Sequence[ItemOrder], lines: Mapping[str, Line], limit_minor: int) -> Due:
    """A refund of lines (PM42).

    Raises:
        Refusal: DUPLICATE_LINE_ITEMS_IN_REQUEST, LINE_ITEM_NOT_FOUND, LINE_ITEM_FULLY_REFUNDED,
            LINE_ITEM_REFUND_AMOUNT_TOO_LOW, LINE_ITEM_REFUND_AMOUNT_TOO_HIGH, INVALID_REQUEST_PARAMETERS;
            REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT when the lines together come to more than `limit_minor` (PM43).
    """
    if not 1 <= len(orders) <= MOST_ITEMS:
        raise invalid(f"Name 1 to {MOST_ITEMS} lines, or leave `items` out.", "items")
    _refuse_twice(order.item_id for order in orders)
    items = tuple(_of_line(order, lines, index) for index, order in enumerate(orders))
    amount_minor = sum(item.amount_minor for item in items)
    refuse_excess(amount_minor, limit_minor, "items")
    return Due(amount_minor, sum(item.tax_minor for item in items), items)


def refuse_excess(amount_minor: int, limit_minor: int, field_name: str) -> None:
    """PM43: never more goes back than was paid."""
    if amount_minor > limit_minor:
        raise Refusal(
            ErrorCode.REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT,
            f"Of this payment {limit_minor} minor units can still be refunded, and not {amount_minor}.",
            ("input", field_name),
        )


def _refuse_twice(item_ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for index, item_id in enumerate(item_ids):
        if item_id in seen:
            raise Refusal(
                ErrorCode.DUPLICATE_LINE_ITEMS_IN_REQUEST,
                "A line is named twice: give its whole amount once.",
                ("input", "items", index, "itemId"),
            )
        seen.add(item_id)


def _of_line(order: ItemOrder, lines: Mapping[str, Line], index: int) -> ItemRefund:
    line = lines.get(order.item_id)
    if line is None:
        raise _no(ErrorCode.LINE_ITEM_NOT_FOUND, "The payment has no such line.", index, "itemId")
    if line.left_minor < 1:
        raise _no(ErrorCode.LINE_ITEM_FULLY_REFUNDED, "Nothing is left of this line.", index, "itemId")
    item = _priced(order, line, index)
    if item.amount_minor > line.left_minor:
        raise _no(
            ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_HIGH,
            f"Of this line {line.left_minor} minor units can still be refunded, and not {item.amount_minor}.",
            index,
        )
    return item


def _priced(order: ItemOrder, line: Line, index: int) -> ItemRefund:
    """PM47: the tax is in the amount, or comes on top of it."""
    asked_minor = line.left_minor if order.amount_minor is None else order.amount_minor
    if asked_minor < 1:
        raise _no(ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_LOW, "A refund is at least 1 minor unit.", index)
    if order.amount_minor is None or order.tax_inclusive:
        tax_minor = _tax(asked_minor, line.amount_minor, line.tax_minor)
        left = asked_minor == line.left_minor
        within = _within(tax_minor, line.tax_minor - line.refunded_tax_minor, left)
        return ItemRefund(line.id, asked_minor, within)
    tax_minor = _tax(asked_minor, line.amount_minor - line.tax_minor, line.tax_minor)
    return ItemRefund(line.id, asked_minor + tax_minor, tax_minor)


def _tax(amount_minor: int, of_minor: int, tax_minor: int) -> int:
    return rdiv(amount_minor * tax_minor, of_minor) if tax_minor and of_minor else 0


def _within(tax_minor: int, left_minor: int, is_the_rest: bool) -> int:
    """The tax of a part; the last part has what is left of it, so that the parts add up to the whole."""
    return left_minor if is_the_rest else min(tax_minor, left_minor)


def _no(code: ErrorCode, message: str, index: int, field_name: str = "amount") -> Refusal:
    return Refusal(code, message, ("input", "items", index, field_name))
