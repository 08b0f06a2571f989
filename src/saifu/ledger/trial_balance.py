"""The trial balance: each entry is a transfer from or to a wallet, so the sum is 0 (ruling 11)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from saifu.ledger.entries import ContraAccount

WALLETS: Final = "wallets"
"""The name of the row that stands for all wallets together."""


@dataclass(frozen=True, slots=True)
class ContraTotal:
    """All entries of one currency against one contra account and in one direction, as SQL sums them.

    `is_credit` is the wallet's side: a credit of the wallet is a debit of the contra account.
    """

    contra_account: ContraAccount
    is_credit: bool
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account seen from itself; positive minor units in, out, and what that leaves (may be negative)."""

    account: str
    credits_minor: int
    debits_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts of one currency: wallets first, then every contra account, also those at 0."""

    rows: tuple[AccountRow, ...]

    @property
    def sum_minor(self) -> int:
        """What must be 0; anything else is by how much the stored wallet balances are too high."""
        return sum(row.balance_minor for row in self.rows)

    @property
    def balanced(self) -> bool:
        return self.sum_minor == 0


@dataclass(frozen=True, slots=True)
class WalletTotal:
    """One wallet's stored balance beside what its entries say."""

    wallet_id: str
    stored_minor: int
    credits_minor: int
    debits_minor: int


def trial_balance(totals: Iterable[ContraTotal], wallets_minor: int) -> TrialBalance:
    """The trial balance of one currency.

    Args:
        totals: in any order; several of one account and direction add up.
        wallets_minor: the sum of the wallets' *stored* balances at the same instant. It is not worked out
            from `totals`: comparing two independent numbers is the point.
    """
    credited = dict.fromkeys(ContraAccount, 0)
    debited = dict.fromkeys(ContraAccount, 0)
    for total in totals:
        (credited if total.is_credit else debited)[total.contra_account] += total.amount_minor
    wallets = AccountRow(WALLETS, sum(credited.values()), sum(debited.values()), wallets_minor)
    return TrialBalance((wallets, *(_contra(one, credited[one], debited[one]) for one in ContraAccount)))


def drifted(wallets: Iterable[WalletTotal]) -> tuple[WalletTotal, ...]:
    """Wallets whose stored balance is not the sum of their entries (W12): two such errors can hide in a 0."""
    return tuple(one for one in wallets if one.stored_minor != one.credits_minor - one.debits_minor)


def _contra(account: ContraAccount, wallets_credited: int, wallets_debited: int) -> AccountRow:
    return AccountRow(account.value, wallets_debited, wallets_credited, wallets_debited - wallets_credited)
