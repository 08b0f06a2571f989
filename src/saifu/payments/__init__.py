"""Payments, refunds and disputes: money that comes and goes through processors and wallets (payments.md)."""
