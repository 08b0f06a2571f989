"""Refunds as clients see them: made, read, refused and taken back, at the simulator (payments.md §5)."""

from typing import Any

import pytest

from saifu.clock import ManualClock
from saifu.settings import Settings
from saifu.store import Store, Tx
from saifu.tables import Payment
from tests.api.mutations import a_new_customer, change, done, refused
from tests.api.test_statement_counts import counted
from tests.builders import a_customer, a_session, post
from tests.client import Api
from tests.refunding import a_payment, everything_due

PAYMENT = """query ($id: ID!) { payment(id: $id) {
  status refundStatus amountRefunded { amount } amountRefundable { amount } partialRefundAllowed
  refunds { nodes { id amount { amount } payment { id } customer { id } } totalCount }
  disputes { totalCount } lines { itemId refundableAmount { amount } } receipts { id } } }"""
REFUNDS = """query ($customerId: ID, $filter: RefundFilter) {
  refunds(customerId: $customerId, filter: $filter) { nodes { id } totalCount } }"""


async def paid(client: Api, token: str = "tok_visa", amount: int = 6_000, **given: Any) -> str:
    asked = {
        "amount": amount,
        "currency": "USD",
        "token": token,
        "idempotencyKey": f"pay_{token}_{amount}",
        **given,
    }
    payment = (await done(client, "paymentCreate", **asked))["payment"]
    assert payment["status"] == "SUCCEEDED"
    return str(payment["id"])


async def by_customer(client: Api, store: Store, wallet: int = 0, source: int = 6_000) -> tuple[str, str]:
    """A payment of a customer's, partly by wallet; its id and the customer's."""

    def make(tx: Tx) -> Payment:
        customer = a_customer(tx)
        if wallet:
            post(tx, customer.id, wallet)
        return a_payment(tx, source, wallet, customer_id=customer.id, processor="simulator")

    payment = await store.write(make)
    return payment.id, str(payment.customer_id)


async def shown(client: Api, payment_id: str) -> Any:
    return (await client.execute(PAYMENT, id=payment_id))["payment"]


async def test_a_card_gets_its_money_back_in_parts(client: Api) -> None:
    """PM42, PM48, PM65: what the payment says follows."""
    payment_id = await paid(client)
    part = (await done(client, "refundCreate", paymentId=payment_id, amount=2_000, idempotencyKey="r1"))[
        "refund"
    ]
    assert (part["status"], part["isPartial"], part["amount"]) == (
        "SUCCEEDED", True, {"amount": 2_000, "currency": "USD"}
    )  # fmt: skip
    after = await shown(client, payment_id)
    assert (after["refundStatus"], after["amountRefunded"], after["amountRefundable"]) == (
        "PARTIAL", {"amount": 2_000}, {"amount": 4_000}
    )  # fmt: skip
    assert after["refunds"]["nodes"][0]["payment"] == {"id": payment_id}
    assert [line["refundableAmount"]["amount"] for line in after["lines"]] == [4_000]
    rest = (await done(client, "refundCreate", paymentId=payment_id, idempotencyKey="r2"))["refund"]
    assert (rest["amount"]["amount"], rest["sourceAmount"]["amount"]) == (4_000, 4_000)
    after = await shown(client, payment_id)
    assert (after["status"], after["refundStatus"], after["refunds"]["totalCount"]) == (
        "SUCCEEDED",
        "FULL",
        2,
    )
    assert after["disputes"]["totalCount"] == 0
    receipt = "query ($id: ID!) { refund(id: $id) { receipt { id total { amount } } } }"
    found = (await client.execute(receipt, id=rest["id"]))["refund"]["receipt"]
    assert found["total"] == {"amount": 4_000}
    assert {"id": found["id"]} in after["receipts"]
    no = await refused(client, "refundCreate", paymentId=payment_id, idempotencyKey="r3")
    assert (no["code"], no["httpStatus"]) == ("PAYMENT_ALREADY_REFUNDED", 409)


async def test_a_repeated_key_answers_with_the_refund_as_it_is_now(client: Api) -> None:
    """A31, PM20, PM21."""
    payment_id = await paid(client)
    asked = {"paymentId": payment_id, "amount": 1_000, "idempotencyKey": "r1"}
    first = await done(client, "refundCreate", **asked)
    again = await done(client, "refundCreate", **asked)
    assert (again["refund"], again["replayed"]) == (first["refund"], True)
    no = await refused(client, "refundCreate", **{**asked, "amount": 1_001})
    assert (no["code"], no["mismatchedFields"]) == ("IDEMPOTENCY_KEY_REUSED", ["amount"])
    operation = await client.execute(
        '{ operation(idempotencyKey: "r1") { mutation result { id ... on Refund { status } } } }'
    )
    assert operation["operation"] == {
        "mutation": "refundCreate", "result": {"id": first["refund"]["id"], "status": "SUCCEEDED"}
    }  # fmt: skip


