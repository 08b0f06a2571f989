"""Serving GraphQL: HTTP, websockets, what a browser sees. Knows GraphQL and nothing of money."""
