"""Who asks, and what the house gives them: the caller, the store, the clock, the settings (A40, A41).

A context may live as long as a socket. Nothing in it remembers what an earlier operation read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from saifu import idempotency
from saifu.clock import Clock
from saifu.keys import Scope
from saifu.settings import Settings
from saifu.store import Actor, ActorType, Origin, Store

from .loaders import Loaders

if TYPE_CHECKING:
    from saifu.feed import Feed
    from saifu.flows import Flows
    from saifu.wallets import Rules


class TopLevelError(Exception):
    """An answer that belongs in the top-level `errors` (A26): a code, a text and what else a client may know."""

    code: str
    http_status: int

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    @property
    def extensions(self) -> dict[str, Any]:
        place = {"path": list(self.path)} if self.path else {}
        return {"code": self.code, "httpStatus": self.http_status, **place}


class AccessDenied(TopLevelError):
    """The credential is good and does not reach this far (A40, A41)."""

    code = "FORBIDDEN"
    http_status = 403


class BadUserInput(TopLevelError):
    """An argument of a query that makes no sense: a page of 1 000, a forged cursor, a period that ends first."""

    code = "BAD_USER_INPUT"
    http_status = 422
    error_code = "INVALID_QUERY_PARAMS"

    @property
    def extensions(self) -> dict[str, Any]:
        return {**super().extensions, "errorCode": self.error_code}


class CallerKind(StrEnum):
    API_KEY = "API_KEY"
    CUSTOMER_SESSION = "CUSTOMER_SESSION"
    CHECKOUT = "CHECKOUT"


SESSION_SCOPES = frozenset(
    {Scope.CUSTOMERS_READ, Scope.WALLETS_READ, Scope.SOURCES_READ, Scope.PAYMENTS_READ, Scope.EVENTS_READ}
)
"""What a customer session may read, of its own customer only (A41, CU77)."""

IMPLIED: Mapping[Scope, Scope] = {
    Scope.CUSTOMERS_WRITE: Scope.CUSTOMERS_READ,
    Scope.WALLETS_WRITE: Scope.WALLETS_READ,
    Scope.SOURCES_WRITE: Scope.SOURCES_READ,
    Scope.PAYMENTS_WRITE: Scope.PAYMENTS_READ,
    Scope.KEYS_WRITE: Scope.KEYS_READ,
}
"""Who may change a noun may read it: an editor is also a viewer (wallets.md §9)."""


def _reach(scopes: frozenset[Scope]) -> frozenset[Scope]:
    if Scope.ADMIN in scopes:
        return frozenset(Scope)
    return scopes | {IMPLIED[scope] for scope in scopes if scope in IMPLIED}


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a credential.

    Attributes:
        id: the id of the API key, of the customer session, or of the one checkout session that is seen.
        scopes: as given to the key; a session has none of its own.
        customer_id: the one customer a session sees; None for an API key, which sees all, and for a checkout's
            token, which sees none.
        reach: what the credential may do, by its own scopes or by what they imply.
    """

    kind: CallerKind
    id: str
    scopes: frozenset[Scope] = frozenset()
    customer_id: str | None = None
    reach: frozenset[Scope] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert (self.customer_id is not None) is (self.kind is CallerKind.CUSTOMER_SESSION)
        object.__setattr__(self, "reach", SESSION_SCOPES if self.is_session else _reach(self.scopes))

    @property
    def is_session(self) -> bool:
        return self.kind is CallerKind.CUSTOMER_SESSION

    @property
    def is_checkout(self) -> bool:
        return self.kind is CallerKind.CHECKOUT

    def may(self, scope: Scope) -> bool:
        """Whether the credential reaches so far."""
        return scope in self.reach

    @property
    def actor(self) -> Actor:
        if self.customer_id is not None:
            return Actor(ActorType.CUSTOMER, self.customer_id)
        if self.is_checkout:
            return Actor(ActorType.CHECKOUT, self.id)
        return Actor(ActorType.API_KEY, self.id)


@dataclass(slots=True)
class Context:
    """What resolvers are given, for one request or for one socket."""

    store: Store
    clock: Clock
    settings: Settings
    rules: "Rules"
    feed: "Feed"
    flows: "Flows"
    caller: Caller
    request_id: str
    _loaders: Loaders | None = field(default=None, init=False)

    @property
    def loaders(self) -> Loaders:
        """Made when they are needed: they lead back here, and both would live until the garbage is collected."""
        if self._loaders is None:
            self._loaders = Loaders(self)
        return self._loaders

    @property
    def origin(self) -> Origin:
        """Whence a change comes: for the audit log and the ledger."""
        return Origin(self.caller.actor, self.request_id)

    def require(self, scope: Scope) -> None:
        """Go no further without this scope.

        Raises:
            AccessDenied: the caller does not have it.
        """
        if scope not in self.caller.reach:
            raise AccessDenied(f"This needs the scope {scope}, which the credential does not have.")

    def require_all(self, scopes: frozenset[Scope]) -> None:
        """Go no further without these scopes.

        Raises:
            AccessDenied: the caller lacks one of them.
        """
        if not scopes <= self.caller.reach:
            self.require(min(scopes - self.caller.reach))

    def sees(self, customer_id: str | None) -> bool:
        """Whether what belongs to this customer (None: to the business) is there at all for the caller (A41)."""
        if self.caller.is_checkout:
            return False
        return self.caller.customer_id is None or self.caller.customer_id == customer_id

    def own_key(self, key: str | None) -> str | None:
        """An idempotency key as its sender means it: a session's are its customer's own.

        So they neither use up the keys of the business and of other customers nor tell that there are such (A27).

        Raises:
            Refusal: INVALID_REQUEST_PARAMETERS, too long.
        """
        if key is None or not self.caller.is_session:
            return key
        idempotency.check_key(key)
        return f"{self.caller.customer_id}/{hashlib.sha256(key.encode()).hexdigest()}"

    def narrowed(self, customer_id: str | None) -> str | None:
        """The customer to which a list is limited: the one asked for, and for a session always its own."""
        return customer_id if self.caller.customer_id is None else self.caller.customer_id
