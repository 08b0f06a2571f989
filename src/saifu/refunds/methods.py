"""What payment methods allow once they have paid."""

BANK_DEBITS = frozenset({"sepa_debit", "ach_debit"})
"""Debits whose outcome comes days later: refunds wait for it (PM40, SR86), and their disputes are final (PM57)."""

WITHOUT_PARTIAL_REFUNDS = frozenset({"multibanco", "ach_credit_transfer"})
"""Paid by a transfer of the customer's: the money goes back in one transfer, or not at all (PM3)."""


def may_be_refunded_in_parts(payment_method: str | None) -> bool:
    """Whether a refund to the source may be smaller than what the source paid (PM3)."""
    return payment_method not in WITHOUT_PARTIAL_REFUNDS
