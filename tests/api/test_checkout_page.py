"""The hosted page as a browser without a script has it (PM71-PM89)."""

import asyncio
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from saifu.clock import ManualClock
from saifu.store import Store
from tests.api.mutations import a_new_customer, done, refused
from tests.builders import post
from tests.checkout import (
    CARD,
    CHALLENGED,
    DECLINED,
    POOR,
    SET_UP_ONCE,
    Checkout,
    a_checkout,
    alert,
    error_of,
    heading,
    hidden,
)
from tests.client import Api
from tests.footprint import footprint, grown

TYPED = {"card_number": CARD, "card_expiry": "12/34", "card_cvc": "123"}
POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "connect-src": ["'self'"],
    "frame-src": ["'none'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}


async def test_a_card_pays_and_leads_back_with_the_outcome(client: Api) -> None:
    """PM80: the shop's own parameters stay, ours win, and all is percent-encoded."""
    checkout = await a_checkout(client, returnUrl="https://shop.example/x?a=1&status=hoped#top")
    page = await checkout.pays()
    assert heading(page) == "Payment complete"
    stands = await checkout.stands()
    assert (stands["status"], stands["paymentStatus"], stands["attempts"]) == ("COMPLETED", "SUCCEEDED", 1)
    found = re.search(r'<a class="primary" href="([^"]+)"', page.text)
    assert found
    back = urlsplit(found[1].replace("&amp;", "&"))
    assert (back.fragment, "email=mika%40example.com" in back.query) == ("top", True)
    assert parse_qs(back.query) == {
        "a": ["1"],
        "status": ["succeeded"],
        "payment_id": [stands["payment"]["id"]],
        "email": ["mika@example.com"],
    }


async def test_a_consumed_session_shows_its_result_and_never_charges(client: Api) -> None:
    """PM72."""
    checkout = await a_checkout(client)
    page = await checkout.opened()
    await checkout.sends(page, **TYPED)
    before = await client.execute("{ payments { totalCount } }")
    again = await checkout.follows(await checkout.sends(page, **TYPED))
    assert heading(again) == heading(await checkout.opened()) == "Payment complete"
    assert await client.execute("{ payments { totalCount } }") == before
    error = await refused(client, "checkoutSessionExpire", checkoutSessionId=checkout.id)
    assert (error["code"], error["httpStatus"]) == ("CHECKOUT_SESSION_CONSUMED", 409)


async def test_a_form_that_is_sent_twice_at_once_is_one_payment(client: Api) -> None:
    """PM72: a double click, without a script that could stop it."""
    checkout = await a_checkout(client)
    page = await checkout.opened()
    answers = await asyncio.gather(*(checkout.sends(page, **TYPED) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {303}
    assert (await client.execute("{ payments { totalCount } }"))["payments"]["totalCount"] == 1
    assert (await checkout.stands())["attempts"] == 1


async def test_a_declined_form_that_is_sent_again_is_no_second_attempt(client: Api) -> None:
    """PM72: the same form is the same attempt, also after its answer."""
    checkout = await a_checkout(client)
    page = await checkout.opened()
    for _ in range(2):
        answer = await checkout.follows(await checkout.sends(page, **{**TYPED, "card_number": DECLINED}))
        assert alert(answer).startswith("The payment did not go through The card was declined.")
    assert (await checkout.stands())["attempts"] == 1


async def test_after_a_decline_another_card_makes_a_new_payment(client: Api) -> None:
    """PM19b."""
    checkout = await a_checkout(client)
    page = await checkout.pays(POOR)
    assert alert(page).endswith("There is not enough money on the card or account.")
    first = await checkout.stands()
    assert (first["status"], first["payment"]["errorCode"]) == ("OPEN", "INSUFFICIENT_FUNDS")
    await checkout.pays()
    second = await checkout.stands()
    assert (second["payment"]["retryOf"]["id"], second["attempts"]) == (first["payment"]["id"], 2)


async def test_a_masked_decline_is_not_told(client: Api) -> None:
    """PM32."""
    page = await (await a_checkout(client)).pays("4000000000009979")
    assert "stolen" not in page.text.lower()
    assert alert(page).endswith("Contact your bank, or use another card.")


async def test_ten_attempts_are_the_most(client: Api) -> None:
    """PM72."""
    checkout = await a_checkout(client, returnUrl="https://shop.example/")
    for _ in range(9):
        assert alert(await checkout.pays(DECLINED))
    page = await checkout.pays(DECLINED)
    assert heading(page) == "Too many attempts"
    assert "status=failed" in page.text
    assert 'id="pay"' not in page.text


async def test_the_bank_wants_to_be_sure_and_the_visitor_comes_back(client: Api) -> None:
    """PM14, PM81: the way back only makes us ask."""
    checkout = await a_checkout(client)
    page = await checkout.pays(CHALLENGED)
    assert heading(page) == "Confirm with your bank"
    bank = urlsplit(_link(page)).path
    answer = await client.http.post(bank, data={"reply": "authorise"})
    assert urlsplit(answer.headers["location"]).path == f"/checkout/return/{checkout.id}"
    assert heading(await checkout.follows(answer)) == "Payment complete"


async def test_a_browser_without_our_cookie_is_told_to_open_its_link(client: Api) -> None:
    checkout = await a_checkout(client)
    await checkout.pays(CHALLENGED)
    client.http.cookies.clear()
    page = await client.http.get(f"/checkout/return/{checkout.id}")
    assert heading(page) == "Go back to your checkout"
    assert checkout.token not in page.text


async def test_a_visitor_may_rather_pay_otherwise(client: Api) -> None:
    """PM18: what waits for the customer is cancelled, and the form is there again."""
    checkout = await a_checkout(client)
    page = await checkout.pays(CHALLENGED)
    answer = await client.http.post(f"{checkout.path}/cancel", data=hidden(page.text))
    assert alert(await checkout.follows(answer)).startswith("The payment was cancelled")
    assert heading(await checkout.pays()) == "Payment complete"


async def test_an_expired_link_says_so_and_its_payment_is_not_made(client: Api, clock: ManualClock) -> None:
    """PM70, PM71."""
    checkout = await a_checkout(client)
    page = await checkout.opened()
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    assert "Pay $30.00" in (await checkout.opened()).text
    clock.advance(timedelta(seconds=1))
    assert heading(await checkout.opened()) == "This link has expired"
    assert heading(await checkout.follows(await checkout.sends(page, **TYPED))) == "This link has expired"
    assert (await checkout.stands())["payment"] is None


async def test_what_is_no_link_of_ours_is_nothing_whoever_asks(client: Api) -> None:
    """PM86."""
    checkout = await a_checkout(client)
    for token in ("ct_x", "ct_" + "A" * 43, checkout.id, "sk_test_x", "%00"):
        page = await client.http.get(f"/checkout/{token}")
        assert (page.status_code, "mika" in page.text) == (404, False)
        assert (await client.http.get(f"/checkout/{token}/state")).json() == {"state": "gone"}


async def test_the_page_talks_to_nobody_else_and_is_in_nobodys_frame(client: Api) -> None:
    """PM85, S24."""
    checkout = await a_checkout(client)
    page = await checkout.opened()
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert {name: sources.split() for name, sources in policy.items()} == POLICY
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert not re.findall(r'(?:src|href)="https?:', page.text)
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page.text)
    assert len(re.findall(r'integrity="sha384-', page.text)) == 2
    cookie = page.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/checkout"))


async def test_its_files_are_kept_for_ever_under_names_that_change_with_them(client: Api) -> None:
    page = await (await a_checkout(client)).opened()
    for url in re.findall(r'(?:src|href)="(/checkout/assets/[^"]+)"', page.text):
        found = await client.http.get(url)
        assert (found.status_code, "immutable" in found.headers["cache-control"]) == (200, True)
    assert (await client.http.get("/checkout/assets/nothing.js")).status_code == 404


@pytest.mark.parametrize(
    "trick", ["no field", "no cookie", "another site", "another session", "json", "huge"]
)
async def test_a_form_from_anywhere_else_pays_nothing(client: Api, store: Store, trick: str) -> None:
    """PM85: CSRF."""
    checkout = await a_checkout(client)
    other = await a_checkout(client, key="other")
    fields = {**hidden((await checkout.opened()).text), **TYPED}
    stolen = hidden((await other.opened()).text)["csrf"]
    before = await footprint(store)
    send = _tricks(checkout, fields, stolen)[trick]
    if trick == "no cookie":
        client.http.cookies.clear()
    answer = await client.http.send(send)
    assert answer.status_code in {403, 413, 415}
    assert grown(before, await footprint(store)) == {}


def _tricks(checkout: Checkout, fields: dict[str, str], stolen: str) -> dict[str, httpx.Request]:
    def post_of(**given: object) -> httpx.Request:
        return checkout.browser.build_request("POST", f"{checkout.path}/pay", **given)  # type: ignore[arg-type]

    bare = checkout.browser.__class__(base_url="http://gateway.test")
    return {
        "no field": post_of(data={**fields, "csrf": ""}),
        "no cookie": bare.build_request("POST", f"{checkout.path}/pay", data=fields),
        "another site": post_of(data=fields, headers={"sec-fetch-site": "cross-site"}),
        "another session": post_of(data={**fields, "csrf": stolen}),
        "json": post_of(json=fields),
        "huge": post_of(data={**fields, "card_name": "x" * 20_000}),
    }


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"card_number": ""}, "card_number", "Please fill this in."),
        ({"card_number": "4242424242424241"}, "card_number", "Check the card number."),
        ({"card_number": "4539578763621486"}, "card_number", "only test cards work here"),
        ({"card_expiry": "12/20"}, "card_expiry", "Check the expiry date."),
        ({"card_expiry": "soon"}, "card_expiry", "Check the expiry date."),
        ({"card_cvc": "12"}, "card_cvc", "Check the security code."),
    ],
)
async def test_a_mistake_is_told_at_its_field_and_no_card_is_shown_again(
    client: Api, typed: dict[str, str], field: str, said: str
) -> None:
    """PM87, PM92, SR95; SR90: what was typed of a card is not in the answer."""
    checkout = await a_checkout(client)
    given = {**TYPED, **typed}
    answer = await checkout.sends(await checkout.opened(), **given)
    assert answer.status_code == 422
    assert said in error_of(answer, field)
    assert re.search(
        rf'id="{field}"[^>]*aria-describedby="{field}-error"[^>]*aria-invalid="true"', answer.text
    )
    assert given["card_number"] not in answer.text or not given["card_number"]
    assert (await checkout.stands())["attempts"] == 0


