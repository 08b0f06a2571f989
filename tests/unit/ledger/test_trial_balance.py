"""Ruling 11 and W12: everything together is exactly nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.ledger.entries import CONTRA, ContraAccount, EntryType, allows
from saifu.ledger.trial_balance import AccountRow, ContraTotal, WalletTotal, drifted, trial_balance


def test_the_worked_january_balances_to_zero() -> None:
    january = [
        ContraTotal(ContraAccount.TOP_UPS, True, 5000),
        ContraTotal(ContraAccount.MERCHANT_ADJUSTMENTS, True, 1700),
        ContraTotal(ContraAccount.PAYMENTS, False, 6200),
        ContraTotal(ContraAccount.PAYMENTS, True, 4500),
        ContraTotal(ContraAccount.MERCHANT_ADJUSTMENTS, False, 600),
        ContraTotal(ContraAccount.EXPIRED, False, 500),
    ]
    balance = trial_balance(january, wallets_minor=3900)
    assert balance.rows == (
        AccountRow("wallets", credits_minor=11200, debits_minor=7300, balance_minor=3900),
        AccountRow("merchant_adjustments", credits_minor=600, debits_minor=1700, balance_minor=-1100),
        AccountRow("payments", credits_minor=6200, debits_minor=4500, balance_minor=1700),
        AccountRow("refunds", 0, 0, 0),
        AccountRow("disputes", 0, 0, 0),
        AccountRow("top_ups", credits_minor=0, debits_minor=5000, balance_minor=-5000),
        AccountRow("expired", credits_minor=500, debits_minor=0, balance_minor=500),
    )
    assert balance.sum_minor == 0
    assert balance.balanced


def test_an_empty_ledger_balances() -> None:
    balance = trial_balance([], 0)
    assert balance.balanced
    assert [row.account for row in balance.rows] == ["wallets", *(account.value for account in ContraAccount)]


@pytest.mark.parametrize(("stored", "off_by"), [(101, 1), (99, -1), (0, -100)])
def test_a_stored_balance_that_drifted_shows_by_how_much(stored: int, off_by: int) -> None:
    balance = trial_balance([ContraTotal(ContraAccount.TOP_UPS, True, 100)], stored)
    assert balance.sum_minor == off_by
    assert not balance.balanced


def test_totals_of_the_same_account_add_up() -> None:
    twice = [ContraTotal(ContraAccount.REFUNDS, True, 40), ContraTotal(ContraAccount.REFUNDS, True, 2)]
    assert trial_balance(twice, 42).balanced


def test_two_wrong_wallets_that_cancel_are_still_named() -> None:
    fine = WalletTotal("wlt_a", 70, 100, 30)
    high, low = WalletTotal("wlt_b", 11, 10, 0), WalletTotal("wlt_c", 9, 10, 0)
    assert drifted([fine, high, low]) == (high, low)
    assert drifted([fine]) == ()


entries = st.tuples(st.sampled_from(EntryType), st.booleans(), st.integers(1, 10**12)).filter(
    lambda entry: allows(entry[0], entry[1])
)


@given(st.lists(entries))
def test_any_ledger_balances_when_wallets_hold_credits_less_debits(
    ledger: list[tuple[EntryType, bool, int]],
) -> None:
    totals = [ContraTotal(CONTRA[kind], is_credit, amount) for kind, is_credit, amount in ledger]
    held = sum(amount if is_credit else -amount for _, is_credit, amount in ledger)
    balance = trial_balance(totals, held)
    assert balance.balanced
    assert all(row.balance_minor == row.credits_minor - row.debits_minor for row in balance.rows)
    assert not trial_balance(totals, held + 1).balanced
