"""Refunds: money of payments on its way back, to the source or into the wallet (payments.md §5, wallets.md §5)."""
