"""Kinds of ledger entries, their contra accounts, and the arithmetic of a balance (W2.1, ruling 11)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

MAX_BALANCE_MINOR = 2**53 - 1
"""The largest balance of a wallet: above it a JSON reader in a browser would lose minor units (W21)."""

MAX_ENTRY_MINOR = 999_999_999_999
"""The largest amount that may be asked for (W21); what follows from the ledger itself may be larger (CU52)."""


class EntryType(StrEnum):
    """What an entry is about. The first seven are Dodo's names, the last three are ours (W2.1)."""

    MERCHANT_ADJUSTMENT = "merchant_adjustment"
    PAYMENT = "payment"
    PAYMENT_REVERSAL = "payment_reversal"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    TOP_UP = "top_up"
    TOP_UP_REVERSAL = "top_up_reversal"
    EXPIRY = "expiry"


class Funding(StrEnum):
    """Where the money of a lot came from: the customer's own, or a gift of the business (W72)."""

    PAID = "paid"
    PROMOTIONAL = "promotional"


class ContraAccount(StrEnum):
    """The other side of the transfer that every entry is (ruling 11)."""

    MERCHANT_ADJUSTMENTS = "merchant_adjustments"
    PAYMENTS = "payments"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    TOP_UPS = "top_ups"
    EXPIRED = "expired"


class Direction(StrEnum):
    """Which way entries of one type may move the balance."""

    CREDIT = "credit"
    DEBIT = "debit"
    BOTH = "both"


class ReferenceType(StrEnum):
    """The kind of object that caused an entry (`reference_object_type`)."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    LEDGER_ENTRY = "ledger_entry"


CONTRA: Mapping[EntryType, ContraAccount] = MappingProxyType(
    {
        EntryType.MERCHANT_ADJUSTMENT: ContraAccount.MERCHANT_ADJUSTMENTS,
        EntryType.PAYMENT: ContraAccount.PAYMENTS,
        EntryType.PAYMENT_REVERSAL: ContraAccount.PAYMENTS,
        EntryType.REFUND: ContraAccount.REFUNDS,
        EntryType.REFUND_REVERSAL: ContraAccount.REFUNDS,
        EntryType.DISPUTE: ContraAccount.DISPUTES,
        EntryType.DISPUTE_REVERSAL: ContraAccount.DISPUTES,
        EntryType.TOP_UP: ContraAccount.TOP_UPS,
        EntryType.TOP_UP_REVERSAL: ContraAccount.TOP_UPS,
        EntryType.EXPIRY: ContraAccount.EXPIRED,
    }
)
assert CONTRA.keys() == set(EntryType)
assert set(CONTRA.values()) == set(ContraAccount)

DIRECTIONS: Mapping[EntryType, Direction] = MappingProxyType(
    {
        EntryType.MERCHANT_ADJUSTMENT: Direction.BOTH,
        EntryType.PAYMENT: Direction.DEBIT,
        EntryType.PAYMENT_REVERSAL: Direction.CREDIT,
        EntryType.REFUND: Direction.CREDIT,
        EntryType.REFUND_REVERSAL: Direction.DEBIT,
        EntryType.DISPUTE: Direction.DEBIT,
        EntryType.DISPUTE_REVERSAL: Direction.CREDIT,
        EntryType.TOP_UP: Direction.CREDIT,
        EntryType.TOP_UP_REVERSAL: Direction.DEBIT,
        EntryType.EXPIRY: Direction.DEBIT,
    }
)
assert DIRECTIONS.keys() == set(EntryType)

REFERENCES: Mapping[EntryType, ReferenceType | None] = MappingProxyType(
    {
        EntryType.MERCHANT_ADJUSTMENT: None,
        EntryType.PAYMENT: ReferenceType.PAYMENT,
        EntryType.PAYMENT_REVERSAL: ReferenceType.PAYMENT,
        EntryType.REFUND: ReferenceType.REFUND,
        EntryType.REFUND_REVERSAL: ReferenceType.REFUND,
        EntryType.DISPUTE: ReferenceType.DISPUTE,
        EntryType.DISPUTE_REVERSAL: ReferenceType.DISPUTE,
        EntryType.TOP_UP: ReferenceType.PAYMENT,
        EntryType.TOP_UP_REVERSAL: ReferenceType.REFUND,
        EntryType.EXPIRY: ReferenceType.LEDGER_ENTRY,
    }
)
assert REFERENCES.keys() == set(EntryType)


class BalanceOutOfRange(ValueError):
    """An entry would leave a balance that no wallet may have."""


class NegativeBalance(BalanceOutOfRange):
    """The balance would fall below zero (W13); callers refuse a short wallet before they get here."""


class BalanceTooLarge(BalanceOutOfRange):
    """The balance would pass `MAX_BALANCE_MINOR` (W21)."""


def allows(entry_type: EntryType, is_credit: bool) -> bool:
    """Whether entries of this type may move the balance this way (W2.1)."""
    return DIRECTIONS[entry_type] in (Direction.BOTH, Direction.CREDIT if is_credit else Direction.DEBIT)


def signed(amount_minor: int, is_credit: bool) -> int:
    """What an entry does to its wallet's balance, in minor units: a credit adds, a debit subtracts (W20)."""
    return amount_minor if is_credit else -amount_minor


def after_balance(before_minor: int, amount_minor: int, is_credit: bool) -> int:
    """The balance that an entry leaves behind, in minor units (W10).

    Args:
        before_minor: the balance the entry finds, 0 … `MAX_BALANCE_MINOR`.
        amount_minor: 1 … `MAX_BALANCE_MINOR`, always positive: the direction is `is_credit`.

    Raises:
        NegativeBalance: the debit is larger than the balance (W13).
        BalanceTooLarge: the credit would pass `MAX_BALANCE_MINOR` (W21).
        ValueError: the amount itself, or the balance found, is out of its range.
    """
    if not 1 <= amount_minor <= MAX_BALANCE_MINOR:
        raise ValueError(f"an entry is 1 … {MAX_BALANCE_MINOR} minor units, not {amount_minor}")
    if not 0 <= before_minor <= MAX_BALANCE_MINOR:
        raise BalanceOutOfRange(f"a balance is 0 … {MAX_BALANCE_MINOR} minor units, not {before_minor}")
    after_minor = before_minor + signed(amount_minor, is_credit)
    if after_minor < 0:
        raise NegativeBalance(f"a debit of {amount_minor} from a balance of {before_minor}")
    if after_minor > MAX_BALANCE_MINOR:
        raise BalanceTooLarge(f"a credit of {amount_minor} to a balance of {before_minor}")
    return after_minor
