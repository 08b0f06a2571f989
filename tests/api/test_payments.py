"""Payments as clients see them, at the simulator (payments.md §1-4, wallets.md §4-5, A25, A30-A32)."""

from datetime import timedelta
from typing import Any

import pytest

from saifu.clock import ManualClock
from saifu.store import Store
from tests.api.mutations import a_new_customer, an_entry, change, document, done, refused
from tests.api.test_sources import attached
from tests.builders import a_session
from tests.client import Api

PAYMENTS = """query ($id: ID!) { customer(id: $id) { payments(filter: {statuses: [FAILED]}) {
  totalCount nodes { id status customer { id } } } } payments(customerId: $id, first: 1) {
  totalCount nodes { id } pageInfo { hasNextPage endCursor } } }"""
BALANCE = 'query ($id: ID!) { wallet(customerId: $id, currency: "USD") { balance { amount } } }'
EVENTS = """query ($id: ID!) { customer(id: $id) {
  events(orderBy: CURSOR_ASC) { nodes { name data } } } }"""


def order(key: str = "order-1", **given: Any) -> dict[str, Any]:
    return {"currency": "USD", "amount": 2000, "idempotencyKey": key, **given}


async def pay(client: Api, key: str = "order-1", **given: Any) -> Any:
    """The payment of a charge of 20.00 USD that is not declined."""
    return (await done(client, "paymentCreate", **order(key, **given)))["payment"]


async def a_payer(client: Api, token: str = "tok_visa", balance: int = 0) -> str:
    customer_id = await a_new_customer(client)
    if token:
        await attached(client, customer_id, token)
    if balance:
        await done(client, "ledgerEntryCreate", **an_entry(customer_id, amount=balance))
    return customer_id


async def balance(client: Api, customer_id: str) -> int:
    found = await client.execute(BALANCE, id=customer_id)
    return int(found["wallet"]["balance"]["amount"])


async def pending(client: Api, customer_id: str) -> int:
    """The same from the list that is told by one statement and from the wallet's own resolvers."""
    found = await client.execute(
        """query ($id: ID!) { wallet(customerId: $id, currency: "USD") {
        pendingPaymentAmount { amount } customer { id } }
        customer(id: $id) { wallet(currency: "USD") { pendingPaymentAmount { amount } } } }""",
        id=customer_id,
    )
    amount = found["wallet"]["pendingPaymentAmount"]
    assert found["customer"]["wallet"]["pendingPaymentAmount"] == amount
    return int(amount["amount"])


async def test_a_customer_pays_with_wallet_and_card(client: Api) -> None:
    """W44, PM1, PM8, PM24."""
    customer_id = await a_payer(client, balance=700)
    lines = [{"name": "Tea", "unitAmount": 500, "quantity": 2, "taxRateBps": 1900, "taxInclusive": True}]
    lines.append({"name": "Cup", "unitAmount": 1000})
    payment = await pay(client, customerId=customer_id, useWallet=True, amount=None, lines=lines)
    assert payment["status"] == "SUCCEEDED"
    assert payment["walletAmount"] == {"amount": 700}
    assert payment["sourceAmount"] == {"amount": 1300}
    assert payment["tax"] == {"amount": 160}
    assert payment["paymentMethod"] == "card"
    assert payment["paymentProvider"] == "simulator"
    assert payment["card"] == {"lastFour": "4242", "network": "visa"}
    assert [line["amount"]["amount"] for line in payment["lines"]] == [1000, 1000]
    assert payment["attempts"] == [
        {"number": 1, "kind": "CHARGE", "state": "SUCCEEDED", "declineCode": None, "rawCode": None}
    ]
    assert await balance(client, customer_id) == 0


async def test_what_the_balance_covers_needs_no_source(client: Api) -> None:
    """W47, PM8: nobody but the wallet is asked."""
    customer_id = await a_payer(client, token="", balance=5000)
    payment = await pay(client, customerId=customer_id, useWallet=True)
    assert (payment["paymentMethod"], payment["sourceId"], payment["attempts"]) == (
        "customer_balance",
        None,
        [],
    )


