"""Tasks end with their owner, and tell it what they raised."""

from __future__ import annotations

import asyncio

from desktop_voice.telephony.tasks import Tasks, happens
from tests.helpers.virtual_loop import virtual


@virtual
async def test_what_a_task_raises_is_told_and_a_cancelled_one_raised_nothing() -> None:
    told = list[BaseException]()
    tasks = Tasks(told.append)
    error = KeyError("x")

    async def fail() -> None:
        raise error

    tasks.start(fail())
    tasks.start(asyncio.sleep(60))
    await asyncio.sleep(1)
    await tasks.stop()
    assert told == [error]


@virtual
async def test_the_task_that_stops_all_others_goes_on_once_they_are_gone() -> None:
    gone = list[str]()
    tasks = Tasks(lambda _: None)

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(1)
            gone.append("the other")

    async def stop() -> None:
        await asyncio.sleep(1)
        await tasks.stop()
        gone.append("the one")

    tasks.start(wait())
    tasks.start(stop())
    await asyncio.sleep(3)
    assert gone == ["the other", "the one"]


@virtual
async def test_what_happens_in_time_is_told_from_what_does_not() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(2, event.set)
    assert not await happens(event, 1.9)
    assert await happens(event, 0.2)
    assert await happens(event, 0)
