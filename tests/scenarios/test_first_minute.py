"""The first minute of a newcomer, with the power cut in the middle of it."""

from typing import Any

from tests.client import Api, Socket, Stream
from tests.conftest import ADMIN_KEY
from tests.gateway import Gateway

CREATE = """
mutation { customerCreate(input: {email: "aiko@example.com", name: "Aiko"}) {
  customer { id wallets { balance { amount currency } } } errors { code message } } }
"""

CREDIT = """
mutation ($customerId: ID!, $amount: MinorUnits!, $key: String!) {
  ledgerEntryCreate(input: {customerId: $customerId, currency: "USD", amount: $amount, entryType: CREDIT,
      reason: "Account funding - prepaid deposit", idempotencyKey: $key}) {
    ledgerEntry { id sequence beforeBalance { amount } afterBalance { amount } } wallet { balance { amount } }
    replayed errors { code message httpStatus ... on InsufficientFundsError { shortfall { amount } } } } }
"""

WATCH = """
subscription ($customerId: ID!, $after: Cursor) {
  walletBalance(customerId: $customerId, currency: "USD", after: $after) {
    __typename
    ... on WalletSnapshot { cursor wallet { balance { amount } sequence } }
    ... on WalletChange { cursor entry { sequence amount { amount } isCredit reason } balance { amount } } } }
"""


async def credit(api: Api, customer_id: str, amount: int, key: str) -> Any:
    data = await api.execute(CREDIT, customerId=customer_id, amount=amount, key=key)
    assert data["ledgerEntryCreate"]["errors"] == []
    return data["ledgerEntryCreate"]


async def changes(stream: Stream, count: int) -> list[Any]:
    """The next so many changes; snapshots and other messages between them are passed over."""
    found: list[Any] = []
    while len(found) < count:
        message = await stream.next()
        if message["__typename"] == "WalletChange":
            found.append(message)
    return found


async def test_a_wallet_watched_over_a_crash_misses_nothing(url: str):
    """A50-A52, invariants 6 and 10: created, credited, watched, killed, started, resumed."""
    async with Gateway(url, ADMIN_KEY) as gateway:
        async with Api.over_network(gateway.http_url, ADMIN_KEY) as api:
            created = (await api.execute(CREATE))["customerCreate"]["customer"]
            balances = [wallet["balance"] for wallet in created["wallets"]]
            assert balances == [{"amount": 0, "currency": "USD"}, {"amount": 0, "currency": "INR"}]
            customer_id = created["id"]

            async with Socket.to(gateway.ws_url) as socket:
                await socket.init(ADMIN_KEY)
                stream = await socket.subscribe(WATCH, customerId=customer_id)
                snapshot = await stream.next()
                assert snapshot["__typename"] == "WalletSnapshot"
                assert snapshot["wallet"] == {"balance": {"amount": 0}, "sequence": 0}
                first = await credit(api, customer_id, 5_000, "deposit_pay_1")
                (seen,) = await changes(stream, 1)
                assert seen["entry"]["sequence"] == first["ledgerEntry"]["sequence"] == 1
                assert seen["balance"]["amount"] == first["wallet"]["balance"]["amount"] == 5_000

                # Two more that this listener is never shown: it is looking away, and then the power goes.
                socket.reading.clear()
                await credit(api, customer_id, 250, "deposit_pay_2")
                await credit(api, customer_id, 50, "deposit_pay_3")
                await gateway.kill()

        await gateway.start()
        async with (
            Api.over_network(gateway.http_url, ADMIN_KEY) as api,
            Socket.to(gateway.ws_url) as socket,
        ):
            again = await credit(api, customer_id, 50, "deposit_pay_3")
            assert again["replayed"] is True
            await socket.init(ADMIN_KEY)
            stream = await socket.subscribe(WATCH, customerId=customer_id, after=seen["cursor"])
            missed = await changes(stream, 2)
            assert [(m["entry"]["sequence"], m["balance"]["amount"]) for m in missed] == [
                (2, 5_250),
                (3, 5_300),
            ]
            last = await credit(api, customer_id, 1, "deposit_pay_4")
            (live,) = await changes(stream, 1)
            assert (live["entry"]["sequence"], live["balance"]["amount"]) == (4, 5_301)
            assert last["wallet"]["balance"]["amount"] == 5_301
            assert await stream.silent()
