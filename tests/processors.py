"""Processors as their contract suite meets them: each brings what the suite asks for by name, and nothing else.

A further processor is one more `opened_…` and one more row in `WORLDS`; the suite itself does not change.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from saifu.clock import ManualClock
from saifu.processors.contract import Charge, ChargeAnswer, CustomerAt, Processor
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator import Simulator
from saifu.processors.simulator.approvals import Reply
from saifu.processors.stripe.api import StripeApi
from saifu.processors.stripe.processor import StripeProcessor
from saifu.store import Store
from tests.stripe_fake import KEY, WEBHOOK_SECRET, FakeStripe, signed

Signed = tuple[Mapping[str, str], bytes]
CUSTOMER = CustomerAt("cus_1", "asha@example.com", "Asha Rao")


@dataclass(frozen=True, slots=True)
class World:
    """One processor and its surroundings.

    Attributes:
        good, asks, fails: tokens: of a card that is charged, of one whose customer is asked on-session, and of one
            that passes the check and is declined when it is charged.
        refused: a token whose card fails the check on attaching, and why.
        confirm: does at the `action_url` what a customer does who agrees.
        callbacks: makes the processor send what it sends of this charge, and answers it.
    """

    processor: Processor
    clock: ManualClock
    good: str
    asks: str
    fails: tuple[str, DeclineCode]
    refused: tuple[str, DeclineCode]
    confirm: Callable[[str], Awaitable[None]]
    callbacks: Callable[[str], Awaitable[list[Signed]]]

    async def instrument(self, token: str, reference: str = "src_1") -> str:
        return (await self.processor.instrument(token, reference)).ref

    async def charged(
        self, token: str, reference: str = "pay_1", amount_minor: int = 12_50, **more: object
    ) -> ChargeAnswer:
        """What becomes of one charge of a fresh instrument."""
        ref = await self.instrument(token, f"src_of_{reference}")
        return await self.processor.charge(a_charge(ref, reference, amount_minor, **more))


def a_charge(ref: str, reference: str = "pay_1", amount_minor: int = 12_50, **more: object) -> Charge:
    values = {"currency": "USD", "instrument_type": "card", "return_url": "https://shop.example/back", **more}
    return Charge(reference=reference, instrument_ref=ref, amount_minor=amount_minor, **values)  # type: ignore[arg-type]


@asynccontextmanager
async def opened_simulator(store: Store, clock: ManualClock) -> AsyncIterator[World]:
    simulator = Simulator(store)

    async def confirm(url: str) -> None:
        assert await simulator.reply(url.rpartition("/")[2], Reply.AUTHORISE)

    async def callbacks(reference: str) -> list[Signed]:
        due = await simulator.due_callbacks(clock.now())
        return [(each.headers, each.body) for each in due if reference.encode() in each.body]

    yield World(
        simulator,
        clock,
        good="tok_visa",
        asks="tok_threeDSecure2Required",
        fails=("tok_chargeCustomerFail", DeclineCode.GENERIC_DECLINE),
        refused=("tok_chargeDeclinedInsufficientFunds", DeclineCode.INSUFFICIENT_FUNDS),
        confirm=confirm,
        callbacks=callbacks,
    )
    await simulator.close()


@asynccontextmanager
async def opened_stripe(store: Store, clock: ManualClock) -> AsyncIterator[World]:
    """The adapter and Stripe's own SDK, against the recorded wire shapes of `tests/stripe_fake.py`."""
    async with FakeStripe() as fake:
        processor = StripeProcessor(StripeApi(KEY, fake.base), WEBHOOK_SECRET, livemode=False)

        async def confirm(url: str) -> None:
            fake.authenticate(url.rpartition("=")[2])

        async def callbacks(reference: str) -> list[Signed]:
            about = [e for e in fake.intents.values() if e["metadata"]["saifu_reference"] == reference]
            bodies = [fake.event("payment_intent.succeeded", intent) for intent in about]
            return [(signed(body, clock.now().timestamp()), body) for body in bodies]

        yield World(
            processor,
            clock,
            good="tok_visa",
            asks="tok_threeDSecure2Required",
            fails=("tok_chargeCustomerFail", DeclineCode.GENERIC_DECLINE),
            refused=("tok_chargeDeclinedInsufficientFunds", DeclineCode.INSUFFICIENT_FUNDS),
            confirm=confirm,
            callbacks=callbacks,
        )
        await processor.close()


WORLDS: Mapping[str, Callable[[Store, ManualClock], AbstractAsyncContextManager[World]]] = {
    "simulator": opened_simulator,
    "stripe": opened_stripe,
}
