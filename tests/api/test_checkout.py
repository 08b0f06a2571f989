"""Checkout sessions through the API: making, reading, ending them, and who may (PM70-PM89, A41)."""

from datetime import timedelta
from typing import Any

import pytest

from saifu.clock import ManualClock
from saifu.store import Store
from tests.api.mutations import a_new_customer, change, done, refused
from tests.builders import a_session
from tests.checkout import DECLINED, TEA, a_checkout, heading
from tests.client import Api
from tests.footprint import footprint, grown

ASKED = {
    "currency": "USD",
    "lines": [TEA],
    "customer": {"email": "mika@example.com"},
    "idempotencyKey": "cart",
}


async def test_a_session_is_made_with_a_link_that_is_shown_once(client: Api) -> None:
    """PM70, PM86, A30, A31: 24 hours, at least 128 random bits, and no second look at the secret."""
    made = await done(client, "checkoutSessionCreate", **ASKED)
    session = made["checkoutSession"]
    assert (session["status"], session["expiresAt"], session["verified"]) == (
        "OPEN",
        "2026-01-16T09:30:00Z",
        False,
    )
    assert made["checkoutUrl"].endswith(f"/checkout/{made['token']}")
    assert len(made["token"]) >= len("ct_") + 128 // 6
    again = await done(client, "checkoutSessionCreate", **ASKED)
    assert (again["replayed"], again["checkoutUrl"], again["token"]) == (True, None, None)
    assert again["checkoutSession"] == session
    other = await refused(client, "checkoutSessionCreate", **{**ASKED, "returnUrl": "https://shop.example/"})
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    ("line", "amount", "tax"),
    [
        ({"unitAmount": 1000, "quantity": 3}, 3000, 0),
        ({"unitAmount": 1000, "taxRateBps": 1900}, 1190, 190),
        ({"unitAmount": 1190, "taxRateBps": 1900, "taxInclusive": True}, 1190, 190),
        ({"unitAmount": 333, "quantity": 3, "taxRateBps": 1000}, 1099, 100),  # one rounding, of 99.9
        ({"unitAmount": 105, "taxRateBps": 1000}, 116, 11),  # half up, of 10.5
    ],
)
async def test_lines_are_added_up_with_their_tax(
    client: Api, line: dict[str, Any], amount: int, tax: int
) -> None:
    """PM3, C3."""
    made = await done(client, "checkoutSessionCreate", **{**ASKED, "lines": [{"name": "A", **line}]})
    session = made["checkoutSession"]
    assert (session["totalAmount"]["amount"], session["tax"]["amount"]) == (amount, tax)
    assert (session["lines"][0]["amount"]["amount"], session["lines"][0]["tax"]["amount"]) == (amount, tax)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"lines": []}, "INVALID_REQUEST_PARAMETERS", ["lines"]),
        ({"lines": [TEA] * 21}, "INVALID_REQUEST_PARAMETERS", ["lines"]),
        ({"lines": [{**TEA, "quantity": 0}]}, "INVALID_REQUEST_PARAMETERS", ["lines", "0", "quantity"]),
        ({"lines": [{**TEA, "unitAmount": 0}]}, "INVALID_REQUEST_PARAMETERS", ["lines", "0", "unitAmount"]),
        ({"lines": [{**TEA, "unitAmount": -1}]}, "INVALID_REQUEST_PARAMETERS", ["lines", "0", "unitAmount"]),
        (
            {"lines": [{**TEA, "taxRateBps": 10_001}]},
            "INVALID_REQUEST_PARAMETERS",
            ["lines", "0", "taxRateBps"],
        ),
        ({"lines": [{**TEA, "name": " "}]}, "INVALID_REQUEST_PARAMETERS", ["lines", "0", "name"]),
        (
            {"lines": [{"name": "A", "unitAmount": 49}]},
            "TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT",
            ["lines"],
        ),
        ({"lines": [{**TEA, "unitAmount": 999_999_999_999}]}, "INVALID_REQUEST_PARAMETERS", ["lines"]),
        ({"amount": 100}, "INVALID_REQUEST_PARAMETERS", ["amount"]),
        ({"currency": "CHF"}, "UNSUPPORTED_CURRENCY", ["currency"]),
        ({"purpose": "TOP_UP"}, "INVALID_REQUEST_PARAMETERS", ["lines"]),
        ({"purpose": "TOP_UP", "lines": None}, "INVALID_REQUEST_PARAMETERS", ["amount"]),
        (
            {"purpose": "TOP_UP", "lines": None, "amount": 100, "customer": None},
            "INVALID_REQUEST_PARAMETERS",
            ["customer"],
        ),
        ({"purpose": "MANDATE"}, "INVALID_REQUEST_PARAMETERS", ["lines"]),
        ({"purpose": "MANDATE", "lines": None}, "INVALID_REQUEST_PARAMETERS", ["customer"]),
        ({"customer": {}}, "INVALID_REQUEST_PARAMETERS", ["customer"]),
        ({"customer": {"id": "cus_x", "email": "a@example.com"}}, "INVALID_REQUEST_PARAMETERS", ["customer"]),
        ({"customer": {"id": "cus_x"}}, "NOT_FOUND", ["customer", "id"]),
        ({"customer": {"email": "nobody"}}, "INVALID_REQUEST_PARAMETERS", ["customer", "email"]),
        ({"returnUrl": "/thanks"}, "INVALID_REQUEST_PARAMETERS", ["returnUrl"]),
        ({"returnUrl": "https://me:secret@shop.example/"}, "INVALID_REQUEST_PARAMETERS", ["returnUrl"]),
        ({"cancelUrl": "javascript:alert(1)"}, "INVALID_REQUEST_PARAMETERS", ["cancelUrl"]),
        (
            {"allowedPaymentMethodTypes": ["SEPA_DEBIT"]},
            "NO_ELIGIBLE_PAYMENT_METHODS",
            ["allowedPaymentMethodTypes"],
        ),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "MAXIMUM_KEYS_REACHED", ["metadata"]),
    ],
)
async def test_what_cannot_be_a_session_is_refused_and_leaves_nothing(
    client: Api, store: Store, given: dict[str, Any], code: str, path: list[str]
) -> None:
    """PM23, PM26, PM27, PM79, PM82."""
    before = await footprint(store)
    error = await refused(client, "checkoutSessionCreate", **{**ASKED, **given})
    assert (error["code"], error["path"]) == (code, ["input", *path])
    assert grown(before, await footprint(store)) == {}


