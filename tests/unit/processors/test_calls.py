"""Whatever keeps a processor's answer from us, it is no answer, and never a no (RELIABILITY §3.4)."""

import asyncio

import pytest

from saifu.processors import calls
from saifu.processors.calls import asked
from saifu.processors.contract import OutcomeUnknown
from saifu.refusals import ErrorCode, Refusal

NO = Refusal(ErrorCode.TRANSITION_NOT_ALLOWED, "No.")


async def raising(fault: Exception) -> str:
    raise fault


async def test_an_answer_is_handed_on() -> None:
    assert await asked(asyncio.sleep(0, "paid"), "pay_1") == "paid"


@pytest.mark.parametrize("fault", [OutcomeUnknown("reset"), TimeoutError(), KeyError("id"), NO])
async def test_whatever_goes_wrong_leaves_the_outcome_unknown(fault: Exception) -> None:
    with pytest.raises(OutcomeUnknown):
        await asked(raising(fault), "pay_1")


async def test_a_refusal_that_is_certain_passes_where_it_may() -> None:
    with pytest.raises(Refusal) as refused:
        await asked(raising(NO), "dsp_1", Refusal)
    assert refused.value is NO


async def test_a_call_that_takes_too_long_is_waited_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CALL_TIMEOUT_S", 0)
    with pytest.raises(OutcomeUnknown, match="no answer in time"):
        await asked(asyncio.sleep(60), "pay_1")
