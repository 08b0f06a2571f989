"""W2.1, W10, W13, W20, W21 and ruling 11: kinds of entries and the arithmetic of a balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.ledger.entries import (
    CONTRA,
    DIRECTIONS,
    MAX_BALANCE_MINOR,
    MAX_ENTRY_MINOR,
    REFERENCES,
    BalanceOutOfRange,
    BalanceTooLarge,
    ContraAccount,
    Direction,
    EntryType,
    Funding,
    NegativeBalance,
    ReferenceType,
    after_balance,
    allows,
    signed,
)

# Copied from the table of W2.1 and the accounts of ruling 11, not from the code.
TABLE = [
    ("merchant_adjustment", "both", "merchant_adjustments", None),
    ("payment", "debit", "payments", "payment"),
    ("payment_reversal", "credit", "payments", "payment"),
    ("refund", "credit", "refunds", "refund"),
    ("refund_reversal", "debit", "refunds", "refund"),
    ("dispute", "debit", "disputes", "dispute"),
    ("dispute_reversal", "credit", "disputes", "dispute"),
    ("top_up", "credit", "top_ups", "payment"),
    ("top_up_reversal", "debit", "top_ups", "refund"),
    ("expiry", "debit", "expired", "ledger_entry"),
]


@pytest.mark.parametrize(("name", "direction", "contra", "reference"), TABLE)
def test_each_kind_of_entry_is_as_the_table_of_w2_1_says(
    name: str, direction: str, contra: str, reference: str | None
) -> None:
    kind = EntryType(name)
    assert DIRECTIONS[kind] is Direction(direction)
    assert CONTRA[kind] is ContraAccount(contra)
    assert REFERENCES[kind] == reference


def test_there_are_exactly_the_kinds_that_the_spec_names() -> None:
    assert [kind.value for kind in EntryType] == [row[0] for row in TABLE]
    assert {account.value for account in ContraAccount} == {row[2] for row in TABLE}
    assert {reference.value for reference in ReferenceType} == {row[3] for row in TABLE} - {None}
    assert [funding.value for funding in Funding] == ["paid", "promotional"]


@pytest.mark.parametrize(("name", "direction", "contra", "reference"), TABLE)
def test_a_kind_allows_only_its_direction(
    name: str, direction: str, contra: str, reference: str | None
) -> None:
    assert allows(EntryType(name), is_credit=True) is (direction in ("credit", "both"))
    assert allows(EntryType(name), is_credit=False) is (direction in ("debit", "both"))


@pytest.mark.parametrize("table", [CONTRA, DIRECTIONS, REFERENCES])
def test_nobody_rewrites_a_table_at_run_time(table: dict[EntryType, object]) -> None:
    with pytest.raises(TypeError):
        table[EntryType.EXPIRY] = None


@pytest.mark.parametrize(
    ("before", "amount", "is_credit", "after"),
    [
        (5000, 1500, False, 3500),  # W22, the worked debit
        (3500, 3500, False, 0),  # W22: all of it may go
        (0, 1, True, 1),
        (1, 1, False, 0),
        (0, MAX_ENTRY_MINOR, True, MAX_ENTRY_MINOR),
        (MAX_BALANCE_MINOR - 1, 1, True, MAX_BALANCE_MINOR),
        (MAX_BALANCE_MINOR, 1, False, MAX_BALANCE_MINOR - 1),
    ],
)
def test_after_is_before_plus_a_credit_or_minus_a_debit(
    before: int, amount: int, is_credit: bool, after: int
) -> None:
    assert after_balance(before, amount, is_credit) == after


@pytest.mark.parametrize(
    ("before", "amount", "is_credit", "error"),
    [
        (3500, 3501, False, NegativeBalance),
        (0, 1, False, NegativeBalance),
        (MAX_BALANCE_MINOR, 1, True, BalanceTooLarge),
        (MAX_BALANCE_MINOR - 1, 2, True, BalanceTooLarge),
        (-1, 5, True, BalanceOutOfRange),
        (MAX_BALANCE_MINOR + 1, 5, False, BalanceOutOfRange),
        (100, 0, True, ValueError),
        (100, 0, False, ValueError),
        (100, -1, True, ValueError),
        (100, -1, False, ValueError),
        (0, MAX_BALANCE_MINOR + 1, True, ValueError),
        (0, 2**53, True, ValueError),
        (0, 10**30, True, ValueError),
    ],
)
def test_an_entry_out_of_range_is_never_computed(
    before: int, amount: int, is_credit: bool, error: type[ValueError]
) -> None:
    with pytest.raises(error):
        after_balance(before, amount, is_credit)


def test_the_limits_are_those_of_w21() -> None:
    assert MAX_BALANCE_MINOR == 9_007_199_254_740_991
    assert MAX_ENTRY_MINOR == 999_999_999_999


@given(st.integers(0, MAX_BALANCE_MINOR), st.integers(1, MAX_ENTRY_MINOR), st.booleans())
def test_a_balance_moves_by_exactly_the_amount_and_stays_in_range_or_is_refused(
    before: int, amount: int, is_credit: bool
) -> None:
    expected = before + amount if is_credit else before - amount
    if 0 <= expected <= MAX_BALANCE_MINOR:
        assert after_balance(before, amount, is_credit) == expected == before + signed(amount, is_credit)
    else:
        with pytest.raises(BalanceTooLarge if is_credit else NegativeBalance):
            after_balance(before, amount, is_credit)
