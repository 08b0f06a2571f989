"""A whole gateway with Stripe as its processor: GraphQL in front, the Stripe of `tests/stripe_fake.py` behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx

from saifu import flows
from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import a_new_customer, document, done
from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.stripe_fake import KEY, WEBHOOK_SECRET, FakeStripe, signed

DOOR = "/processors/stripe/callbacks"


def settings_of(url: str, fake: FakeStripe) -> Settings:
    return Settings.model_validate(
        {
            "database_url": url,
            "admin_key": ADMIN_KEY,
            "processor": "stripe",
            "stripe_secret_key": KEY,
            "stripe_webhook_secret": WEBHOOK_SECRET,
            "stripe_api_base": fake.base,
        }
    )


async def a_payer(client: Api, token: str = "tok_visa") -> str:
    """A customer with a card that Stripe keeps."""
    customer_id = await a_new_customer(client)
    await done(client, "sourceAttach", customerId=customer_id, source=token)
    return customer_id


async def pay(client: Api, customer_id: str, **given: Any) -> Any:
    """A payment of 20.00 USD, as it is answered."""
    order = {
        "customerId": customer_id,
        "currency": "USD",
        "amount": 2000,
        "idempotencyKey": "order-1",
        **given,
    }
    answer = await client.execute(document("paymentCreate"), input=order)
    return answer["paymentCreate"]["payment"]


async def told(client: Api, clock: ManualClock, body: bytes) -> httpx.Response:
    """Stripe calls back."""
    return await client.http.post(DOOR, content=body, headers=signed(body, clock.now().timestamp()))


async def becomes(read: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
    """What is read, once it is as hoped for: callbacks are followed up after they were answered."""
    async with asyncio.timeout(10):
        while not good(found := await read()):
            await asyncio.sleep(0.01)
    return found


async def another_process(store: Store, settings: Settings, clock: ManualClock, minutes: int = 5) -> None:
    """What a process that has seen nothing yet does by its jobs, minute by minute."""
    async with flows.opened(settings, store) as house:
        for _ in range(minutes):
            clock.advance(timedelta(minutes=1))
            for job in house.jobs():
                await job.run(store)
