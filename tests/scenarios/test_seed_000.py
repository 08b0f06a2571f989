"""The examples of seed 000, each from its first request to its last, in GraphQL as a client would write it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from saifu.clock import ManualClock
from tests.client import Api, Served, Stream
from tests.conftest import ADMIN_KEY, Listen

CREATE_CUSTOMER = """
mutation CreateCustomer($input: CustomerCreateInput!) {
  customerCreate(input: $input) {
    customer { id wallets { balance { amount currency } } }
    errors { code message path }
  }
}
"""

LEDGER_ENTRY = """
mutation MoveMoney($input: LedgerEntryCreateInput!) {
  ledgerEntryCreate(input: $input) {
    ledgerEntry { id isCredit reason beforeBalance { amount } afterBalance { amount } }
    wallet { balance { amount currency } }
    replayed
    errors {
      code message path httpStatus retryable moneyMovement
      ... on InsufficientFundsError { balance { amount } requested { amount } shortfall { amount currency } }
      ... on IdempotencyKeyReusedError { mismatchedFields }
    }
  }
}
"""

BALANCE = """
query Balance($customerId: ID!, $currency: Currency!) {
  wallet(customerId: $customerId, currency: $currency) {
    balance { amount } paidBalance { amount } promotionalBalance { amount }
    nextExpiry { amount { amount } expiresAt }
  }
}
"""

STATEMENT = """
query Statement($customerId: ID!, $currency: Currency!) {
  wallet(customerId: $customerId, currency: $currency) {
    entries(first: 20) {
      nodes { eventType isCredit amount { amount } afterBalance { amount } reason }
      totalCount
    }
  }
}
"""


@pytest.fixture
async def api(server: Served) -> AsyncIterator[Api]:
    """The merchant's backend, over the network."""
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        yield client


@pytest.fixture
async def customer_id(api: Api) -> str:
    return await new_customer(api)


async def new_customer(api: Api, name: str = "Alex Doe") -> str:
    data = await api.execute(CREATE_CUSTOMER, input={"email": "alex@example.com", "name": name})
    assert data["customerCreate"]["errors"] == []
    return str(data["customerCreate"]["customer"]["id"])


async def move(api: Api, **request: Any) -> Any:
    """The payload of one `ledgerEntryCreate`."""
    return (await api.execute(LEDGER_ENTRY, input=request))["ledgerEntryCreate"]


async def balance(api: Api, customer_id: str, currency: str = "USD") -> int:
    data = await api.execute(BALANCE, customerId=customer_id, currency=currency)
    return int(data["wallet"]["balance"]["amount"])


async def statement(api: Api, customer_id: str, currency: str = "USD") -> Any:
    data = await api.execute(STATEMENT, customerId=customer_id, currency=currency)
    return data["wallet"]["entries"]


async def test_a_refund_goes_to_the_wallet_instead_of_the_card(api: Api, customer_id: str):
    """Seed 000, refund to wallet; W20, W25, W26, W61: the reason is kept, and the key is the refund's own."""
    refund = {
        "customerId": customer_id,
        "currency": "USD",
        "amount": 2_500,
        "entryType": "CREDIT",
        "reason": "Refund for order #12345 · 注文の返金",
        "idempotencyKey": "refund_pay_12345",
    }
    first = await move(api, **refund)
    assert first["errors"] == []
    assert first["replayed"] is False
    assert first["wallet"]["balance"] == {"amount": 2_500, "currency": "USD"}
    entry = first["ledgerEntry"]
    assert (entry["beforeBalance"]["amount"], entry["afterBalance"]["amount"]) == (0, 2_500)
    assert entry["reason"] == "Refund for order #12345 · 注文の返金"

    again = await move(api, **refund)
    assert (again["replayed"], again["ledgerEntry"]["id"]) == (True, entry["id"])
    assert await balance(api, customer_id) == 2_500


async def test_a_new_customer_is_given_a_welcome_bonus_that_expires(
    api: Api, customer_id: str, clock: ManualClock
):
    """Seed 000, welcome bonus; W30, W72-W76: promotional money, spent first, gone at the very second it was to."""
    ends_at = clock.now() + timedelta(days=30)
    bonus = {
        "currency": "USD",
        "amount": 1_000,
        "entryType": "CREDIT",
        "funding": "PROMOTIONAL",
        "expiresAt": ends_at.isoformat(),
        "reason": "Welcome bonus for new customers",
        "idempotencyKey": "welcome_bonus",
    }
    assert (await move(api, customerId=customer_id, **bonus))["errors"] == []
    # One key for everybody: it is each customer's own.
    other = await new_customer(api, "Blair Doe")
    assert (await move(api, customerId=other, **bonus))["replayed"] is False

    spent = await move(
        api, customerId=customer_id, currency="USD", amount=400, entryType="DEBIT", idempotencyKey="order_1"
    )
    assert spent["wallet"]["balance"]["amount"] == 600
    wallet = (await api.execute(BALANCE, customerId=customer_id, currency="USD"))["wallet"]
    assert wallet["promotionalBalance"]["amount"] == 600
    assert wallet["nextExpiry"]["amount"]["amount"] == 600

    clock.move_to(ends_at - timedelta(seconds=1))
    assert await balance(api, customer_id) == 600
    clock.move_to(ends_at)
    assert await balance(api, customer_id) == 0
    late = await move(
        api, customerId=customer_id, currency="USD", amount=1, entryType="DEBIT", idempotencyKey="order_2"
    )
    assert [error["code"] for error in late["errors"]] == ["INSUFFICIENT_WALLET_FUNDS"]
    assert late["errors"][0]["balance"]["amount"] == 0
    assert await balance(api, other) == 0