async def test_a_decline_is_a_failed_payment_and_said_beside_it(client: Api) -> None:
    """A25, PM28, W48: `PAYMENT_DECLINED`; the same again answers the same."""
    customer_id = await a_payer(client, "tok_chargeCustomerFail", balance=700)
    for replayed in (False, True):
        payload = await change(client, "paymentCreate", **order(customerId=customer_id, useWallet=True))
        (error,) = payload["errors"]
        assert (error["__typename"], error["code"]) == ("PaymentDeclinedError", "PAYMENT_DECLINED")
        assert (error["declineCode"], error["httpStatus"]) == ("GENERIC_DECLINE", 402)
        assert payload["payment"]["status"] == "FAILED"
        assert payload["payment"]["decline"]["autoRetryable"] is True
        assert payload["replayed"] is replayed
    assert await balance(client, customer_id) == 700


async def test_what_would_help_a_thief_is_told_to_the_merchant_alone(client: Api, store: Store) -> None:
    """PM32: sessions read a generic decline wherever they look, also in the log."""
    customer_id = await a_new_customer(client)
    token = "tok_visa_chargeDeclinedLostCard"
    source = await done(client, "sourceCreate", type="CARD", token=token)
    payload = await change(
        client, "paymentCreate", **order(customerId=customer_id, sourceId=source["source"]["id"])
    )
    assert payload["payment"]["errorCode"] == "LOST_CARD"
    _, secret = await store.write(lambda tx: a_session(tx, customer_id))
    session = client.acting_as(secret)
    found = await session.execute(
        """query ($id: ID!) { payment(id: $id) { errorCode errorMessage decline { type customerMessage }
        attempts { declineCode rawCode } } }""",
        id=payload["payment"]["id"],
    )
    shown = found["payment"]
    assert shown["errorCode"] == "GENERIC_DECLINE"
    assert shown["attempts"] == [{"declineCode": "GENERIC_DECLINE", "rawCode": None}]
    assert shown["errorMessage"] == shown["decline"]["customerMessage"]
    await client.whole_log()
    log = await session.execute(EVENTS, id=customer_id)
    assert "payment.failed" in [event["name"] for event in log["customer"]["events"]["nodes"]]
    assert "LOST_CARD" not in str(log) + str(found)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"amount": 0}, "INVALID_REQUEST_PARAMETERS"),
        ({"amount": 1_000_000_000_000}, "INVALID_REQUEST_PARAMETERS"),
        ({"amount": None}, "INVALID_REQUEST_PARAMETERS"),
        ({"amount": 49}, "TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT"),
        ({"currency": "JPY"}, "UNSUPPORTED_CURRENCY"),
        ({"customerId": "cus_x"}, "NOT_FOUND"),
        ({"customerId": None}, "INVALID_REQUEST_PARAMETERS"),
        ({"customerId": None, "useWallet": True}, "INVALID_REQUEST_PARAMETERS"),
        ({"token": "tok_visa"}, "TOKEN_WITH_CUSTOMER"),
        ({"token": "tok_visa", "sourceId": "src_x", "customerId": None}, "INVALID_REQUEST_PARAMETERS"),
        ({"sourceId": "src_x"}, "NOT_FOUND"),
        ({"statementDescriptor": "12345"}, "INVALID_REQUEST_PARAMETERS"),
        ({"description": "x" * 501}, "INVALID_REQUEST_PARAMETERS"),
        ({"returnUrl": "ftp://shop.example"}, "INVALID_REQUEST_PARAMETERS"),
        ({"lines": [{"name": "Tea", "unitAmount": 1}]}, "INVALID_REQUEST_PARAMETERS"),
        ({"metadata": {str(n): 1 for n in range(51)}}, "MAXIMUM_KEYS_REACHED"),
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused_and_leaves_no_payment(
    client: Api, given: dict[str, Any], code: str
) -> None:
    """PM23, PM26, SR60, SR64."""
    customer_id = await a_payer(client)
    error = await refused(client, "paymentCreate", **order(**{"customerId": customer_id, **given}))
    assert (error["code"], error["moneyMovement"]) == (code, "NONE")
    assert (await client.execute("{ payments { totalCount } }"))["payments"] == {"totalCount": 0}
    assert (await pay(client, customerId=customer_id))["status"] == "SUCCEEDED", "the key is not used up"


