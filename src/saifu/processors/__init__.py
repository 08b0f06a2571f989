"""Who moves money for us: one contract, and those who keep it."""
