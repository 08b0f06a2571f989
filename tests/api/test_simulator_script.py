"""What the next charges at the simulator come to, as those who test against it say (PM96, T9)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from saifu import flows
from saifu.clock import ManualClock
from saifu.jobs import Jobs
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator.scripts import MOST_WAITING, Scripted
from saifu.settings import Settings
from saifu.store import Store
from tests.api.mutations import document, done, refused
from tests.api.test_payments import a_payer, order
from tests.client import Api
from tests.conftest import ADMIN_KEY

UNKNOWN, LATER = ("PROCESSING", True), ("PROCESSING", False)
SUCCEEDED, FAILED = ("SUCCEEDED", False), ("FAILED", False)
ASKED = ("REQUIRES_CUSTOMER_ACTION", False)
COMES_TO: dict[Scripted, tuple[tuple[str, bool], tuple[str, bool]]] = {
    Scripted.SUCCEED: (SUCCEEDED, SUCCEEDED),
    Scripted.PROCESSING: (LATER, SUCCEEDED),
    Scripted.PROCESSING_THEN_DECLINED: (LATER, FAILED),
    Scripted.ACTION_REQUIRED: (ASKED, ASKED),
    Scripted.CHARGED_THEN_SILENT: (UNKNOWN, SUCCEEDED),
    Scripted.SILENT_NOT_CHARGED: (UNKNOWN, SUCCEEDED),
    Scripted.CHARGED_THEN_500: (UNKNOWN, SUCCEEDED),
    Scripted.SLOW: (UNKNOWN, SUCCEEDED),
    Scripted.DUPLICATE_CALLBACKS: (SUCCEEDED, SUCCEEDED),
    Scripted.REVERSED_CALLBACKS: (SUCCEEDED, SUCCEEDED),
}
"""What a payment is when it is answered, its status and whether nobody knows its outcome, and some minutes later."""


@pytest.fixture
async def live(settings: Settings, installed: Store) -> AsyncIterator[Api]:
    from saifu.server import build_app

    in_live_mode = settings.model_copy(update={"mode": "live"})
    async with Api.in_process(build_app(in_live_mode, store=installed), ADMIN_KEY) as api:
        yield api


async def script(client: Api, *outcomes: str, **given: Any) -> Any:
    named = [{"outcome" if name in set(Scripted) else "decline": name} for name in outcomes]
    return await done(client, "simulatorScript", outcomes=named, **given)


async def charged(client: Api, key: str = "order-1", **given: Any) -> Any:
    """A payment whose customer is there, whatever becomes of it."""
    there = {"onSession": True, "returnUrl": "https://shop.example/back"}
    answer = await client.execute(document("paymentCreate"), input=order(key, **there, **given))
    return answer["paymentCreate"]["payment"]


async def stands(client: Api, payment_id: str) -> tuple[str, bool]:
    found = await client.execute(
        "query ($id: ID!) { payment(id: $id) { status outcomeUnknown } }", id=payment_id
    )
    return found["payment"]["status"], found["payment"]["outcomeUnknown"]


def test_every_outcome_is_in_the_table() -> None:
    assert COMES_TO.keys() == set(Scripted)


@pytest.mark.parametrize("outcome", list(Scripted))
async def test_each_outcome_is_what_the_next_charge_comes_to(
    client: Api, store: Store, settings: Settings, clock: ManualClock, outcome: Scripted
) -> None:
    """PM96, W49, T9: whatever the processor keeps to itself, the payment ends as the bank has it."""
    at_once, in_the_end = COMES_TO[outcome]
    customer_id = await a_payer(client)
    assert (await script(client, outcome))["queued"] == 1
    payment = await charged(client, customerId=customer_id)
    assert (payment["status"], payment["outcomeUnknown"]) == at_once
    async with flows.opened(settings, store) as house:
        jobs = Jobs(store, house.jobs())
        for _ in range(8):
            clock.advance(timedelta(minutes=1))
            await jobs.run_once(clock.now())
            await house.callbacks.close()
    assert await stands(client, payment["id"]) == in_the_end


async def test_every_decline_can_be_scripted(client: Api) -> None:
    """PM96: the decline codes of payments.md §4, one charge each and in their order."""
    customer_id = await a_payer(client)
    assert (await script(client, *DeclineCode))["queued"] == len(DeclineCode)
    payments = [await charged(client, f"order-{code}", customerId=customer_id) for code in DeclineCode]
    assert [payment["errorCode"] for payment in payments] == list(DeclineCode)
    assert {payment["status"] for payment in payments} == {"FAILED"}
    assert (await charged(client, "after", customerId=customer_id))["status"] == "SUCCEEDED"


async def test_a_script_of_one_source_leaves_the_others_alone(client: Api) -> None:
    customer_id = await a_payer(client)
    source = (await done(client, "sourceAttach", customerId=customer_id, source="tok_amex"))["source"]["id"]
    await script(client, "EXPIRED_CARD", sourceId=source)
    assert (await charged(client, "default", customerId=customer_id))["status"] == "SUCCEEDED"
    named = await charged(client, "named", customerId=customer_id, sourceId=source)
    assert (named["status"], named["errorCode"]) == ("FAILED", "EXPIRED_CARD")


async def test_the_same_script_twice_is_queued_once(client: Api) -> None:
    """A31: a repeated request is a replay, and with other outcomes it is refused."""
    customer_id = await a_payer(client)
    first = await script(client, "LOST_CARD", idempotencyKey="script")
    again = await script(client, "LOST_CARD", idempotencyKey="script")
    assert (first["replayed"], again["replayed"], again["queued"]) == (False, True, 1)
    other = await refused(client, "simulatorScript", outcomes=[{"outcome": "SLOW"}], idempotencyKey="script")
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
    statuses = [(await charged(client, key, customerId=customer_id))["status"] for key in "ab"]
    assert statuses == ["FAILED", "SUCCEEDED"]


async def test_what_cannot_be_scripted_says_why(client: Api) -> None:
    nobody = await refused(client, "simulatorScript", sourceId="src_x", outcomes=[{"outcome": "SUCCEED"}])
    assert (nobody["code"], nobody["path"]) == ("NOT_FOUND", ["input", "sourceId"])
    for outcomes in ([], [{"outcome": "SUCCEED"}] * (MOST_WAITING + 1)):
        error = await refused(client, "simulatorScript", outcomes=outcomes)
        assert (error["code"], error["path"]) == ("INVALID_REQUEST_PARAMETERS", ["input", "outcomes"])
    for outcome in (
        {},
        {"outcome": "SUCCEED", "decline": "LOST_CARD"},
        {"outcome": None},
        {"outcome": "WIN"},
    ):
        answer = await client.ask(document("simulatorScript"), input={"outcomes": [outcome]})
        assert answer.code == "BAD_USER_INPUT"


async def test_in_live_mode_there_is_no_simulator(live: Api) -> None:
    """PM97, UNSUPPORTED_ACTION."""
    error = await refused(live, "simulatorScript", outcomes=[{"outcome": "SUCCEED"}])
    assert error["code"] == "UNSUPPORTED_ACTION"