async def test_the_balance_of_a_verified_customer_is_offered_and_taken_on_confirmation(
    client: Api, store: Store
) -> None:
    """PM74, PM76, W44."""
    customer_id = await a_new_customer(client)
    await store.write(lambda tx: post(tx, customer_id, 12_00))
    checkout = await a_checkout(client, customer={"id": customer_id})
    page = await checkout.opened()
    assert "$12.00 available" in page.text
    assert await _balance(client, customer_id) == 12_00
    await checkout.pays()
    payment = (await checkout.stands())["payment"]
    assert (payment["walletAmount"]["amount"], payment["sourceAmount"]["amount"]) == (12_00, 18_00)
    assert await _balance(client, customer_id) == 0


async def test_a_split_that_is_not_what_was_shown_is_asked_for_again(client: Api, store: Store) -> None:
    """PM78: nothing is charged, and the page shows what it would be now."""
    customer_id = await a_new_customer(client)
    await store.write(lambda tx: post(tx, customer_id, 12_00))
    checkout = await a_checkout(client, customer={"id": customer_id})
    page = await checkout.opened()
    await store.write(lambda tx: post(tx, customer_id, -5_00))
    answer = await checkout.sends(page, **TYPED)
    assert alert(answer).startswith("The amount to pay has changed")
    assert "Pay $23.00" in answer.text
    assert (await checkout.stands())["attempts"] == 0
    assert heading(await checkout.follows(await checkout.sends(answer, **TYPED))) == "Payment complete"