async def test_a_blocked_or_deleted_customer_is_asked_for_nothing(client: Api) -> None:
    """CU57, CU62."""
    blocked, gone = await a_new_customer(client, email="b@example.com"), await a_new_customer(client)
    await done(client, "customerBlock", customer={"id": blocked})
    await done(client, "customerDelete", customerId=gone)
    for customer_id, code in ((blocked, "CUSTOMER_BLOCKED"), (gone, "GONE")):
        error = await refused(client, "checkoutSessionCreate", **{**ASKED, "customer": {"id": customer_id}})
        assert (error["code"], error["path"]) == (code, ["input", "customer", "id"])


async def test_an_address_means_the_oldest_customer_that_is_neither_deleted_nor_blocked(
    client: Api, clock: ManualClock
) -> None:
    """CU7."""
    gone = await a_new_customer(client, email="twin@example.com")
    await done(client, "customerDelete", customerId=gone)
    clock.advance(timedelta(days=1))
    oldest = await a_new_customer(client, email="Twin@example.com")
    clock.advance(timedelta(days=1))
    await a_new_customer(client, email="twin@example.com")
    given = {**ASKED, "customer": {"email": "TWIN@example.com"}}
    made = await done(client, "checkoutSessionCreate", **given)
    assert made["checkoutSession"]["customer"]["id"] == oldest
    flags = {"featureFlags": {"alwaysCreateNewCustomer": True}, "idempotencyKey": "new"}
    fresh = await done(client, "checkoutSessionCreate", **{**given, **flags})
    assert fresh["checkoutSession"]["customer"]["id"] not in {gone, oldest}


@pytest.mark.parametrize("customer", [{"email": "mika@example.com"}, None])
async def test_an_open_session_is_ended_once(client: Api, customer: dict[str, str] | None) -> None:
    """PM71; ruling 14: a session of nobody yet is its own order key."""
    checkout = await a_checkout(client, customer=customer)
    for replayed in (False, True):
        ended = await done(
            client, "checkoutSessionExpire", checkoutSessionId=checkout.id, idempotencyKey="end"
        )
        assert (ended["checkoutSession"]["status"], ended["replayed"]) == ("EXPIRED", replayed)
    await client.whole_log()
    events = await client.execute("{ events(filter: {types: [CHECKOUT_EXPIRED]}) { nodes { data } } }")
    (event,) = events["events"]["nodes"]
    assert (event["data"]["session_id"], event["data"]["status"]) == (checkout.id, "expired")
    error = await refused(client, "checkoutSessionExpire", checkoutSessionId="cks_x")
    assert error["code"] == "NOT_FOUND"


async def test_ending_a_session_cancels_the_payment_that_waits_for_its_customer(client: Api) -> None:
    """PM71, W49."""
    checkout = await a_checkout(client)
    await checkout.pays("4000000000003220")
    ended = await done(client, "checkoutSessionExpire", checkoutSessionId=checkout.id)
    assert (ended["checkoutSession"]["status"], ended["checkoutSession"]["paymentStatus"]) == (
        "EXPIRED",
        "CANCELLED",
    )


async def test_a_payment_that_the_merchant_tries_again_completes_its_session(client: Api) -> None:
    """PM19b, PM72: meanwhile, and afterwards, nobody pays on the page."""
    customer_id = await a_new_customer(client)
    good = await done(client, "sourceAttach", customerId=customer_id, source="tok_visa")
    checkout = await a_checkout(client, customer={"id": customer_id})
    page = await checkout.opened()
    await checkout.pays(DECLINED)
    failed = (await checkout.stands())["payment"]["id"]
    again = await client.execute(
        "mutation ($id: ID!, $good: ID!, $key: String!) { "
        "paymentRetry(input: {paymentId: $id, sourceId: $good, idempotencyKey: $key}) { payment { id status } } }",
        key="again",
        id=failed,
        good=good["source"]["id"],
    )
    assert again["paymentRetry"]["payment"]["status"] == "SUCCEEDED"
    stands = await checkout.stands()
    assert (stands["status"], stands["payment"]["id"]) == (
        "COMPLETED",
        again["paymentRetry"]["payment"]["id"],
    )
    assert heading(await checkout.follows(await checkout.sends(page))) == "Payment complete"


