"""A Stripe that keeps its word, over HTTP on this machine: what `localstripe` cannot answer is asked of this one.

It answers with the shapes in `tests/stripe_shapes/`, keeps what was made, and has what our promises lean on:
idempotency keys, metadata, lists by `created`, refunds that never exceed their charge. A `Fault` breaks one request
as networks and servers do. Its counts of what it did are the judge in tests: `charged`, `refunded`.
"""

import asyncio
import copy
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from saifu.ids import new_id
from saifu.processors.contract import Charge

SHAPES = Path(__file__).parent / "stripe_shapes"
WEBHOOK_SECRET = "whsec_ofTheFake1"
KEY = "sk_test_ofTheFake1"
Answer = tuple[int, dict[str, Any]]
Route = Callable[["FakeStripe", "Request"], Answer]


@cache
def _text(name: str) -> str:
    return (SHAPES / f"{name}.json").read_text()


def shape(name: str, /, **changes: Any) -> dict[str, Any]:
    """A recorded answer of Stripe's, with some fields of its own."""
    recorded: dict[str, Any] = json.loads(_text(name))
    return recorded | changes


@dataclass
class Request:
    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]
    match: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        return {key[9:-1]: value for key, value in self.form.items() if key.startswith("metadata[")}


@dataclass
class Fault:
    """What goes wrong with one request: it is done first or not, then answered by a shape, not at all, or too late.

    `kept`: the wrong answer is what the idempotency key answers with from now on, as Stripe does with 500.
    """

    path: str
    done: bool = True
    status: int | None = None
    error: str = "server_error"
    hang: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Card:
    """What a bank says to a card: to the check, to a charge, and whether it wants to see the holder."""

    check: str | None = None
    charge: str | None = None
    asks: bool = False


CARDS = {
    "tok_visa": Card(),
    "tok_1Sfake": Card(),
    "pm_card_visa": Card(),
    "pm_sepa": Card(),
    "tok_chargeCustomerFail": Card(charge="generic_decline"),
    "tok_chargeDeclinedInsufficientFunds": Card(check="insufficient_funds", charge="insufficient_funds"),
    "tok_threeDSecure2Required": Card(asks=True),
    "pm_card_declined": Card(check="lost_card", charge="insufficient_funds"),
    "pm_card_needs_holder": Card(asks=True),
}


@dataclass
class FakeStripe:
    """`async with FakeStripe() as fake:` listens on `fake.base`."""

    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    disputes: dict[str, dict[str, Any]] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    setups: dict[str, dict[str, Any]] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    # Answers instead of what would be done, by the path's beginning, once each.
    scripted: list[tuple[str, int, Any]] = field(default_factory=list)
    # The next intents are like this instead of succeeded.
    outcome: str = "payment_intent.succeeded"
    setup_outcome: str = "setup_intent.succeeded"
    base: str = ""
    _kept: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _ids: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._ending.set()
        for writer in list(self._open):
            writer.close()
        while self._open:
            await asyncio.sleep(0)

    @property
    def charged(self) -> Counter[str]:
        """How often each of our references was charged, by the record of the fake itself."""
        done = [each for each in self.intents.values() if each["status"] in {"succeeded", "processing"}]
        return Counter(each["metadata"]["saifu_reference"] for each in done)

    def sent(self, path: str) -> list[Request]:
        return [each for each in self.requests if each.path.startswith(path) and each.method == "POST"]

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_3Sfake{next(self._ids):010d}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := await _read(reader):
                self.requests.append(request)
                answer = await self._through_faults(request)
                if answer is None:
                    break
                _write(writer, *answer)
                await writer.drain()
        writer.close()
        self._open.discard(writer)

    async def _through_faults(self, request: Request) -> Answer | None:
        fault = next((each for each in self.faults if request.path.startswith(each.path)), None)
        if fault is None:
            return self._answer(request)
        self.faults.remove(fault)
        if fault.done:
            self._answer(request)
        if fault.hang:
            await self._ending.wait()
        answer = (fault.status, shape(f"error.{fault.error}")) if fault.status else None
        if fault.kept and answer:
            key = request.headers["idempotency-key"]
            self._kept[key] = (self._kept[key][0], answer)
        return answer

    def _answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return 401, shape("error.invalid_key")
        for index, (path, status, body) in enumerate(self.scripted):
            if request.path.startswith(path):
                del self.scripted[index]
                return status, body
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        said = json.dumps([request.path, sorted(request.form.items())])
        if key in self._kept:
            before, answer = self._kept[key]
            return answer if before == said else (400, shape("error.idempotency_mismatch"))
        answer = copy.deepcopy(self._route(request))
        if key:
            self._kept[key] = (said, answer)
        return answer

    def _route(self, request: Request) -> Answer:
        for method, pattern, route in ROUTES:
            if method == request.method and (found := re.fullmatch(pattern, request.path)):
                request.match = found[1] if found.groups() else ""
                return route(self, request)
        return 404, shape("error.resource_missing")

    def may_not_use(self, method: str, customer: str | None) -> dict[str, Any] | None:
        """Stripe's refusal of a method that belongs to another customer, or was used up without one."""
        owner = self.methods.get(method, {}).get("customer")
        if owner != customer and owner is not None:
            return shape("error.method_of_another")
        if owner is None and method in self.methods:
            used = [each for each in self.intents.values() if each["payment_method"] == method]
            return shape("error.method_used_up") if used else None
        return None

    def authenticate(self, intent_id: str) -> None:
        """What a customer does who agrees on the bank's page."""
        done = shape("payment_intent.succeeded_after_3ds")
        intent = self.intents[intent_id]
        intent |= {key: done[key] for key in ("status", "next_action", "latest_charge")}
        self.keep_if_wished(intent)

    def keep_if_wished(self, intent: dict[str, Any]) -> None:
        """A method that was charged `setup_future_usage` is the customer's from then on, and is not asked again."""
        method = intent["payment_method"]
        if intent["setup_future_usage"] and intent["status"] == "succeeded" and method in self.methods:
            self.methods[method]["customer"] = intent["customer"]
            self.cards[method] = replace(self.cards[method], asks=False)

    def event(self, kind: str, thing: dict[str, Any], **changes: Any) -> bytes:
        """The body of a webhook."""
        return json.dumps(
            shape("event", id=self.new_id("evt"), type=kind, data={"object": thing}, **changes)
        ).encode()