async def test_a_declined_card_gives_the_balance_back(client: Api, store: Store) -> None:
    """W48."""
    customer_id = await a_new_customer(client)
    await store.write(lambda tx: post(tx, customer_id, 12_00))
    checkout = await a_checkout(client, customer={"id": customer_id})
    await checkout.pays(DECLINED)
    assert await _balance(client, customer_id) == 12_00


@pytest.mark.parametrize("known", ["id", "email"])
async def test_only_a_customer_named_by_id_sees_balance_and_saved_cards(
    client: Api, store: Store, known: str
) -> None:
    """PM75, PM77, CU8: an e-mail address is no proof, and the page shows nothing of whom it belongs to."""
    customer_id = await a_new_customer(client, email="rich@example.com", name="Rich Secret")
    await store.write(lambda tx: post(tx, customer_id, 12_00))
    await done(client, "sourceAttach", customerId=customer_id, source="tok_visa")
    who = {"id": customer_id} if known == "id" else {"email": "RICH@example.com"}
    checkout = await a_checkout(client, customer=who, showSavedPaymentMethods=True)
    page = await checkout.opened()
    shown = [text in page.text for text in ("$12.00", "Visa ending in 4242", "Save this card")]
    assert shown == [known == "id"] * 3
    assert "Rich Secret" not in page.text
    assert (await checkout.stands())["customer"]["id"] == customer_id
    forged = {"use_balance": "yes", "keep": "yes", **TYPED}
    await checkout.follows(await checkout.sends(page, **forged, method="card"))
    assert (await checkout.stands())["status"] == "COMPLETED"
    assert (await _balance(client, customer_id) == 12_00) is (known == "email")
    held = await client.execute(
        "query ($id: ID!) { customer(id: $id) { sources { totalCount } } }", id=customer_id
    )
    assert held["customer"]["sources"]["totalCount"] == (2 if known == "id" else 1)


