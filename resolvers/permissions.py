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
        portal: whether a customer session may call it although it changes something: its own customer's (CU77).
        checkout: whether the token of a checkout page may call it, and then sees its own session only.
    """

    scope: Scope | None
    sessions: bool = False
    checkout: bool = False
    portal: bool = False


_ANY = Permission(None, sessions=True)
_CUSTOMER = Permission(Scope.CUSTOMERS_READ, sessions=True)
_WALLET = Permission(Scope.WALLETS_READ, sessions=True)
_EVENT = Permission(Scope.EVENTS_READ, sessions=True)
_PAYMENT = Permission(Scope.PAYMENTS_READ, sessions=True)
_CHECKOUT = Permission(Scope.PAYMENTS_READ, sessions=True, checkout=True)
_CUSTOMERS_WRITE = Permission(Scope.CUSTOMERS_WRITE)
_WALLETS_WRITE = Permission(Scope.WALLETS_WRITE)
_SOURCES_WRITE = Permission(Scope.SOURCES_WRITE)
_PAYMENTS_WRITE = Permission(Scope.PAYMENTS_WRITE)

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
        "source": Permission(Scope.SOURCES_READ, sessions=True),
        "sourceProgress": _ANY,
        "payment": _PAYMENT,
        "payments": _PAYMENT,
        "declineCodes": _ANY,
        "refund": _PAYMENT,
        "refunds": _PAYMENT,
        "dispute": _PAYMENT,
        "disputes": _PAYMENT,
        "invoice": _PAYMENT,
        "invoices": _PAYMENT,
        "receipt": _PAYMENT,
        "event": _EVENT,
        "events": _EVENT,
        "eventTypes": _EVENT,
        "operation": Permission(None),
        "auditLog": Permission(Scope.AUDIT_READ),
        "apiKeys": Permission(Scope.KEYS_READ),
        "checkoutSession": _CHECKOUT,
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
        "sourceCreate": _SOURCES_WRITE,
        "sourceUpdate": _SOURCES_WRITE,
        "sourceVerify": _SOURCES_WRITE,
        "sourceAttach": Permission(Scope.SOURCES_WRITE, sessions=True, portal=True),
        "sourceDetach": Permission(Scope.SOURCES_WRITE, sessions=True, portal=True),
        "paymentCreate": _PAYMENTS_WRITE,
        "paymentRetry": _PAYMENTS_WRITE,
        "paymentCancel": _PAYMENTS_WRITE,
        "walletTopUp": _PAYMENTS_WRITE,
        "simulatorScript": _PAYMENTS_WRITE,
        "refundCreate": _PAYMENTS_WRITE,
        "refundVoid": _PAYMENTS_WRITE,
        "disputeAccept": _PAYMENTS_WRITE,
        "disputeChallenge": _PAYMENTS_WRITE,
        "documentLinkCreate": _PAYMENT,
        "documentLinksRevoke": _PAYMENTS_WRITE,
        "apiKeyCreate": Permission(Scope.KEYS_WRITE),
        "apiKeyRevoke": Permission(Scope.KEYS_WRITE),
        "checkoutSessionCreate": Permission(Scope.PAYMENTS_WRITE),
        "checkoutSessionExpire": Permission(Scope.PAYMENTS_WRITE),
        # subscriptions; `events` has its row above
        "checkoutSessionUpdated": _CHECKOUT,
        "walletBalance": _WALLET,
        "walletBalanceLow": _WALLET,
        "paymentUpdated": _PAYMENT,
    }
)


def admit(ctx: Context, root_field: str) -> None:
    """Let a caller through to a root field.

    Raises:
        AccessDenied: the field is not for a customer session or a checkout's token, or the key lacks the scope.
    """
    permission = PERMISSIONS[root_field]
    if ctx.caller.is_checkout:
        if not permission.checkout:
            raise AccessDenied(f"The token of a checkout may not use {root_field}.")
        return
    if ctx.caller.is_session and not permission.sessions:
        raise AccessDenied(f"A customer session may not use {root_field}.")
    if ctx.caller.is_session and permission.portal:
        return
    if permission.scope is not None:
        ctx.require(permission.scope)
