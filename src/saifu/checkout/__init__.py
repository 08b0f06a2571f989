"""Hosted checkout: sessions, what is paid from them, and the page that shows them (payments.md §8)."""
