"""Who may call what: one row per root field, and none may be missing (A40, A41, S4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from saifu.keys import Scope

from .context import AccessDenied, Context


@dataclass(frozen=True, slots=True)
class Permission:
    """What a caller needs for a root field.

    Attributes:
        scope: the scope an API key needs; None lets in any key, and the resolver looks at each object.
        sessions: whether a customer session may call it, and then sees its own customer only.
    """

    scope: Scope | None
    sessions: bool = False


_ANY = Permission(None, sessions=True)
_CUSTOMER = Permission(Scope.CUSTOMERS_READ, sessions=True)
_WALLET = Permission(Scope.WALLETS_READ, sessions=True)
_EVENT = Permission(Scope.EVENTS_READ, sessions=True)
_CUSTOMERS_WRITE = Permission(Scope.CUSTOMERS_WRITE)
_WALLETS_WRITE = Permission(Scope.WALLETS_WRITE)

PERMISSIONS: Mapping[str, Permission] = MappingProxyType(
    {
        # queries
        "node": _ANY,
        "nodes": _ANY,
        "viewer": _ANY,
        "customer": _CUSTOMER,
        "customers": _CUSTOMER,
        "wallet": _WALLET,
        "ledgerEntries": _WALLET,
        "walletSpendReport": _WALLET,
        "walletBalanceTrend": _WALLET,
        "trialBalance": Permission(Scope.WALLETS_READ),
        "ledgerVerify": _WALLET,
        "event": _EVENT,
        "events": _EVENT,
        "eventTypes": _EVENT,
        "operation": Permission(None),
        "auditLog": Permission(Scope.AUDIT_READ),
        "apiKeys": Permission(Scope.KEYS_READ),
        # mutations
        "customerCreate": _CUSTOMERS_WRITE,
        "customerUpdate": _CUSTOMERS_WRITE,
        "customerDelete": _CUSTOMERS_WRITE,
        "customerBlock": _CUSTOMERS_WRITE,
        "customerUnblock": _CUSTOMERS_WRITE,
        "customerSessionCreate": _CUSTOMERS_WRITE,
        "ledgerEntryCreate": _WALLETS_WRITE,
        "walletUpdate": _WALLETS_WRITE,
        "lotUpdateExpiry": _WALLETS_WRITE,
        "apiKeyCreate": Permission(Scope.KEYS_WRITE),
        "apiKeyRevoke": Permission(Scope.KEYS_WRITE),
        # subscriptions; `events` has its row above
        "walletBalance": _WALLET,
        "walletBalanceLow": _WALLET,
    }
)


def admit(ctx: Context, root_field: str) -> None:
    """Let a caller through to a root field.

    Raises:
        AccessDenied: it is a customer session and the field is not for those, or the key lacks the scope.
    """
    permission = PERMISSIONS[root_field]
    if ctx.caller.is_session and not permission.sessions:
        raise AccessDenied(f"A customer session may not use {root_field}.")
    if permission.scope is not None:
        ctx.require(permission.scope)