async def test_a_deduction_beyond_the_balance_is_refused_and_leaves_nothing_behind(
    api: Api, customer_id: str
):
    """Seed 000, deduction with insufficient balance (its HTTP 400); W22, W23, W35: the key is not used up."""
    deposit = {"currency": "USD", "amount": 5_000, "entryType": "CREDIT", "idempotencyKey": "deposit_1"}
    await move(api, customerId=customer_id, **deposit)
    await move(
        api, customerId=customer_id, currency="USD", amount=1_500, entryType="DEBIT", idempotencyKey="fee_1"
    )
    charge = {
        "customerId": customer_id,
        "currency": "USD",
        "amount": 3_501,
        "entryType": "DEBIT",
        "reason": "Service fee",
        "idempotencyKey": "fee_2",
    }
    refused = await move(api, **charge)
    assert refused["ledgerEntry"] is None
    (error,) = refused["errors"]
    assert (error["code"], error["httpStatus"]) == ("INSUFFICIENT_WALLET_FUNDS", 400)
    assert (error["retryable"], error["moneyMovement"]) == (False, "NONE")
    assert error["path"] == ["input", "amount"]
    assert (error["balance"]["amount"], error["requested"]["amount"]) == (3_500, 3_501)
    assert error["shortfall"] == {"amount": 1, "currency": "USD"}
    assert await balance(api, customer_id) == 3_500
    assert (await statement(api, customer_id))["totalCount"] == 2

    await move(
        api, customerId=customer_id, currency="USD", amount=1, entryType="CREDIT", idempotencyKey="deposit_2"
    )
    settled = await move(api, **charge)
    assert (settled["errors"], settled["replayed"]) == ([], False)
    assert settled["wallet"]["balance"]["amount"] == 0


async def test_a_prepaid_account_is_funded_charged_and_watched(
    api: Api, listen: Listen, customer_id: str, clock: ManualClock
):
    """Seed 000, prepaid deposit – charge – monitor; W80, W81, W86: told when it falls below 10.00, once, live."""
    await api.execute(
        """
        mutation WatchBalance($input: WalletUpdateInput!) {
          walletUpdate(input: $input) { wallet { lowBalanceThreshold { amount } } errors { code } }
        }
        """,
        input={"customerId": customer_id, "currency": "USD", "lowBalanceThreshold": 1_000},
    )
    async with listen() as socket:
        low = await socket.subscribe(
            """
            subscription LowBalances($customerId: ID) {
              walletBalanceLow(customerId: $customerId) {
                ... on Event { type cursor occurredAt data }
              }
            }
            """,
            customerId=customer_id,
        )
        deposit = await move(
            api,
            customerId=customer_id,
            currency="USD",
            amount=5_000,
            entryType="CREDIT",
            reason="Account funding - prepaid deposit",
            idempotencyKey="deposit_pay_1",
        )
        assert deposit["wallet"]["balance"]["amount"] == 5_000

        for number, (amount, left) in enumerate([(2_500, 2_500), (1_500, 1_000), (1, 999), (200, 799)]):
            clock.advance(timedelta(hours=1))
            charge = await move(
                api,
                customerId=customer_id,
                currency="USD",
                amount=amount,
                entryType="DEBIT",
                reason=f"Usage, hour {number}",
                idempotencyKey=f"usage_{number}",
            )
            assert charge["wallet"]["balance"]["amount"] == left

        alerts = await alerts_of(low)
        assert alerts == [(999, 1_000, 1_000)]
    kept = await statement(api, customer_id)
    assert [node["afterBalance"]["amount"] for node in kept["nodes"]] == [799, 999, 1_000, 2_500, 5_000]


async def alerts_of(stream: Stream) -> list[tuple[int, int, int]]:
    """Balance, threshold and previous balance of each alert until the stream is silent."""
    found = []
    while not await stream.silent(0.3):
        message = await stream.next()
        if message.get("type") == "WALLET_BALANCE_LOW":
            alert = message["data"]
            found.append((alert["balance"], alert["threshold"], alert["previous_balance"]))
    return found


