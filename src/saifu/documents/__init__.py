"""Invoices and receipts: numbered, frozen, and written as HTML and PDF (payments.md §7)."""
