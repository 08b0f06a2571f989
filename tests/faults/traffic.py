"""Clients that hammer: some wallets hot, some requests sent twice, some keys used again for something else."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.contract import CUSTOMER, OPERATION, WALLET, send
from tests.faults.journal import (
    Acked,
    Attempt,
    Intent,
    Journal,
    NeverSent,
    Post,
    Read,
    Resolution,
    Unknown,
)
from tests.faults.readback import CURRENCIES
from tests.wire import Lost, NotSent, Wire

CUSTOMERS = 6
HOT = 2
HOT_SHARE = 0.5
LARGEST_MINOR = 2_000


class Down(Exception):
    """The gateway is gone; the client comes back when it is."""


@dataclass
class Traffic:
    """The wallets of a run, what its clients know, and how they behave.

    Args:
        seed: decides what is sent; when it arrives is the machine's choice.
        customers: each has a wallet in every currency; the first `HOT` wallets get `HOT_SHARE` of the requests.
    """

    seed: int
    customers: Sequence[str]
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._number = 0
        self._done: list[Post] = []
        wallets = [(customer, currency) for customer in self.customers for currency in CURRENCIES]
        # Hot wallets of two customers, whose other wallets are cold: a customer's wallets share its lock.
        self._hot = [(customer, CURRENCIES[0]) for customer in self.customers[:HOT]]
        self._cold = [wallet for wallet in wallets if wallet not in self._hot]

    async def client(self, wires: Sequence[Wire], keep_on: Callable[[], bool]) -> None:
        """One client with two connections, at work for as long as it is told to or until `Down`."""
        choices = list(BEHAVIOUR)
        weights = list(BEHAVIOUR.values())
        while keep_on():
            (act,) = self._random.choices(choices, weights)
            await act(self, wires)

    async def resolve(self, wire: Wire) -> None:
        """Ask what became of every post whose answer never came, then send it again with its key."""
        for posts in self.journal.unresolved():
            customer_id, key = posts[0].customer_id, posts[0].key
            status, body = await wire.execute(OPERATION, key=key, customerId=customer_id)
            assert (status, body.get("errors")) == (200, None), body
            operation = body["data"]["operation"]
            entry_id = operation and operation["result"]["id"]
            self.journal.resolutions.append(Resolution(customer_id, key, entry_id))
            for post in posts:
                self.journal.attempts.append(await send(wire, post, Intent.RESOLVE))

    def _fresh(self) -> Post:
        self._number += 1
        wallet = self._random.choice(self._hot if self._random.random() < HOT_SHARE else self._cold)
        return Post(
            *wallet,
            is_credit=self._random.random() < 0.45,  # so that wallets run short at times
            amount_minor=self._random.randint(1, LARGEST_MINOR),
            key=f"{self.seed}-{self._number} 財布",
        )

    def _other_than(self, post: Post) -> Post:
        """Another request under the same key: other in amount, in direction or in currency (W30, W33)."""
        currency = self._random.choice(CURRENCIES)
        amount_minor = post.amount_minor + self._random.choice((0, 1))
        is_credit = post.is_credit if (currency, amount_minor) != (post.currency, post.amount_minor) else True
        other = Post(post.customer_id, currency, is_credit, amount_minor, post.key)
        return other if other != post else Post(*post.wallet, post.is_credit, post.amount_minor + 1, post.key)

    async def _post(self, wires: Sequence[Wire]) -> None:
        self._note(await send(wires[0], self._fresh(), Intent.FRESH))

    async def _send_twice(self, wires: Sequence[Wire]) -> None:
        post = self._fresh()
        self._note(*await asyncio.gather(*(send(wire, post, Intent.DOUBLE) for wire in wires)))

    async def _race(self, wires: Sequence[Wire]) -> None:
        post = self._fresh()
        posts = [post, self._other_than(post)]
        self._note(
            *await asyncio.gather(*(send(w, p, Intent.RACE) for w, p in zip(wires, posts, strict=True)))
        )

    async def _repeat(self, wires: Sequence[Wire]) -> None:
        if self._done:
            self._note(await send(wires[0], self._random.choice(self._done), Intent.REPEAT))

    async def _reuse(self, wires: Sequence[Wire]) -> None:
        if self._done:
            other = self._other_than(self._random.choice(self._done))
            self._note(await send(wires[0], other, Intent.REUSE))

    async def _read(self, wires: Sequence[Wire]) -> None:
        customer_id, currency = self._random.choice(self._hot + self._cold)
        sent_at = time.monotonic()
        try:
            status, body = await wires[0].execute(WALLET, customerId=customer_id, currency=currency)
        except (NotSent, Lost) as gone:
            raise Down from gone
        answered_at = time.monotonic()
        wallet = (body.get("data") or {}).get("wallet") if isinstance(body, dict) else None
        assert wallet, f"a read was answered with {status} {body}"
        balance_minor = wallet["balance"]["amount"]
        read = Read((customer_id, currency), sent_at, answered_at, wallet["sequence"], balance_minor)
        self.journal.reads.append(read)

    def _note(self, *attempts: Attempt) -> None:
        self.journal.attempts += attempts
        for attempt in attempts:
            if isinstance(attempt.outcome, Acked):
                self._done.append(attempt.post)
        if any(isinstance(attempt.outcome, (NeverSent, Unknown)) for attempt in attempts):
            raise Down


Act = Callable[[Traffic, Sequence[Wire]], Awaitable[None]]
BEHAVIOUR: Mapping[Act, float] = {
    Traffic._post: 0.73,
    Traffic._send_twice: 0.10,
    Traffic._reuse: 0.03,
    Traffic._race: 0.02,
    Traffic._repeat: 0.04,
    Traffic._read: 0.08,
}
"""What a client does next, and how often: a tenth is sent twice, a twentieth uses a key for something else."""


async def create_customers(wire: Wire, count: int = CUSTOMERS) -> list[str]:
    """Customers of this run, with their wallets at zero."""
    created = []
    for number in range(count):
        new = {"email": f"hammer{number}@example.com", "name": f"Hammer {number}"}
        status, body = await wire.execute(CUSTOMER, input=new)
        payload = body["data"]["customerCreate"]
        assert (status, payload["errors"]) == (200, []), body
        created.append(payload["customer"]["id"])
    return created


async def run_clients(
    traffic: Traffic,
    ports: Sequence[int],
    token: str,
    clients: int,
    for_s: float,
    least_acked: int = 0,
    at_most_s: float = 0.0,
) -> None:
    """Let clients work side by side; each has two connections, to different processes where there are several.

    Args:
        for_s: how long, and longer until there are `least_acked` entries, but never longer than `at_most_s`: how much
            fits into a second is the machine's business.
    """
    began = time.monotonic()

    def keep_on() -> bool:
        worked_s = time.monotonic() - began
        return worked_s < for_s or (worked_s < at_most_s and traffic.journal.effects < least_acked)

    async def client(number: int) -> None:
        wires = [Wire(ports[(number + extra) % len(ports)], token) for extra in range(2)]
        try:
            await traffic.client(wires, keep_on)
        except Down:
            pass
        finally:
            for wire in wires:
                wire.close()

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(number))