async def test_a_refund_of_lines_and_its_tax(client: Api) -> None:
    """PM42, PM47: 5 000 with its tax on top is 5 900, 900 of it tax."""
    lines = [{"name": "Chair", "unitAmount": 10_000, "taxRateBps": 1_800}]
    payment_id = await paid(client, amount=11_800, lines=lines)
    item_id = (await shown(client, payment_id))["lines"][0]["itemId"]
    items = [{"itemId": item_id, "amount": 5_000, "taxInclusive": False}]
    refund = (await done(client, "refundCreate", paymentId=payment_id, items=items, idempotencyKey="r1"))[
        "refund"
    ]
    assert refund["items"] == [{"itemId": item_id, "amount": {"amount": 5_900}, "tax": {"amount": 900}}]
    assert (await shown(client, payment_id))["lines"][0]["refundableAmount"] == {"amount": 5_900}
    twice = [{"itemId": item_id}, {"itemId": item_id, "amount": 1}]
    for wrong, code, path in (
        (twice, "DUPLICATE_LINE_ITEMS_IN_REQUEST", ["input", "items", "1", "itemId"]),
        ([{"itemId": "itm_x"}], "LINE_ITEM_NOT_FOUND", ["input", "items", "0", "itemId"]),
        ([{"itemId": item_id, "amount": 0}], "LINE_ITEM_REFUND_AMOUNT_TOO_LOW", ["input", "items", "0", "amount"]),
        ([{"itemId": item_id, "amount": 5_901}], "LINE_ITEM_REFUND_AMOUNT_TOO_HIGH",
         ["input", "items", "0", "amount"]),
    ):  # fmt: skip
        no = await refused(client, "refundCreate", paymentId=payment_id, items=wrong, idempotencyKey="r2")
        assert (no["code"], no["path"], no["httpStatus"]) == (code, path, 422)
    await done(client, "refundCreate", paymentId=payment_id, items=[{"itemId": item_id}], idempotencyKey="r3")
    assert (await shown(client, payment_id))["lines"][0]["refundableAmount"] == {"amount": 0}


async def test_a_refund_into_the_wallet_and_back_out(client: Api, store: Store) -> None:
    """W57, W62."""
    payment_id, customer_id = await by_customer(client, store)
    asked = {"paymentId": payment_id, "destination": "WALLET", "idempotencyKey": "r1"}
    refund = (await done(client, "refundCreate", **asked))["refund"]
    assert (refund["status"], refund["walletAmount"]) == ("SUCCEEDED", {"amount": 6_000})
    void = {"refundId": refund["id"], "idempotencyKey": "v1"}
    assert (await done(client, "refundVoid", **void))["refund"]["voidedAt"]
    assert (await done(client, "refundVoid", **void))["replayed"]
    no = await refused(client, "refundVoid", refundId=refund["id"], idempotencyKey="v2")
    assert (no["code"], no["__typename"]) == ("TRANSITION_NOT_ALLOWED", "TransitionNotAllowedError")
    again = (await done(client, "refundCreate", **{**asked, "idempotencyKey": "r2"}))["refund"]
    await store.write(lambda tx: post(tx, customer_id, -1))
    no = await refused(client, "refundVoid", refundId=again["id"], idempotencyKey="v3")
    assert (no["code"], no["shortfall"]) == ("INSUFFICIENT_WALLET_FUNDS", {"amount": 1, "currency": "USD"})


@pytest.mark.parametrize(
    ("number_of", "status"), [("4000000000007726", "SUCCEEDED"), ("4000000000005126", "FAILED")]
)
async def test_a_refund_that_takes_time_is_pending_until_the_bank_calls(
    client: Api, store: Store, clock: ManualClock, settings: Settings, number_of: str, status: str
) -> None:
    """Payments §9: `pending`, then what the processor tells through its callback."""
    token = await a_token(client, number_of)
    payment_id = await paid(client, token)
    refund = (await done(client, "refundCreate", paymentId=payment_id, amount=1_000, idempotencyKey="r1"))[
        "refund"
    ]
    assert refund["status"] == "PENDING"
    no = await refused(client, "refundCreate", paymentId=payment_id, amount=1, idempotencyKey="r2")
    assert (no["code"], no["retryable"]) == ("EXISTING_REFUND_REQUEST_PROCESSING", True)
    await everything_due(store, settings, clock)
    found = await client.execute(
        "query ($id: ID!) { refund(id: $id) { status failureReason } }", id=refund["id"]
    )
    assert found["refund"]["status"] == status
    assert (found["refund"]["failureReason"] is not None) is (status == "FAILED")
    left = (await shown(client, payment_id))["amountRefundable"]["amount"]
    assert left == (5_000 if status == "SUCCEEDED" else 6_000)


async def a_token(client: Api, number: str) -> str:
    card = {"number": number, "exp_month": 6, "exp_year": 2032, "cvc": "123"}
    answer = await client.http.post("/simulator/tokens", json=card)
    assert answer.status_code < 300, answer.text
    return str(answer.json()["token"])


