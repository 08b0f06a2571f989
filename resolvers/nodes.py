"""Any object by its id, with the same permissions as the query that asks for it directly (A2, A41)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from saifu.ids import PREFIXES, prefix_of, wallet_key
from saifu.keys import Scope

from . import (
    audit,
    checkout,
    customers,
    disputes,
    documents,
    events,
    keys,
    payments,
    refunds,
    sessions,
    sources,
    wallets,
)
from .context import BadUserInput, Context

MOST_IDS = 100


async def _wallet(ctx: Context, object_id: str) -> Any:
    key = wallet_key(object_id)
    return await wallets.one(ctx, *key) if key else None


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of object: the scope that reads it, and how it is read; sessions have the scopes of a reader."""

    scope: Scope
    find: Callable[[Context, str], Awaitable[Any]]


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "cus": _Kind(Scope.CUSTOMERS_READ, customers.one),
        "wlt": _Kind(Scope.WALLETS_READ, _wallet),
        "cwt": _Kind(Scope.WALLETS_READ, wallets.entry),
        "lot": _Kind(Scope.WALLETS_READ, wallets.lot),
        "pay": _Kind(Scope.PAYMENTS_READ, payments.one),
        "src": _Kind(Scope.SOURCES_READ, sources.one),
        "cks": _Kind(Scope.PAYMENTS_READ, checkout.one),
        "inv": _Kind(Scope.PAYMENTS_READ, documents.invoice),
        "rcp": _Kind(Scope.PAYMENTS_READ, documents.receipt),
        "ref": _Kind(Scope.PAYMENTS_READ, refunds.one),
        "dsp": _Kind(Scope.PAYMENTS_READ, disputes.one),
        "evt": _Kind(Scope.EVENTS_READ, events.one),
        "key": _Kind(Scope.KEYS_READ, keys.one),
        "cse": _Kind(Scope.CUSTOMERS_READ, sessions.one),
        "aud": _Kind(Scope.AUDIT_READ, audit.one),
    }
)
assert _KINDS.keys() <= PREFIXES.keys()


async def find(ctx: Context, object_id: str) -> Any:
    """The row with this id; None when there is none, or the caller may not see it, with no hint which (A27)."""
    kind = _KINDS.get(prefix_of(object_id))
    return await kind.find(ctx, object_id) if kind and ctx.caller.may(kind.scope) else None


async def find_all(ctx: Context, object_ids: Sequence[str]) -> list[Any]:
    """The same for many, in the order asked for.

    Raises:
        BadUserInput: more than 100 ids.
    """
    if len(object_ids) > MOST_IDS:
        raise BadUserInput(f"Ask for at most {MOST_IDS} ids at once.", ("ids",))
    return list(await asyncio.gather(*(find(ctx, one) for one in object_ids)))