async def test_a_session_whose_time_is_over_is_expired_before_any_job_says_so(
    client: Api, clock: ManualClock
) -> None:
    checkout = await a_checkout(client)
    clock.advance(timedelta(hours=24))
    assert (await checkout.stands())["status"] == "EXPIRED"


async def test_a_links_token_sees_its_own_session_and_nothing_else(client: Api) -> None:
    """A41, A27: every other field is refused, and another session is nothing."""
    mine, other = (
        await a_checkout(client, metadata={"note": "internal"}),
        await a_checkout(client, key="other"),
    )
    holder = client.acting_as(mine.token)
    shown = "{ id status paymentStatus totalAmount { amount } metadata }"
    found = await holder.execute(
        f"query ($a: ID!, $b: ID!) {{ a: checkoutSession(id: $a) {shown} b: checkoutSession(id: $b) {shown} }}",
        a=mine.id,
        b=other.id,
    )
    assert found == {
        "a": {
            "id": mine.id,
            "status": "OPEN",
            "paymentStatus": None,
            "totalAmount": {"amount": 3000},
            "metadata": None,
        },
        "b": None,
    }
    for field in (
        "customers { totalCount }",
        f'node(id: "{mine.id}") {{ id }}',
        "viewer { mode }",
        "payments { totalCount }",
    ):
        assert (await holder.ask(f"{{ {field} }}")).code == "FORBIDDEN"
    answer = await holder.ask(
        "query ($id: ID!) { checkoutSession(id: $id) { customer { email } } }", id=mine.id
    )
    assert (answer.code, answer.body["data"]) == ("FORBIDDEN", {"checkoutSession": {"customer": None}})
    expired = await holder.ask(
        "mutation ($id: ID!) { checkoutSessionExpire(input: {checkoutSessionId: $id}) { errors { code } } }",
        id=mine.id,
    )
    assert expired.code == "FORBIDDEN"


async def test_a_links_token_is_a_credential_until_an_hour_after_its_end(
    client: Api, clock: ManualClock
) -> None:
    """A42."""
    checkout = await a_checkout(client)
    holder, asked = (
        client.acting_as(checkout.token),
        f'{{ checkoutSession(id: "{checkout.id}") {{ status }} }}',
    )
    clock.advance(timedelta(hours=25) - timedelta(seconds=1))
    assert (await holder.execute(asked))["checkoutSession"] == {"status": "EXPIRED"}
    clock.advance(timedelta(seconds=1))
    assert (await holder.ask(asked)).code == "UNAUTHENTICATED"
    assert (await client.acting_as(checkout.token + "x").ask(asked)).code == "UNAUTHENTICATED"


async def test_a_customers_session_sees_what_was_made_for_its_id_alone(client: Api, store: Store) -> None:
    """CU8: what a stranger has typed is not shown to whom the address belongs."""
    customer_id = await a_new_customer(client, email="mika@example.com")
    by_id = await a_checkout(client, key="id", customer={"id": customer_id})
    by_email = await a_checkout(client, key="email")
    _, token = await store.write(lambda tx: a_session(tx, customer_id))
    found = await client.acting_as(token).execute(
        "query ($a: ID!, $b: ID!) { a: checkoutSession(id: $a) { id } b: checkoutSession(id: $b) { id } }",
        a=by_id.id,
        b=by_email.id,
    )
    assert found == {"a": {"id": by_id.id}, "b": None}


async def test_a_deleted_customer_is_in_no_session_any_more(client: Api, store: Store) -> None:
    """CU53: open sessions end, and what was typed is gone."""
    made = await done(client, "checkoutSessionCreate", **{**ASKED, "metadata": {"gift_for": "Noor"}})
    session = made["checkoutSession"]
    await done(client, "customerDelete", customerId=session["customer"]["id"])
    found = await client.execute(
        "query ($id: ID!) { checkoutSession(id: $id) { status metadata } }", id=session["id"]
    )
    assert found["checkoutSession"] == {"status": "EXPIRED", "metadata": {}}
    page = await client.http.get(f"/checkout/{made['token']}")
    assert "mika" not in page.text


async def test_what_came_of_a_key_is_told(client: Api) -> None:
    """A32."""
    checkout = await a_checkout(client, key="cart")
    found = await client.execute('{ operation(idempotencyKey: "cart") { mutation result { id } } }')
    assert found["operation"] == {"mutation": "checkoutSessionCreate", "result": {"id": checkout.id}}
    assert await change(client, "checkoutSessionCreate", **{**ASKED, "idempotencyKey": ""})
