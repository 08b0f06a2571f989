"""Payments as they happen (A53): what was missed first, in order, and never older than the event."""

from tests.api.mutations import done
from tests.api.test_payments import a_payer, pay
from tests.client import Api, Served
from tests.conftest import ADMIN_KEY, Listen

STREAM = """subscription ($id: ID, $customer: ID, $after: Cursor) {
  paymentUpdated(id: $id, customerId: $customer, after: $after) {
    __typename
    ... on PaymentUpdate { cursor payment { id status walletAmount { amount } } }
    ... on StreamReady { cursor }
    ... on StreamGap { reason }
  }
}"""


async def test_a_payment_is_followed_from_its_first_word_to_its_last(server: Served, listen: Listen) -> None:
    """A53, PM14, PM18."""
    async with Api.over_network(server.http_url, ADMIN_KEY) as client:
        mine, other = await a_payer(client, "tok_threeDSecure2Required", balance=700), await a_payer(client)
        async with listen() as socket:
            stream = await socket.subscribe(STREAM, customer=mine)
            assert (await stream.next())["__typename"] == "StreamReady"
            await pay(client, "theirs", customerId=other)
            payment = await pay(client, "mine", customerId=mine, useWallet=True, onSession=True)
            await done(client, "paymentCancel", paymentId=payment["id"])
            heard = [await stream.next() for _ in range(2)]
            assert {each["payment"]["id"] for each in heard} == {payment["id"]}
            assert heard[0]["payment"]["status"] in {"REQUIRES_CUSTOMER_ACTION", "CANCELLED"}
            assert heard[1]["payment"] == {
                "id": payment["id"], "status": "CANCELLED", "walletAmount": {"amount": 0},
            }  # fmt: skip
            missed = await socket.subscribe(STREAM, id=payment["id"], after=heard[0]["cursor"])
            assert (await missed.next())["cursor"] == heard[1]["cursor"]
            assert (await missed.next())["__typename"] == "StreamReady"
            assert await missed.silent()
