"""PM42, PM43, PM47: how much a refund is, and how much tax is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.refunds.amounts import Due, ItemOrder, ItemRefund, Line, Whole, of_amount, of_items
from saifu.refusals import ErrorCode, Refusal

LINE = Line("itm_1", 11_800, 1_800)
OTHER = Line("itm_2", 500, 0)
LINES = {line.id: line for line in (LINE, OTHER)}
ALL = 12_300


@pytest.mark.parametrize(("order", "due"), [
    (ItemOrder("itm_1", 5_900), ItemRefund("itm_1", 5_900, 900)),  # PM47's worked example
    (ItemOrder("itm_1", 5_000, tax_inclusive=False), ItemRefund("itm_1", 5_900, 900)),  # and its other half
    (ItemOrder("itm_1"), ItemRefund("itm_1", 11_800, 1_800)),
    (ItemOrder("itm_1", 10_000, tax_inclusive=False), ItemRefund("itm_1", 11_800, 1_800)),
    (ItemOrder("itm_2", 1), ItemRefund("itm_2", 1, 0)),
])  # fmt: skip
def test_the_tax_of_a_line_is_in_proportion(order: ItemOrder, due: ItemRefund) -> None:
    """PM47."""
    assert of_items([order], LINES, ALL) == Due(due.amount_minor, due.tax_minor, (due,))


def test_lines_add_up() -> None:
    assert of_items([ItemOrder("itm_1"), ItemOrder("itm_2")], LINES, ALL).amount_minor == ALL


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.lists(st.integers(1, 10**9), max_size=6))
def test_the_parts_of_a_line_contain_exactly_its_tax(amount: int, tax: int, parts: list[int]) -> None:
    """PM47: rounding each part never refunds a cent of tax that was not paid, nor keeps one."""
    tax = min(amount, tax)
    line = Line("itm_1", amount, tax)
    for part in [*parts, None]:
        if part is not None and part >= line.left_minor:
            continue
        due = of_items([ItemOrder("itm_1", part)], {"itm_1": line}, amount)
        refunded, refunded_tax = (
            line.refunded_minor + due.amount_minor,
            line.refunded_tax_minor + due.tax_minor,
        )
        line = Line("itm_1", amount, tax, refunded, refunded_tax)
        assert line.refunded_tax_minor <= tax
    assert (line.left_minor, line.refunded_tax_minor) == (0, tax)


REFUSED = [
    ([ItemOrder("itm_9")], ErrorCode.LINE_ITEM_NOT_FOUND, ("input", "items", 0, "itemId")),
    ([ItemOrder("itm_1", 1), ItemOrder("itm_1", 2)], ErrorCode.DUPLICATE_LINE_ITEMS_IN_REQUEST,
     ("input", "items", 1, "itemId")),
    ([ItemOrder("itm_2", 501)], ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_HIGH, ("input", "items", 0, "amount")),
    ([ItemOrder("itm_1", 10_001, tax_inclusive=False)], ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_HIGH,
     ("input", "items", 0, "amount")),
    ([ItemOrder("itm_2", 0)], ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_LOW, ("input", "items", 0, "amount")),
    ([ItemOrder("itm_2", -1)], ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_LOW, ("input", "items", 0, "amount")),
    ([], ErrorCode.INVALID_REQUEST_PARAMETERS, ("input", "items")),
    ([ItemOrder(f"itm_{n}") for n in range(101)], ErrorCode.INVALID_REQUEST_PARAMETERS, ("input", "items")),
]  # fmt: skip


@pytest.mark.parametrize(("orders", "code", "path"), REFUSED)
def test_what_cannot_be_refunded_of_lines_is_refused_where_it_stands(
    orders: list[ItemOrder], code: ErrorCode, path: tuple[str | int, ...]
) -> None:
    """PM43."""
    with pytest.raises(Refusal) as no:
        of_items(orders, LINES, ALL)
    assert (no.value.code, no.value.path) == (code, path)


def test_a_line_of_which_nothing_is_left_says_so() -> None:
    """PM43: LINE_ITEM_FULLY_REFUNDED."""
    with pytest.raises(Refusal) as no:
        of_items([ItemOrder("itm_1", 1)], {"itm_1": Line("itm_1", 500, 0, 500, 0)}, ALL)
    assert no.value.code is ErrorCode.LINE_ITEM_FULLY_REFUNDED


def test_lines_never_come_to_more_than_is_left_of_the_payment() -> None:
    """PM43: a refund of a sum lowers what lines can still give."""
    with pytest.raises(Refusal) as no:
        of_items([ItemOrder("itm_1")], LINES, 11_799)
    assert no.value.code is ErrorCode.REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT


WHOLE = Whole(11_800, 1_800, 0, 0)


@pytest.mark.parametrize(("amount", "whole", "due"), [
    (None, WHOLE, Due(11_800, 1_800)),  # PM42: none is everything still refundable
    (5_900, WHOLE, Due(5_900, 900)),
    (None, Whole(11_800, 1_800, 5_900, 900), Due(5_900, 900)),
    (1, Whole(3, 1, 0, 0), Due(1, 0)),
    (1, Whole(3, 1, 2, 0), Due(1, 1)),  # the last part has what is left of the tax
])  # fmt: skip
def test_a_sum_contains_its_share_of_the_tax(amount: int | None, whole: Whole, due: Due) -> None:
    """PM42, PM47."""
    assert of_amount(amount, whole, whole.left_minor) == due


@pytest.mark.parametrize(("amount", "code"), [
    (0, ErrorCode.INVALID_REQUEST_PARAMETERS),
    (-1, ErrorCode.INVALID_REQUEST_PARAMETERS),
    (11_801, ErrorCode.REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT),
])  # fmt: skip
def test_a_sum_lies_between_one_and_what_is_left(amount: int, code: ErrorCode) -> None:
    """PM43."""
    with pytest.raises(Refusal) as no:
        of_amount(amount, WHOLE, WHOLE.left_minor)
    assert (no.value.code, no.value.path) == (code, ("input", "amount"))