async def test_who_may_charge_what_is_the_matrix_of_the_sources(client: Api) -> None:
    """SR60a-SR60g: `SOURCE_REQUIRES_CUSTOMER`, `SOURCE_CUSTOMER_MISMATCH`, `SOURCE_NOT_CHARGEABLE`."""
    mine, other = await a_payer(client), await a_new_customer(client)
    source = (
        await client.execute("query ($id: ID!) { customer(id: $id) { defaultSource { id } } }", id=mine)
    )["customer"]["defaultSource"]["id"]
    loose = (await done(client, "sourceCreate", type="CARD", token="tok_mastercard"))["source"]["id"]
    assert (await refused(client, "paymentCreate", **order("b", sourceId=source)))["code"] == (
        "SOURCE_REQUIRES_CUSTOMER"
    )
    mismatch = await refused(client, "paymentCreate", **order("f", sourceId=source, customerId=other))
    assert mismatch["code"] == "SOURCE_CUSTOMER_MISMATCH"
    assert (await refused(client, "paymentCreate", **order("d", customerId=other)))["code"] == (
        "NO_ELIGIBLE_PAYMENT_METHODS"
    )
    assert (await pay(client, "d2", customerId=mine))["sourceId"] == source
    assert (await pay(client, "e", customerId=mine, sourceId=source))["sourceId"] == source
    assert (await pay(client, "g", customerId=mine, sourceId=loose))["sourceId"] == loose
    used = await refused(client, "paymentCreate", **order("a", sourceId=loose))
    assert used["code"] == "SOURCE_NOT_CHARGEABLE"
    assert (await pay(client, "c", token="tok_visa"))["customerId"] is None


async def test_a_lost_answer_is_found_by_its_key(client: Api) -> None:
    """A31, A32, PM20, PM21."""
    customer_id = await a_payer(client)
    payment = await pay(client, customerId=customer_id)
    again = await done(client, "paymentCreate", **order(customerId=customer_id))
    assert (again["payment"]["id"], again["replayed"]) == (payment["id"], True)
    error = await refused(client, "paymentCreate", **order(customerId=customer_id, amount=2001))
    assert (error["code"], error["mismatchedFields"]) == ("IDEMPOTENCY_KEY_REUSED", ["amount"])
    found = await client.execute(
        '{ operation(idempotencyKey: "order-1") { mutation result { id ... on Payment { status } } } }'
    )
    assert found["operation"] == {
        "mutation": "paymentCreate",
        "result": {"id": payment["id"], "status": "SUCCEEDED"},
    }


async def test_a_payment_that_waits_for_its_customer_can_be_given_up_and_tried_again(client: Api) -> None:
    """PM14, PM18, PM19b, W48-W50: `PREVIOUS_PAYMENT_PENDING`, `TRANSITION_NOT_ALLOWED`."""
    customer_id = await a_payer(client, "tok_threeDSecure2Required", balance=700)
    waits = await pay(client, customerId=customer_id, useWallet=True, onSession=True)
    assert waits["status"] == "REQUIRES_CUSTOMER_ACTION"
    assert waits["actionUrl"]
    again = {"paymentId": waits["id"], "idempotencyKey": "again"}
    assert (await refused(client, "paymentRetry", **again))["code"] == "PREVIOUS_PAYMENT_PENDING"
    assert await balance(client, customer_id) == 0
    assert await pending(client, customer_id) == 700, "W49"
    for _ in range(2):
        gone = (await done(client, "paymentCancel", paymentId=waits["id"]))["payment"]
        assert (gone["status"], gone["walletAmount"]) == ("CANCELLED", {"amount": 0})
    assert await balance(client, customer_id) == 700
    assert await pending(client, customer_id) == 0
    card = (await done(client, "sourceCreate", type="CARD", token="tok_visa"))["source"]["id"]
    paid = (await done(client, "paymentRetry", **again, sourceId=card))["payment"]
    assert (paid["status"], paid["retryOfId"], paid["walletAmount"]) == (
        "SUCCEEDED",
        waits["id"],
        {"amount": 700},
    )
    for mutation, given in (
        ("paymentCancel", {"paymentId": paid["id"]}),
        ("paymentRetry", {"paymentId": paid["id"], "idempotencyKey": "more"}),
    ):
        error = await refused(client, mutation, **given)
        assert (error["code"], error["from"]) == ("TRANSITION_NOT_ALLOWED", "succeeded")
    assert (await refused(client, "paymentCancel", paymentId="pay_x"))["code"] == "NOT_FOUND"


