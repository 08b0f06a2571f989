"""What the installation has decided about payments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from saifu.posting import Decided, Rules

DEFAULT_MINIMUM_MINOR = 50
"""The least a source is charged in a currency for which nothing else was decided (C7)."""


class DecidedOnPayments(Decided, Protocol):
    """Where the rules come from: settings have these and more."""

    @property
    def mode(self) -> str: ...
    @property
    def business_id(self) -> str: ...
    @property
    def business_name(self) -> str: ...
    @property
    def business_contact(self) -> str: ...
    @property
    def minimum_charges(self) -> Mapping[str, int]: ...
    @property
    def refund_window_days(self) -> int: ...
    @property
    def invoice_number_prefix(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PaymentRules:
    """What the installation has decided about payments (C7, PM41, PM61); `wallet` is what it has about wallets.

    `minimums` are the least that a source is charged, by currency in minor units; the window is in days of 24 hours.
    """

    wallet: Rules
    mode: str
    business_id: str
    business_name: str
    business_contact: str
    minimums: Mapping[str, int]
    refund_window_days: int
    invoice_number_prefix: str

    @classmethod
    def of(cls, decided: DecidedOnPayments) -> "PaymentRules":
        return cls(
            Rules.of(decided),
            decided.mode,
            decided.business_id,
            decided.business_name,
            decided.business_contact,
            decided.minimum_charges,
            decided.refund_window_days,
            decided.invoice_number_prefix,
        )

    @property
    def is_test(self) -> bool:
        return self.mode == "test"

    def minimum(self, currency: str) -> int:
        """The least that a source is charged, in minor units (C7)."""
        return self.minimums.get(currency, DEFAULT_MINIMUM_MINOR)
