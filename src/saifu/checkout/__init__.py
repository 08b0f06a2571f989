"""Hosted checkout: sessions, and the page that somebody pays on (payments.md §8)."""
