"""Outcomes by script, the callbacks that follow, and the record that judges us (PM95, PM96; RELIABILITY T9, T10)."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from saifu.processors.contract import ChargeState, ForgedCallback, OutcomeUnknown, RefundOrder
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator import Simulator
from saifu.processors.simulator.approvals import Reply
from saifu.processors.simulator.scripts import MOST_WAITING, Scripted
from saifu.refusals import ErrorCode, Refusal, Unavailable
from saifu.store import open_store
from tests.simulated import Till

pytestmark = pytest.mark.either_engine


@pytest.fixture
def till(store, clock):
    return Till(Simulator(store), clock)


async def due(till, at_most=100):
    """What the simulator says by now, as (event id, kind), in the order it is delivered."""
    now = till.clock.now()
    sent = await till.simulator.due_callbacks(now, at_most)
    return [
        (said.event_id, said.kind.value)
        for each in sent
        for said in till.simulator.callbacks(each.headers, each.body, now)
    ]


@pytest.mark.parametrize("code", DeclineCode)
async def test_any_decline_can_be_scripted(till, code):
    """PM96, PM31: all 46."""
    ref = await till.instrument()
    await till.simulator.script(ref, [code])
    answer = await till.charge(ref)
    assert (answer.state, answer.code) == (ChargeState.DECLINED, code)
    assert (await till.charge(ref)).state is ChargeState.SUCCEEDED


async def test_scripts_are_used_up_in_order_one_charge_each(till):
    ref = await till.instrument("4000000000000341")
    await till.simulator.script(ref, ["SUCCEED", "LOST_CARD", "PROCESSING"])
    states = [(await till.charge(ref)).state for _ in range(4)]
    declined = ChargeState.DECLINED
    assert states == [ChargeState.SUCCEEDED, declined, ChargeState.PROCESSING, declined]


async def test_a_charge_that_is_asked_again_uses_no_second_script(till):
    ref = await till.instrument()
    await till.simulator.script(ref, ["LOST_CARD", "STOLEN_CARD"])
    for _ in range(2):
        assert (await till.charge(ref, "pay_1")).code is DeclineCode.LOST_CARD
    assert (await till.charge(ref, "pay_2")).code is DeclineCode.STOLEN_CARD


async def test_a_script_for_one_instrument_goes_before_one_for_any(till):
    one, other = await till.instrument(), await till.instrument()
    await till.simulator.script(None, ["LOST_CARD"])
    await till.simulator.script(one, ["STOLEN_CARD"])
    assert (await till.charge(one)).code is DeclineCode.STOLEN_CARD
    assert (await till.charge(other)).code is DeclineCode.LOST_CARD


async def test_a_processing_charge_can_be_scripted_to_fail(till):
    ref = await till.instrument()
    await till.simulator.script(ref, ["PROCESSING", "PROCESSING_THEN_DECLINED"])
    for reference in ("pay_1", "pay_2"):
        assert (await till.charge(ref, reference)).state is ChargeState.PROCESSING
    assert await till.state("pay_1", 5) is ChargeState.SUCCEEDED
    assert await till.state("pay_2") is ChargeState.DECLINED


async def test_an_action_can_be_scripted_for_whoever_is_there(till):
    ref = await till.instrument()
    await till.simulator.script(ref, ["ACTION_REQUIRED", "ACTION_REQUIRED"])
    assert (await till.charge(ref)).code is DeclineCode.AUTHENTICATION_REQUIRED
    answer = await till.charge(ref, "pay_there", on_session=True)
    assert answer.state is ChargeState.ACTION_REQUIRED
    await till.simulator.reply(answer.action_url.rpartition("/")[2], Reply.AUTHORISE)
    assert await till.state("pay_there") is ChargeState.SUCCEEDED


async def unknown(till, ref, reference="pay_1"):
    with pytest.raises(OutcomeUnknown):
        await till.charge(ref, reference)


async def moved(till):
    return [each.reference for each in await till.simulator.record() if each.kind == "charge" and each.moved]


async def test_charged_then_silent_is_found_by_asking(till):
    """T9: the charge is there, and whoever sends it again gets that one."""
    ref = await till.instrument()
    await till.simulator.script(ref, ["CHARGED_THEN_SILENT"])
    await unknown(till, ref)
    assert await till.state("pay_1") is ChargeState.SUCCEEDED
    assert (await till.charge(ref, "pay_1")).state is ChargeState.SUCCEEDED
    assert await moved(till) == ["pay_1"]


async def test_silent_not_charged_is_certainly_not_there(till):
    """T9: it may be sent again under the same key."""
    ref = await till.instrument()
    await till.simulator.script(ref, ["SILENT_NOT_CHARGED"])
    await unknown(till, ref)
    assert await till.simulator.look_up("pay_1") is None
    assert await moved(till) == []
    assert (await till.charge(ref, "pay_1")).state is ChargeState.SUCCEEDED
    assert await moved(till) == ["pay_1"]


async def test_charged_then_500_stays_a_500_for_its_key_and_is_found_by_asking(till):
    """T9: as Stripe stores its 500s, sending again proves nothing."""
    ref = await till.instrument()
    await till.simulator.script(ref, ["CHARGED_THEN_500"])
    for _ in range(3):
        await unknown(till, ref)
    assert await till.state("pay_1") is ChargeState.SUCCEEDED
    assert await moved(till) == ["pay_1"]


async def test_a_slow_charge_answers_nobody_until_its_time(till):
    """T9: answer after our timeout."""
    ref = await till.instrument()
    await till.simulator.script(ref, ["SLOW"])
    await unknown(till, ref)
    await unknown(till, ref)
    with pytest.raises(OutcomeUnknown):
        await till.simulator.look_up("pay_1")
    assert await due(till) == []
    assert await till.state("pay_1", 60) is ChargeState.SUCCEEDED
    assert (await till.charge(ref, "pay_1")).state is ChargeState.SUCCEEDED
    assert await moved(till) == ["pay_1"]
    assert len(await due(till)) == 2


@pytest.mark.parametrize("outcomes", [[], ["NO_SUCH_OUTCOME"], ["SUCCEED"] * (MOST_WAITING + 1), ["succeed"]])
async def test_a_script_that_cannot_be_is_refused(till, outcomes):
    with pytest.raises(Refusal) as no:
        await till.simulator.script(None, outcomes)
    assert no.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS


async def test_everything_that_moved_is_in_the_record_once(till):
    """T9: many at once, each sent three times, whatever the script says."""
    refs = [await till.instrument() for _ in range(4)]
    modes = [Scripted.CHARGED_THEN_SILENT, Scripted.SILENT_NOT_CHARGED, Scripted.CHARGED_THEN_500]
    for ref in refs:
        await till.simulator.script(ref, modes)

    async def send(ref, reference):
        for _ in range(3):
            try:
                await till.charge(ref, reference)
            except OutcomeUnknown:
                await till.simulator.look_up(reference)

    await asyncio.gather(*[send(ref, f"pay_{n}_{ref}") for ref in refs for n in range(5)])
    record = [each.reference for each in await till.simulator.record()]
    assert len(record) == len(set(record)) == 20
    assert sorted(await moved(till)) == sorted(record)


@pytest.mark.postgres
async def test_two_processes_have_one_record(till, url, clock):
    """T9: the same reference at the same moment in two processes is one charge."""
    second = await open_store(url, clock)
    other = Till(Simulator(second), clock)
    ref = await till.instrument()
    both = [each.charge(ref, "pay_1") for each in (till, other) for _ in range(3)]
    answers = await asyncio.gather(*both)
    assert len({answer.processor_ref for answer in answers}) == 1
    assert await moved(other) == await moved(till) == ["pay_1"]
    await second.close()


async def test_the_same_inputs_at_the_same_time_have_the_same_outcome(store, clock):
    """PM95."""
    seen = set()
    for _ in range(2):
        till = Till(Simulator(store, secret=b"the same"), clock)
        made = await till.simulator.instrument("tok_createDispute", "src_1")
        answer = await till.charge(made.ref, "pay_1")
        refund = await till.simulator.refund(RefundOrder("ref_1", "pay_1", None, 100, "USD"))
        seen.add((made.ref, made.fingerprint, answer.processor_ref, answer.state, refund.network_reference))
    assert len(seen) == 1


async def test_a_charge_is_told_when_it_is_made_and_when_it_is_settled(till):
    ref = await till.instrument()
    await till.simulator.script(ref, ["PROCESSING"])
    await till.charge(ref, "pay_1")
    assert len(await due(till)) == 1
    till.clock.advance(timedelta(seconds=5))
    assert len(await due(till)) == 1


async def test_callbacks_can_come_twice_as_one_event(till):
    """T10, S18."""
    ref = await till.instrument()
    await till.simulator.script(ref, ["DUPLICATE_CALLBACKS"])
    await till.charge(ref)
    ids = [event_id for event_id, _ in await due(till)]
    assert (len(ids), len(set(ids))) == (4, 2)


async def test_callbacks_can_come_in_the_wrong_order(till):
    """T10."""
    ref = await till.instrument()
    await till.charge(ref, "pay_right")
    right = await bodies(till)
    await till.simulator.script(ref, ["REVERSED_CALLBACKS"])
    await till.charge(ref, "pay_wrong")
    wrong = await bodies(till)
    assert len(right) == len(wrong) == 2
    house = await till.simulator.start()
    ref = wrong[0]["processor_ref"]
    made, settled = [house.name("evt", f"charge:{ref}:{what}") for what in ("succeeded", "settled")]
    assert [each["id"] for each in wrong] == [settled, made]


async def bodies(till):
    return [orjson.loads(each.body) for each in await till.simulator.due_callbacks(till.clock.now())]


async def test_a_callback_that_is_not_taken_comes_again(till):
    """Delivered at least once: whoever took it and died had a minute."""
    await till.charge(await till.instrument())
    first = await due(till)
    assert await due(till) == []
    till.clock.advance(timedelta(seconds=60))
    assert await due(till) == first


async def test_callbacks_go_to_the_door_until_it_takes_them(till):
    await till.charge(await till.instrument())
    taken = []

    async def shut(headers, body):
        raise ConnectionError

    async def door(headers, body):
        taken.append(till.simulator.callbacks(headers, body, till.clock.now()))

    assert await till.simulator.deliver_due(shut) == 0
    till.clock.advance(timedelta(seconds=60))
    run = await till.simulator.job(door).run(None)
    assert (run.done, len(taken)) == (2, 2)
    till.clock.advance(timedelta(hours=1))
    assert await till.simulator.deliver_due(door) == 0


async def test_each_callback_is_given_to_one_of_many_who_ask(till):
    ref = await till.instrument()
    for _ in range(10):
        await till.charge(ref)
    given = await asyncio.gather(*[due(till, at_most=5) for _ in range(6)])
    ids = [event_id for each in given for event_id, _ in each]
    assert len(ids) == len(set(ids)) == 20


@pytest.mark.parametrize(
    "signature",
    ["", "t=1,v1=", "t=x,v1=00", "v1=00", "t=,v1=é", "t=1768469400", "t=1,t=2,v1=a,b", "t=" + "9" * 40],
)
async def test_a_signature_that_is_none_is_forged(till, signature):
    """S18."""
    await till.simulator.start()
    with pytest.raises(ForgedCallback):
        till.simulator.callbacks({"Saifu-Simulator-Signature": signature}, b"{}", till.clock.now())


async def test_a_signature_of_another_installation_is_forged(till, store):
    await till.charge(await till.instrument())
    (sent, *_) = await till.simulator.due_callbacks(till.clock.now())
    with pytest.raises(ForgedCallback):
        Simulator(store, secret=b"another").callbacks(sent.headers, sent.body, till.clock.now())
    named = {name.title(): value for name, value in sent.headers.items()}
    assert till.simulator.callbacks(named, sent.body, till.clock.now())


async def test_a_process_that_does_not_know_the_secret_yet_asks_to_be_told_again(store, clock):
    """SERVICE_UNAVAILABLE, rather than call a good callback forged."""
    with pytest.raises(Unavailable) as no:
        Simulator(store).callbacks({}, b"{}", clock.now())
    assert no.value.code is ErrorCode.SERVICE_UNAVAILABLE
