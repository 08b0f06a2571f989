"""Background tasks end when they are told to, also when something swallows the first request."""

import asyncio
import time

from saifu.tasks import Undisturbed, cancelled, woken


async def test_a_task_that_swallows_a_cancellation_is_told_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await cancelled([task])
    assert task.done()
    assert swallowed == 2


async def test_ending_no_tasks_is_no_work() -> None:
    await cancelled([])


async def test_a_wake_up_ends_the_wait_and_so_does_the_time() -> None:
    event = asyncio.Event()
    started = time.monotonic()
    await woken(event, 0.01)
    assert not event.is_set()
    event.set()
    await woken(event, 60)
    assert time.monotonic() - started < 30


async def test_a_cancellation_that_meets_a_wake_up_is_not_lost() -> None:
    """On Python 3.11 `asyncio.wait_for` loses it, and the task goes on for ever."""
    event = asyncio.Event()
    task = asyncio.create_task(woken(event, 60))
    await asyncio.sleep(0)
    event.set()
    task.cancel()
    ended = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)


async def test_work_goes_on_when_whoever_asked_for_it_is_gone() -> None:
    """PM22, §3.4: a client that hangs up changes nothing about the money."""
    undisturbed, going_on, ended = Undisturbed(), asyncio.Event(), []

    async def work() -> str:
        await going_on.wait()
        ended.append("paid")
        return "paid"

    client = asyncio.create_task(undisturbed.run(work()))
    await asyncio.sleep(0)
    client.cancel()
    await asyncio.gather(client, return_exceptions=True)
    assert (client.cancelled(), ended) == (True, [])
    going_on.set()
    await undisturbed.close()
    assert ended == ["paid"]
    assert await undisturbed.run(work()) == "paid"