async def test_a_saved_card_pays(client: Api) -> None:
    """PM77."""
    customer_id = await a_new_customer(client)
    await done(client, "sourceAttach", customerId=customer_id, source="tok_visa")
    checkout = await a_checkout(client, customer={"id": customer_id}, showSavedPaymentMethods=True)
    answer = await checkout.sends(await checkout.opened())
    assert heading(await checkout.follows(answer)) == "Payment complete"


async def test_anothers_saved_card_cannot_be_named(client: Api) -> None:
    mine, yours = await a_new_customer(client), await a_new_customer(client)
    made = await done(client, "sourceAttach", customerId=yours, source="tok_visa")
    checkout = await a_checkout(client, customer={"id": mine}, showSavedPaymentMethods=True)
    answer = await checkout.sends(await checkout.opened(), method=made["source"]["id"])
    assert (answer.status_code, (await checkout.stands())["attempts"]) == (422, 0)


async def test_a_card_that_was_to_be_kept_and_did_not_pay_is_not_kept(client: Api) -> None:
    """PM77."""
    customer_id = await a_new_customer(client)
    checkout = await a_checkout(client, customer={"id": customer_id})
    assert alert(await checkout.pays("4000000000000341", keep="yes"))
    held = await client.execute(
        "query ($id: ID!) { customer(id: $id) { sources { totalCount } } }", id=customer_id
    )
    assert held["customer"]["sources"]["totalCount"] == 0
    assert (await checkout.stands())["attempts"] == 1


async def test_a_card_that_its_bank_refuses_is_a_payment_that_failed_and_is_not_kept(client: Api) -> None:
    """PM72, PM77: it is charged before it is kept, and there is one question to the bank."""
    customer_id = await a_new_customer(client)
    checkout = await a_checkout(client, customer={"id": customer_id})
    assert alert(await checkout.pays(DECLINED, keep="yes"))
    stands = await checkout.stands()
    assert (stands["attempts"], stands["paymentStatus"], stands["sourceId"]) == (1, "FAILED", None)
    assert await cards_of(client, customer_id) == []


async def test_a_card_whose_bank_asks_once_is_kept_by_paying_with_it(client: Api) -> None:
    """PM77, SR66, §9: 4000002500003155 is set up by one 3DS; then it is charged when nobody is there."""
    customer_id = await a_new_customer(client)
    checkout = await a_checkout(client, customer={"id": customer_id})
    page = await checkout.pays(SET_UP_ONCE, keep="yes")
    assert heading(page) == "Confirm with your bank"
    assert await cards_of(client, customer_id) == [], "it has not paid yet"
    answer = await client.http.post(urlsplit(_link(page)).path, data={"reply": "authorise"})
    assert heading(await checkout.follows(answer)) == "Payment complete"
    (kept,) = await cards_of(client, customer_id)
    assert (await checkout.stands())["sourceId"] == kept["id"]
    assert (kept["status"], kept["isDefault"]) == ("CHARGEABLE", True)
    later = {"customerId": customer_id, "currency": "USD", "amount": 999, "idempotencyKey": "renewal"}
    assert (await done(client, "paymentCreate", **later))["payment"]["status"] == "SUCCEEDED"


async def test_a_kept_card_that_cannot_be_attached_has_paid_all_the_same(client: Api) -> None:
    """SR30: whoever was blocked between paying and the bank's word keeps nothing."""
    customer_id = await a_new_customer(client)
    checkout = await a_checkout(client, customer={"id": customer_id})
    page = await checkout.pays(SET_UP_ONCE, keep="yes")
    await done(client, "customerBlock", customer={"id": customer_id}, reason="suspicious")
    await client.http.post(urlsplit(_link(page)).path, data={"reply": "authorise"})
    await checkout.follows(await client.http.get(f"/checkout/return/{checkout.id}"))
    stands = await checkout.stands()
    assert (stands["paymentStatus"], stands["sourceId"]) == ("SUCCEEDED", None)
    assert await cards_of(client, customer_id) == []


