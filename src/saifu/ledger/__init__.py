"""What accountants may change their mind about: pure rules of entries, lots, chain, alerts and reports."""
