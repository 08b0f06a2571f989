"""Disputes: money that a bank or a customer asks back (payments.md §6, wallets.md W65-W67)."""
