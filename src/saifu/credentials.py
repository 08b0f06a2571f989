"""Credentials in use: who a bearer is, and when it stops being anybody (A40-A42)."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import structlog
from sqlalchemy import bindparam, union_all
from sqlmodel import col, select

from . import keys, sessions
from .checkout import tokens
from .statements import any_of
from .store import ActorType, Store, Tx
from .tables import ApiKey, CheckoutSession, CustomerSession, Instant
from .tasks import cancelled

log = structlog.get_logger(__name__)

RECHECK_S = 2.0
TOUCH_S = 60.0
LONGEST_TOKEN = 512
_LONGEST_REMEMBERED = len("Bearer ") + LONGEST_TOKEN
MOST_KNOWN = 10_000

_GOOD: Any = union_all(
    select(ApiKey.id).where(any_of(col(ApiKey.id), "ids"), col(ApiKey.revoked_at).is_(None)),
    select(CustomerSession.id).where(
        any_of(col(CustomerSession.id), "ids"),
        col(CustomerSession.revoked_at).is_(None),
        col(CustomerSession.expires_at) > bindparam("now", type_=Instant),
    ),
    select(CheckoutSession.id).where(
        any_of(col(CheckoutSession.id), "ids"),
        col(CheckoutSession.expires_at) > bindparam("checkouts_since", type_=Instant),
    ),
)
_TABLES = {sessions.PREFIX: "customer_session", tokens.PREFIX: "checkout_session"}
"""Where a token is looked for, by how it begins; every other one is an API key."""


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """A key or a session that is good at the moment; the same object for as long as it is remembered.

    Attributes:
        id: of the key or of the session; of a checkout page's link its checkout session.
        scopes: those of a key; nobody else has any.
        customer_id: the one customer a customer's session is for; None for all others.
    """

    type: ActorType
    id: str
    scopes: frozenset[keys.Scope] = frozenset()
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found of a token: for as long as its table is at this revision, and until `until_s` (monotonic)."""

    credential: Credential
    table: str
    revision: int
    until_s: float
    ends_at: datetime | None


class Credentials:
    """Looks credentials up, and watches over those that hold sockets open.

    One statement for all of them every `recheck_s` seconds; whoever stopped being good is told. Where the store
    knows of every change, what was looked up is remembered until there is one, and no longer than `recheck_s`.
    """

    def __init__(self, store: Store, recheck_s: float = RECHECK_S) -> None:
        self._store = store
        self._recheck_s = recheck_s
        self._held: dict[str, set[Callable[[], None]]] = {}
        self._used: set[str] = set()
        self._known: dict[bytes, _Known] = {}
        # What tokens are remembered by fits nowhere else.
        self._secret = secrets.token_bytes(32)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._forever(self._recheck_s, self._recheck), name="saifu-credentials"),
            asyncio.create_task(self._forever(TOUCH_S, self._touch), name="saifu-last-used"),
        ]

    async def stop(self) -> None:
        await cancelled(self._tasks)
        with suppress(Exception):
            await self._touch()

    async def of(self, authorization: str | None) -> Credential | None:
        """Who an `Authorization` value speaks for; None when it is nobody, or nobody any more."""
        credential = self.known(authorization)
        if credential is not None:
            return credential
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token.isascii() or not 0 < len(token) <= LONGEST_TOKEN:
            return None
        # The revision is of before: a change while this is looked up is seen the next time.
        table = _TABLES.get(token[:3], "api_key")
        revision = self._store.revision(table)
        credential, ends_at = await self._look_up(token)
        if credential is not None:
            if revision is not None and len(authorization or "") <= _LONGEST_REMEMBERED:
                until_s = time.monotonic() + self._recheck_s
                self._remember(authorization or "", _Known(credential, table, revision, until_s, ends_at))
            self._use(credential)
        return credential

    def known(self, authorization: str | None) -> Credential | None:
        """The same of whom is remembered; None where it has to be looked up."""
        if not authorization or not self._known or len(authorization) > _LONGEST_REMEMBERED:
            return None
        known = self._known.get(self._digest(authorization))
        if known is None or not self._is_good(known):
            return None
        self._use(known.credential)
        return known.credential

    def _digest(self, authorization: str) -> bytes:
        text = authorization.encode(errors="surrogatepass")
        return blake2b(text, digest_size=32, key=self._secret).digest()

    def _remember(self, authorization: str, known: _Known) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[self._digest(authorization)] = known

    def _is_good(self, known: _Known) -> bool:
        if known.revision != self._store.revision(known.table) or time.monotonic() >= known.until_s:
            return False
        return known.ends_at is None or self._store.clock.now() < known.ends_at

    def _use(self, credential: Credential) -> None:
        if credential.type is ActorType.API_KEY:
            self._used.add(credential.id)

    async def _look_up(self, token: str) -> tuple[Credential | None, datetime | None]:
        """Who it is, and when a session ends."""
        if token.startswith(tokens.PREFIX):
            checkout = await tokens.by_token(self._store, token)
            if checkout is None:
                return None, None
            return Credential(ActorType.CHECKOUT, checkout.id), tokens.good_until(checkout)
        if not token.startswith(sessions.PREFIX):
            key = await keys.by_secret(self._store, token)
            return (Credential(ActorType.API_KEY, key.id, keys.scopes_of(key)) if key else None), None
        session = await sessions.by_token(self._store, token)
        if session is None:
            return None, None
        credential = Credential(ActorType.CUSTOMER, session.id, customer_id=session.customer_id)
        return credential, session.expires_at

    @contextmanager
    def hold(self, credential_id: str, on_end: Callable[[], None]) -> Iterator[None]:
        """Within it, `on_end` is called once the credential is revoked or expires."""
        held = self._held.setdefault(credential_id, set())
        held.add(on_end)
        try:
            yield
        finally:
            held.discard(on_end)
            if not held and self._held.get(credential_id) is held:
                del self._held[credential_id]

    async def _forever(self, every_s: float, step: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await step()
            except Exception as fault:  # noqa: BLE001 - watching goes on whatever happens to the database
                log.warning("credentials_not_checked", error_type=type(fault).__name__)

    async def _recheck(self) -> None:
        ids = sorted(self._held)
        if not ids:
            return
        good = await self._store.read(lambda tx: _good(tx, ids))
        for ended in set(ids) - good:
            log.info("credential_ended", object_id=ended)
            for on_end in list(self._held.get(ended, ())):
                on_end()

    async def _touch(self) -> None:
        """Last use is kept by the minute: a row written with every request would cost more than it tells."""
        used, self._used = sorted(self._used), set()
        if used:
            await self._store.write(lambda tx: keys.touch(tx, used, tx.now))


def _good(tx: Tx, ids: list[str]) -> set[str]:
    good = tx.all(_GOOD, ids=ids, now=tx.now, checkouts_since=tx.now - tokens.STAYS)
    return {found[0] for found in good}
