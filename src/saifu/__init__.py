"""The engine of saifu: customers, wallets and their ledger. It has never heard of GraphQL."""