def a_charge(instrument_ref: str = "pm_card_visa", **changes: Any) -> Charge:
    """A charge of 10.99 USD, but for what the test is about."""
    return replace(Charge(new_id("pay"), instrument_ref, "card", 1099, "USD"), **changes)


def signed(body: bytes, at: float, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """The header that Stripe sends with a webhook."""
    text = f"{int(at)}.".encode() + body
    return {
        "Stripe-Signature": f"t={int(at)},v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"
    }


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in head[1:] if h)}
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(body or parts.query)), headers)


def _write(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    writer.write(
        f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\nrequest-id: req_fake\r\n"
        f"content-length: {len(content)}\r\n\r\n".encode()
        + content
    )


def _create_intent(fake: FakeStripe, request: Request) -> Answer:
    method, customer = request.form["payment_method"], request.form.get("customer")
    card = fake.cards.get(method) or CARDS.get(method)
    if card is None:
        return 404, shape("error.resource_missing")
    if (refusal := fake.may_not_use(method, customer)) is not None:
        return 400, refusal
    made = shape(_shape_of_intent(fake, card, request))
    made |= {
        "id": fake.new_id("pi"),
        "amount": int(request.form["amount"]),
        "currency": request.form["currency"],
        "metadata": request.metadata,
        "customer": customer,
        "created": int(time.time()),
        "payment_method": method,
        "setup_future_usage": request.form.get("setup_future_usage"),
    }
    fake.intents[made["id"]] = made
    fake.keep_if_wished(made)
    if made["status"] == "requires_action" and "redirect_to_url" in made["next_action"]:
        made["next_action"]["redirect_to_url"]["url"] += f"&intent={made['id']}"
    decline = "authentication_required" if card.asks else card.charge
    return (402, _declined(made, decline)) if made["status"] == "requires_payment_method" else (200, made)


def _shape_of_intent(fake: "FakeStripe", card: "Card", request: Request) -> str:
    if card.charge or (card.asks and request.form.get("off_session") == "true"):
        return "payment_intent.declined"
    if card.asks:
        return "payment_intent.requires_action" + ("" if "return_url" in request.form else "_by_sdk")
    return fake.outcome


def _declined(intent: dict[str, Any], decline: str | None) -> dict[str, Any]:
    error = shape("error.card_declined")
    intent["last_payment_error"] |= {"decline_code": decline}
    error["error"] |= {"decline_code": decline, "payment_intent": intent}
    return error


def _list_intents(fake: FakeStripe, request: Request) -> Answer:
    low = int(request.form.get("created[gte]", int(request.form.get("created[gt]", -1)) + 1))
    high = int(request.form.get("created[lte]", int(request.form.get("created[lt]", 10**12)) - 1))
    found = [each for each in reversed(fake.intents.values()) if low <= each["created"] <= high]
    return _page(found, request)


def _page(found: list[dict[str, Any]], request: Request) -> Answer:
    after = request.form.get("starting_after")
    start = 1 + [each["id"] for each in found].index(after) if after else 0
    size = int(request.form["limit"])
    data = found[start : start + size]
    return 200, {
        "object": "list",
        "data": data,
        "has_more": start + size < len(found),
        "url": request.path,
    }


def _kept(kind: str) -> Route:
    def read(fake: FakeStripe, request: Request) -> Answer:
        found = getattr(fake, kind).get(request.match)
        return (200, found) if found else (404, shape("error.resource_missing"))

    return read


def _cancel_intent(fake: FakeStripe, request: Request) -> Answer:
    intent = fake.intents[request.match]
    if intent["status"] in {"succeeded", "processing", "canceled"}:
        return 400, shape("error.intent_unexpected_state")
    intent |= {"status": "canceled", "next_action": None}
    return 200, intent


def _create_refund(fake: FakeStripe, request: Request) -> Answer:
    intent, amount = fake.intents[request.form["payment_intent"]], int(request.form["amount"])
    if intent["status"] != "succeeded":
        return 400, shape("error.charge_not_refundable")
    given = sum(e["amount"] for e in fake.refunds.values() if e["payment_intent"] == intent["id"])
    if given + amount > intent["amount"]:
        return 400, shape("error.charge_already_refunded")
    made = shape(
        "refund.succeeded",
        id=fake.new_id("re"),
        amount=amount,
        currency=intent["currency"],
        payment_intent=intent["id"],
        metadata=request.metadata,
    )
    fake.refunds[made["id"]] = made
    return 200, made


def _list_refunds(fake: FakeStripe, request: Request) -> Answer:
    wanted = request.form["payment_intent"]
    return _page([each for each in fake.refunds.values() if each["payment_intent"] == wanted], request)


def _create_method(fake: FakeStripe, request: Request) -> Answer:
    if request.form.get("sepa_debit[iban]", "DE").startswith("XX"):
        return 400, shape("error.invalid_iban")
    card = CARDS.get(request.form.get("card[token]", "tok_visa"))
    if card is None:
        return 400, shape("error.resource_missing")
    made = shape(f"payment_method.{request.form['type']}", id=fake.new_id("pm"))
    fake.methods[made["id"]] = made
    fake.cards[made["id"]] = card
    return 200, made


def _detach(fake: FakeStripe, request: Request) -> Answer:
    found = fake.methods.get(request.match)
    if found is None:
        return 404, shape("error.resource_missing")
    found["customer"] = None
    return 200, found


def _create_customer(fake: FakeStripe, request: Request) -> Answer:
    made = shape("customer", id=fake.new_id("cus"), email=request.form["email"], name=request.form["name"])
    return 200, made | {"metadata": request.metadata}


def _create_setup(fake: FakeStripe, request: Request) -> Answer:
    made = shape(
        fake.setup_outcome,
        id=fake.new_id("seti"),
        status="requires_payment_method",
        customer=request.form["customer"],
    )
    fake.setups[made["id"]] = made
    return 200, made


def _confirm_setup(fake: FakeStripe, request: Request) -> Answer:
    setup, method = fake.setups[request.match], request.form["payment_method"]
    card = fake.cards.get(method) or CARDS[method]
    if card.check:
        error = shape("error.setup_declined")
        error["error"]["decline_code"] = card.check
        return 402, error
    setup["status"] = shape(fake.setup_outcome)["status"]
    setup["payment_method"] = method
    if setup["status"] == "succeeded" and method in fake.methods:
        fake.methods[method]["customer"] = setup["customer"]
    return 200, setup


def _cancel_setup(fake: FakeStripe, request: Request) -> Answer:
    return 200, fake.setups[request.match] | {"status": "canceled"}


def _list_setups(fake: FakeStripe, request: Request) -> Answer:
    wanted = request.form["payment_method"]
    return _page([each for each in fake.setups.values() if each["payment_method"] == wanted], request)


def _dispute(status: str) -> Route:
    def act(fake: FakeStripe, request: Request) -> Answer:
        dispute = fake.disputes[request.match]
        if dispute["status"] in {"won", "lost"}:
            return 400, shape("error.dispute_closed")
        dispute["status"] = status
        return 200, dispute

    return act


ROUTES: list[tuple[str, str, Route]] = [
    ("POST", "/v1/payment_intents", _create_intent),
    ("GET", "/v1/payment_intents", _list_intents),
    ("GET", r"/v1/payment_intents/(\w+)", _kept("intents")),
    ("POST", r"/v1/payment_intents/(\w+)/cancel", _cancel_intent),
    ("POST", "/v1/refunds", _create_refund),
    ("GET", "/v1/refunds", _list_refunds),
    ("GET", r"/v1/refunds/(\w+)", _kept("refunds")),
    ("POST", "/v1/payment_methods", _create_method),
    ("GET", r"/v1/payment_methods/(\w+)", _kept("methods")),
    ("POST", r"/v1/payment_methods/(\w+)/detach", _detach),
    ("POST", "/v1/customers", _create_customer),
    ("POST", "/v1/setup_intents", _create_setup),
    ("GET", "/v1/setup_intents", _list_setups),
    ("POST", r"/v1/setup_intents/(\w+)/confirm", _confirm_setup),
    ("POST", r"/v1/setup_intents/(\w+)/cancel", _cancel_setup),
    ("GET", r"/v1/disputes/(\w+)", _kept("disputes")),
    ("POST", r"/v1/disputes/(\w+)/close", _dispute("lost")),
    ("POST", r"/v1/disputes/(\w+)", _dispute("under_review")),
]