async def test_lists_hold_what_is_asked_for(client: Api, store: Store) -> None:
    """Filters: status, customer, payment, and when."""
    (one, customer_id), (two, _) = await by_customer(client, store), await by_customer(client, store)
    mine = await done(
        client, "refundCreate", paymentId=one, amount=1, destination="WALLET", idempotencyKey="a"
    )
    other = await done(
        client, "refundCreate", paymentId=two, amount=1, destination="WALLET", idempotencyKey="b"
    )
    ids = [other["refund"]["id"], mine["refund"]["id"]]
    assert await listed(client) == ids
    assert await listed(client, customerId=customer_id) == ids[1:]
    assert await listed(client, filter={"paymentId": two}) == ids[:1]
    assert await listed(client, filter={"statuses": ["SUCCEEDED"]}) == ids
    assert await listed(client, filter={"statuses": ["PENDING", "FAILED"]}) == []
    assert await listed(client, filter={"createdAtGte": "2026-01-16T00:00:00Z"}) == []
    assert await listed(client, filter={"createdAtLte": "2026-01-16T00:00:00Z"}) == ids
    node = await client.execute("query ($id: ID!) { node(id: $id) { __typename id } }", id=ids[0])
    assert node["node"] == {"__typename": "Refund", "id": ids[0]}


async def listed(client: Api, **given: Any) -> list[str]:
    found = (await client.execute(REFUNDS, **given))["refunds"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["id"] for node in found["nodes"]]


async def test_a_customer_sees_its_own_refunds_and_makes_none(client: Api, store: Store) -> None:
    """A41."""
    (one, customer_id), (two, _) = await by_customer(client, store), await by_customer(client, store)
    for payment_id in (one, two):
        asked = {"paymentId": payment_id, "amount": 1, "destination": "WALLET", "idempotencyKey": payment_id}
        await done(client, "refundCreate", **asked)
    everything = await listed(client)
    _, token = await store.write(lambda tx: a_session(tx, customer_id))
    session = client.acting_as(token)
    assert await listed(session) == everything[1:]
    hidden = await session.execute("query ($id: ID!) { refund(id: $id) { id } }", id=everything[0])
    assert hidden["refund"] is None
    answer = await session.ask(
        'mutation { refundVoid(input: {refundId: "ref_x", idempotencyKey: "k"}) { replayed } }'
    )
    assert answer.code == "FORBIDDEN"


async def test_what_is_refunded_is_heard_of_in_order(client: Api, store: Store) -> None:
    """EV2, EV11: the specific event beside the wallet's."""
    payment_id, customer_id = await by_customer(client, store, wallet=500, source=500)
    await done(client, "refundCreate", paymentId=payment_id, destination="WALLET", idempotencyKey="r1")
    await client.whole_log()
    found = await client.execute(
        """query ($id: ID!) { customer(id: $id) { events(first: 4, orderBy: CURSOR_DESC) { nodes {
        name data object { __typename } } } } }""",
        id=customer_id,
    )
    newest = found["customer"]["events"]["nodes"]
    assert [event["name"] for event in newest[:3]] == [
        "refund.succeeded", "wallet.balance_changed", "refund.created"
    ]  # fmt: skip
    assert newest[0]["object"] == {"__typename": "Refund"}
    data = newest[0]["data"]
    assert (data["payload_type"], data["status"], data["amount"], data["wallet_amount"]) == (
        "Refund", "succeeded", 1_000, 1_000
    )  # fmt: skip


@pytest.mark.parametrize(("mutation", "given", "code"), [
    ("refundCreate", {"paymentId": "pay_x", "idempotencyKey": "k"}, "NOT_FOUND"),
    ("refundCreate", {"paymentId": "pay_x", "amount": 1, "items": [], "idempotencyKey": "k"},
     "INVALID_REQUEST_PARAMETERS"),
    ("refundCreate", {"paymentId": "pay_x", "idempotencyKey": "k" * 513}, "NOT_FOUND"),
    ("refundVoid", {"refundId": "ref_x", "idempotencyKey": "k"}, "NOT_FOUND"),
])  # fmt: skip
async def test_what_is_not_there_is_refused(client: Api, mutation: str, given: Any, code: str) -> None:
    assert (await refused(client, mutation, **given))["code"] == code


async def test_a_payment_that_was_declined_is_not_refunded(client: Api) -> None:
    """PM40."""
    failed = await change(
        client, "paymentCreate", amount=500, currency="USD", token="tok_chargeDeclined", idempotencyKey="p"
    )
    no = await refused(client, "refundCreate", paymentId=failed["payment"]["id"], idempotencyKey="r")
    assert (no["code"], no["path"]) == ("PAYMENT_NOT_SUCCEEDED", ["input", "paymentId"])


async def test_lists_of_payments_ask_for_all_their_refunds_at_once(client: Api, store: Store) -> None:
    """CU37: as many statements for ten payments as for one."""
    customer_id = await a_new_customer(client)
    for _ in range(10):
        await store.write(lambda tx: a_payment(tx, 100, customer_id=customer_id, processor="simulator"))
    document = """query ($first: Int!) { payments(first: $first) { nodes {
      refunds { nodes { id payment { id } } totalCount } disputes { nodes { id } totalCount }
      lines { refundableAmount { amount } } } } }"""
    counted_for = {}
    for first in (1, 10):
        with counted(store) as counts:
            await client.execute(document, first=first)
        counted_for[first] = sum(counts)
    assert counted_for[1] == counted_for[10]
