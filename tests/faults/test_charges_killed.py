"""A charge is killed between each pair of its steps: charged once at most, and its wallet made whole (T9)."""

import httpx
import pytest

from tests.client import Api
from tests.conftest import ADMIN_KEY
from tests.faults.aftermath import Aftermath, aftermath
from tests.gateway import Gateway

CREATE = """
mutation ($source: String!) { customerCreate(input: {email: "aiko@example.com", name: "Aiko", source: $source}) {
  customer { id } errors { code message } } }
"""
CREDIT = """
mutation ($customer: ID!) { ledgerEntryCreate(input: {customerId: $customer, currency: "USD", amount: 700,
    entryType: CREDIT, idempotencyKey: "deposit"}) { errors { code } } }
"""
CHARGE = """
mutation ($customer: ID!) { paymentCreate(input: {customerId: $customer, currency: "USD", amount: 2900,
    useWallet: true, description: "Plan", idempotencyKey: "order_1"}) {
  replayed payment { id status walletAmount { amount } sourceAmount { amount } } errors { code } } }
"""
REFUND = """
mutation ($payment: ID!) { refundCreate(input: {paymentId: $payment, amount: 2500, idempotencyKey: "back_1"}) {
  replayed refund { id status } errors { code message } } }
"""
WALLET = '{ customers(first: 1) { nodes { wallet(currency: "USD") { balance { amount } } } } }'
STEPS = (
    "before_the_intent",
    "after_the_intent",
    "at_the_processor",
    "after_the_answer",
    "after_the_record",
)


async def prepared(api: Api, token: str) -> str:
    created = (await api.execute(CREATE, source=token))["customerCreate"]
    assert created["errors"] == []
    customer_id: str = created["customer"]["id"]
    await api.execute(CREDIT, customer=customer_id)
    return customer_id


async def dies_of(api: Api, gateway: Gateway, document: str, **variables: str) -> None:
    """Send something that the gateway does not survive: whoever sent it learns nothing."""
    with pytest.raises(httpx.TransportError):
        await api.execute(document, **variables)
    assert await gateway.process.wait() == -9


def dying(url: str, step: str) -> Gateway:
    return Gateway(url, ADMIN_KEY, environment={"SAIFU_TEST_DIES": step}, module="tests.faults.dying")


@pytest.mark.parametrize(
    ("token", "status", "wallet", "taken"),
    [
        pytest.param("tok_visa", "SUCCEEDED", 0, 2_200, id="approved"),
        pytest.param("tok_chargeCustomerFail", "FAILED", 700, 0, id="declined"),
    ],
)
@pytest.mark.parametrize("step", STEPS)
async def test_a_charge_that_is_killed_charges_once_and_leaves_the_wallet_whole(
    url: str, step: str, token: str, status: str, wallet: int, taken: int
):
    """T9, W46-W51, invariants 8, 11 and 12; the same request afterwards is answered with the same payment (PM20)."""
    async with dying(url, step) as gateway, Api.over_network(gateway.http_url, ADMIN_KEY) as api:
        customer_id = await prepared(api, token)
        await dies_of(api, gateway, CHARGE, customer=customer_id)

    async with aftermath(url) as after:
        await after.settle()
        ended = await after.check()
        assert ended.total() == (0 if step == "before_the_intent" else 1)

        async with after.api() as api:
            again = (await api.execute(CHARGE, customer=customer_id))["paymentCreate"]
            assert again["payment"]["status"] == status
            assert again["replayed"] is (step != "before_the_intent")
            balance = (await api.execute(WALLET))["customers"]["nodes"][0]["wallet"]["balance"]["amount"]
        assert balance == wallet
        await after.check()
        assert await taken_by_the_processor(after) == taken


@pytest.mark.parametrize("step", ["before_the_refund", "refund_at_the_processor"])
async def test_a_refund_that_is_killed_goes_back_once(url: str, step: str):
    """W58, PM43, invariant 11: 2 500 of 2 900 go back, 2 200 of them to the card."""
    async with dying(url, step) as gateway, Api.over_network(gateway.http_url, ADMIN_KEY) as api:
        customer_id = await prepared(api, "tok_visa")
        paid = (await api.execute(CHARGE, customer=customer_id))["paymentCreate"]["payment"]
        assert paid["status"] == "SUCCEEDED"
        await dies_of(api, gateway, REFUND, payment=paid["id"])

    async with aftermath(url) as after:
        await after.settle()
        await after.check()
        async with after.api() as api:
            again = (await api.execute(REFUND, payment=paid["id"]))["refundCreate"]
            assert again["errors"] == []
            assert again["refund"]["status"] == "SUCCEEDED"
            assert again["replayed"] is (step != "before_the_refund")
            balance = (await api.execute(WALLET))["customers"]["nodes"][0]["wallet"]["balance"]["amount"]
        assert balance == 300
        await after.check()
        assert await taken_by_the_processor(after) == 0


async def taken_by_the_processor(after: Aftermath) -> int:
    """What has moved outside, all in all, in minor units."""
    signs = {"charge": 1, "refund": -1}
    return sum(signs[each.kind] * each.amount_minor for each in await after.record() if each.moved)
