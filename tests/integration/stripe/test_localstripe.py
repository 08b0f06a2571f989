"""The adapter against `localstripe`: somebody else's Stripe, as a process of its own, asked over HTTP.

It is stricter than our fake about what it is sent (an unknown parameter is refused) and knows less. Not asked here,
because it has no answer, and asked of the recorded wire shapes instead: idempotency keys (it ignores them), lists by
`created`, tokens as payment methods, redirects after 3-D Secure, return addresses, descriptions, mandates, disputes,
decline codes, and failures of the network.
"""

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest

from saifu.ids import new_id
from saifu.processors.contract import (
    CallbackKind,
    ChargeState,
    CustomerAt,
    OutcomeUnknown,
    RefundOrder,
    RefundState,
    SourceOrder,
)
from saifu.processors.declines import DeclineCode
from saifu.processors.stripe.api import StripeApi
from saifu.processors.stripe.processor import StripeProcessor
from saifu.refusals import ErrorCode, Refusal
from tests.stripe_fake import KEY, WEBHOOK_SECRET, a_charge

# Its own start listens on every address and keeps a file in /tmp; this one does neither.
SERVE = """
import socket, sys
from aiohttp import web
from localstripe.resources import Store
from localstripe.server import app
Store.dump_to_disk = lambda self: None
web.run_app(app, sock=socket.socket(fileno=int(sys.argv[1])), print=None)
"""
ADA = CustomerAt("cus_01", "ada@example.com", "Ada Lovelace")
# Published by Stripe: a card whose bank always wants to see its holder.
ASKS = {"number": "4000002760003184", "exp_month": "12", "exp_year": "2031", "cvc": "123"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where localstripe runs. In CI it has to."""
    if importlib.util.find_spec("localstripe") is None:
        missing = "localstripe is not installed: make test installs what requirements.lock names"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(missing)
        pytest.skip(missing)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVE, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # Whoever connects before it is ready waits in the listener's queue.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
async def stripe(address) -> AsyncIterator[StripeProcessor]:
    processor = StripeProcessor(StripeApi(KEY, address), WEBHOOK_SECRET, livemode=False)
    yield processor
    await processor.close()


async def post(address: str, path: str, form: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=address, auth=(KEY, ""), timeout=10) as client:
        return (await client.post(path, data=form)).raise_for_status()


async def asking(address: str) -> str:
    made = await post(
        address,
        "/v1/payment_methods",
        {"type": "card", **{f"card[{name}]": value for name, value in ASKS.items()}},
    )
    return str(made.json()["id"])


async def test_a_card_is_read_with_its_public_detail(stripe):
    """SR92."""
    card = await stripe.instrument("pm_card_visa", "digest-1")
    assert card.ref.startswith("pm_")
    assert {name: card.detail[name] for name in ("brand", "last4", "exp_year", "funding", "country")} == {
        "brand": "visa",
        "last4": "4242",
        "exp_year": 2030,
        "funding": "credit",
        "country": "FR",
    }
    assert card.fingerprint == (await stripe.instrument("pm_card_visa", "digest-2")).fingerprint


async def test_what_is_not_there_is_refused(stripe):
    with pytest.raises(Refusal) as refused:
        await stripe.instrument("pm_neverWas", "digest-1")
    assert refused.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS


async def test_a_customer_is_made_and_a_card_checked_for_it(stripe):
    """SR35: a real SetupIntent, made and confirmed."""
    card = await stripe.instrument("pm_card_visa", "digest-1")
    attached = await stripe.attach(card.ref, ADA, new_id("src"))
    assert attached.decline is None
    assert attached.customer_ref
    assert attached.customer_ref.startswith("cus_")


async def test_a_card_that_fails_its_check_is_not_attached(stripe):
    """SR35. The bank's own reason is not told here, only that it was a decline."""
    card = await stripe.instrument("pm_card_visa_chargeDeclined", "digest-1")
    attached = await stripe.attach(card.ref, ADA, new_id("src"))
    assert (attached.decline, attached.raw_code) == (DeclineCode.GENERIC_DECLINE, "card_declined")


async def test_a_card_whose_bank_asks_for_its_holder_is_not_attached_unattended(stripe, address):
    attached = await stripe.attach(await asking(address), ADA, new_id("src"))
    assert attached.decline is DeclineCode.AUTHENTICATION_REQUIRED


async def test_a_card_is_detached(stripe):
    """SR71."""
    card = await stripe.instrument("pm_card_visa", "digest-1")
    await stripe.detach(card.ref)
    await stripe.detach("pm_neverWas")


async def test_a_kept_card_is_charged_again_and_again_and_found_by_our_reference(stripe):
    """SR8, PM29."""
    card = await stripe.instrument("pm_card_visa", "digest-1")
    kept = await stripe.attach(card.ref, ADA, new_id("src"))
    for _ in range(2):
        charge = a_charge(card.ref, customer_id=ADA.id, customer_ref=kept.customer_ref, is_attached=True)
        answer = await stripe.charge(charge)
        assert answer.state is ChargeState.SUCCEEDED
        assert await stripe.look_up(charge.reference) == answer


async def test_a_declined_charge_is_an_answer(stripe):
    """PM28: 4000 0000 0000 0341 passes the check and fails when charged."""
    card = await stripe.instrument("pm_card_chargeCustomerFail", "digest-1")
    assert (await stripe.attach(card.ref, ADA, new_id("src"))).decline is None
    answer = await stripe.charge(a_charge(card.ref))
    assert (answer.state, answer.code) == (ChargeState.DECLINED, DeclineCode.GENERIC_DECLINE)


async def test_a_charge_that_nobody_can_authenticate_is_cancelled_there_and_declined_here(stripe, address):
    """PM19a: the intent waits for an action without an address; afterwards it is cancelled at localstripe too."""
    charge = a_charge(await asking(address))
    answer = await stripe.charge(charge)
    assert (answer.state, answer.code) == (ChargeState.DECLINED, DeclineCode.AUTHENTICATION_REQUIRED)
    intent = await stripe.at(answer.processor_ref)
    assert intent["status"] == "canceled"
    assert await stripe.cancel(charge.reference) == answer


async def test_a_bank_debit_is_made_of_an_iban_and_succeeds_later(stripe, address):
    """SR24, SR67, PM17."""
    order = SourceOrder(
        new_id("src"), "sepa_debit", None, "EUR", {"name": "Ada"}, None, {"iban": "DE89370400440532013000"}
    )
    made = await stripe.create_source(order)
    assert made.detail == {"country": "DE", "bank_code": "37040044", "last4": "3000"}
    kept = await stripe.attach((await stripe.instrument("pm_card_visa", "d")).ref, ADA, new_id("src"))
    await post(address, f"/v1/payment_methods/{made.ref}/attach", {"customer": kept.customer_ref})
    charge = a_charge(
        made.ref,
        instrument_type="sepa_debit",
        currency="EUR",
        customer_id=ADA.id,
        customer_ref=kept.customer_ref,
        is_attached=True,
    )
    answer = await stripe.charge(charge)
    assert answer.state in {ChargeState.PROCESSING, ChargeState.SUCCEEDED}
    async with asyncio.timeout(10):
        while answer.state is not ChargeState.SUCCEEDED:
            answer = await stripe.look_up(charge.reference)


async def test_refunds_are_made_and_found_among_those_of_their_charge(stripe):
    """PM29, PM46."""
    card = await stripe.instrument("pm_card_visa", "digest-1")
    charge = a_charge(card.ref)
    answer = await stripe.charge(charge)
    orders = [
        RefundOrder(new_id("ref"), charge.reference, ref, 500, "USD") for ref in (answer.processor_ref, None)
    ]
    for order in orders:
        assert await stripe.look_up_refund(order) is None
        refund = await stripe.refund(order)
        assert refund.state is RefundState.SUCCEEDED
        assert await stripe.look_up_refund(order) == refund


async def test_what_it_cannot_look_up_is_unknown_and_not_absent(stripe):
    """It refuses lists by `created`: an answer that Stripe does not give is never taken for a no."""
    with pytest.raises(OutcomeUnknown):
        await stripe.look_up(new_id("pay"))


async def test_a_key_that_it_does_not_take_is_an_unknown_outcome(address):
    processor = StripeProcessor(StripeApi("not_a_key", address), None, livemode=False)
    with pytest.raises(OutcomeUnknown):
        await processor.charge(a_charge())
    await processor.close()


async def test_its_webhooks_are_signed_as_we_read_them(stripe, address):
    """S18: what another program signs and sends over HTTP is believed, and names our charge."""
    arrived: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name: value.strip() for name, _, value in (line.partition(":") for line in head if line)}
        await arrived.put((headers, await reader.readexactly(int(headers["Content-Length"]))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as receiver, asyncio.timeout(20):
        port = receiver.sockets[0].getsockname()[1]
        hook = {"url": f"http://127.0.0.1:{port}/processors/stripe/callbacks", "secret": WEBHOOK_SECRET}
        await post(address, "/_config/webhooks/saifu", hook | {"events[]": "payment_intent.succeeded"})
        charge = a_charge((await stripe.instrument("pm_card_visa", "digest-1")).ref)
        answer = await stripe.charge(charge)
        said = None
        # Charges of other tests are told here too: it sends a second after the fact.
        while said is None or said.reference != charge.reference:
            (said,) = stripe.callbacks(*await arrived.get(), datetime.now(UTC))
    assert (said.kind, said.processor_ref) == (CallbackKind.CHARGE, answer.processor_ref)
    assert said.event_id.startswith("evt_")