async def cards_of(client: Api, customer_id: str) -> list[dict[str, object]]:
    found = await client.execute(
        "query ($id: ID!) { customer(id: $id) { sources { nodes { id status isDefault } } } }", id=customer_id
    )
    nodes: list[dict[str, object]] = found["customer"]["sources"]["nodes"]
    return nodes


async def test_somebody_unknown_gives_an_address_and_becomes_a_customer(client: Api) -> None:
    """CU7: the address of a customer there is already means that one."""
    known = await a_new_customer(client, email="old@example.com")
    checkout = await a_checkout(client, customer=None)
    page = await checkout.opened()
    for given, said in (("", "Please fill this in."), ("nobody", "Check the email address.")):
        assert error_of(await checkout.sends(page, **TYPED, email=given), "email") == said
    await checkout.pays(email="Old@Example.com")
    assert (await checkout.stands())["customer"]["id"] == known


async def test_a_top_up_fills_the_wallet_and_is_never_paid_from_it(client: Api, store: Store) -> None:
    """W63."""
    customer_id = await a_new_customer(client)
    await store.write(lambda tx: post(tx, customer_id, 12_00))
    checkout = await a_checkout(
        client, purpose="TOP_UP", lines=None, amount=50_00, customer={"id": customer_id}
    )
    page = await checkout.opened()
    assert heading(page) == "Add money to your balance"
    assert "use_balance" not in page.text
    assert heading(await checkout.pays()) == "Payment complete"
    assert await _balance(client, customer_id) == 62_00


async def test_a_mandate_attaches_a_card_and_charges_nothing(client: Api) -> None:
    """W53: and it leads back with the source."""
    customer_id = await a_new_customer(client)
    checkout = await a_checkout(
        client, purpose="MANDATE", lines=None, customer={"id": customer_id}, returnUrl="https://shop.example/"
    )
    assert alert(await checkout.pays(DECLINED)).endswith("use another card.")
    page = await checkout.pays()
    assert heading(page) == "Payment method saved"
    held = await client.execute(
        "query ($id: ID!) { customer(id: $id) { defaultSource { id } } }", id=customer_id
    )
    stands = await checkout.stands()
    assert (stands["sourceId"], stands["payment"]) == (held["customer"]["defaultSource"]["id"], None)
    assert f"source_id={stands['sourceId']}" in page.text


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [("ja,en;q=0.5", "ja"), ("ms, de-AT;q=0.8", "de"), ("xx", "en"), ("", "en"), ("de;q=oops,fr", "fr")],
)
async def test_the_page_is_in_the_browsers_language(client: Api, accepted: str, wanted: str) -> None:
    """PM87."""
    page = await (await a_checkout(client)).opened(**{"accept-language": accepted})
    assert f'<html lang="{wanted}"' in page.text


async def test_the_customers_language_goes_before_the_browsers_and_a_forced_one_before_all(
    client: Api,
) -> None:
    customer_id = await a_new_customer(client, preferredLocale="FR")
    checkout = await a_checkout(client, customer={"id": customer_id})
    assert '<html lang="fr"' in (await checkout.opened(**{"accept-language": "de"})).text
    forced = await a_checkout(
        client,
        key="forced",
        customer={"id": customer_id},
        customization={"forceLanguage": "ES", "theme": "DARK"},
    )
    page = await forced.opened(**{"accept-language": "de"})
    assert '<html lang="es" data-theme="dark"' in page.text


async def test_a_shop_that_wants_no_page_of_success_gets_its_visitor_at_once(client: Api) -> None:
    """PM83."""
    checkout = await a_checkout(
        client, returnUrl="https://shop.example/", featureFlags={"redirectImmediately": True}
    )
    page = await checkout.pays()
    assert '<meta http-equiv="refresh" content="0;url=https://shop.example/?' in page.text


async def test_texts_of_merchants_are_text_and_nothing_else(client: Api) -> None:
    line = {"name": '<script>alert("x")</script>', "description": "{{ 7 * 7 }}", "unitAmount": 100}
    page = await (await a_checkout(client, lines=[line])).opened()
    assert "<script>alert" not in page.text
    assert "{{ 7 * 7 }}" in page.text


def _link(page: httpx.Response) -> str:
    found = re.search(r'<a class="primary" href="([^"]+)"', page.text)
    assert found
    return found[1]


async def _balance(client: Api, customer_id: str) -> int:
    found = await client.execute(
        'query ($id: ID!) { wallet(customerId: $id, currency: "USD") { balance { amount } } }', id=customer_id
    )
    return int(found["wallet"]["balance"]["amount"])