async def test_two_currencies_are_two_wallets_that_never_mix(api: Api, customer_id: str):
    """Seed 000, two currencies; W1-W3, W22, W30."""
    customer = "query ($id: ID!) { customer(id: $id) { wallets { balance { amount currency } } } }"

    async def shown() -> list[tuple[str, int]]:
        wallets = (await api.execute(customer, id=customer_id))["customer"]["wallets"]
        return [(wallet["balance"]["currency"], wallet["balance"]["amount"]) for wallet in wallets]

    assert await shown() == [("USD", 0), ("INR", 0)]
    dollars = {"currency": "USD", "amount": 5_000, "entryType": "CREDIT", "idempotencyKey": "topup_usd"}
    rupees = {"currency": "INR", "amount": 830_000, "entryType": "CREDIT", "idempotencyKey": "topup_inr"}
    for credit in (dollars, rupees):
        assert (await move(api, customerId=customer_id, **credit))["errors"] == []
    assert await shown() == [("USD", 5_000), ("INR", 830_000)]

    short = await move(
        api,
        customerId=customer_id,
        currency="USD",
        amount=5_001,
        entryType="DEBIT",
        idempotencyKey="charge_1",
    )
    assert short["errors"][0]["shortfall"] == {"amount": 1, "currency": "USD"}
    spent = await move(
        api,
        customerId=customer_id,
        currency="INR",
        amount=30_000,
        entryType="DEBIT",
        idempotencyKey="charge_1",
    )
    assert spent["wallet"]["balance"] == {"amount": 800_000, "currency": "INR"}
    assert await shown() == [("USD", 5_000), ("INR", 800_000)]

    reused = await move(api, customerId=customer_id, **{**rupees, "idempotencyKey": "topup_usd"})
    assert reused["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert reused["errors"][0]["mismatchedFields"] == ["amount", "currency"]
    assert await shown() == [("USD", 5_000), ("INR", 800_000)]


async def test_funds_are_added_safely_however_often_the_request_is_sent(api: Api, customer_id: str):
    """Seed 000, add funds safely: its "409, already processed" is `replayed: true` (ruling 3, A31, W35)."""
    payment_id = "pay_789 ¥$ 支払い"
    add = {
        "customerId": customer_id,
        "currency": "USD",
        "amount": 10_000,
        "entryType": "CREDIT",
        "reason": "Add funds",
        "idempotencyKey": f"add_funds_{payment_id}",
    }
    first = await move(api, **add)
    assert (first["replayed"], first["wallet"]["balance"]["amount"]) == (False, 10_000)
    await move(
        api, customerId=customer_id, currency="USD", amount=10_000, entryType="DEBIT", idempotencyKey="spend"
    )
    for reason in ("Add funds", "Add funds, tried again"):
        again = await move(api, **{**add, "reason": reason})
        assert (again["replayed"], again["errors"]) == (True, [])
        assert again["ledgerEntry"] == first["ledgerEntry"]
        assert (
            again["wallet"]["balance"]["amount"] == 0
        )  # the wallet is as it is now, the entry as it was then
    operation = await api.execute(
        """
        query Became($key: String!, $customerId: ID!) {
          operation(idempotencyKey: $key, customerId: $customerId) {
            mutation result { ... on LedgerEntry { id amount { amount } } }
          }
        }
        """,
        key=add["idempotencyKey"],
        customerId=customer_id,
    )
    assert operation["operation"] == {
        "mutation": "ledgerEntryCreate",
        "result": {"id": first["ledgerEntry"]["id"], "amount": {"amount": 10_000}},
    }
    assert (await statement(api, customer_id))["totalCount"] == 2


async def test_the_balance_is_checked_before_the_charge_and_the_charge_checks_again(
    api: Api, customer_id: str
):
    """Seed 000, check before charge; W22: the check is a courtesy, the refusal is what holds."""
    await move(
        api,
        customerId=customer_id,
        currency="USD",
        amount=2_000,
        entryType="CREDIT",
        idempotencyKey="deposit",
    )
    price = 1_200
    assert await balance(api, customer_id) >= price
    charged = await move(
        api, customerId=customer_id, currency="USD", amount=price, entryType="DEBIT", idempotencyKey="order_1"
    )
    assert charged["wallet"]["balance"]["amount"] == 800

    # Somebody spends between the check and the charge.
    price = 700
    assert await balance(api, customer_id) >= price
    await move(
        api, customerId=customer_id, currency="USD", amount=500, entryType="DEBIT", idempotencyKey="elsewhere"
    )
    beaten = await move(
        api, customerId=customer_id, currency="USD", amount=price, entryType="DEBIT", idempotencyKey="order_2"
    )
    assert beaten["errors"][0]["shortfall"]["amount"] == 400
    assert await balance(api, customer_id) == 300
