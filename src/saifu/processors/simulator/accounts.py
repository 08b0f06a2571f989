"""The published test accounts of every method that is no card, and what each does (payments.md §9). Data, not code.

The numbers for US accounts are ours (Decision): §9 publishes none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from saifu.processors.declines import DeclineCode

from .cards import Disputed

SOON = timedelta(seconds=5)
"""How long an asynchronous outcome takes where the table gives no time."""

SLOWLY = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Account:
    """One published account.

    Attributes:
        slug: what is stored in place of the number.
        number: how its customer knows it: an IBAN, an account number, or a UPI id.
        failure: why its charges fail in the end; None where they succeed.
        after: how long its charges are processing; None for those that are done at once.
    """

    slug: str
    number: str
    failure: DeclineCode | None = None
    after: timedelta | None = SOON
    dispute: Disputed | None = None


_FAILURE = DeclineCode.GENERIC_DECLINE
_DISPUTE = Disputed("dispute", "general", is_final=True)

IBANS: Mapping[str, Account] = MappingProxyType(
    {
        account.number: account
        for account in (
            Account("sepa_de", "DE89370400440532013000"),
            Account("sepa_at", "AT611904300234573201"),
            Account("sepa_de_fails", "DE62370400440532013001", _FAILURE),
            Account("sepa_at_fails", "AT861904300235473202", _FAILURE),
            Account("sepa_slow", "DE08370400440532013003", None, SLOWLY),
            Account("sepa_slow_fails", "DE78370400440532013004", _FAILURE, SLOWLY),
            Account("sepa_de_disputed", "DE35370400440532013002", dispute=_DISPUTE),
            Account("sepa_at_disputed", "AT591904300235473203", dispute=_DISPUTE),
        )
    }
)
US_ACCOUNTS: Mapping[str, Account] = MappingProxyType(
    {
        account.number: account
        for account in (
            Account("ach", "000123456789"),
            Account("ach_no_funds", "000222222227", DeclineCode.INSUFFICIENT_FUNDS),
            Account("ach_closed", "000111111113", DeclineCode.INVALID_ACCOUNT),
        )
    }
)
UPI_IDS: Mapping[str, Account] = MappingProxyType(
    {
        account.number: account
        for account in (
            Account("upi", "success@upi"),
            Account("upi_fails", "failure@upi", DeclineCode.TRANSACTION_NOT_APPROVED),
        )
    }
)
IDEAL = Account("ideal", "", after=None)
TRANSFER = Account("transfer", "", after=None)
VERIFICATION_CODE = "32-45"
"""The two amounts that a US account is verified by, as its customer types them (SR26); also `32/45` or `3245`."""

ACCOUNTS: Mapping[str, Account] = MappingProxyType(
    {
        account.slug: account
        for account in (*IBANS.values(), *US_ACCOUNTS.values(), *UPI_IDS.values(), IDEAL, TRANSFER)
    }
)