async def test_a_wallet_is_topped_up(client: Api) -> None:
    """W63."""
    customer_id = await a_payer(client, balance=700)
    wanted = {"customerId": customer_id, "currency": "USD", "amount": 5000, "idempotencyKey": "top"}
    for _ in range(2):
        payment = (await done(client, "walletTopUp", **wanted))["payment"]
        assert (payment["status"], payment["purpose"]) == ("SUCCEEDED", "WALLET_TOP_UP")
    assert await balance(client, customer_id) == 5700
    found = await client.execute(
        """query ($id: ID!) { ledgerEntries(customerId: $id, first: 1) {
        nodes { eventType funding referenceObjectId amount { amount } } } }""",
        id=customer_id,
    )
    assert found["ledgerEntries"]["nodes"] == [
        {
            "eventType": "TOP_UP",
            "funding": "PAID",
            "referenceObjectId": payment["id"],
            "amount": {"amount": 5000},
        }
    ]


async def test_blocked_and_deleted_customers_pay_nothing(client: Api) -> None:
    """CU57, CU62: `CUSTOMER_BLOCKED`, `GONE`."""
    blocked, gone = await a_payer(client), await a_payer(client)
    await done(client, "customerBlock", customer={"id": blocked})
    await done(client, "customerDelete", customerId=gone)
    for customer_id, code in ((blocked, "CUSTOMER_BLOCKED"), (gone, "GONE")):
        assert (await refused(client, "paymentCreate", **order(customerId=customer_id)))["code"] == code
        wanted = {"customerId": customer_id, "currency": "USD", "amount": 5000, "idempotencyKey": "top"}
        assert (await refused(client, "walletTopUp", **wanted))["code"] == code


async def test_payments_are_listed_and_paged(client: Api, clock: ManualClock) -> None:
    """PM2, A27."""
    customer_id = await a_payer(client)
    made = []
    for key in ("one", "two", "three"):
        made.append((await pay(client, key, customerId=customer_id))["id"])
        clock.advance(timedelta(seconds=1))
    found = await client.execute(PAYMENTS, id=customer_id)
    assert found["customer"]["payments"] == {"totalCount": 0, "nodes": []}
    assert found["payments"]["totalCount"] == 3
    assert found["payments"]["nodes"] == [{"id": made[2]}]
    rest = await client.execute(
        """query ($id: ID!, $after: String) { payments(customerId: $id, after: $after) { nodes { id } } }""",
        id=customer_id,
        after=found["payments"]["pageInfo"]["endCursor"],
    )
    assert [node["id"] for node in rest["payments"]["nodes"]] == [made[1], made[0]]
    filters = [
        {"statuses": ["SUCCEEDED"], "purpose": "DIRECT", "currency": "USD"},
        {"createdAtGte": "2026-01-01T00:00:00Z", "createdAtLte": "2027-01-01T00:00:00Z"},
    ]
    for wanted in filters:
        counted = await client.execute(
            "query ($f: PaymentFilter) { payments(filter: $f) { totalCount } }", f=wanted
        )
        assert counted["payments"]["totalCount"] == 3
    assert (await client.execute('{ payment(id: "pay_x") { id } }'))["payment"] is None


async def test_a_session_sees_its_own_payments_and_makes_none(client: Api, store: Store) -> None:
    """A41, CU77, CU78."""
    mine, other = await a_payer(client), await a_payer(client)
    own = (await pay(client, "mine", customerId=mine))["id"]
    foreign = (await pay(client, "theirs", customerId=other))["id"]
    anonymous = (await pay(client, "nobody", token="tok_visa"))["id"]
    _, secret = await store.write(lambda tx: a_session(tx, mine))
    session = client.acting_as(secret)
    found = await session.execute(
        "query ($a: ID!, $b: ID!, $c: ID!) { a: payment(id: $a) { id needsReviewAt } b: payment(id: $b) { id } "
        "c: node(id: $c) { id } payments { nodes { id } } }",
        a=own,
        b=foreign,
        c=anonymous,
    )
    assert found == {
        "a": {"id": own, "needsReviewAt": None},
        "b": None,
        "c": None,
        "payments": {"nodes": [{"id": own}]},
    }
    assert (await session.ask(document("paymentCreate"), input=order(customerId=mine))).code == "FORBIDDEN"


async def test_decline_codes_can_be_asked_for(client: Api) -> None:
    """PM30."""
    found = await client.execute(
        "{ declineCodes { code type userError autoRetryable masked customerMessage } }"
    )
    codes = {each["code"]: each for each in found["declineCodes"]}
    assert len(codes) == 46
    assert codes["AUTHENTICATION_FAILURE"]["type"] == "HARD"
    assert {code for code, each in codes.items() if each["masked"]} == {
        "FRAUDULENT",
        "LOST_CARD",
        "PICKUP_CARD",
        "STOLEN_CARD",
    }
