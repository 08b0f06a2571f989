"""Builders for tests of the simulator: cards, sources, and its doors over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from sqlmodel import SQLModel
from starlette.applications import Starlette
from starlette.middleware import Middleware

from saifu import logs
from saifu.clock import ManualClock
from saifu.gateway.middleware import Requests
from saifu.ids import request_id
from saifu.processors.contract import Charge, ChargeAnswer, ChargeState, CustomerAt, Pending, SourceOrder
from saifu.processors.simulator import CardDetails, Simulator, routes
from saifu.processors.simulator.cards import BY_NUMBER
from saifu.store import Store

CUSTOMER = CustomerAt("cus_1", "asha@example.com", "Asha Rao")
BACK = "https://shop.example/back?order=7"
VISA = "4242424242424242"


def a_card(number: str = VISA, **others: Any) -> CardDetails:
    published = BY_NUMBER.get(number)
    cvc = "1234" if published and published.brand == "amex" else "123"
    return CardDetails(**{"number": number, "exp_month": 6, "exp_year": 2032, "cvc": cvc, **others})


def an_order(type: str, reference: str = "src_1", **others: Any) -> SourceOrder:
    values: dict[str, Any] = {
        "amount_minor": None,
        "currency": None,
        "owner": {"name": "Asha Rao", "email": "asha@example.com"},
        "return_url": None,
    }
    return SourceOrder(reference=reference, type=type, **{**values, **others})


class Till:
    """A simulator, and charges at it that are numbered by themselves."""

    def __init__(self, simulator: Simulator, clock: ManualClock) -> None:
        self.simulator = simulator
        self.clock = clock
        self._charges = 0

    async def instrument(self, number: str = VISA, **others: Any) -> str:
        token = await self.simulator.tokenise(a_card(number, **others))
        return (await self.simulator.instrument(token, f"src_of_{token}")).ref

    async def source(self, type: str, **others: Any) -> Pending:
        return await self.simulator.create_source(an_order(type, **others))

    async def charge(self, ref: str, reference: str | None = None, **others: Any) -> ChargeAnswer:
        return await self.simulator.charge(self.order(ref, reference, **others))

    def order(self, ref: str, reference: str | None = None, **others: Any) -> Charge:
        if reference is None:
            self._charges += 1
            reference = f"pay_{self._charges}"
        values: dict[str, Any] = {"instrument_type": "card", "amount_minor": 10_00, "currency": "USD"}
        return Charge(reference=reference, instrument_ref=ref, **{**values, "return_url": BACK, **others})

    async def state(self, reference: str, after_s: float = 0) -> ChargeState | None:
        """How a charge stands after a time."""
        self.clock.advance(timedelta(seconds=after_s))
        found = await self.simulator.look_up(reference)
        return found.state if found else None


@asynccontextmanager
async def doors(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the simulator's own routes, behind the layer that logs requests."""
    layer = Middleware(Requests, new_id=request_id, in_request=logs.in_request, answered=logs.answered)
    app = Starlette(routes=routes(simulator), middleware=[layer])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def dump(store: Store) -> str:
    """Every row of every table, as text."""
    tables = SQLModel.metadata.tables.values()
    assert any(table.name == "simulator_token" for table in tables)
    return repr([await store.read(lambda tx, table=table: tx.all(table.select())) for table in tables])  # type: ignore[misc]
