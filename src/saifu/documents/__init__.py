"""Invoices and receipts: numbers without gaps, and the same bytes for the same document (payments.md §7)."""
