"""A Stripe on this machine, and processors that talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from saifu.processors.stripe.api import StripeApi
from saifu.processors.stripe.processor import StripeProcessor
from saifu.settings import Settings
from tests.stripe_fake import KEY, WEBHOOK_SECRET, FakeStripe
from tests.stripe_house import settings_of


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with FakeStripe() as running:
        yield running


@pytest.fixture
async def another(fake: FakeStripe) -> AsyncIterator[Callable[..., StripeProcessor]]:
    """`another()` is the processor of a process that has seen nothing yet."""
    async with AsyncExitStack() as stack:

        def opened(key: str = KEY) -> StripeProcessor:
            api = StripeApi(key, fake.base, timeout_s=1)
            stack.push_async_callback(api.close)
            return StripeProcessor(api, WEBHOOK_SECRET, livemode=False)

        yield opened


@pytest.fixture
def stripe(another: Callable[..., StripeProcessor]) -> StripeProcessor:
    return another()


@pytest.fixture
def settings(url: str, fake: FakeStripe) -> Settings:
    """Of a gateway whose processor is that Stripe."""
    return settings_of(url, fake)
